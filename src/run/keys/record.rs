//! What another program says of the path that it recorded: a JSON file beside the weights.

use super::trajectory::Trajectory;
use super::{RunFileError, toml};
use crate::key::{Custom, Name, Shape, Table, Value, dotted, near};
use std::path::Path;

/// What it may say of the path itself: a key of `[trajectory]`.
const LOSSES: &str = "losses";

/// What it may say: keys of `[training]`.
pub(super) const KEYS: [&str; 5] = ["optimizer", "schedule", "clip_norm", "learning_rates", "batches"];

/// The key `trajectory.record`. [`fill`] takes it away before a run file is read: what the record says stands in `[training]`
/// then, and so it does where a run file is written.
pub(super) const FORM: Custom<Trajectory> = Custom {
    read: |_, _, _| Ok(()),
    write: |_| None,
    shape: || Shape::Path(format!("a JSON object with any of {}", known().join(", "))),
};

/// A record whose keys stand in a run file's `[training]`.
#[derive(Debug)]
pub(super) struct Record {
    file: String,
    keys: Vec<String>,
}

impl Record {
    /// An error of the run file as one of the record, where the record gave the key.
    pub fn name(&self, error: RunFileError) -> RunFileError {
        let section = error.key.strip_prefix("training.").or_else(|| error.key.strip_prefix("trajectory."));
        let own = section.filter(|key| {
            let first = key.split('.').next().unwrap_or_default();
            self.keys.iter().any(|known| known == first)
        });
        match own {
            None => error,
            Some(key) => RunFileError { file: self.file.clone(), key: key.to_owned(), problem: error.problem },
        }
    }
}

/// Fills in what the record of an imported path says of its training, and takes the record's own key away.
///
/// # Errors
///
/// A record without an imported path; a file that is missing or is no JSON object; an unknown key, or one that the run file
/// has too.
pub(super) fn fill(file: &str, table: &mut Table) -> Result<Option<Record>, RunFileError> {
    let Some(Value::Table(trajectory)) = table.get_mut("trajectory") else { return Ok(None) };
    let Some(value) = trajectory.remove("record") else { return Ok(None) };
    let key = "trajectory.record";
    if trajectory.get("import").is_none() {
        let problem = "belongs to an imported path; set trajectory.import too, or remove it";
        return Err(RunFileError::new(file, key, problem));
    }
    let path = Name::of(key, &value).map_err(|wrong| RunFileError::of(file, wrong))?;
    // The one that is filled is put back.
    let mut trajectory = std::mem::take(trajectory);
    let filled = table.table("training").map(|training| fill_tables([training, &mut trajectory], Path::new(path)));
    table.set("trajectory", Value::Table(trajectory));
    filled.transpose()
}

/// All that it may say.
fn known() -> Vec<&'static str> {
    KEYS.into_iter().chain([LOSSES]).collect()
}

/// Fills a record into the tables `[training]` and `[trajectory]`, which must not say the same keys.
fn fill_tables([training, trajectory]: [&mut Table; 2], path: &Path) -> Result<Record, RunFileError> {
    let file = path.display().to_string();
    let wrong = |key: &str, problem: String| RunFileError::new(&file, key, problem);
    let bytes = std::fs::read(path).map_err(|error| wrong("file", format!("cannot be read: {error}")))?;
    let record: ::toml::Table = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(&format!("line {}", error.line()), format!("must be a JSON object, without null: {error}"))
    })?;
    let Table(record) = toml::given_table(record);
    let keys: Vec<String> = record.iter().map(|(key, _)| key.clone()).collect();
    if let Some(unknown) = keys.iter().find(|key| !known().contains(&key.as_str())) {
        return Err(wrong(unknown, format!("unknown key{}", near(unknown, &known()))));
    }
    for (key, value) in record {
        let (section, into) =
            if key == LOSSES { ("trajectory", &mut *trajectory) } else { ("training", &mut *training) };
        if into.get(&key).is_some() {
            let own = dotted(section, &key);
            return Err(wrong(&key, format!("is given by the run file too, as {own}; remove one of them")));
        }
        into.set(&key, value);
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
        let mut training = toml::parse(run_file, "run.toml").unwrap();
        fill_tables([&mut training, &mut Table::default()], &path).map(|_| training).map_err(|error| error.to_string())
    }

    #[test]
    fn a_record_fills_what_the_run_file_leaves_out() {
        let record =
            r#"{"optimizer": {"type": "adam", "learning_rate": 0.1}, "batches": [[0, 3], [2]], "clip_norm": 1}"#;
        let training = filled("steps = 2", record).unwrap();
        assert!(
            matches!(training.get("optimizer"), Some(Value::Table(own)) if own.get("type") == Some(&"adam".into()))
        );
        let batches = [vec![0u32, 3], vec![2]].into_iter().map(|batch| batch.into_iter().collect::<Value>()).collect();
        assert_eq!(training.get("batches"), Some(&batches));
        assert_eq!(training.get("steps"), Some(&Value::Integer(2)));
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
        let missing = fill_tables([&mut Table::default(), &mut Table::default()], Path::new("nowhere.json"));
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
        let record = Record { file: "record.json".into(), keys: vec!["losses".into()] };
        let error =
            RunFileError { file: "run.toml".into(), key: "trajectory.losses".into(), problem: "is wrong".into() };
        assert_eq!(record.name(error).to_string(), "record.json: losses: is wrong");
    }
}
