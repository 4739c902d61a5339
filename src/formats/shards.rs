//! The index of tensors that are spread over files beside it, as Hugging Face writes it: `model.safetensors.index.json`.

use super::{DataError, source};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Bytes of an index at the most.
const LONGEST: u64 = 100_000_000;

/// Which tensors are in which file.
#[derive(Debug, Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// A file beside an index, and the tensors that the index says are in it.
#[derive(Debug)]
pub(super) struct Shard {
    pub path: PathBuf,
    pub tensors: BTreeSet<String>,
}

/// Whether a file is an index, by its name.
pub(super) fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"))
}

/// The files that an index names, in the order of their names.
///
/// # Errors
///
/// An index that is missing or malformed, or names a file that is not below its own folder.
pub(super) fn read(path: &Path) -> Result<Vec<Shard>, DataError> {
    let wrong = |problem: String| DataError::new(path, problem);
    let (mut file, len) = source::open(path)?;
    if len > LONGEST {
        return Err(wrong(format!("is no index of tensors: it has {len} bytes, and at most {LONGEST} are read")));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| wrong(super::unreadable(&error)))?;
    let index: Index = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(format!("is no index of tensors, a JSON object whose `weight_map` has the file of each: {error}"))
    })?;
    if index.weight_map.is_empty() {
        return Err(wrong("its weight_map is empty; name a file of tensors".into()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (tensor, file) in index.weight_map {
        let inside = Path::new(&file).components().all(|part| matches!(part, Component::Normal(_)));
        if file.is_empty() || !inside || is_index(Path::new(&file)) {
            return Err(wrong(format!(
                "weight_map: tensor {tensor:.200} is said to be in {file:?}; it must be a file of tensors in the folder of the index"
            )));
        }
        files.entry(file).or_default().insert(tensor);
    }
    Ok(files.into_iter().map(|(file, tensors)| Shard { path: folder.join(file), tensors }).collect())
}

#[cfg(test)]
mod tests {
    use crate::formats::{TensorFile, files_of_tensors, write_safetensors};
    use std::path::{Path, PathBuf};

    fn shard(folder: &Path, name: &str, tensors: &[(&str, &[f32])]) {
        let tensors: Vec<(String, Vec<usize>, &[f32])> =
            tensors.iter().map(|(name, values)| ((*name).to_owned(), vec![values.len()], *values)).collect();
        write_safetensors(&folder.join(name), &tensors).expect("a file");
    }

    fn index(folder: &Path, map: &str) -> PathBuf {
        let path = folder.join("model.safetensors.index.json");
        std::fs::write(&path, map).expect("a file");
        path
    }

    #[test]
    fn tensors_are_read_from_their_shards() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        // The first has another value of "b", which is no part of the model.
        shard(folder.path(), "1.safetensors", &[("a", &[1.0, 2.0]), ("b", &[9.0])]);
        shard(folder.path(), "2.safetensors", &[("b", &[3.0])]);
        let map = r#"{"metadata": {"total_size": 12}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}"#;
        let path = index(folder.path(), map);
        let file = TensorFile::open(&path)?;
        assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);
        let read = file.read()?;
        assert_eq!((read["a"].to_f64(), read["b"].to_f64()), (vec![1.0, 2.0], vec![3.0]));
        assert_eq!(file.read_row(0)?["a"].to_f64(), [1.0]);
        let names = [path.clone(), folder.path().join("1.safetensors"), folder.path().join("2.safetensors")];
        assert_eq!(files_of_tensors(&path)?, names);
        assert_eq!(TensorFile::open(&path)?.keeping("", |name| name == "b")?.read()?.len(), 1);
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named() {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("model");
        std::fs::create_dir(&folder).expect("a folder");
        shard(&folder, "1.safetensors", &[("a", &[1.0])]);
        shard(outer.path(), "outside.safetensors", &[("a", &[1.0])]);
        let outside = folder.join("1.safetensors").display().to_string();
        let cases = [
            (r#"{"weight_map": {"a": "2.safetensors"}}"#.to_owned(), "weight_map: 2.safetensors is not there"),
            (
                r#"{"weight_map": {"a": "1.safetensors", "b": "1.safetensors"}}"#.to_owned(),
                "tensor b is not in 1.safetensors",
            ),
            (r#"{"weight_map": {"a": "../outside.safetensors"}}"#.to_owned(), "in the folder of the index"),
            (format!(r#"{{"weight_map": {{"a": {outside:?}}}}}"#), "in the folder of the index"),
            (r#"{"weight_map": {"a": ""}}"#.to_owned(), "in the folder of the index"),
            (r#"{"weight_map": {"a": "model.safetensors.index.json"}}"#.to_owned(), "in the folder of the index"),
            (r#"{"weight_map": {"a": "."}}"#.to_owned(), "in the folder of the index"),
            (r#"{"weight_map": {}}"#.to_owned(), "its weight_map is empty"),
            (r#"{"weight_map": {"a": 1}}"#.to_owned(), "is no index of tensors"),
            ("[]".to_owned(), "is no index of tensors"),
            ("{".to_owned(), "is no index of tensors"),
        ];
        for (map, part) in cases {
            let problem = TensorFile::open(&index(&folder, &map)).expect_err("an error").to_string();
            assert!(problem.contains(part), "{problem:?} lacks {part:?}");
        }
    }
}
