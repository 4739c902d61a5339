//! The rows of examples, from one file or one for each input.

use super::inputs::fits_precision;
use crate::device::Precision;
use crate::error::Error;
use crate::formats::{Array, read};
use crate::graph::{Graph, Input};
use crate::key::near;
use crate::run::keys::InputFiles;

/// The examples of some files: how many, and their rows, in which the inputs lie side by side. `key` is where the files are named.
///
/// # Errors
///
/// A file that is missing, or that does not fit its input: the file, the input, the shapes, and what to do.
pub(super) fn read_rows(
    key: &str,
    files: &InputFiles,
    network: &Graph,
    precision: Precision,
) -> Result<(usize, Vec<f64>), Error> {
    let parts = paired(key, files, &network.inputs)?;
    let masks = network.take_minus_infinity();
    let mut columns: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut count: Option<(usize, &str)> = None;
    for ((input, path), is_mask) in parts.into_iter().zip(masks) {
        let array = read(path)?;
        check_finite(path, &array, is_mask)?;
        let rows = check(path, &array, input, precision)?;
        match count {
            Some((first, other)) if first != rows => {
                return Err(Error::Input(format!("{path}: holds {rows} examples, but {other} holds {first}")));
            }
            _ => count = Some((rows, path)),
        }
        columns.push((input.len(), array.to_f64()));
    }
    let count = count.map_or(0, |(count, _)| count);
    Ok((count, side_by_side(count, columns)))
}

/// The rows of several arrays, joined.
fn side_by_side(count: usize, mut columns: Vec<(usize, Vec<f64>)>) -> Vec<f64> {
    if columns.len() == 1 {
        return columns.remove(0).1;
    }
    let row = |row: usize| columns.iter().flat_map(move |(len, values)| &values[row * len..(row + 1) * len]);
    (0..count).flat_map(row).copied().collect()
}

/// The file of each input, in order.
fn paired<'a>(key: &str, files: &'a InputFiles, inputs: &'a [Input]) -> Result<Vec<(&'a Input, &'a str)>, Error> {
    let wrong = |problem: String| Err(Error::Input(format!("{key}: {problem}")));
    let names: Vec<&str> = inputs.iter().filter_map(|input| input.name.as_deref()).collect();
    match (files, inputs) {
        (InputFiles::One(file), [only]) => Ok(vec![(only, file)]),
        (InputFiles::One(file), _) => wrong(format!(
            "is one file, {file}, and the model has the inputs {0}; give each its own, such as {{ {1} = \"{1}.npy\", … }}",
            names.join(", "),
            names.first().unwrap_or(&"x")
        )),
        (InputFiles::Named(_), [Input { name: None, .. }]) => wrong(
            "names inputs, and the model's only one has no name; give one file, or name it in model.inputs".into(),
        ),
        (InputFiles::Named(files), _) => {
            if let Some((unknown, _)) = files.iter().find(|(name, _)| !names.contains(&name.as_str())) {
                let known = names.join(", ");
                return wrong(format!(
                    "{unknown} is no input of the model, which has {known}{}",
                    near(unknown, &names)
                ));
            }
            let file = |name: &str| files.iter().find(|(own, _)| own == name).map(|(_, file)| file.as_str());
            let mut found = Vec::new();
            for (input, name) in inputs.iter().zip(&names) {
                match file(name) {
                    Some(file) => found.push((input, file)),
                    None => {
                        return wrong(format!("has no file for the model's input {name}, of shape {:?}", input.shape));
                    }
                }
            }
            Ok(found)
        }
    }
}

/// Fails where a value is no number. Only a mask may hold -∞.
fn check_finite(path: &str, array: &Array, is_mask: bool) -> Result<(), Error> {
    let first = if is_mask { array.first_not_below_infinity() } else { array.first_not_finite() };
    let Some(at) = first else { return Ok(()) };
    let problem = format!("{path}: holds NaN or infinity, first at element {at} (counted from 0, in C order)");
    Err(Error::Input(if is_mask {
        format!("{problem}; a mask may hold -inf, and nothing else of the kind")
    } else {
        format!(
            "{problem}; remove or replace it. -inf may be in an input of its own that is only added to the scores of attention or \
             of a softmax"
        )
    }))
}

/// How many examples the array of an input holds.
fn check(path: &str, array: &Array, input: &Input, precision: Precision) -> Result<usize, Error> {
    let width = input.len();
    let count = match array.shape.as_slice() {
        [] => 0,
        [count, rest @ ..] if rest.iter().product::<usize>() == width => *count,
        shape => {
            let wanted = match &input.name {
                None => format!("model.input = {:?}", input.shape),
                Some(name) => format!("model.inputs.{name} of shape {:?}", input.shape),
            };
            return Err(Error::Input(format!(
                "{path}: has shape {shape:?}, but {wanted} needs [examples, …] with {width} values each"
            )));
        }
    };
    if count == 0 {
        return Err(Error::Input(format!("{path}: holds no example")));
    }
    let values = array.to_f64();
    if input.whole {
        whole(path, input, &values, precision)?;
    }
    fits_precision(path, &values, precision)?;
    Ok(count)
}

/// Fails where a value is no whole number that the precision holds.
fn whole(path: &str, input: &Input, values: &[f64], precision: Precision) -> Result<(), Error> {
    let (bits, word) = if precision == Precision::F64 { (53, "f64") } else { (24, "f32") };
    let most = f64::from(bits).exp2();
    let Some(at) = values.iter().position(|value| value.fract() != 0.0 || value.abs() > most) else { return Ok(()) };
    let name = input.name.as_deref().unwrap_or("input");
    let problem = if values[at].fract() != 0.0 {
        "and the input is of integers; round the values, or leave out type = \"integer\"".to_owned()
    } else {
        format!("more than {word} counts to, 2^{bits}; number the values from 0")
    };
    Err(Error::Input(format!("{path}: element {at} of {name} is {:?}, {problem}", values[at])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: Option<&str>, shape: &[usize], whole: bool) -> Input {
        Input { name: name.map(str::to_owned), shape: shape.to_vec(), whole }
    }

    fn array(folder: &tempfile::TempDir, name: &str, shape: &[usize], values: &[f64]) -> String {
        let path = folder.path().join(name);
        crate::formats::write_npy(&path, shape, values).unwrap();
        path.display().to_string()
    }

    fn rows(files: &InputFiles, inputs: Vec<Input>) -> Result<(usize, Vec<f64>), String> {
        let design = crate::graph::Design { inputs, ..crate::graph::Design::new(&[], &[]) };
        let network = design.build().unwrap();
        read_rows("data.train.inputs", files, &network, Precision::F32).map_err(|error| error.to_string())
    }

    #[test]
    fn inputs_lie_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let x = array(&folder, "x.npy", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let t = array(&folder, "t.npy", &[2], &[7.0, 8.0]);
        let inputs = || vec![input(Some("t"), &[1], true), input(Some("x"), &[2, 1], false)];
        let files = InputFiles::Named(vec![("x".into(), x.clone()), ("t".into(), t.clone())]);
        assert_eq!(rows(&files, inputs()), Ok((2, vec![7.0, 1.0, 2.0, 8.0, 3.0, 4.0])));
        assert_eq!(rows(&InputFiles::One(t), vec![input(Some("t"), &[1], true)]), Ok((2, vec![7.0, 8.0])));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let x = array(&folder, "x.npy", &[2, 2], &[1.0, 2.5, 3.0, 4.0]);
        let t = array(&folder, "t.npy", &[3, 1], &[7.0, 8.0, 3e7]);
        let named = |names: &[(&str, &String)]| {
            InputFiles::Named(names.iter().map(|(name, path)| ((*name).to_owned(), (*path).clone())).collect())
        };
        let two = || vec![input(Some("tokens"), &[1], false), input(Some("x"), &[2], false)];
        let only = |name, width, whole| vec![input(name, &[width], whole)];
        let cases = [
            (named(&[("tokens", &t), ("x", &x)]), two(), "x.npy: holds 2 examples, but"),
            (InputFiles::One(x.clone()), two(), "data.train.inputs: is one file"),
            (named(&[("x", &x)]), two(), "has no file for the model's input tokens, of shape [1]"),
            (named(&[("token", &t), ("x", &x)]), two(), "did you mean \"tokens\"?"),
            (named(&[("x", &x)]), only(None, 2, false), "the model's only one has no name"),
            (named(&[("x", &x)]), only(Some("x"), 3, false), "has shape [2, 2], but model.inputs.x of shape [3] needs"),
            (named(&[("x", &x)]), only(Some("x"), 2, true), "element 1 of x is 2.5, and the input is of integers"),
            (
                named(&[("t", &t)]),
                only(Some("t"), 1, true),
                "element 2 of t is 30000000.0, more than f32 counts to, 2^24",
            ),
        ];
        for (files, inputs, part) in cases {
            let problem = rows(&files, inputs).unwrap_err();
            assert!(problem.contains(part), "{problem:?} lacks {part:?}");
        }
    }
}
