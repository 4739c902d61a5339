//! Values that come out: JSON and tables of keys as Python's own.

use pathkernel::key::{Table, Value};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value as Json;

/// JSON as Python's `json` reads it.
pub fn of_json<'py>(py: Python<'py>, value: &Json) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Json::Null => Ok(py.None().into_bound(py)),
        Json::Bool(flag) => flag.into_bound_py_any(py),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => whole.into_bound_py_any(py),
            (None, Some(whole)) => whole.into_bound_py_any(py),
            (None, None) => number.as_f64().into_bound_py_any(py),
        },
        Json::String(text) => text.into_bound_py_any(py),
        Json::Array(values) => {
            let list = PyList::empty(py);
            values.iter().try_for_each(|value| list.append(of_json(py, value)?))?;
            Ok(list.into_any())
        }
        Json::Object(entries) => {
            let dict = PyDict::new(py);
            entries.iter().try_for_each(|(name, value)| dict.set_item(name, of_json(py, value)?))?;
            Ok(dict.into_any())
        }
    }
}

/// A table of keys as a dict.
pub fn of_table<'py>(py: Python<'py>, Table(entries): &Table) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    entries.iter().try_for_each(|(name, value)| dict.set_item(name, of_value(py, value)?))?;
    Ok(dict)
}

fn of_value<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Flag(flag) => flag.into_bound_py_any(py),
        Value::Integer(number) => number.into_bound_py_any(py),
        Value::Number(number) => number.into_bound_py_any(py),
        Value::Text(text) | Value::Time(text) => text.into_bound_py_any(py),
        Value::List(values) => {
            let list = PyList::empty(py);
            values.iter().try_for_each(|value| list.append(of_value(py, value)?))?;
            Ok(list.into_any())
        }
        Value::Table(table) => Ok(of_table(py, table)?.into_any()),
    }
}
