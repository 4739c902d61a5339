//! What the opcodes of a pickle do.

use super::SAVE_STATE_DICT;
use super::pickle::{Callable, Handle, Object, Pickle, Tensor};
use std::collections::HashMap;
use std::rc::Rc;

/// The classes of storages.
const STORAGES: [&str; 12] = [
    "DoubleStorage",
    "FloatStorage",
    "HalfStorage",
    "BFloat16Storage",
    "LongStorage",
    "IntStorage",
    "ShortStorage",
    "CharStorage",
    "ByteStorage",
    "BoolStorage",
    "ComplexFloatStorage",
    "ComplexDoubleStorage",
];

/// Reads a pickle; and where it ends.
pub(super) fn run(bytes: &[u8]) -> Result<(Pickle, usize), String> {
    let mut machine = Machine::default();
    let mut input = Input { bytes, at: 0 };
    while machine.step(&mut input)? {}
    let top = machine.pop()?;
    Ok((Pickle { top, ..machine.pickle }, input.at))
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(len);
        let part = end.and_then(|end| self.bytes.get(self.at..end)).ok_or("it is truncated")?;
        self.at += len;
        Ok(part)
    }

    /// A little-endian number of up to eight bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn signed(&mut self, bytes: usize) -> Result<i64, String> {
        if bytes > 8 {
            return Err("it holds an integer of more than 64 bits".into());
        }
        let shift = 64 - 8 * bytes as u32;
        let number = self.number(bytes)?.checked_shl(shift).unwrap_or(0) as i64;
        Ok(number.checked_shr(shift).unwrap_or(0))
    }

    /// A string behind its length, a number of so many bytes.
    fn text(&mut self, length_bytes: usize) -> Result<String, String> {
        let len = usize::try_from(self.number(length_bytes)?).map_err(|_| "it is truncated")?;
        std::str::from_utf8(self.take(len)?)
            .map(str::to_owned)
            .map_err(|_| "it holds a string that is not UTF-8".into())
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|&byte| byte == b'\n').ok_or("it is truncated")?;
        self.at += len + 1;
        std::str::from_utf8(&rest[..len]).map_err(|_| "it holds a name that is not UTF-8".into())
    }
}

#[derive(Default)]
struct Machine {
    pickle: Pickle,
    stack: Vec<Handle>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Handle>,
}

impl Machine {
    fn push(&mut self, object: Object) {
        self.stack.push(self.pickle.objects.len());
        self.pickle.objects.push(object);
    }

    /// The object on top, which lies above the last mark.
    fn pop(&mut self) -> Result<Handle, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let above = if self.stack.len() > floor { self.stack.pop() } else { None };
        above.ok_or_else(|| "it takes an object that is not there".into())
    }

    /// Everything above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Handle>, String> {
        let mark = self.marks.pop().ok_or("it goes back to a mark that is not there")?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<Handle, String> {
        self.stack.last().copied().ok_or_else(|| "it looks at an object that is not there".into())
    }

    /// Does what the next opcode says; `false` at the end.
    fn step(&mut self, input: &mut Input<'_>) -> Result<bool, String> {
        let code = input.number(1)? as u8;
        match code {
            // PROTO, and FRAME with its length, which nobody needs.
            0x80 => match input.number(1)? {
                2..=5 => {}
                protocol => {
                    return Err(format!("pickle protocol {protocol} is not known; save it with protocol 2 to 5"));
                }
            },
            0x95 => {
                input.number(8)?;
            }
            b'.' => return Ok(false),
            b'N' => self.push(Object::None),
            0x88 | 0x89 => self.push(Object::Bool(code == 0x88)),
            b'K' => self.push(Object::Integer(input.number(1)? as i64)),
            b'M' => self.push(Object::Integer(input.number(2)? as i64)),
            b'J' => self.push(Object::Integer(input.signed(4)?)),
            // LONG1 and LONG4, a number behind its length.
            0x8a | 0x8b => {
                let len = input.number(if code == 0x8a { 1 } else { 4 })? as usize;
                let number = if len > 8 {
                    input.take(len).map(|_| Object::Bytes)
                } else {
                    input.signed(len).map(Object::Integer)
                };
                self.push(number?);
            }
            // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8.
            b'B' | b'C' | 0x8e | 0x96 => {
                let len = input.number(match code {
                    b'B' => 4,
                    b'C' => 1,
                    _ => 8,
                })?;
                input.take(usize::try_from(len).map_err(|_| "it is truncated")?)?;
                self.push(Object::Bytes);
            }
            // BINSTRING and SHORT_BINSTRING, which Python 2 has for text.
            b'T' => self.push(Object::Text(input.text(4)?)),
            b'U' => self.push(Object::Text(input.text(1)?)),
            // POP, POP_MARK, DUP.
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => self.stack.push(self.top()?),
            b'G' => {
                let bits = input.take(8)?.iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                self.push(Object::Real(f64::from_bits(bits)));
            }
            b'X' => self.push(Object::Text(input.text(4)?)),
            0x8c => self.push(Object::Text(input.text(1)?)),
            0x8d => self.push(Object::Text(input.text(8)?)),
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push(Object::Tuple(Vec::new())),
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0..code - 0x84 {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Object::Tuple(items));
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push(Object::Tuple(items));
            }
            b']' => self.push(Object::List(Vec::new())),
            // LIST, and FROZENSET.
            b'l' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Object::List(items));
            }
            // EMPTY_SET.
            0x8f => self.push(Object::List(Vec::new())),
            // APPEND; APPENDS and ADDITEMS.
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.append(&items)?;
            }
            b'}' => self.push(Object::Dict(Vec::new())),
            // SETITEM and SETITEMS.
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set(&items)?;
            }
            // DICT.
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Object::Dict(Vec::new()));
                self.set(&items)?;
            }
            // BINPUT, LONG_BINPUT, MEMOIZE; BINGET, LONG_BINGET.
            b'q' => self.memorise(input.number(1)?)?,
            b'r' => self.memorise(input.number(4)?)?,
            0x94 => self.memorise(self.memo.len() as u64)?,
            b'h' => self.recall(input.number(1)?)?,
            b'j' => self.recall(input.number(4)?)?,
            b'c' => {
                let (module, name) = (input.line()?, input.line()?);
                self.push(global(module, name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let global = global(self.pickle.text(module)?, self.pickle.text(name)?);
                self.push(global);
            }
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            // NEWOBJ, and NEWOBJ_EX with arguments that have names.
            0x81 | 0x92 => {
                if code == 0x92 {
                    self.pop()?;
                }
                self.call()?;
            }
            // BUILD: attributes, such as _metadata of an OrderedDict.
            b'b' => {
                self.pop()?;
                self.top()?;
            }
            code => {
                return Err(format!(
                    "opcode {code:#04x} at byte {} belongs to no state_dict; {}",
                    input.at - 1,
                    SAVE_STATE_DICT
                ));
            }
        }
        Ok(true)
    }

    fn memorise(&mut self, number: u64) -> Result<(), String> {
        self.memo.insert(number, self.top()?);
        Ok(())
    }

    fn recall(&mut self, number: u64) -> Result<(), String> {
        let handle = self.memo.get(&number).ok_or_else(|| format!("it recalls object {number}, which is not there"))?;
        self.stack.push(*handle);
        Ok(())
    }

    /// Adds to the list on top.
    fn append(&mut self, more: &[Handle]) -> Result<(), String> {
        let top = self.top()?;
        match &mut self.pickle.objects[top] {
            Object::List(items) => items.extend(more),
            Object::Foreign(_) => {}
            other => return Err(other.instead_of("a list")),
        }
        Ok(())
    }

    /// Sets keys of the dict on top, each followed by its value.
    fn set(&mut self, items: &[Handle]) -> Result<(), String> {
        let (pairs, []) = items.as_chunks::<2>() else {
            return Err("it sets a key without a value".into());
        };
        let top = self.top()?;
        match &mut self.pickle.objects[top] {
            Object::Dict(items) => items.extend(pairs.iter().map(|&[key, value]| (key, value))),
            Object::Foreign(_) => {}
            other => return Err(other.instead_of("a dict")),
        }
        Ok(())
    }

    /// BINPERSID: `("storage", class, key, location, elements)`, and in files before PyTorch 1.6 what it is a view of.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let (kind, class, key, elements, view) = match *self.pickle.tuple(id)? {
            [kind, class, key, _location, elements] => (kind, class, key, elements, None),
            [kind, class, key, _location, elements, view] => (kind, class, key, elements, Some(view)),
            _ => return Err("a persistent id is not that of a storage".into()),
        };
        if view.is_some_and(|view| !matches!(self.pickle.object(view), Object::None)) {
            return Err(format!("a storage is a view of another one; {SAVE_STATE_DICT}"));
        }
        let kind = self.pickle.text(kind)?;
        if kind != "storage" {
            return Err(format!("a persistent id is that of a {kind:.50}, not of a storage"));
        }
        match *self.pickle.object(class) {
            Object::StorageClass(class) => self.push(Object::Storage { class, key, elements }),
            Object::Foreign(ref name) => self.push(Object::Foreign(Rc::clone(name))),
            ref other => return Err(other.instead_of("a storage's class")),
        }
        Ok(())
    }

    /// REDUCE: what a state_dict is made of is made; whatever else is called makes something that nobody looks into.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let callable = match self.pickle.object(callable) {
            Object::Callable(callable) => *callable,
            Object::Foreign(name) => {
                let made = Object::Foreign(Rc::clone(name));
                self.push(made);
                return Ok(());
            }
            other => return Err(other.instead_of("a function")),
        };
        match (callable, self.pickle.tuple(arguments)?) {
            (Callable::OrderedDict, []) => self.push(Object::Dict(Vec::new())),
            // Whether it wants a gradient, and hooks and metadata, are of no interest.
            (
                Callable::RebuildTensor,
                &[storage, offset, shape, strides, _, _] | &[storage, offset, shape, strides, _, _, _],
            ) => {
                self.push(Object::Tensor(Tensor { storage, offset, shape, strides }));
            }
            // A parameter is its tensor.
            (Callable::RebuildParameter, &[tensor, _, _]) => self.stack.push(tensor),
            (callable, arguments) => {
                return Err(format!("it calls {callable:?} with {} arguments", arguments.len()));
            }
        }
        Ok(())
    }
}

/// What a class or a function of Python stands for.
fn global(module: &str, name: &str) -> Object {
    let storage = STORAGES.into_iter().find(|&class| module == "torch" && class == name);
    match (module, name, storage) {
        ("collections", "OrderedDict", _) => Object::Callable(Callable::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2", _) => Object::Callable(Callable::RebuildTensor),
        ("torch._utils", "_rebuild_parameter", _) => Object::Callable(Callable::RebuildParameter),
        (_, _, Some(class)) => Object::StorageClass(class),
        _ => Object::Foreign(format!("{module:.100}.{name:.100}").into()),
    }
}
