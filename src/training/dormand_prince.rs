/*!
The adaptive Runge-Kutta method of Dormand and Prince, orders 5 and 4, for `dw/dt = f(w)` on the device.

J. R. Dormand, P. J. Prince, "A family of embedded Runge-Kutta formulae", 1980. Error norm and first step as in SciPy's
`RK45`, control of the step size as in Hairer, Nørsett, Wanner, "Solving Ordinary Differential Equations I", II.4. Inside
a step, w is L. F. Shampine's polynomial of degree 4 ("Some practical Runge-Kutta formulas", 1986), which takes no
further evaluation. Measured on a tanh network in f64, the path kernel by three Gauss nodes a step is as near to that of
an eighth-order method as with exact weights at the nodes: 2e-11 of its largest entry at a tolerance of 1e-10.
*/

use crate::compute::{Backend, Element, Slice, SliceMut};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};

/// Evaluations of the slope that a step is made of; the last one is the first of the next step.
const STAGES: usize = 7;

/// The point of each stage after the first is `w + h Σ_j A[s][j] k_j`. The last point is the end of the step.
const A: [&[f64]; STAGES - 1] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// Each stage's weight in the error estimate: the solution of order 5 less that of order 4.
const ERROR: [f64; STAGES] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// Each stage's weight inside a step: coefficients of θ, θ², θ³, θ⁴.
const INSIDE: [[f64; 4]; STAGES] = [
    [1.0, -8048581381.0 / 2820520608.0, 8663915743.0 / 2820520608.0, -12715105075.0 / 11282082432.0],
    [0.0; 4],
    [0.0, 131558114200.0 / 32700410799.0, -68118460800.0 / 10900136933.0, 87487479700.0 / 32700410799.0],
    [0.0, -1754552775.0 / 470086768.0, 14199869525.0 / 1410260304.0, -10690763975.0 / 1880347072.0],
    [0.0, 127303824393.0 / 49829197408.0, -318862633887.0 / 49829197408.0, 701980252875.0 / 199316789632.0],
    [0.0, -282668133.0 / 205662961.0, 2019193451.0 / 616988883.0, -1453857185.0 / 822651844.0],
    [0.0, 40617522.0 / 29380423.0, -110615467.0 / 29380423.0, 69997945.0 / 29380423.0],
];

/// The stages' weights at a fraction of the step.
fn inside(fraction: f64) -> [f64; STAGES] {
    INSIDE.map(|row| fraction * row.iter().rev().fold(0.0, |sum, coefficient| sum * fraction + coefficient))
}

/// The smallest tolerance that the type's rounding lets the error estimate see.
pub fn least_tolerance<E: Element>() -> f64 {
    let unit = if size_of::<E>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    16.0 * unit
}

/// An accepted step.
pub struct Accepted<'a, B: Backend> {
    /// The time at which it starts.
    pub start: f64,
    /// Its length in time.
    pub length: f64,
    /// w at its end.
    pub end: &'a B::Buffer,
    /// The same on the host.
    pub end_values: &'a [B::Element],
    /// w at each wanted fraction of the step.
    pub inside: Vec<B::Buffer>,
}

/// `dw/dt = f(w)` from time 0.
#[derive(Debug)]
pub struct DormandPrince<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// Elements of w.
    pub len: usize,
    /// Elements of w that count in norms: the others, gaps between layers, are zero and stay so.
    pub count: usize,
    /// The time at which the last step ends, exactly.
    pub time: f64,
    /// The errors of all steps together are at most this times `1 + |w|`, as root mean squares over the elements. Each step
    /// may make a part of it in proportion to its length, but no less than rounding lets the estimate see. Integrals along
    /// the path feel every step's error, even those that the flow itself forgets.
    pub tolerance: f64,
    /// The largest number of steps, rejected ones included.
    pub most_steps: usize,
}

/// How far a solution was followed.
pub struct Course<B: Backend> {
    weights: B::Buffer,
    /// The same on the host.
    values: Vec<B::Element>,
    /// The slope there.
    first: B::Buffer,
    numbers: Numbers,
}

/// The numbers in the solver's state.
struct Numbers {
    /// The time reached.
    start: f64,
    /// The length of the step to be tried next.
    length: f64,
    /// Steps tried so far.
    tried: usize,
    /// Whether the last trial had finite numbers alone.
    finite: bool,
    control: Control,
}

/// The right-hand side f(w).
pub type Slope<'a, B> = dyn FnMut(&<B as Backend>::Buffer) -> Result<<B as Backend>::Buffer, Error> + 'a;

/// A step that is tried, and not yet accepted.
struct Trial<B: Backend> {
    /// The slopes after the first.
    stages: Vec<B::Buffer>,
    end: B::Buffer,
    end_values: Vec<B::Element>,
    /// The norm of the error relative to the tolerance: at most 1 where the step is good, infinite where a number is not
    /// finite.
    error: f64,
}

impl<B: Backend> DormandPrince<'_, B> {
    /// Begins at `initial`.
    ///
    /// # Errors
    ///
    /// Numbers that are not finite, and whatever `slope` returns.
    pub fn begin(&self, initial: B::Buffer, slope: &mut Slope<'_, B>) -> Result<Course<B>, Error> {
        let values = self.download(&initial)?;
        let first = slope(&initial)?;
        let length = self.first_length(&initial, &values, &first, slope)?;
        let numbers = Numbers { start: 0.0, length, tried: 0, finite: true, control: Control::new() };
        Ok(Course { weights: initial, values, first, numbers })
    }

    /// Whether the end of the time is reached.
    pub fn is_done(&self, course: &Course<B>) -> bool {
        course.numbers.start >= self.time
    }

    /// Makes the next step, and gives it to `accept` with w at each of `fractions` of it. A trial costs six evaluations of
    /// `slope`, and memory for about ten vectors and one for each fraction.
    ///
    /// # Errors
    ///
    /// A step size that vanishes, too many steps, numbers that are not finite, and whatever `slope` and `accept` return.
    pub fn advance(
        &self,
        course: &mut Course<B>,
        fractions: &[f64],
        slope: &mut Slope<'_, B>,
        accept: &mut dyn FnMut(Accepted<'_, B>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Course { weights, values, first, numbers } = course;
        loop {
            let start = numbers.start;
            // If at most 1.01 steps remain, take them as one.
            let last = start + 1.01 * numbers.length >= self.time;
            if last {
                numbers.length = self.time - start;
            } else if numbers.length < 4.0 * f64::EPSILON * self.time {
                return Err(self.vanished(start, numbers.finite));
            }
            if numbers.tried >= self.most_steps {
                return Err(Error::TooManySteps { steps: numbers.tried, time: start, end: self.time });
            }
            numbers.tried += 1;
            let length = numbers.length;
            let trial = self.step(weights, values, first, length, slope)?;
            numbers.finite = trial.error.is_finite();
            if trial.error > 1.0 {
                numbers.length *= numbers.control.rejected(trial.error);
                continue;
            }
            let Trial { mut stages, end, end_values, error } = trial;
            let inside = self.inside(weights, first, &stages, length, fractions)?;
            accept(Accepted { start, length, end: &end, end_values: &end_values, inside })?;
            if let Some(slope) = stages.pop() {
                *first = slope;
            }
            (*weights, *values) = (end, end_values);
            numbers.start = if last { self.time } else { start + length };
            numbers.length *= numbers.control.accepted(error);
            return Ok(());
        }
    }

    /// Makes all steps from `initial`.
    ///
    /// # Errors
    ///
    /// As [`advance`](Self::advance).
    pub fn solve(
        &self,
        initial: B::Buffer,
        fractions: &[f64],
        slope: &mut Slope<'_, B>,
        accept: &mut dyn FnMut(Accepted<'_, B>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut course = self.begin(initial, slope)?;
        while !self.is_done(&course) {
            self.advance(&mut course, fractions, slope, accept)?;
        }
        Ok(())
    }

    /// Writes how far a solution was followed.
    ///
    /// # Errors
    ///
    /// A device error, or a file that cannot be written.
    pub fn save(&self, course: &Course<B>, writer: &mut StateWriter) -> Result<(), Error> {
        let Numbers { start, length, tried, finite, control } = &course.numbers;
        let flags = [*finite, control.again].map(|flag| f64::from(u8::from(flag)));
        writer.put("solver", &[*start, *length, *tried as f64, control.before, flags[0], flags[1]])?;
        writer.put("weights", &course.values)?;
        Ok(writer.put("slope", &self.download(&course.first)?)?)
    }

    /// Takes a solution that was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A device error, or a file that holds something else.
    pub fn restore(&self, reader: &mut StateReader) -> Result<Course<B>, Error> {
        let solver: Vec<f64> = reader.take_exactly("solver", 6)?;
        let values: Vec<B::Element> = reader.take_exactly("weights", self.len)?;
        let first: Vec<B::Element> = reader.take_exactly("slope", self.len)?;
        let control = Control { before: solver[3], again: solver[5] != 0.0 };
        let (tried, finite) = (solver[2] as usize, solver[4] != 0.0);
        let can_be = (0.0..=self.time).contains(&solver[0]) && [solver[1], solver[3]].iter().all(|&x| x > 0.0);
        if !can_be || !(solver[1] + solver[3]).is_finite() {
            return Err(reader.refused("has numbers that the solver of the flow never has").into());
        }
        Ok(Course {
            weights: self.backend.upload(&values)?,
            values,
            first: self.backend.upload(&first)?,
            numbers: Numbers { start: solver[0], length: solver[1], tried, finite, control },
        })
    }

    fn vanished(&self, time: f64, finite: bool) -> Error {
        if finite {
            Error::StepVanished { time, end: self.time }
        } else {
            Error::FlowNotFinite { time, end: self.time }
        }
    }

    fn step(
        &self,
        weights: &B::Buffer,
        values: &[B::Element],
        first: &B::Buffer,
        length: f64,
        slope: &mut Slope<'_, B>,
    ) -> Result<Trial<B>, Error> {
        let mut stages = Vec::with_capacity(STAGES - 1);
        let mut end = None;
        for row in A {
            let at = self.combine(weights, length, row, first, &stages)?;
            stages.push(slope(&at)?);
            end = Some(at);
        }
        let end = end.map_or_else(|| self.backend.zeros(self.len), Ok)?;
        let mut error = self.backend.zeros(self.len)?;
        self.add(&mut error, length, &ERROR, first, &stages)?;
        let (error, end_values) = (self.download(&error)?, self.download(&end)?);
        let error = self.norm(&error, |at| values[at].to_f64().abs().max(end_values[at].to_f64().abs()));
        let error = error / (length / self.time).max(least_tolerance::<B::Element>() / self.tolerance);
        let finite = end_values.iter().all(|value| value.to_f64().is_finite()) && error.is_finite();
        Ok(Trial { stages, end, end_values, error: if finite { error } else { f64::INFINITY } })
    }

    /// w at each fraction of a step.
    fn inside(
        &self,
        weights: &B::Buffer,
        first: &B::Buffer,
        stages: &[B::Buffer],
        length: f64,
        fractions: &[f64],
    ) -> Result<Vec<B::Buffer>, Error> {
        fractions.iter().map(|&at| self.combine(weights, length, &inside(at), first, stages)).collect()
    }

    /// `w + h Σ_j c_j k_j`.
    fn combine(
        &self,
        weights: &B::Buffer,
        length: f64,
        coefficients: &[f64],
        first: &B::Buffer,
        stages: &[B::Buffer],
    ) -> Result<B::Buffer, Error> {
        let mut out = self.backend.copied(Slice::new(weights, 0, self.len))?;
        self.add(&mut out, length, coefficients, first, stages)?;
        Ok(out)
    }

    /// `out += h Σ_j c_j k_j`.
    fn add(
        &self,
        out: &mut B::Buffer,
        length: f64,
        coefficients: &[f64],
        first: &B::Buffer,
        stages: &[B::Buffer],
    ) -> Result<(), Error> {
        let terms = coefficients.iter().zip(std::iter::once(first).chain(stages));
        for (coefficient, stage) in terms.filter(|(coefficient, _)| **coefficient != 0.0) {
            let out = SliceMut::new(&mut *out, 0, self.len);
            self.backend.axpy(out, length * coefficient, Slice::new(stage, 0, self.len))?;
        }
        Ok(())
    }

    fn download(&self, buffer: &B::Buffer) -> Result<Vec<B::Element>, Error> {
        Ok(self.backend.download(Slice::new(buffer, 0, self.len))?)
    }

    /// The root mean square of values over `tolerance (1 + size)`.
    fn norm(&self, values: &[B::Element], size: impl Fn(usize) -> f64) -> f64 {
        let scaled = |(at, value): (usize, &B::Element)| value.to_f64() / (self.tolerance * (1.0 + size(at)));
        let squares: f64 = values.iter().enumerate().map(scaled).map(|ratio| ratio * ratio).sum();
        (squares / self.count.max(1) as f64).sqrt()
    }

    /// The first step's length, by the sizes of w, of its slope and of the slope's change (Hairer, Nørsett, Wanner).
    fn first_length(
        &self,
        weights: &B::Buffer,
        values: &[B::Element],
        first: &B::Buffer,
        slope: &mut Slope<'_, B>,
    ) -> Result<f64, Error> {
        let size = |at: usize| values[at].to_f64().abs();
        let slopes = self.download(first)?;
        let (position, speed) = (self.norm(values, size), self.norm(&slopes, size));
        if !position.is_finite() || !speed.is_finite() {
            return Err(self.vanished(0.0, false));
        }
        let guess = if position < 1e-5 || speed < 1e-5 { 1e-6 } else { 0.01 * position / speed }.min(self.time);
        let ahead = slope(&self.combine(weights, guess, &[1.0], first, &[])?)?;
        let change: Vec<B::Element> = self.download(&ahead)?.iter().zip(&slopes).map(|(&b, &a)| b - a).collect();
        let change = self.norm(&change, size) / guess;
        let fastest = speed.max(change);
        let by_error = if fastest <= 1e-15 { (guess * 1e-3).max(1e-6) } else { (0.01 / fastest).powf(0.2) };
        Ok(if change.is_finite() { by_error.min(100.0 * guess) } else { guess })
    }
}

/// Proportional and integral control of the step size.
struct Control {
    /// The error of the last accepted step.
    before: f64,
    /// Whether the last trial was rejected.
    again: bool,
}

impl Control {
    const INTEGRAL: f64 = 0.04;
    // A step's error grows with the fifth power of its length, and the error that it may have with the first.
    const PROPORTIONAL: f64 = 0.25 - 0.75 * Self::INTEGRAL;
    const SAFETY: f64 = 0.9;
    const LEAST: f64 = 0.2;
    const MOST: f64 = 10.0;

    fn new() -> Self {
        Self { before: 1e-4, again: false }
    }

    /// The factor from an accepted step's length to the next one's; after a rejection it is at most 1.
    fn accepted(&mut self, error: f64) -> f64 {
        let most = if self.again { 1.0 } else { Self::MOST };
        let factor = Self::SAFETY * error.max(1e-10).powf(-Self::PROPORTIONAL) * self.before.powf(Self::INTEGRAL);
        *self = Self { before: error.max(1e-4), again: false };
        factor.clamp(Self::LEAST, most)
    }

    /// The factor from a rejected step's length to that of the next trial.
    fn rejected(&mut self, error: f64) -> f64 {
        self.again = true;
        (Self::SAFETY * error.powf(-Self::PROPORTIONAL)).clamp(Self::LEAST, Self::SAFETY)
    }
}

#[cfg(test)]
mod tests;
