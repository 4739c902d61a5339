//! The rows of examples, from one file or one for each input.

use super::inputs::fits_precision;
use crate::device::Precision;
use crate::error::Error;
use crate::formats::{Array, read_with};
use crate::graph::{Graph, Input};
use crate::key::near;
use crate::run::keys::{InputFiles, Reading};

/// The inputs that a section of a run file names.
pub(super) struct Source<'a> {
    /// The section, such as `data.train`.
    pub section: &'static str,
    pub files: &'a InputFiles,
    pub reading: &'a Reading,
    /// How many rows there are, where a file beside them tells.
    pub rows: Option<usize>,
}

/// Examples, in whose rows the inputs lie side by side.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    pub count: usize,
    pub values: Vec<f64>,
    /// Where each input is.
    pub files: Vec<Shaped>,
}

/// A file, and the shape that an example has in it.
#[derive(Debug, PartialEq)]
pub(super) struct Shaped {
    pub path: String,
    pub shape: Vec<usize>,
}

/// The examples of some files.
///
/// # Errors
///
/// A file that is missing, or that does not fit its input: the file, the input, the shapes, and what to do.
pub(super) fn read_rows(source: &Source<'_>, network: &Graph, precision: Precision) -> Result<Rows, Error> {
    let Source { section, files, reading, rows } = source;
    let parts = paired(&format!("{section}.inputs"), files, &network.inputs)?;
    let masks = network.take_minus_infinity();
    let mut columns: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut shaped: Vec<Shaped> = Vec::new();
    let mut known: Option<usize> = None;
    for ((input, path), is_mask) in parts.into_iter().zip(masks) {
        let array = read_with(path, &reading.layout([section, "inputs"], known.or(*rows)))?;
        check_finite(path, &array, is_mask)?;
        let rows = check(path, &array, input, source)?;
        check_values(path, &array, input, precision)?;
        match (known, shaped.first()) {
            (Some(first), Some(other)) if first != rows => {
                return Err(Error::Input(format!("{path}: holds {rows} examples, but {} holds {first}", other.path)));
            }
            _ => known = Some(rows),
        }
        shaped.push(Shaped { path: path.to_owned(), shape: array.shape[1..].to_vec() });
        columns.push((input.len(), array.to_f64()));
    }
    let count = known.unwrap_or(0);
    Ok(Rows { count, values: side_by_side(count, columns), files: shaped })
}

impl Rows {
    /// Fails where examples of these and of others have shapes that only their numbers of values have in common: one of them
    /// would be taken in a wrong order. `reading` is how these are read.
    ///
    /// # Errors
    ///
    /// Both files and shapes.
    pub fn check_against(&self, others: &Self, source: &Source<'_>) -> Result<(), Error> {
        let differ = |(own, other): &(&Shaped, &Shaped)| {
            let (own, other) = (&own.shape, &other.shape);
            !source.reading.reshape && !is_same(own, other) && !is_flat(own) && !is_flat(other)
        };
        match self.files.iter().zip(&others.files).find(differ) {
            None => Ok(()),
            Some((own, other)) => Err(Error::Input(format!(
                "{}: its examples have the shape {:?}, and those of {} have {:?}; {}",
                own.path,
                own.shape,
                other.path,
                other.shape,
                remedy(&own.shape, &other.shape, source.section)
            ))),
        }
    }
}

/// Whether two shapes are the same but for axes of length 1.
pub(super) fn is_same(a: &[usize], b: &[usize]) -> bool {
    long(a).eq(long(b))
}

/// Whether there is no order of axes in a shape.
fn is_flat(shape: &[usize]) -> bool {
    long(shape).count() <= 1
}

fn long(shape: &[usize]) -> impl Iterator<Item = usize> {
    shape.iter().copied().filter(|&side| side != 1)
}

/// What to do where an example has one shape in a file, and another one is needed.
fn remedy(has: &[usize], needed: &[usize], section: &str) -> String {
    let reshape = format!("{section}.reshape = true takes the values in the order in which they lie, if that is meant");
    let mut sorted = [has.to_vec(), needed.to_vec()];
    sorted.iter_mut().for_each(|shape| shape.sort_unstable());
    let turned = |first: &[usize], last: &[usize]| {
        first.len() > 1
            && first.len() == last.len()
            && last[..last.len() - 1] == first[1..]
            && last[last.len() - 1] == first[0]
    };
    if turned(needed, has) {
        format!("its channels are last: write numpy.moveaxis(x, -1, 1) to the file; {reshape}")
    } else if turned(has, needed) {
        format!("its first axis is needed last: write numpy.moveaxis(x, 1, -1) to the file; {reshape}")
    } else if sorted[0] == sorted[1] {
        format!("its axes are in another order: write numpy.transpose of it to the file; {reshape}")
    } else {
        reshape
    }
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
fn check(path: &str, array: &Array, input: &Input, source: &Source<'_>) -> Result<usize, Error> {
    let wanted = || match &input.name {
        None => format!("model.input = {:?}", input.shape),
        Some(name) => format!("model.inputs.{name} of shape {:?}", input.shape),
    };
    let (shape, width) = (&array.shape, input.len());
    let count = match shape.as_slice() {
        [] => 0,
        [count, rest @ ..] if rest.iter().product::<usize>() == width => {
            let fits = is_same(rest, &input.shape) || is_flat(rest) || is_flat(&input.shape);
            if !fits && !source.reading.reshape {
                let remedy = remedy(rest, &input.shape, source.section);
                return Err(Error::Input(format!(
                    "{path}: has shape {shape:?}, which has no more than the number of its values in common with {}; {remedy}",
                    wanted()
                )));
            }
            *count
        }
        _ => {
            return Err(Error::Input(format!(
                "{path}: has shape {shape:?}, but {} needs [examples, …] with {width} values each",
                wanted()
            )));
        }
    };
    if count == 0 {
        return Err(Error::Input(format!("{path}: holds no example")));
    }
    Ok(count)
}

/// Fails where values are not those of an input, or no numbers in the precision.
fn check_values(path: &str, array: &Array, input: &Input, precision: Precision) -> Result<(), Error> {
    let values = array.to_f64();
    if input.whole {
        whole(path, input, &values, precision)?;
    }
    fits_precision(path, &values, precision)
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

    fn rows_as(files: &InputFiles, inputs: Vec<Input>, reshape: bool) -> Result<(usize, Vec<f64>), String> {
        let design = crate::graph::Design { inputs, ..crate::graph::Design::new(&[], &[]) };
        let network = design.build().unwrap();
        let reading = Reading { reshape, ..Reading::default() };
        let source = Source { section: "data.train", files, reading: &reading, rows: None };
        let rows = read_rows(&source, &network, Precision::F32).map_err(|error| error.to_string())?;
        Ok((rows.count, rows.values))
    }

    fn rows(files: &InputFiles, inputs: Vec<Input>) -> Result<(usize, Vec<f64>), String> {
        rows_as(files, inputs, false)
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
    /// Flat rows, and axes of length 1, have one order; others have it only where it is said.
    #[test]
    fn shapes_with_as_many_values_are_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let values: Vec<f64> = (0..24).map(f64::from).collect();
        let of = |shape: &[usize], input: &[usize], reshape: bool| {
            let path = array(&folder, "x.npy", shape, &values);
            rows_as(&InputFiles::One(path), vec![Input::only(input)], reshape)
        };
        for (shape, input) in [
            (&[2, 12][..], &[3, 2, 2][..]),
            (&[2, 3, 4], &[1, 3, 4]),
            (&[2, 3, 4, 1], &[3, 4]),
            (&[2, 3, 2, 2], &[12]),
            (&[2, 1, 12], &[12, 1]),
        ] {
            assert_eq!(of(shape, input, false), Ok((2, values.clone())), "{shape:?} for {input:?}");
        }
        for (shape, input, part) in [
            (&[2, 2, 2, 3][..], &[3, 2, 2][..], "its channels are last: write numpy.moveaxis(x, -1, 1)"),
            (&[2, 4, 3], &[3, 4], "its channels are last"),
            (&[2, 3, 2, 2], &[2, 2, 3], "numpy.moveaxis(x, 1, -1)"),
            (&[1, 4, 3, 2], &[3, 4, 2], "its axes are in another order"),
            (&[2, 2, 6], &[3, 4], "with model.input = [3, 4]; data.train.reshape = true takes the values"),
        ] {
            let error = of(shape, input, false).unwrap_err();
            assert!(error.contains(part) && error.contains("data.train.reshape = true"), "{error:?} lacks {part:?}");
            assert!(of(shape, input, true).is_ok(), "{shape:?}");
        }
    }

    /// A flat model takes images of any shape, but not those of one shape beside those of another.
    #[test]
    fn two_files_have_one_order() {
        let of = |shape: &[usize]| Rows {
            count: 1,
            values: Vec::new(),
            files: vec![Shaped { path: "x.npy".into(), shape: shape.to_vec() }],
        };
        let check = |own: &[usize], other: &[usize], reshape| {
            let (files, reading) = (InputFiles::default(), Reading { reshape, ..Reading::default() });
            let source = Source { section: "data.query", files: &files, reading: &reading, rows: None };
            of(own).check_against(&of(other), &source).map_err(|error| error.to_string())
        };
        let error = check(&[6, 6, 3], &[3, 6, 6], false).unwrap_err();
        assert!(error.contains("[6, 6, 3]") && error.contains("its channels are last"), "{error}");
        for (own, other, reshape) in
            [(&[6, 6, 3][..], &[3, 6, 6][..], true), (&[6, 6, 3], &[108], false), (&[1, 28, 28], &[28, 28], false)]
        {
            assert_eq!(check(own, other, reshape), Ok(()));
        }
    }
}
