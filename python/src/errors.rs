//! Errors as exceptions.

use pathkernel::compute::BackendError;
use pathkernel::error::{Error, RunFileError};
use pathkernel::formats::{DataError, Given};
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

pyo3::import_exception!(pathkernel.errors, PathkernelError);
pyo3::import_exception!(pathkernel.errors, PlanError);
pyo3::import_exception!(pathkernel.errors, DeviceError);

/// The exception of an error: ValueError where what was given is wrong.
pub fn exception(error: &Error) -> PyErr {
    let message = Given::without_names(&error.to_string());
    match cause(error) {
        Error::RunFile(_) | Error::Graph(_) | Error::Input(_) | Error::Data(DataError { own: false, .. }) => {
            PyValueError::new_err(message)
        }
        Error::DoesNotFit(_) => PlanError::new_err(message),
        Error::Backend(BackendError::OutOfMemory(_)) => PlanError::new_err(message),
        Error::Backend(_) => DeviceError::new_err(message),
        _ => PathkernelError::new_err(message),
    }
}

/// The exception of a run file that is wrong.
pub fn of_run_file(error: RunFileError) -> PyErr {
    exception(&error.into())
}

/// The error without what was added to it.
fn cause(error: &Error) -> &Error {
    match error {
        Error::InSingle(inner) => cause(inner),
        other => other,
    }
}
