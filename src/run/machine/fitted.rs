//! A machine on one kernel of a run.

use super::Fitting;
use super::form::Form;
use super::found::KernelMachine;
use super::kernels::Gram;
use super::queries::Asked;
use crate::error::Error;
use crate::machine::{Features, Fit, Matrix, Part, Wanted};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// The training examples that a machine is fitted to.
pub(super) struct Known {
    /// How many there are, with those that have no target.
    pub examples: usize,
    /// Those that have one.
    pub rows: Vec<usize>,
    /// What their outputs should be.
    pub wanted: Wanted,
}

/// `outputs(x) = Σ_i K(x, x_i) coefficients[i] + offset`.
pub(super) struct Fitted {
    /// What is said of it, but for the queries.
    described: KernelMachine,
    /// `[examples, C]`, of the kernel as it is; 0 of examples without targets.
    pub coefficients: Matrix<f64>,
}

impl Fitted {
    /// Fits a machine on a kernel; `precision` is a rounding of its numbers, relative.
    ///
    /// # Errors
    ///
    /// Why there is none on this kernel.
    pub fn new(gram: Gram, form: Form, known: &Known, fitting: &Fitting, precision: f64) -> Result<Self, String> {
        let Known { examples, rows, wanted } = known;
        let Gram { name, scale, matrices } = gram;
        let width = form.width();
        let places: Vec<usize> = rows.iter().flat_map(|&row| row * width..(row + 1) * width).collect();
        let part = |(matrix, values): (Matrix<f64>, Matrix<f64>)| {
            let matrix = matrix.select_rows(&places).select_columns(&places);
            let features = Features::of(matrix, precision)
                .ok_or_else(|| format!("the {name} kernel between the examples with targets is 0 for an output"))?;
            Ok(Part { features, values })
        };
        let parts: Vec<_> = matrices.into_iter().zip(form.split(&wanted.values)).collect();
        let parts: Vec<Part> = parts.into_par_iter().map(part).collect::<Result<_, String>>()?;
        let Fit { weights, alpha, left_out } = fitting.kind.fit(&parts, wanted, fitting.alpha)?;
        let of_parts: Vec<Matrix<f64>> =
            parts.iter().zip(&weights).map(|(part, own)| part.features.coefficients(&own.values)).collect();
        let mut coefficients = Matrix::zeros(*examples, wanted.values.ncols());
        let of_known = form.joined(&of_parts) / scale;
        rows.iter().zip(of_known.row_iter()).for_each(|(&row, own)| coefficients.set_row(row, &own));
        // A kernel between outputs has one for all.
        let offset = weights.iter().flat_map(|own| &own.offset).copied().cycle().take(wanted.values.ncols());
        let support = weights.iter().map(|own| own.support.as_ref()).collect::<Option<Vec<_>>>();
        let described = KernelMachine {
            kernel: name.into(),
            alpha,
            chosen: fitting.alpha.is_none(),
            offset: offset.collect(),
            negative: parts.iter().map(|part| part.features.negative).fold(0.0, f64::max),
            support_vectors: support.map(|all| all.into_iter().flatten().collect::<BTreeSet<_>>().len()),
            left_out: left_out.and_then(|outputs| wanted.score(&outputs)),
            queries: None,
        };
        Ok(Self { described, coefficients })
    }

    /// What is to be said of it, with how well it answers queries.
    ///
    /// # Errors
    ///
    /// A kernel that cannot be read.
    pub fn described(&self, asked: Option<&Asked>) -> Result<KernelMachine, Error> {
        let Self { described, coefficients } = self;
        let score = asked.map(|asked| asked.score(&described.kernel, coefficients, &described.offset));
        Ok(KernelMachine { queries: score.transpose()?.flatten(), ..described.clone() })
    }
}
