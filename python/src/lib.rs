/*!
The engine, for Python: the module `pathkernel._pathkernel`.

It is the lower half of `pathkernel/engine.py`, which alone calls it. Nested dicts come in as run files ([`config`]), arrays by the
buffer protocol, and what comes out are dicts and [`memory::Memory`], which NumPy takes as arrays without a copy. All work is done
without the interpreter's lock ([`work`]).
*/

mod config;
mod devices;
mod errors;
mod evaluate;
mod logging;
mod memory;
mod run;
mod values;
mod work;

use pyo3::prelude::*;

/// The engine of pathkernel.
#[pymodule]
mod _pathkernel {
    #[pymodule_export]
    use super::devices::{bench, devices};
    #[pymodule_export]
    use super::evaluate::evaluate;
    #[pymodule_export]
    use super::main;
    #[pymodule_export]
    use super::memory::Memory;
    #[pymodule_export]
    use super::run::{check, explain, make_path, plan, report, resolve, run, self_influence, tiled, top, train};

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}

/// The command line: does what its words say, the program's name first, and returns the exit code.
#[pyfunction]
fn main(py: Python<'_>, words: Vec<String>) -> u8 {
    py.detach(|| pathkernel::cli::main(words.into_iter().map(Into::into)))
}
