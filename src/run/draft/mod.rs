/*!
A run file to start from, with what files tell filled in.

Data and weights say much of a run: shapes, classes, layers with parameters. What they do not say (activations, the learning
rate, the loss) stands as a guess that its comment calls one. Every other key follows as a comment, with its default.
*/

mod found;
mod layers;

use super::keys::entries;
use crate::error::Error;
use crate::key::{Entry, Shape, Unset};
use found::Found;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// A key's value as TOML, and what is said of it.
type Line = (String, String);

/// A commented run file. `from` is a file of weights, or a folder with data, checkpoints or both; without it the run file has names
/// of files that are yet to be.
///
/// # Errors
///
/// A file or folder that cannot be read.
pub fn draft(from: Option<&Path>) -> Result<String, Error> {
    let found = from.map_or_else(|| Ok(Found::default()), Found::at)?;
    Ok(text(&lines(&found), &found.unread))
}

/// What is filled in, by dotted key.
fn lines(found: &Found) -> BTreeMap<&'static str, Line> {
    let mut lines = BTreeMap::new();
    let mut put = |key, value: String, comment: String| lines.insert(key, (value, comment));
    let quoted = |text: &str| format!("{text:?}");
    put("run.directory", quoted("runs/first"), "where the results go".into());
    let (inputs, targets) = (found.inputs.as_ref(), found.targets.as_ref());
    let shape = |file: Option<&found::File>| match file {
        Some(file) if !file.shape.is_empty() => format!("{:?}", file.shape),
        _ => String::new(),
    };
    let name = |file: Option<&found::File>, else_: &str| quoted(file.map_or(else_, |file| &file.name));
    put("data.train.inputs", name(inputs, "train_x.npy"), or(shape(inputs), "[m, ..]: an example a row"));
    put("data.train.targets", name(targets, "train_y.npy"), or(shape(targets), "[m] classes from 0, or [m, C] reals"));
    if found.queries.is_some() {
        put("data.query.inputs", name(found.queries.as_ref(), ""), shape(found.queries.as_ref()));
    }
    if found.query_targets.is_some() {
        put("data.query.targets", name(found.query_targets.as_ref(), ""), shape(found.query_targets.as_ref()));
    }
    let input = inputs.and_then(|file| file.shape.get(1..)).filter(|shape| !shape.is_empty()).map(<[usize]>::to_vec);
    let known = input.is_some() || found.network.input.is_some();
    let input = input.or_else(|| found.network.input.clone()).unwrap_or_else(|| vec![64]);
    let comment = if known {
        "one example's shape"
    } else {
        "a guess: one example's shape; images are [channels, height, width]"
    };
    put("model.input", format!("{input:?}"), comment.into());
    put("model.layers", found.network.layers(found.classes), found.network.comment());
    if let Some(weights) = &found.weights {
        put("model.weights", quoted(weights), "the weights that training begins with".into());
    }
    let (loss, why) = match (found.classes, targets) {
        (Some(classes), _) => ("cross_entropy", format!("a guess: the targets are whole numbers below {classes}")),
        (None, Some(_)) => ("mse", "a guess: the targets are reals".into()),
        (None, None) => ("cross_entropy", "softmax is inside".into()),
    };
    put("training.loss", quoted(loss), why);
    let optimizer = "{ type = \"sgd\", learning_rate = 0.1 }";
    put(
        "training.optimizer",
        optimizer.into(),
        "a guess: write what your training used, with its momentum, betas, decay".into(),
    );
    if let Some((pattern, points)) = &found.checkpoints {
        let steps = points.saturating_sub(1);
        put(
            "training.steps",
            steps.to_string(),
            format!("{points} checkpoints: the weights before each step, and after the last"),
        );
        put(
            "trajectory.import",
            quoted(pattern),
            "the path that was recorded elsewhere; docs/pytorch.md says how".into(),
        );
    } else {
        put("training.steps", "200".into(), "a guess".into());
    }
    lines
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.into() } else { text }
}

/// The whole text: sections in the order of their declarations, filled-in keys before the others.
fn text(lines: &BTreeMap<&'static str, Line>, unread: &[String]) -> String {
    let mut text = String::from(
        "# `pathkernel plan` of this file says what the run takes, `pathkernel run` runs it. Keys that follow a # have their defaults.\n",
    );
    for problem in unread {
        let _ = writeln!(text, "# could not be read: {}", problem.replace(['\n', '\r'], " "));
    }
    for entry in entries() {
        if let Shape::Table(inside) = &entry.shape {
            section(&mut text, entry.name, entry.help, inside, lines);
        }
    }
    text
}

fn section(text: &mut String, at: &str, help: &str, entries: &[Entry], lines: &BTreeMap<&'static str, Line>) {
    let given = lines.keys().any(|key| key.rsplit_once('.').is_some_and(|(table, _)| table == at));
    let (tables, keys): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| matches!(entry.shape, Shape::Table(_)));
    let named = |entry: &Entry| format!("{at}.{}", entry.name);
    if !keys.is_empty() {
        let _ = writeln!(text, "\n{}[{at}]  # {help}", if given { "" } else { "# " });
        for entry in &keys {
            if let Some((value, comment)) = lines.get(named(entry).as_str()) {
                let _ = writeln!(text, "{} = {value}  # {comment}", entry.name);
            }
        }
        for entry in keys.iter().filter(|entry| !lines.contains_key(named(entry).as_str())) {
            let value = match &entry.unset {
                Unset::Value(value) => value.to_string(),
                Unset::Required | Unset::Absent => "..".into(),
            };
            let _ = writeln!(text, "# {} = {value}  # {}", entry.name, entry.help);
        }
    }
    for entry in tables {
        if let Shape::Table(inside) = &entry.shape {
            section(text, &named(entry), entry.help, inside, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{write_npy, write_safetensors};
    use crate::run::keys::RunFile;

    fn parsed(text: &str) -> RunFile {
        RunFile::parse(text, Path::new("run.toml"), &[]).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn a_draft_of_nothing_can_be_read() {
        let text = draft(None).expect("nothing is asked of any file");
        assert_eq!(parsed(&text).training.steps, 200);
        assert!(text.contains("# momentum") || text.contains("# schedule"), "{text}");
    }

    /// A file that holds a whole path is no file of weights, alone or in a folder; what cannot be read is named.
    #[test]
    fn a_whole_path_is_imported() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("path.safetensors");
        let values = [0.5f32; 60];
        let tensors = [
            ("0.weight".to_owned(), vec![4usize, 5, 3], &values[..]),
            ("0.bias".to_owned(), vec![4, 5], &values[..20]),
        ];
        write_safetensors(&path, &tensors)?;
        std::fs::write(folder.path().join("broken.pt"), "x")?;
        for from in [path.as_path(), folder.path()] {
            let text = draft(Some(from))?;
            let run_file = parsed(&text);
            assert_eq!((run_file.training.steps, run_file.model.input.as_slice()), (3, &[3][..]), "{text}");
            assert!(run_file.trajectory.import.is_some() && run_file.model.weights.is_none(), "{text}");
            assert!(text.contains("features = 5 }"), "{text}");
            assert_eq!(
                text.contains("# could not be read: ") && text.contains("broken.pt"),
                from == folder.path(),
                "{text}"
            );
        }
        Ok(())
    }

    /// An archive of data is none of weights.
    #[test]
    fn data_may_lie_in_an_archive() -> Result<(), Box<dyn std::error::Error>> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/digits.npz");
        let folder = tempfile::tempdir()?;
        std::fs::copy(data, folder.path().join("digits.npz"))?;
        let text = draft(Some(folder.path()))?;
        for part in ["digits.npz:train_x", "digits.npz:train_y", "digits.npz:query_x", "digits.npz:query_y"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        let run_file = parsed(&text);
        assert!(run_file.trajectory.import.is_none() && run_file.model.weights.is_none(), "{text}");
        Ok(())
    }

    #[test]
    fn files_fill_it_in() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        write_npy(&path("x_train.npy"), &[5, 1, 6, 6], &[0.5f32; 180])?;
        write_npy(&path("x_test.npy"), &[2, 1, 6, 6], &[0.5f32; 72])?;
        std::fs::write(path("y_train.csv"), "0\n2\n1\n0\n2\n")?;
        let tensors =
            [("0.weight", vec![4usize, 1, 3, 3]), ("0.bias", vec![4]), ("3.weight", vec![3, 64]), ("3.bias", vec![3])];
        for number in 0..3 {
            let values = [number as f32; 192];
            let all: Vec<(String, Vec<usize>, &[f32])> = tensors
                .iter()
                .map(|(name, shape)| ((*name).to_owned(), shape.clone(), &values[..shape.iter().product()]))
                .collect();
            write_safetensors(&path(&format!("step_{number}.safetensors")), &all)?;
        }
        let text = draft(Some(folder.path()))?;
        let run_file = parsed(&text);
        assert_eq!(run_file.training.steps, 2, "{text}");
        assert_eq!(run_file.model.input, [1, 6, 6], "{text}");
        for part in ["step_*.safetensors", "x_train.npy", "y_train.csv", "x_test.npy", "channels = 4", "features = 3"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        Ok(())
    }
}
