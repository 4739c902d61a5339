//! Numbers of the engine that NumPy takes as an array, without a copy.

use pathkernel::formats::NpyElement;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ffi::{c_int, c_void};

/// Numbers that the engine has handed over. They live as long as an array stands on them.
#[pyclass(module = "pathkernel._pathkernel")]
pub struct Memory {
    numbers: Box<dyn Numbers>,
}

/// A vector of numbers, as bytes.
trait Numbers: Send + Sync {
    fn bytes(&mut self) -> &mut [u8];
}

impl<T: NpyElement + Send + Sync> Numbers for Vec<T> {
    fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self)
    }
}

/// An array as `engine.py` takes it: its numbers, their type as NumPy calls it, and its shape.
pub fn array<'py, T: NpyElement + Send + Sync>(
    py: Python<'py>,
    values: Vec<T>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyTuple>> {
    (Memory { numbers: Box::new(values) }, T::DESCR, PyTuple::new(py, shape)?).into_pyobject(py)
}

#[pymethods]
impl Memory {
    /// # Safety
    ///
    /// Python calls it with a view that is to be filled in. The numbers are never moved, and stay as long as a view holds this.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let (start, len) = {
            let mut memory = slf.borrow_mut();
            let bytes = memory.numbers.bytes();
            (bytes.as_mut_ptr().cast::<c_void>(), bytes.len())
        };
        let is_read_only = 0;
        // SAFETY: the bytes live as long as this object, of which the view takes a reference.
        let filled =
            unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, len as ffi::Py_ssize_t, is_read_only, flags) };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}
