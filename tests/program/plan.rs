//! What `plan` and a finished run print.

use crate::fixture::{Fixture, stderr, stdout};
use std::fs;

fn plan(fixture: &Fixture, overrides: &[&str]) -> String {
    let output = fixture.pathkernel(&[&["plan", "run.toml"], overrides].concat());
    assert_eq!(output.status.code(), Some(0), "{overrides:?}: {}", stderr(&output));
    stdout(&output)
}

fn run(fixture: &Fixture, overrides: &[&str]) -> String {
    let output = fixture.run(overrides);
    assert_eq!(output.status.code(), Some(0), "{overrides:?}: {}", stderr(&output));
    stdout(&output)
}

/// The line that begins with a word.
fn line<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(word)).map(str::trim)
}

#[test]
fn a_plan_names_path_and_integral() {
    let fixture = Fixture::new();
    let printed = plan(&fixture, &["training.batch_size=2", "kernel.kernel=trace"]);
    assert_eq!(line(&printed, "path "), Some("SGD, learning rate 0.1, batches of 2"), "{printed}");
    let integral = "attribution and trace kernel of the outputs; 3 Gauss nodes on each step";
    assert_eq!(line(&printed, "integral "), Some(integral), "{printed}");
    assert!(printed.contains("3 steps") && line(&printed, "assumed ").is_none(), "{printed}");
    let shapes = "4 examples, 4 queries, 2 outputs, 32 parameters, 1 step";
    let one = plan(&fixture, &["training.steps=1", "kernel.contraction=['averaged', 'output']"]);
    assert_eq!(line(&one, "shapes "), Some(shapes), "{one}");
    assert_eq!(line(&one, "contraction "), Some("averaged in layer 0"), "{one}");
    assert!(one.contains("\n             output in layer 2\n"), "{one}");
}

/// Not even what it measures of the machine is kept; what a run has kept is read.
#[test]
fn a_plan_writes_nothing() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("cache")).expect("a writable folder");
    let before = fixture.listing("");
    let planned = || {
        let mut command = fixture.command(&["plan", "run.toml"]);
        let output = command.env("PATHKERNEL_CACHE", fixture.path("cache")).output().expect("the program starts");
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    planned();
    assert!(before == fixture.listing(""), "a plan wrote something");
    // Of a machine that takes ten seconds for a multiply-add, the rates are known.
    let run = fixture.command(&["run", "run.toml"]).env("PATHKERNEL_CACHE", fixture.path("cache")).output();
    assert!(run.is_ok_and(|output| output.status.success()));
    let kept = fixture.listing("cache").into_keys().next().expect("a run keeps the rates that it measured");
    let slow = r#"{"multiply_add":10.0,"entry":10.0,"feature":10.0,"forming":10.0,"element":10.0}"#;
    fs::write(&kept, slow).expect("a writable folder");
    let before = fixture.listing("");
    assert!(line(&planned(), "time ").is_some_and(|time| time.ends_with("days") || time.ends_with("hours")));
    assert!(before == fixture.listing(""), "a plan wrote something");
}

#[test]
fn a_plan_says_what_it_assumes() {
    let printed = plan(&Fixture::flow(), &[]);
    assert!(printed.contains("gradient flow over a time of 2.0") && !printed.contains(" 0 steps"), "{printed}");
    assert!(line(&printed, "assumed ").is_some_and(|words| words.contains("steps: how many the solver")), "{printed}");
    let printed = plan(&Fixture::new(), &["kernel.rule=adaptive", "kernel.readout=margin"]);
    assert!(
        line(&printed, "assumed ").is_some_and(|words| words.contains("nodes for each query and step")),
        "{printed}"
    );
    assert!(printed.contains("the margin of each query's class; as many nodes as"), "{printed}");
}

#[test]
fn a_plan_names_the_imported_path() {
    let printed = plan(&Fixture::imported(), &[]);
    assert!(line(&printed, "path ").is_some_and(|path| path.starts_with("imported from")), "{printed}");
    assert!(printed.contains("*.safetensors, explained by SGD") && printed.contains(" 1 step\n"), "{printed}");
}

/// What it prints besides the usual.
#[test]
fn a_run_says_what_its_kind_has_to_say() {
    let printed = run(&Fixture::new(), &[]);
    assert!(printed.contains("of the largest change in output"), "{printed}");
    assert!(["steps ", "nodes ", "unexplained "].iter().all(|word| line(&printed, word).is_none()), "{printed}");
    let printed = run(&Fixture::new(), &["kernel.readout=loss"]);
    assert!(
        printed.contains("of the largest change in loss") && line(&printed, "query accuracy").is_none(),
        "{printed}"
    );
    let printed = run(&Fixture::flow(), &[]);
    assert!(line(&printed, "steps ").is_some_and(|words| words.contains("as the solver took them")), "{printed}");
    let printed = run(&Fixture::new(), &["kernel.rule=adaptive"]);
    assert!(line(&printed, "nodes ").is_some_and(|words| words.contains("0 of 12 missed")), "{printed}");
    let imported = Fixture::imported();
    imported.is_not_exact(&["run.directory=other"]);
    let printed = run(&imported, &["kernel.accept=1e3"]);
    assert!(line(&printed, "unexplained ").is_some(), "{printed}");
}
