//! Files of named tensors, read a tensor or a row at a time.

use super::given::{self, Given, GivenArray};
use super::shards::{self, Shard};
use super::{Array, DataError, Values, archive, count, npz, pt, safetensors, source};
use half::{bf16, f16};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The element types of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U32,
    U16,
    U8,
    Bool,
}

/// Little-endian integers, widened.
macro_rules! integers {
    ($type:ty, $words:expr) => {
        Values::Integer($words.iter().map(|&word| i64::from(<$type>::from_le_bytes(word))).collect())
    };
}

impl Kind {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Kind::F64 | Kind::I64 => 8,
            Kind::F32 | Kind::I32 | Kind::U32 => 4,
            Kind::F16 | Kind::BF16 | Kind::I16 | Kind::U16 => 2,
            Kind::I8 | Kind::U8 | Kind::Bool => 1,
        }
    }

    /// The numbers of little-endian bytes.
    pub fn decode(self, bytes: &[u8]) -> Values {
        let (ones, _) = bytes.as_chunks::<1>();
        let (twos, _) = bytes.as_chunks::<2>();
        let (fours, _) = bytes.as_chunks::<4>();
        let (eights, _) = bytes.as_chunks::<8>();
        match self {
            Kind::F64 => Values::Real64(eights.iter().map(|&word| f64::from_le_bytes(word)).collect()),
            Kind::F32 => Values::Real32(fours.iter().map(|&word| f32::from_le_bytes(word)).collect()),
            Kind::F16 => Values::Real32(twos.iter().map(|&word| f16::from_le_bytes(word).to_f32()).collect()),
            Kind::BF16 => Values::Real32(twos.iter().map(|&word| bf16::from_le_bytes(word).to_f32()).collect()),
            Kind::I64 => Values::Integer(eights.iter().map(|&word| i64::from_le_bytes(word)).collect()),
            Kind::I32 => integers!(i32, fours),
            Kind::I16 => integers!(i16, twos),
            Kind::I8 => integers!(i8, ones),
            Kind::U32 => integers!(u32, fours),
            Kind::U16 => integers!(u16, twos),
            Kind::U8 => integers!(u8, ones),
            Kind::Bool => Values::Integer(bytes.iter().map(|&byte| i64::from(byte != 0)).collect()),
        }
    }
}

/// A run of elements in a file, or in an entry of an archive that is packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    pub kind: Kind,
    /// What it is a part of.
    pub within: Within,
    /// Its first byte there.
    pub start: u64,
    /// Its elements; the file has them all.
    pub len: usize,
}

/// What a storage is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// The file.
    File,
    /// The entry of a number, unpacked.
    Packed(usize),
    /// The array in memory of a number.
    Given(usize),
}

/// A tensor in a storage: element `(i, j, …)` lies at `offset + i strides[0] + j strides[1] + …`.
#[derive(Debug, Clone)]
pub(super) struct Place {
    storage: Storage,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl Place {
    /// Checks that all elements lie in the storage, which bounds their number too.
    pub fn new(storage: Storage, offset: usize, shape: Vec<usize>, strides: Vec<usize>) -> Result<Self, String> {
        if strides.len() != shape.len() {
            return Err(format!("it has {} axes but {} strides", shape.len(), strides.len()));
        }
        let elements = count(&shape)?;
        if elements > storage.len {
            return Err(format!(
                "its shape {shape:?} has more elements than the {} that the file holds for it; save a contiguous copy",
                storage.len
            ));
        }
        let place = Self { storage, offset, shape, strides };
        let end = place.span().and_then(|span| offset.checked_add(span));
        match end {
            Some(end) if end <= storage.len => Ok(place),
            _ => Err(format!(
                "its elements (shape {:?}, strides {:?}, from {offset}) lie beyond the {} that the file holds for it",
                place.shape, place.strides, storage.len
            )),
        }
    }

    /// A tensor in C order that fills its storage.
    pub fn dense(storage: Storage, shape: Vec<usize>) -> Result<Self, String> {
        if count(&shape)? != storage.len {
            return Err(format!("its shape {shape:?} does not fit its {} elements", storage.len));
        }
        let strides = c_order(&shape);
        Self::new(storage, 0, shape, strides)
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// From its first element in the storage to behind its last.
    fn span(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let mut axes = self.shape.iter().zip(&self.strides);
        axes.try_fold(1usize, |span, (&side, &stride)| span.checked_add((side - 1).checked_mul(stride)?))
    }

    /// One entry of the first axis.
    fn row(&self, row: usize) -> Option<Self> {
        let (&rows, &stride) = (self.shape.first()?, self.strides.first()?);
        (row < rows).then(|| Self {
            storage: self.storage,
            offset: self.offset + row * stride,
            shape: self.shape[1..].to_vec(),
            strides: self.strides[1..].to_vec(),
        })
    }

    /// Whether its elements lie side by side, in whatever order.
    fn is_compact(&self) -> bool {
        self.span() == Some(self.len())
    }

    fn read(&self, part: &Part, file: &mut Option<File>) -> std::io::Result<Array> {
        let size = self.storage.kind.size();
        let (start, len) = (self.storage.start + (self.offset * size) as u64, self.span().unwrap_or(0) * size);
        let mut bytes: Cow<'_, [u8]> = match (self.storage.within, file) {
            (Within::Given(number), _) => part.given[number].bytes(start, len).into(),
            (Within::Packed(entry), Some(file)) => archive::unpacked(file, entry, start, len)?.into(),
            (Within::File, Some(file)) => {
                let mut bytes = vec![0; len];
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut bytes)?;
                bytes.into()
            }
            (Within::Packed(_) | Within::File, None) => return Err(ErrorKind::NotFound.into()),
        };
        if self.strides != c_order(&self.shape) {
            bytes = self.in_c_order(&bytes).into();
        }
        Ok(Array { shape: self.shape.clone(), values: self.storage.kind.decode(&bytes) })
    }

    fn in_c_order(&self, bytes: &[u8]) -> Vec<u8> {
        let size = self.storage.kind.size();
        let mut ordered = Vec::with_capacity(self.len() * size);
        places(&self.shape, &self.strides).for_each(|at| ordered.extend(&bytes[at * size..(at + 1) * size]));
        ordered
    }
}

/// Where the elements of a shape lie with these strides, in C order. Their number can be counted.
pub(super) fn places(shape: &[usize], strides: &[usize]) -> impl Iterator<Item = usize> {
    let mut index = vec![0; shape.len()];
    let mut next = 0;
    (0..shape.iter().product()).map(move |_| {
        let place = next;
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            next += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            next -= shape[axis] * strides[axis];
            index[axis] = 0;
        }
        place
    })
}

/// The strides of a dense array whose number of elements can be counted.
pub(super) fn c_order(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The tensors that a file's header lists.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub tensors: BTreeMap<String, Place>,
    /// What has a name and cannot be read, with the reason: it matters to nobody who does not ask for it.
    pub unreadable: BTreeMap<String, String>,
    /// Whether it is a zip archive, which has check sums.
    pub zipped: bool,
}

impl Contents {
    /// Adds what has a name: where it lies, or why it cannot be read.
    pub fn add(&mut self, name: &str, place: Result<Place, String>) -> Result<(), String> {
        if self.tensors.contains_key(name) || self.unreadable.contains_key(name) {
            return Err(format!("{name:.200} is there twice"));
        }
        match place {
            Ok(place) => drop(self.tensors.insert(name.to_owned(), place)),
            Err(problem) => drop(self.unreadable.insert(name.to_owned(), problem)),
        }
        Ok(())
    }
}

/// A file of named tensors: `.safetensors`, what PyTorch's `torch.save` writes (`.pt`, `.pth`, `.ckpt`, `.bin` and whatever else
/// it is called), or NumPy's `.npz`; or the index of several, `model.safetensors.index.json`. Only what the files say of them is
/// kept in memory; numbers are read when they are asked for.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    parts: Vec<Part>,
}

/// A file with tensors in it, or such arrays in memory.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    contents: Contents,
    given: Vec<GivenArray>,
}

/// The files that a file of tensors is made of: itself, and those that it is the index of.
///
/// # Errors
///
/// An index that cannot be read.
pub(crate) fn files_of_tensors(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = vec![path.to_owned()];
    if shards::is_index(path) {
        files.extend(shards::read(path)?.into_iter().map(|shard| shard.path));
    }
    Ok(files)
}

/// How often the tensors of a file may share its bytes, on the whole.
const MOST_SHARED: usize = 16;

impl TensorFile {
    /// Reads what a file says of its tensors. `.safetensors`, `.npz` and an index, `.json`, are known by their names, PyTorch's
    /// files by what they begin with. [`Given`] arrays are found by their name.
    ///
    /// # Errors
    ///
    /// A file that is missing, malformed or of another kind, or holds another type of element; a tensor that is not in the file
    /// that an index names.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        if Given::is_name(&path.to_string_lossy()) {
            return given::open(path);
        }
        if !shards::is_index(path) {
            return Self::open_one(path);
        }
        let mut parts = Vec::new();
        for Shard { path: file, tensors } in shards::read(path)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            if !file.exists() {
                let problem = format!("weight_map: {name} is not there; put every file that it names in its folder");
                return Err(DataError::new(path, problem));
            }
            let mut shard = Self::open_one(&file)?.keeping("", |name| tensors.contains(name))?;
            let found: Vec<&str> = shard.names().collect();
            if let Some(missing) = tensors.iter().find(|tensor| !found.contains(&tensor.as_str())) {
                let problem = format!("weight_map: tensor {missing:.200} is not in {name}, which it names for it");
                return Err(DataError::new(path, problem));
            }
            parts.append(&mut shard.parts);
        }
        Ok(Self { path: path.to_owned(), parts })
    }

    fn open_one(path: &Path) -> Result<Self, DataError> {
        match path.extension().and_then(|name| name.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("safetensors") => Self::open_as(path, safetensors::contents),
            Some("npz") => Self::open_as(path, npz::contents),
            _ => Self::open_as(path, pt::contents),
        }
    }

    /// As [`open`](Self::open), of a kind that is known: `contents` gets the file and its length.
    pub(super) fn open_as(
        path: &Path,
        contents: impl FnOnce(&mut File, u64) -> Result<Contents, String>,
    ) -> Result<Self, DataError> {
        let wrong = |problem: String| DataError::new(path, problem);
        let (mut file, len) = source::open(path)?;
        let contents = contents(&mut file, len);
        let contents = contents.map_err(wrong)?;
        // What is packed was held against its entry.
        let plain = contents.tensors.values().filter(|place| place.storage.within == Within::File);
        let sizes = plain.map(|place| place.len() * place.storage.kind.size());
        let total = sizes.fold(0usize, usize::saturating_add);
        if (total / MOST_SHARED) as u64 > len {
            return Err(wrong(format!(
                "its tensors share their elements more than {MOST_SHARED} times over; save contiguous copies"
            )));
        }
        Ok(Self::of_given(path, contents, Vec::new()))
    }

    /// Of arrays in memory, in the order of the numbers that the contents have.
    pub(super) fn of_given(path: &Path, contents: Contents, given: Vec<GivenArray>) -> Self {
        let path = path.to_owned();
        Self { path: path.clone(), parts: vec![Part { path, contents, given }] }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all that the file holds.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let contents = self.parts.iter().map(|part| &part.contents);
        contents.flat_map(|own| own.tensors.keys().chain(own.unreadable.keys())).map(String::as_str)
    }

    /// Keeps the tensors whose names begin with a prefix and go on with a name that is wanted, without the prefix.
    ///
    /// # Errors
    ///
    /// One of them cannot be read.
    pub fn keeping(mut self, prefix: &str, wanted: impl Fn(&str) -> bool) -> Result<Self, DataError> {
        let kept = |name: &str| name.strip_prefix(prefix).filter(|name| wanted(name)).map(str::to_owned);
        for Part { contents: Contents { tensors, unreadable, .. }, .. } in &mut self.parts {
            *tensors =
                std::mem::take(tensors).into_iter().filter_map(|(name, place)| Some((kept(&name)?, place))).collect();
            *unreadable = std::mem::take(unreadable)
                .into_iter()
                .filter_map(|(name, problem)| Some((kept(&name)?, problem)))
                .collect();
        }
        self.readable()?;
        Ok(self)
    }

    /// Fails where something that is kept cannot be read.
    fn readable(&self) -> Result<(), DataError> {
        let unreadable = |part: &Part| {
            let (name, problem) = part.contents.unreadable.first_key_value()?;
            Some(DataError::new(&part.path, format!("tensor {name:.200}: {problem}")))
        };
        self.parts.iter().find_map(unreadable).map_or(Ok(()), Err)
    }

    /// The names and shapes of its tensors that can be read.
    pub fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        let tensors = self.parts.iter().flat_map(|part| &part.contents.tensors);
        tensors.map(|(name, place)| (name.as_str(), place.shape.as_slice())).collect()
    }

    /// Compares the data with the check sums of a zip archive; other files have none.
    ///
    /// # Errors
    ///
    /// Damaged data.
    pub fn verify(&self) -> Result<(), DataError> {
        let zipped = self.parts.iter().filter(|part| part.contents.zipped);
        zipped.into_iter().try_for_each(|part| super::archive::verify(&part.path))
    }

    /// Reads every tensor, after [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// A tensor that cannot be read, damaged data, or a file that has changed since it was opened.
    pub fn read(&self) -> Result<BTreeMap<String, Array>, DataError> {
        self.verify()?;
        self.read_places(|place| Ok(place.clone()))
    }

    /// Reads entry `row` of every tensor's first axis.
    ///
    /// # Errors
    ///
    /// A tensor without such an entry, or whose first axis is not the outermost in memory; a file that has changed.
    pub fn read_row(&self, row: usize) -> Result<BTreeMap<String, Array>, DataError> {
        self.read_places(|place| {
            let found = place.row(row).ok_or_else(|| format!("has no entry {row} in its first axis"))?;
            if matches!(place.storage.within, Within::Packed(_)) {
                return Err(
                    "is compressed, and cannot be read in the middle; save it without, as numpy.savez does".into()
                );
            }
            if found.is_compact() {
                return Ok(found);
            }
            Err("its first axis is not the outermost in memory; save a contiguous copy".into())
        })
    }

    fn read_places(
        &self,
        place: impl Fn(&Place) -> Result<Place, String>,
    ) -> Result<BTreeMap<String, Array>, DataError> {
        self.readable()?;
        let parts: Vec<BTreeMap<String, Array>> =
            self.parts.iter().map(|part| part.read_places(&place)).collect::<Result<_, _>>()?;
        Ok(parts.into_iter().flatten().collect())
    }
}

impl Part {
    fn read_places(
        &self,
        place: impl Fn(&Place) -> Result<Place, String>,
    ) -> Result<BTreeMap<String, Array>, DataError> {
        let in_memory = Given::is_name(&self.path.to_string_lossy());
        let mut file = if in_memory { None } else { Some(source::open(&self.path)?.0) };
        let mut read = |(name, whole): (&String, &Place)| {
            let array = place(whole).and_then(|place| {
                // Bytes in the file's order, then in C order, then as numbers.
                source::room((place.storage.kind.size() * place.storage.len) as u64 * 3)?;
                place.read(self, &mut file).map_err(|error| format!("cannot be read ({error}); has the file changed?"))
            });
            let array = array.map_err(|problem| DataError::new(&self.path, format!("tensor {name}: {problem}")))?;
            Ok((name.clone(), array))
        };
        self.contents.tensors.iter().map(&mut read).collect()
    }
}
