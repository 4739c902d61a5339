//! What lies in a folder, or in a file of weights.

use super::layers::Layers;
use crate::error::Error;
use crate::formats::{Array, TensorFile, Values, read};
use crate::run::checkpoints::natural;
use std::path::{Path, PathBuf};

/// A file of data.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub name: String,
    pub shape: Vec<usize>,
}

/// Everything of use that was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub inputs: Option<File>,
    pub targets: Option<File>,
    pub queries: Option<File>,
    pub query_targets: Option<File>,
    /// How many classes the targets name, where they are whole numbers.
    pub classes: Option<usize>,
    pub network: Layers,
    /// A single file of weights.
    pub weights: Option<String>,
    /// The pattern of several files that differ in a number, or one file of a whole path; and how many points it has.
    pub checkpoints: Option<(String, usize)>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

/// Endings of files of weights.
const WEIGHTS: [&str; 7] = ["safetensors", "pt", "pth", "ckpt", "bin", "tar", "npz"];
/// Endings of files of data.
const DATA: [&str; 2] = ["npy", "csv"];

const INPUTS: [&str; 7] = ["x", "input", "inputs", "images", "data", "features", "tokens"];
const TARGETS: [&str; 6] = ["y", "target", "targets", "label", "labels", "classes"];
const QUERIES: [&str; 7] = ["test", "query", "queries", "val", "valid", "validation", "q"];

impl Found {
    /// What a file or a folder holds.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let mut found = Self::default();
        if !path.is_dir() {
            found.tensors(&TensorFile::open(path)?, path);
            return Ok(found);
        }
        let mut files: Vec<PathBuf> = std::fs::read_dir(path)
            .map_err(|source| Error::file(path, source))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_file())
            .collect();
        files.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
        let has = |endings: &[&str], path: &PathBuf| {
            path.extension().is_some_and(|own| endings.iter().any(|ending| own.eq_ignore_ascii_case(ending)))
        };
        for file in files.iter().filter(|file| has(&DATA, file)) {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            found.data(file.display().to_string(), &stem);
        }
        let (mut weights, mut archives) = (Vec::new(), Vec::new());
        for file in files.iter().filter(|file| has(&WEIGHTS, file)) {
            match TensorFile::open(file) {
                // Tensors have the names of layers before a dot; arrays of data have none.
                Ok(tensors) if has(&["npz"], file) && !tensors.names().any(|name| name.contains('.')) => {
                    archives.push((file, tensors.names().map(str::to_owned).collect::<Vec<_>>()));
                }
                Ok(_) => weights.push(file),
                Err(problem) => found.unread.push(problem.to_string()),
            }
        }
        for (file, names) in archives {
            names.iter().for_each(|name| found.data(format!("{}:{name}", file.display()), name));
        }
        match weights.as_slice() {
            [] => {}
            [one] => found.tensors(&TensorFile::open(one)?, one),
            [first, ..] => {
                found.network = Layers::of(shapes(&TensorFile::open(first)?));
                let pattern = first.with_file_name(pattern(&first.file_name().unwrap_or_default().to_string_lossy()));
                let alike = weights.iter().filter(|file| file.extension() == first.extension()).count();
                found.checkpoints = Some((pattern.display().to_string(), alike));
            }
        }
        Ok(found)
    }

    /// Takes a file of tensors for weights, or for a whole path.
    fn tensors(&mut self, file: &TensorFile, path: &Path) {
        let (mut shapes, name) = (shapes(file), path.display().to_string());
        match points(&shapes) {
            Some(points) => {
                for (_, shape) in &mut shapes {
                    shape.remove(0);
                }
                self.checkpoints = Some((name, points));
            }
            None => self.weights = Some(name),
        }
        self.network = Layers::of(shapes);
    }

    /// Takes a file of data for what its name says.
    fn data(&mut self, name: String, stem: &str) {
        let stem = stem.to_lowercase();
        let words: Vec<&str> = stem.split(|letter: char| !letter.is_alphanumeric()).collect();
        let is = |names: &[&str]| words.iter().any(|word| names.contains(word));
        let (targets, queries) = (is(&TARGETS), is(&QUERIES));
        if !targets && !queries && !is(&INPUTS) {
            return;
        }
        // What cannot be read as it is may be read with keys that the draft does not know.
        let array = read(&name).map_err(|problem| self.unread.push(problem.to_string())).ok();
        let shape = array.as_ref().map_or_else(Vec::new, |array| array.shape.clone());
        let file = File { name, shape };
        let place = match (targets, queries) {
            (false, false) => &mut self.inputs,
            (true, false) => {
                self.classes = array.and_then(classes);
                &mut self.targets
            }
            (false, true) => &mut self.queries,
            (true, true) => &mut self.query_targets,
        };
        place.get_or_insert(file);
    }
}

/// The tensors of a file with their shapes.
fn shapes(file: &TensorFile) -> Vec<(String, Vec<usize>)> {
    file.shapes().into_iter().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect()
}

/// The points of a path, where each tensor has them for a first axis: biases then have two axes.
fn points(shapes: &[(String, Vec<usize>)]) -> Option<usize> {
    let points = *shapes.first()?.1.first()?;
    let all = shapes.iter().all(|(_, shape)| shape.len() > 1 && shape[0] == points);
    let biases = shapes.iter().any(|(name, shape)| name.ends_with("bias") && shape.len() == 2);
    (all && biases && points > 1).then_some(points)
}

/// How many classes an array names, where it is one of whole numbers from 0.
fn classes(array: Array) -> Option<usize> {
    match (array.values, array.shape.len()) {
        (Values::Integer(values), 1) => {
            let largest = values.into_iter().max().and_then(|largest| usize::try_from(largest).ok());
            largest.and_then(|largest| largest.checked_add(1))
        }
        _ => None,
    }
}

/// A file's name with a star in place of its last number.
fn pattern(name: &str) -> String {
    let digit = |letter: char| letter.is_ascii_digit();
    let (stem, ending) =
        name.rsplit_once('.').map_or((name, String::new()), |(stem, ending)| (stem, format!(".{ending}")));
    let Some(end) = stem.rfind(digit) else { return format!("*{ending}") };
    let start = stem[..end]
        .rfind(|letter| !digit(letter))
        .map_or(0, |place| place + stem[place..].chars().next().map_or(1, char::len_utf8));
    format!("{}*{}{ending}", &stem[..start], &stem[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::{pattern, points};

    #[test]
    fn a_whole_path_has_its_points_for_a_first_axis() {
        let of = |shapes: &[(&str, &[usize])]| {
            points(&shapes.iter().map(|&(name, shape)| (name.to_owned(), shape.to_vec())).collect::<Vec<_>>())
        };
        assert_eq!(of(&[("0.weight", &[9, 5, 3]), ("0.bias", &[9, 5])]), Some(9));
        assert_eq!(of(&[("0.weight", &[5, 3]), ("0.bias", &[5])]), None);
        assert_eq!(of(&[("0.weight", &[9, 5, 3]), ("0.bias", &[8, 5])]), None);
        assert_eq!(of(&[("0.weight", &[5, 3]), ("2.weight", &[5, 5])]), None);
    }

    #[test]
    fn the_last_number_of_a_name_is_the_one_that_runs() {
        assert_eq!(pattern("step_07.pt"), "step_*.pt");
        assert_eq!(pattern("v2-epoch=12-model.ckpt"), "v2-epoch=*-model.ckpt");
        assert_eq!(pattern("003.safetensors"), "*.safetensors");
        assert_eq!((pattern("best.pt"), pattern("é1")), ("*.pt".into(), "é*".into()));
    }
}
