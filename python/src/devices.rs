//! The devices of this machine.

use crate::config::Config;
use crate::values::of_json;
use crate::work::at_work;
use pathkernel::bench::measure_run;
use pathkernel::cache::Cache;
use pathkernel::compute::gpu::{Card, adapters, describe};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;

/// What a run could use: each adapter, and the CPU.
#[pyfunction]
pub fn devices(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let found = at_work(py, None, |_| {
        let adapter = |adapter| {
            let about = describe(adapter);
            let problem = Card::of(adapter).try_out(Cache::Written).err().map(|problem| problem.to_string());
            json!({
                "name": about.name, "type": about.kind, "software": about.software,
                "driver": format!("{}, {}", about.interface, about.driver), "problem": problem,
                "precisions": ["f32", "mixed"],
            })
        };
        let mut all: Vec<_> = adapters().iter().map(adapter).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        all.push(json!({
            "name": "cpu", "type": "native", "software": false, "driver": format!("{threads} threads"),
            "problem": null, "precisions": ["f32", "f64"],
        }));
        Ok(json!(all))
    })?;
    of_json(py, &found)
}

/// Steps a second of a whole run, in a temporary directory, as `pathkernel bench run --json` says it.
#[pyfunction]
pub fn bench<'py>(
    py: Python<'py>,
    config: &Bound<'py, PyDict>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let config = Config::read(config)?;
    let figures = at_work(py, progress, |progress| measure_run(&config.run_file, progress))?;
    of_json(py, &json!(figures))
}
