//! Arrays in memory that stand where files stand: they have names, and whoever reads a file of such a name reads them.

use super::tensors::{Contents, Kind, Place, Storage, Within};
use super::{Array, DataError, TensorFile};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that whoever gives them holds as long as this lives, and does not write to.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// An array in memory, in C order.
#[derive(Clone)]
pub struct GivenArray {
    kind: Kind,
    shape: Vec<usize>,
    bytes: Bytes,
}

impl GivenArray {
    /// Of elements whose type has one of NumPy's names, such as `f4`, without a byte order: they are in that of the machine.
    ///
    /// # Errors
    ///
    /// A type that is no number of at most 64 bits, or bytes that do not fit the shape.
    pub fn new(descr: &str, shape: &[usize], bytes: Bytes) -> Result<Self, String> {
        let kind = match descr {
            "f8" => Kind::F64,
            "f4" => Kind::F32,
            "f2" => Kind::F16,
            "i8" => Kind::I64,
            "i4" => Kind::I32,
            "i2" => Kind::I16,
            "i1" => Kind::I8,
            "u4" => Kind::U32,
            "u2" => Kind::U16,
            "u1" => Kind::U8,
            "b1" => Kind::Bool,
            other => {
                return Err(format!(
                    "holds elements of type {other}; give floats, integers of at most 64 bits with a sign or 32 without, or bool"
                ));
            }
        };
        let (elements, held) = (super::count(shape)?, (*bytes).as_ref().len());
        if elements * kind.size() != held {
            return Err(format!("has {held} bytes, which do not fit the shape {shape:?}"));
        }
        Ok(Self { kind, shape: shape.to_vec(), bytes })
    }

    /// Its bytes from one on.
    pub(super) fn bytes(&self, start: u64, len: usize) -> &[u8] {
        let bytes = (*self.bytes).as_ref();
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
        &bytes[start..bytes.len().min(start.saturating_add(len))]
    }

    fn read(&self) -> Array {
        Array { shape: self.shape.clone(), values: self.kind.decode((*self.bytes).as_ref()) }
    }

    fn place(&self, number: usize) -> Result<Place, String> {
        let len = self.shape.iter().product();
        Place::dense(Storage { kind: self.kind, within: Within::Given(number), start: 0, len }, self.shape.clone())
    }
}

impl fmt::Debug for GivenArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of shape {:?}", self.kind, self.shape)
    }
}

/// What has a name.
#[derive(Debug, Clone)]
enum Content {
    /// As a file of data.
    Array(GivenArray),
    /// As a file of tensors.
    Tensors(BTreeMap<String, GivenArray>),
}

/// All that are there now, by name.
static ALL: Mutex<BTreeMap<String, Content>> = Mutex::new(BTreeMap::new());
/// How many there have been: no two have the same name.
static COUNT: AtomicU64 = AtomicU64::new(0);

fn all() -> MutexGuard<'static, BTreeMap<String, Content>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all names begin with.
const PREFIX: &str = "array:";

/// An array that has the name of a file, or several as the tensors of one, as long as this lives.
#[derive(Debug)]
pub struct Given {
    name: String,
}

impl Given {
    /// An array; what it is called is in messages.
    pub fn array(called: &str, array: GivenArray) -> Self {
        Self::new(called, Content::Array(array))
    }

    /// Tensors, by their names.
    pub fn tensors(called: &str, tensors: BTreeMap<String, GivenArray>) -> Self {
        Self::new(called, Content::Tensors(tensors))
    }

    fn new(called: &str, content: Content) -> Self {
        let name = format!("{PREFIX}{}:{called}", COUNT.fetch_add(1, Ordering::Relaxed));
        all().insert(name.clone(), content);
        Self { name }
    }

    /// What to read it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a name is that of no file.
    pub fn is_name(name: &str) -> bool {
        name.starts_with(PREFIX)
    }

    /// A message in which everything is called as it was called when it was given.
    pub fn without_names(message: &str) -> String {
        let mut parts = message.split(PREFIX);
        let first = parts.next().unwrap_or_default().to_owned();
        let called = |part: &str| match part.split_once(':') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest.to_owned(),
            _ => format!("{PREFIX}{part}"),
        };
        parts.fold(first, |message, part| message + &called(part))
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        all().remove(&self.name);
    }
}

fn find(name: &str) -> Result<Content, DataError> {
    all().get(name).cloned().ok_or_else(|| DataError::new(Path::new(name), "is not there any more"))
}

/// Reads the array of a name.
pub(super) fn read(name: &str) -> Result<Array, DataError> {
    match find(name)? {
        Content::Array(array) => Ok(array.read()),
        Content::Tensors(_) => Err(DataError::new(Path::new(name), "is several arrays by name; give one")),
    }
}

/// How many rows the array of a name has.
pub(super) fn rows(name: &str) -> Option<usize> {
    match find(name).ok()? {
        Content::Array(array) => array.shape.first().copied(),
        Content::Tensors(_) => None,
    }
}

/// The tensors of a name.
pub(super) fn open(path: &Path) -> Result<TensorFile, DataError> {
    let wrong = |problem: String| DataError::new(path, problem);
    let Content::Tensors(tensors) = find(&path.to_string_lossy())? else {
        return Err(wrong("is one array; give a table of tensors by their names".into()));
    };
    let mut contents = Contents::default();
    for (number, (name, array)) in tensors.iter().enumerate() {
        contents.add(name, array.place(number)).map_err(wrong)?;
    }
    Ok(TensorFile::of_given(path, contents, tensors.into_values().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(descr: &str, shape: &[usize], bytes: &[u8]) -> Result<GivenArray, String> {
        GivenArray::new(descr, shape, Arc::new(bytes.to_vec()))
    }

    fn reals(shape: &[usize], values: &[f32]) -> GivenArray {
        given("f4", shape, bytemuck::cast_slice(values)).expect("an array")
    }

    #[test]
    fn an_array_is_read_by_its_name_as_long_as_it_is_there() {
        let array = Given::array("data.train.inputs", reals(&[2, 1], &[1.5, -2.0]));
        let name = array.name().to_owned();
        assert!(Given::is_name(&name) && !Given::is_name("data/x.npy"));
        let read = super::super::read(&name).expect("an array");
        assert_eq!((read.shape.as_slice(), read.to_f64()), (&[2, 1][..], vec![1.5, -2.0]));
        assert_eq!(super::super::rows_of_npy(&name), Some(2));
        assert!(TensorFile::open(Path::new(&name)).is_err_and(|error| error.to_string().contains("is one array")));
        drop(array);
        let gone = super::super::read(&name).expect_err("it is gone").to_string();
        assert_eq!(Given::without_names(&gone), "data.train.inputs: is not there any more");
    }

    #[test]
    fn tensors_are_read_whole_and_by_rows() {
        let tensors = [("b", reals(&[2], &[7.0, 8.0])), ("a", reals(&[2, 2], &[1.0, 2.0, 3.0, 4.0]))];
        let tensors = tensors.into_iter().map(|(name, array)| (format!("net.{name}"), array)).collect();
        let given = Given::tensors("model.weights", tensors);
        let file = TensorFile::open(Path::new(given.name())).expect("tensors");
        let file = file.keeping("net.", |_| true).expect("tensors");
        assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);
        file.verify().expect("there is no check sum");
        let (whole, row) = (file.read().expect("tensors"), file.read_row(1).expect("a row"));
        assert_eq!((whole["a"].to_f64(), whole["b"].to_f64()), (vec![1.0, 2.0, 3.0, 4.0], vec![7.0, 8.0]));
        assert_eq!((row["a"].to_f64(), row["b"].to_f64()), (vec![3.0, 4.0], vec![8.0]));
        assert!(file.read_row(2).is_err());
    }

    #[test]
    fn types_are_those_of_files() {
        for (descr, bytes, value) in [
            ("i8", &[254, 255, 255, 255, 255, 255, 255, 255][..], -2.0),
            ("u4", &[255, 255, 255, 255], 4_294_967_295.0),
            ("i2", &[0, 128], -32768.0),
            ("u1", &[200], 200.0),
            ("b1", &[1], 1.0),
            ("f2", &[0, 60], 1.0),
        ] {
            assert_eq!(given(descr, &[], bytes).expect("an array").read().to_f64(), [value], "{descr}");
        }
        assert!(given("c8", &[1], &[0; 8]).is_err_and(|problem| problem.contains("type c8")));
        assert!(given("f4", &[2], &[0; 4]).is_err_and(|problem| problem.contains("do not fit the shape [2]")));
    }
}
