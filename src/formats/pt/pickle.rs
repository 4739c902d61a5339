//! The part of Python's pickle, protocols 2 to 5, that state_dicts are made of.
//!
//! Objects lie in one list and name each other by their place in it, so that neither shared nor nested nor circular ones need
//! recursion, and memory grows no faster than the pickle.

use super::machine;
use std::borrow::Cow;
use std::rc::Rc;

/// An object's place in the list.
pub(super) type Handle = usize;

/// A tensor as its storage and its place there, each still to be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensor {
    pub storage: Handle,
    pub offset: Handle,
    pub shape: Handle,
    pub strides: Handle,
}

/// A tensor: a view of a storage.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// The storage's class, which names the element's type.
    pub class: &'static str,
    /// The storage's name in the archive.
    pub key: &'a str,
    /// Elements of the storage.
    pub elements: usize,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum Object {
    None,
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    List(Vec<Handle>),
    Tuple(Vec<Handle>),
    Dict(Vec<(Handle, Handle)>),
    Callable(Callable),
    StorageClass(&'static str),
    Storage {
        class: &'static str,
        key: Handle,
        elements: Handle,
    },
    Tensor(Tensor),
    /// A class or a function of Python that no state_dict is made of, or whatever one of them made: nobody looks inside, and
    /// nothing is called. Its name.
    Foreign(Rc<str>),
    /// Bytes, or an integer of more than 64 bits.
    Bytes,
}

/// What a pickle may call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Callable {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
}

/// Axes of a tensor at the most, as in PyTorch.
const MOST_AXES: usize = 64;

impl Object {
    pub fn describe(&self) -> Cow<'static, str> {
        let words = match self {
            Object::None => "None",
            Object::Bool(_) => "a bool",
            Object::Integer(_) => "an int",
            Object::Real(_) => "a float",
            Object::Text(_) => "a string",
            Object::List(_) => "a list",
            Object::Tuple(_) => "a tuple",
            Object::Dict(_) => "a dict",
            Object::Callable(_) => "a function",
            Object::StorageClass(_) => "a class",
            Object::Storage { .. } => "a storage",
            Object::Tensor(_) => "a tensor",
            Object::Foreign(name) => return format!("an object of {name:.200}").into(),
            Object::Bytes => "bytes",
        };
        words.into()
    }

    /// What an error says where something else belongs.
    pub fn instead_of(&self, wanted: &str) -> String {
        format!("it has {} where {wanted} belongs", self.describe())
    }
}

/// Everything that a pickle holds. Handles are its own, so that each has an object.
#[derive(Debug, Default)]
pub(super) struct Pickle {
    pub objects: Vec<Object>,
    pub top: Handle,
}

impl Pickle {
    /// Reads a pickle.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        Ok(Self::parse_first(bytes)?.0)
    }

    /// Reads the first of several pickles; and where the next one begins.
    pub fn parse_first(bytes: &[u8]) -> Result<(Self, usize), String> {
        machine::run(bytes)
    }

    /// What was pickled.
    pub fn top(&self) -> &Object {
        self.object(self.top)
    }

    /// The object of a handle.
    pub fn object(&self, handle: Handle) -> &Object {
        &self.objects[handle]
    }

    /// A tensor, looked at.
    pub fn view(&self, tensor: &Tensor) -> Result<View<'_>, String> {
        let &Object::Storage { class, key, elements } = self.object(tensor.storage) else {
            return Err(self.object(tensor.storage).instead_of("a storage"));
        };
        Ok(View {
            class,
            key: self.text(key)?,
            elements: self.count(elements)?,
            offset: self.count(tensor.offset)?,
            shape: self.counts(tensor.shape)?,
            strides: self.counts(tensor.strides)?,
        })
    }

    pub fn tuple(&self, handle: Handle) -> Result<&[Handle], String> {
        match self.object(handle) {
            Object::Tuple(items) => Ok(items),
            other => Err(other.instead_of("a tuple")),
        }
    }

    pub fn text(&self, handle: Handle) -> Result<&str, String> {
        match self.object(handle) {
            Object::Text(text) => Ok(text),
            other => Err(other.instead_of("a string")),
        }
    }

    /// The value of a key of a dict.
    pub fn get(&self, dict: &[(Handle, Handle)], name: &str) -> Option<&Object> {
        let found = dict.iter().find(|(key, _)| matches!(self.object(*key), Object::Text(key) if key == name));
        found.map(|&(_, value)| self.object(value))
    }

    /// An integer that counts.
    pub fn count(&self, handle: Handle) -> Result<usize, String> {
        match self.object(handle) {
            Object::Integer(number) => {
                usize::try_from(*number).map_err(|_| format!("it has {number} for a size, an offset or a stride"))
            }
            other => Err(other.instead_of("an integer")),
        }
    }

    fn counts(&self, handle: Handle) -> Result<Vec<usize>, String> {
        let items = self.tuple(handle)?;
        if items.len() > MOST_AXES {
            return Err(format!("it has {} axes; at most {MOST_AXES}", items.len()));
        }
        items.iter().map(|&item| self.count(item)).collect()
    }
}
