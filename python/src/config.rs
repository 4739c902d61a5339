//! A run file as a nested dict, in which arrays stand where a run file names files.

use crate::errors::of_run_file;
use pathkernel::formats::{Given, GivenArray};
use pathkernel::key::{Table, Value, dotted};
use pathkernel::run::keys::RunFile;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Keys whose file holds tensors by name.
const TENSORS: [&str; 3] = ["model.weights", "trajectory.import", "training.optimizer_state"];

/// What a run directory is called where there is none.
const NOWHERE: &str = "memory";

/// A run file, with the arrays that it names.
pub struct Config {
    pub run_file: RunFile,
    /// The arrays have their names as long as these are there.
    _given: Vec<Given>,
}

impl Config {
    /// Reads a dict with the sections and keys of a run file. Without `run.directory` it is that of a run in memory.
    pub fn read(dict: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut given = Vec::new();
        let mut table = read_table("", dict, &mut given)?;
        let nowhere = table.table("run").is_some_and(|run| run.get("directory").is_none());
        if nowhere && let Some(run) = table.table("run") {
            run.set("directory", NOWHERE.into());
        }
        let mut run_file = RunFile::of_table(table, Path::new(""), &[]).map_err(of_run_file)?;
        if nowhere {
            run_file.run.directory = Default::default();
        }
        Ok(Self { run_file, _given: given })
    }
}

fn read_table(at: &str, dict: &Bound<'_, PyDict>, given: &mut Vec<Given>) -> PyResult<Table> {
    let mut table = Table::default();
    for (name, value) in dict {
        let name: String =
            name.extract().map_err(|_| PyTypeError::new_err(format!("{at}: names of keys are strings, not {name}")))?;
        // None is a key that is left out.
        if !value.is_none() {
            let value = read_value(&dotted(at, &name), &value, given)?;
            table.0.push((name, value));
        }
    }
    Ok(table)
}

fn read_value(at: &str, value: &Bound<'_, PyAny>, given: &mut Vec<Given>) -> PyResult<Value> {
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Flag(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return whole(at, value);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Value::Number(number.value()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::Text(text.to_string_lossy().into_owned()));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return match TENSORS.contains(&at) {
            true => read_tensors(at, dict, given),
            false => read_table(at, dict, given).map(Value::Table),
        };
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let entry =
            |(index, entry): (usize, PyResult<Bound<'_, PyAny>>)| read_value(&format!("{at}[{index}]"), &entry?, given);
        return value.try_iter()?.enumerate().map(entry).collect::<PyResult<_>>().map(Value::List);
    }
    if let Ok(buffer) = PyUntypedBuffer::get(value)
        && buffer.dimensions() > 0
    {
        let shape = buffer.shape().to_vec();
        let array = Given::array(at, of_buffer(at, buffer, &shape)?);
        let name = Value::Text(array.name().to_owned());
        given.push(array);
        return Ok(name);
    }
    if let Ok(path) = value.call_method0("__fspath__") {
        return Ok(Value::Text(path.extract()?));
    }
    // Numbers of NumPy.
    if value.hasattr("__index__")? {
        return whole(at, value);
    }
    if let Ok(number) = value.extract() {
        return Ok(Value::Number(number));
    }
    let kind = value.get_type().fully_qualified_name()?;
    Err(PyTypeError::new_err(format!("{at}: is a {kind}; give a number, a string, a list, a dict or an array")))
}

fn whole(at: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let beyond = |_| PyValueError::new_err(format!("{at}: {value} is beyond 64 bits"));
    value.extract().map(Value::Integer).map_err(beyond)
}

fn read_tensors(at: &str, dict: &Bound<'_, PyDict>, given: &mut Vec<Given>) -> PyResult<Value> {
    let mut tensors = BTreeMap::new();
    for (name, value) in dict {
        let (name, called): (String, _) = (name.extract()?, format!("{at}: tensor {name}"));
        tensors.insert(name, read_array(&called, &value)?);
    }
    let tensors = Given::tensors(at, tensors);
    let name = Value::Text(tensors.name().to_owned());
    given.push(tensors);
    Ok(name)
}

/// The bytes of a buffer that is in C order.
struct Bytes(PyUntypedBuffer);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        let (start, len) = (self.0.buf_ptr().cast::<u8>(), self.0.len_bytes());
        if len == 0 {
            return &[];
        }
        // SAFETY: the buffer is in C order, so that its bytes lie side by side, and it is held as long as this lives. Whoever
        // writes to an array while it is read gets what he wrote, as everywhere in NumPy.
        unsafe { std::slice::from_raw_parts(start, len) }
    }
}

/// An array, without a copy.
pub fn read_array(at: &str, value: &Bound<'_, PyAny>) -> PyResult<GivenArray> {
    if let Ok(buffer) = PyUntypedBuffer::get(value) {
        let shape = buffer.shape().to_vec();
        return of_buffer(at, buffer, &shape);
    }
    // The buffer of an array without an axis has no shape that could be asked for.
    let single = value.call_method1("reshape", (1,)).and_then(|single| PyUntypedBuffer::get(&single));
    let single =
        single.map_err(|_| PyTypeError::new_err(format!("{at}: is no array; give a NumPy array of numbers")))?;
    of_buffer(at, single, &[])
}

fn of_buffer(at: &str, buffer: PyUntypedBuffer, shape: &[usize]) -> PyResult<GivenArray> {
    if !buffer.is_c_contiguous() {
        return Err(PyValueError::new_err(format!("{at}: is not in C order; give numpy.ascontiguousarray of it")));
    }
    let format = buffer.format().to_string_lossy().into_owned();
    let letter = match format.trim_start_matches(['@', '=', '<']) {
        "e" | "f" | "d" => "f",
        "?" => "b",
        "b" | "h" | "i" | "l" | "q" => "i",
        "B" | "H" | "I" | "L" | "Q" => "u",
        other => other,
    };
    let descr = format!("{letter}{}", buffer.item_size());
    GivenArray::new(&descr, shape, Arc::new(Bytes(buffer)))
        .map_err(|problem| PyValueError::new_err(format!("{at}: {problem}")))
}
