//! A network's outputs and gradients, to check a translation of it by.

use crate::config::{Config, read_array};
use crate::memory;
use crate::work::at_work;
use pathkernel::cache::Cache;
use pathkernel::device::{DeviceOptions, Devices, LocalDevices};
use pathkernel::error::Error;
use pathkernel::formats::{Given, GivenArray, read};
use pathkernel::problem::Evaluation;
use pathkernel::run::{first_weights, read_problem};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// An array, as `engine.py` takes it.
type Array<'py> = Bound<'py, PyTuple>;

/// The outputs of a run file's network on its training inputs, as it predicts, and where `seeds` are given the gradients of their
/// sum with these: arrays, and arrays by tensor.
#[pyfunction]
pub fn evaluate<'py>(
    py: Python<'py>,
    config: &Bound<'py, PyDict>,
    seeds: Option<Bound<'py, PyAny>>,
) -> PyResult<(Array<'py>, Option<Bound<'py, PyDict>>)> {
    let config = Config::read(config)?;
    let seeds = seeds.map(|seeds| read_array("output_gradients", &seeds));
    let seeds = seeds.transpose()?;
    let (network, found) = at_work(py, None, |_| {
        let run_file = &config.run_file;
        let problem = read_problem(run_file)?;
        let weights = first_weights(run_file, &problem.network, &mut Vec::new())?;
        let (network, inputs) = (problem.network.clone().following_held(), problem.inputs);
        let rows = inputs.len() / network.input_len().max(1);
        let seeds = seeds.map(|seeds| read_seeds(seeds, rows, network.outputs)).transpose()?;
        let evaluation = Evaluation { network: &network, weights: &weights, inputs: &inputs, seeds: seeds.as_deref() };
        let (name, precision, cache) = (run_file.run.device.clone(), run_file.run.precision, Cache::ReadOnly);
        let options = DeviceOptions { name, precision, cache, tune: false, ..DeviceOptions::default() };
        let found = LocalDevices::find(options)?.on(0, evaluation)?;
        Ok((network, found))
    })?;
    let shape = network.shape(network.output());
    let rows = found.outputs.len() / network.outputs.max(1);
    let outputs = memory::array(py, found.outputs, &[&[rows], shape].concat())?;
    let Some(gradient) = found.gradient else { return Ok((outputs, None)) };
    let gradients = PyDict::new(py);
    for tensor in network.tensors() {
        let own = gradient[tensor.offset..tensor.offset + tensor.len()].to_vec();
        gradients.set_item(&tensor.name, memory::array(py, own, &tensor.shape)?)?;
    }
    Ok((outputs, Some(gradients)))
}

/// What the outputs' gradients are multiplied by, one for each output.
fn read_seeds(given: GivenArray, rows: usize, outputs: usize) -> Result<Vec<f64>, Error> {
    let array = read(Given::array("output_gradients", given).name())?;
    match array.shape.iter().product::<usize>() == rows * outputs && array.shape.first() == Some(&rows) {
        true => Ok(array.to_f64()),
        false => Err(Error::Input(format!(
            "output_gradients: has shape {:?}; there are {rows} rows of {outputs} outputs",
            array.shape
        ))),
    }
}
