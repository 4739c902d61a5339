//! Bad input through the program: a message that names the file, the key or the shape, exit code 2, nothing written.

mod files;
mod formats;
mod settings;
mod training;

use files::Case;

/// Runs the case and checks how it is refused: every one of `words` is in the message.
fn refused(case: &Case, arguments: &[&str], words: &[&str]) {
    let before = case.listing();
    let output = case.run(arguments);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    for word in words {
        assert!(message.contains(word), "{arguments:?}: no {word:?} in: {message}");
    }
    assert_eq!(before, case.listing(), "{arguments:?}: something was written");
}
