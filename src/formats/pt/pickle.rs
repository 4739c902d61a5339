//! The part of Python's pickle, protocols 2 to 5, that state_dicts are made of.
//!
//! Objects lie in one list and name each other by their place in it, so that neither shared nor nested nor circular ones need
//! recursion, and memory grows no faster than the pickle.

use super::machine;

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
    Bool,
    Integer(i64),
    Real,
    Text(String),
    /// Its elements are of no interest.
    List,
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
    pub fn describe(&self) -> &'static str {
        match self {
            Object::None => "None",
            Object::Bool => "a bool",
            Object::Integer(_) => "an int",
            Object::Real => "a float",
            Object::Text(_) => "a string",
            Object::List => "a list",
            Object::Tuple(_) => "a tuple",
            Object::Dict(_) => "a dict",
            Object::Callable(_) => "a function",
            Object::StorageClass(_) => "a class",
            Object::Storage { .. } => "a storage",
            Object::Tensor(_) => "a tensor",
        }
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

    /// An integer that counts.
    fn count(&self, handle: Handle) -> Result<usize, String> {
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
