//! What causes that the optimizer does not explain an imported path, as far as the path itself tells.
//!
//! The path is read at most three times, on the host. First whether more than roundings is unexplained; then it is asked which tensors move; then the steps of those for which there is
//! no reason yet are compared with the optimizer's: causes that explain them to roundings are named as such, others as what is
//! usual.

mod average;
mod decay;
mod evidence;
mod fit;
mod gradients;
mod integral;
mod jump;
mod kind;
mod moments;
mod momentum;
mod motion;
mod names;
mod rate;
mod state;

use crate::compute::Element;
use crate::error::Error;
use crate::graph::Role;
use crate::problem::Problem;
use crate::tape::{AnyTape, Kept, Tape};
use evidence::{Course, Place, Sample, Sizes, Steps, places};
pub(in crate::run) use integral::{Integral, of_inexact};
use motion::Motion;

/// An imported path.
pub(in crate::run) struct Imported<'a> {
    pub problem: &'a Problem,
    pub tape: &'a AnyTape,
    /// What one rounding of a weight changes at the most, relative.
    pub unit: f64,
    /// What the file of a point of the path is called.
    pub file: &'a dyn Fn(usize) -> String,
    /// Fails where the run shall stop.
    pub check: &'a dyn Fn() -> Result<(), Error>,
}

/// What may explain the steps of some tensors.
struct Guess {
    /// The square of what it leaves unexplained in the sample.
    left: f64,
    /// The square of the roundings therein.
    noise: f64,
    /// How many numbers were fitted.
    numbers: usize,
    text: String,
}

/// What is known of the steps that have no reason yet.
struct Case<'a> {
    path: &'a Imported<'a>,
    tensors: Vec<&'a Place>,
    course: Course,
}

impl Case<'_> {
    fn sample(&self) -> &Sample {
        &self.course.sample
    }

    fn names(&self, tensors: &[usize]) -> String {
        names::list(tensors.iter().map(|&tensor| self.tensors[tensor].name.as_str()))
    }
}

/// The causes of what is unexplained, in sentences, the surest first.
///
/// # Errors
///
/// A path that is damaged, or the run shall stop.
pub(in crate::run) fn of_unexplained(path: &Imported<'_>) -> Result<Vec<String>, Error> {
    let steps = Steps { tape: path.tape, unit: unit(path)? };
    if steps.count() == 0 {
        return Ok(Vec::new());
    }
    let all = places(&path.problem.network);
    if is_rounding(steps, &all, path.check)? {
        return Ok(vec![ROUNDED.into()]);
    }
    let motion = Motion::read(steps, &all, path.check)?;
    if motion.is_still() {
        return Ok(vec![motion::STILL.into()]);
    }
    let mut causes = motion.causes();
    let is_clipped = path.problem.clip_norm > 0.0;
    let is_open =
        |&(place, number): &(&Place, usize)| matches!(place.role, Role::Trained(_)) && !motion.has_cause(number);
    let open: Vec<&Place> = all.iter().zip(0..).filter(is_open).map(|(place, _)| place).collect();
    // A gradient too many or too few is in the norm that all are clipped by.
    if open.is_empty() || (is_clipped && !causes.is_empty()) {
        return Ok(causes);
    }
    let optimizer = &path.problem.spec.optimizer;
    let rate = |block: usize, number: usize| optimizer.rate(optimizer.group_of(block), number, steps.rate(number));
    let course = Course::read(steps, &open, &rate, path.check)?;
    let all = course.all();
    if all.is_explained() {
        return Ok(causes);
    }
    let case = Case { path, tensors: open, course };
    causes.push(match likeliest(&case, steps)? {
        Found::Jump(cause) => cause,
        Found::Lasting(cause) => match case.course.first_unexplained() {
            Some(first @ 1..) => format!("from step {first} on: {cause}"),
            Some(0) | None => cause,
        },
    });
    Ok(causes)
}

/// What is said where nothing but roundings is unexplained.
const ROUNDED: &str = "the steps are the optimizer's but for the roundings of the recorded weights, and the whole change is not much \
                       larger than these; what was trained and saved in float64 has smaller ones";

/// What one rounding of a recorded weight changes at the most, relative: of weights that are all in single precision, one of that,
/// whatever the arithmetic of the run.
fn unit(path: &Imported<'_>) -> Result<f64, Error> {
    let is_single = |number: usize| -> Result<bool, Error> {
        let row = Tape::<f64>::row(path.tape, Kept::Weights, number)?;
        Ok(row.iter().all(|&weight| f64::from(weight as f32) == weight))
    };
    let single = is_single(0)? && is_single(path.tape.history().steps.len())?;
    Ok(if single { path.unit.max(f32::ROUNDING) } else { path.unit })
}

/// Whether no step has more unexplained than roundings of its weights make.
fn is_rounding(steps: Steps<'_>, places: &[Place], check: &dyn Fn() -> Result<(), Error>) -> Result<bool, Error> {
    for number in 0..steps.count() {
        check()?;
        let (rows, mut all) = (steps.rows(number)?, Sizes::default());
        places.iter().for_each(|place| all.add(&rows.sizes(&place.range)));
        if all.rest > all.noise {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A cause that acts at one step, or one that lasts.
enum Found {
    Jump(String),
    Lasting(String),
}

/// The cause of what is unexplained in tensors that all move: one that leaves nothing, or the likeliest.
fn likeliest(case: &Case<'_>, steps: Steps<'_>) -> Result<Found, Error> {
    let certain =
        [rate::all(case), rate::each(case), decay::decay(case), momentum::momentum(case), moments::moments(case)];
    if let Some(best) = best(certain.into_iter().flatten().collect()) {
        return Ok(Found::Lasting(best.text));
    }
    if let Some(jump) = jump::jump(case, steps)? {
        return Ok(Found::Jump(jump));
    }
    let likely = kind::kind(case)
        .or_else(|| state::begun(case))
        .or_else(|| average::average(case))
        .or_else(|| state::fading(case));
    Ok(Found::Lasting(likely.unwrap_or_else(|| gradients::gradients(case))))
}

/// The guess that leaves least; of those that leave as little, the one with the fewest numbers.
fn best(guesses: Vec<Guess>) -> Option<Guess> {
    let least = guesses.iter().map(|guess| guess.left + guess.noise).fold(f64::INFINITY, f64::min);
    let good = guesses.into_iter().filter(|guess| guess.left <= 16.0 * least);
    good.min_by_key(|guess| guess.numbers)
}
