//! What another program says of the path that it recorded: a JSON file beside the weights.

use super::section::{Result, RunFileError, Section};
use std::path::Path;
use toml::Table;

/// What it may say: keys of `[training]`.
const KEYS: [&str; 5] = ["optimizer", "schedule", "clip_norm", "learning_rates", "batches"];

/// A record whose keys stand in a run file's `[training]`.
#[derive(Debug)]
pub(super) struct Record {
    file: String,
    keys: Vec<String>,
}

impl Record {
    /// An error of the run file as one of the record, where the record gave the key.
    pub fn name(&self, error: RunFileError) -> RunFileError {
        let own = error.key.strip_prefix("training.").filter(|key| {
            let first = key.split('.').next().unwrap_or_default();
            self.keys.iter().any(|known| known == first)
        });
        match own {
            None => error,
            Some(key) => RunFileError { file: self.file.clone(), key: key.to_owned(), problem: error.problem },
        }
    }
}

/// Fills what a record says into the `[training]` table of a run file, which must not say it as well.
///
/// # Errors
///
/// A file that is missing or is no JSON object, an unknown key, or one that the run file has too.
pub(super) fn fill(training: &mut Table, path: &Path) -> Result<Record> {
    let file = path.display().to_string();
    let wrong = |key: &str, problem: String| RunFileError { file: file.clone(), key: key.to_owned(), problem };
    let bytes = std::fs::read(path).map_err(|error| wrong("file", format!("cannot be read: {error}")))?;
    let record: Table = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(&format!("line {}", error.line()), format!("must be a JSON object, without null: {error}"))
    })?;
    Section::new(&file, String::new(), Some(&record)).only(&KEYS)?;
    let keys = record.keys().cloned().collect();
    for (key, value) in record {
        if training.contains_key(&key) {
            return Err(wrong(&key, format!("is given by the run file too, as training.{key}; remove one of them")));
        }
        training.insert(key, value);
    }
    Ok(Record { file, keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(run_file: &str, record: &str) -> std::result::Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        std::fs::write(&path, record).unwrap();
        let mut training: Table = toml::from_str(run_file).unwrap();
        fill(&mut training, &path).map(|_| training).map_err(|error| error.to_string())
    }

    #[test]
    fn a_record_fills_what_the_run_file_leaves_out() {
        let record =
            r#"{"optimizer": {"type": "adam", "learning_rate": 0.1}, "batches": [[0, 3], [2]], "clip_norm": 1}"#;
        let training = filled("steps = 2", record).unwrap();
        assert_eq!(training["optimizer"]["type"].as_str(), Some("adam"));
        assert_eq!(training["batches"][0][1].as_integer(), Some(3));
        assert_eq!(training["steps"].as_integer(), Some(2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (r#"{"optimiser": {}}"#, "optimiser: unknown key; did you mean \"optimizer\"?"),
            (r#"{"clip_norm": 2}"#, "clip_norm: is given by the run file too"),
            ("{\n\"clip_norm\": null}", "line 2: must be a JSON object, without null"),
            ("[]", "line 1: must be a JSON object"),
        ];
        for (record, part) in cases {
            let error = filled("clip_norm = 1", record).unwrap_err();
            assert!(error.contains(part) && error.contains("record.json"), "{error:?} lacks {part:?}");
        }
        let missing = fill(&mut Table::new(), Path::new("nowhere.json"));
        assert!(missing.unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn what_a_record_gives_is_wrong_in_the_record() {
        let record = Record { file: "record.json".into(), keys: vec!["batches".into(), "optimizer".into()] };
        let named = |key: &str| {
            let error = RunFileError { file: "run.toml".into(), key: key.into(), problem: "is wrong".into() };
            record.name(error).to_string()
        };
        assert_eq!(named("training.batches"), "record.json: batches: is wrong");
        assert_eq!(named("training.optimizer.momentum"), "record.json: optimizer.momentum: is wrong");
        assert_eq!(named("training.steps"), "run.toml: training.steps: is wrong");
        assert_eq!(named("kernel.batches"), "run.toml: kernel.batches: is wrong");
    }
}
