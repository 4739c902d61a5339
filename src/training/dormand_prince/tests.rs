use super::*;
use crate::compute::cpu::CpuBackend;
use crate::compute::widen;

type Cpu<E> = CpuBackend<E>;
type Buffer<E> = <Cpu<E> as Backend>::Buffer;

/// Points of a solution: times with w there, at the ends of steps and inside them.
struct Path {
    ends: Vec<(f64, Vec<f64>)>,
    inside: Vec<(f64, Vec<f64>)>,
    evaluations: usize,
}

/// Ten fractions of a step, other than those that the coefficients are made for.
const FRACTIONS: [f64; 10] = [0.0, 0.03, 0.11, 0.27, 0.42, 0.5, 0.66, 0.83, 0.97, 1.0];

/// Solves for `initial.len()` numbers and a gap of zeros behind them.
fn solve<E: Element>(
    initial: &[f64],
    (time, tolerance, most_steps): (f64, f64, usize),
    slope: &dyn Fn(&[f64]) -> Vec<f64>,
) -> Result<Path, Error>
where
    Cpu<E>: Backend<Element = E>,
{
    let backend = Cpu::<E>::new();
    let count = initial.len();
    let len = count + 7;
    let pad =
        |values: &[f64]| -> Vec<E> { values.iter().copied().chain([0.0; 7]).map(E::from_f64).collect::<Vec<_>>() };
    let mut path = Path { ends: Vec::new(), inside: Vec::new(), evaluations: 0 };
    let mut evaluations = 0;
    DormandPrince { backend: &backend, len, count, time, tolerance, most_steps }.solve(
        backend.upload(&pad(initial))?,
        &FRACTIONS,
        &mut |weights: &Buffer<E>| {
            evaluations += 1;
            let weights = widen(&backend.download(Slice::new(weights, 0, count))?);
            Ok(backend.upload(&pad(&slope(&weights)))?)
        },
        &mut |step| {
            assert_eq!(step.end_values, backend.download(Slice::new(step.end, 0, len))?);
            assert!(step.end_values[count..].iter().all(|gap| gap.to_f64() == 0.0));
            for (fraction, weights) in FRACTIONS.iter().zip(&step.inside) {
                let weights = widen(&backend.download(Slice::new(weights, 0, count))?);
                path.inside.push((step.start + fraction * step.length, weights));
            }
            path.ends.push((step.start + step.length, widen(&step.end_values[..count])));
            Ok(())
        },
    )?;
    path.evaluations = evaluations;
    Ok(path)
}

/// The largest error of points against a closed form, relative to 1 + |w|.
fn error(points: &[(f64, Vec<f64>)], exact: &dyn Fn(f64) -> Vec<f64>) -> f64 {
    let one = |(time, weights): &(f64, Vec<f64>)| {
        let exact = exact(*time);
        weights.iter().zip(&exact).map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f64::max)
    };
    points.iter().map(one).fold(0.0, f64::max)
}

/// A damped rotation, w' = (-w0/2 - 3 w1, 3 w0 - w1/2), and its solution from (1, 0).
fn rotation(w: &[f64]) -> Vec<f64> {
    vec![-0.5 * w[0] - 3.0 * w[1], 3.0 * w[0] - 0.5 * w[1]]
}

fn rotated(time: f64) -> Vec<f64> {
    let size = (-0.5 * time).exp();
    vec![size * (3.0 * time).cos(), size * (3.0 * time).sin()]
}

/// w' = w (1 - w) from 0.1.
fn logistic(time: f64) -> Vec<f64> {
    vec![1.0 / (1.0 + 9.0 * (-time).exp())]
}

#[test]
fn the_coefficients_satisfy_the_conditions_of_their_orders() {
    let nodes: Vec<f64> = std::iter::once(0.0).chain(A.iter().map(|row| row.iter().sum())).collect();
    assert!(nodes.iter().zip([0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-14));
    for fraction in FRACTIONS {
        // Quadrature to degree 3 at every fraction: the conditions of order 4 that belong to f(t) alone.
        for power in 0..4 {
            let sum: f64 = inside(fraction).iter().zip(&nodes).map(|(b, c)| b * c.powi(power)).sum();
            let exact = fraction.powi(power + 1) / f64::from(power + 1);
            assert!((sum - exact).abs() < 1e-14, "{fraction}, {power}: {sum}, not {exact}");
        }
    }
    for (at, weight) in inside(1.0).iter().enumerate() {
        assert!((weight - A[STAGES - 2].get(at).copied().unwrap_or(0.0)).abs() < 1e-14, "stage {at}");
    }
    assert!(ERROR.iter().sum::<f64>().abs() < 1e-16);
    // The embedded solution has order 4 and no more.
    for power in 0..5 {
        let sum: f64 = ERROR.iter().zip(&nodes).map(|(e, c)| e * c.powi(power)).sum();
        assert_eq!(sum.abs() < 1e-15, power < 4, "{power}: {sum}");
    }
}

#[test]
fn closed_forms_within_the_tolerance_at_the_ends_and_inside() {
    type Problem<'a> = (&'a str, &'a [f64], f64, &'a dyn Fn(&[f64]) -> Vec<f64>, &'a dyn Fn(f64) -> Vec<f64>);
    let problems: [Problem<'_>; 3] = [
        ("rotation", &[1.0, 0.0], 10.0, &rotation, &rotated),
        ("exponential", &[1.0, -2.0], 3.0, &|w| w.to_vec(), &|t| vec![t.exp(), -2.0 * t.exp()]),
        ("logistic", &[0.1], 20.0, &|w| vec![w[0] * (1.0 - w[0])], &logistic),
    ];
    for (name, initial, time, slope, exact) in problems {
        for tolerance in [1e-4, 1e-6, 1e-8, 1e-10, 1e-12] {
            let path = solve::<f64>(initial, (time, tolerance, 100_000), slope).unwrap();
            assert_eq!(path.ends.last().unwrap().0, time);
            let (ends, inside) = (error(&path.ends, exact), error(&path.inside, exact));
            // Errors of steps add up, but over these times by no more than a few. Where the estimate of the one number of
            // the logistic passes zero, a step grows until the polynomial's own error is some tolerances.
            assert!(ends < 20.0 * tolerance, "{name} {tolerance:e}: {ends:e}");
            assert!(inside < 40.0 * tolerance, "{name} {tolerance:e}: {inside:e}");
        }
    }
}

#[test]
fn steps_grow_with_the_fourth_root_of_the_tolerance() {
    let run = |tolerance| solve::<f64>(&[1.0, 0.0], (10.0, tolerance, 100_000), &rotation).unwrap();
    let (coarse, fine) = (run(1e-6), run(1e-11));
    let ratio = fine.ends.len() as f64 / coarse.ends.len() as f64;
    assert!((14.0..22.0).contains(&ratio), "{ratio}, not about 18");
    // Local extrapolation: the error goes down as the tolerance, at the ends and inside.
    for (a, b) in [(&coarse.ends, &fine.ends), (&coarse.inside, &fine.inside)] {
        let gain = error(a, &rotated) / error(b, &rotated);
        assert!(gain > 2e4, "{gain}");
    }
    // No evaluation is made twice: six a step, and two to begin.
    assert!(fine.evaluations < 6 * fine.ends.len() + fine.ends.len() / 2 + 2, "{}", fine.evaluations);
}

#[test]
fn one_step_has_its_orders() {
    let backend = Cpu::<f64>::new();
    let solver = DormandPrince { backend: &backend, len: 2, count: 2, time: 1.0, tolerance: 1.0, most_steps: 1 };
    let mut slope = |weights: &Buffer<f64>| -> Result<Buffer<f64>, Error> {
        Ok(backend.upload(&rotation(&backend.download(Slice::new(weights, 0, 2))?))?)
    };
    let values = [1.0, 0.0];
    let weights = backend.upload(&values).unwrap();
    let first = slope(&weights).unwrap();
    let mut errors = |length: f64| {
        let trial = solver.step(&weights, &values, &first, length, &mut slope).unwrap();
        let inside = solver.inside(&weights, &first, &trial.stages, length, &[0.3]).unwrap();
        let inside = backend.download(Slice::new(&inside[0], 0, 2)).unwrap();
        // A step is held to its share of the time.
        let estimate = trial.error * length;
        (error(&[(length, trial.end_values)], &rotated), error(&[(0.3 * length, inside)], &rotated), estimate)
    };
    let (long, short) = (errors(0.04), errors(0.02));
    let order = |a: f64, b: f64| (a / b).log2();
    assert!((order(long.0, short.0) - 6.0).abs() < 0.2, "end {}", order(long.0, short.0));
    assert!((order(long.1, short.1) - 5.0).abs() < 0.2, "inside {}", order(long.1, short.1));
    assert!((order(long.2, short.2) - 5.0).abs() < 0.2, "estimate {}", order(long.2, short.2));
}

#[test]
fn gaps_do_not_dilute_the_norm() {
    // Without the count, seven zeros behind one number would allow errors √8 times as large, so fewer steps.
    let alone = |gap: usize| {
        let backend = Cpu::<f64>::new();
        let mut steps = 0;
        let solver =
            DormandPrince { backend: &backend, len: 1 + gap, count: 1, time: 20.0, tolerance: 1e-9, most_steps: 9999 };
        let mut initial = vec![0.0; 1 + gap];
        initial[0] = 0.1;
        let initial = backend.upload(&initial).unwrap();
        let mut slope = |weights: &Buffer<f64>| -> Result<Buffer<f64>, Error> {
            let weights = backend.download(Slice::new(weights, 0, 1 + gap))?;
            Ok(backend.upload(&weights.iter().map(|w| w * (1.0 - w)).collect::<Vec<_>>())?)
        };
        let mut accept = |_: Accepted<'_, Cpu<f64>>| {
            steps += 1;
            Ok(())
        };
        solver.solve(initial, &[], &mut slope, &mut accept).unwrap();
        steps
    };
    assert_eq!(alone(0), alone(63));
}

#[test]
fn single_precision_reaches_its_least_tolerance_and_no_less() {
    let least = least_tolerance::<f32>();
    let run = |tolerance| solve::<f32>(&[1.0, 0.0], (10.0, tolerance, 2000), &rotation);
    // Under a smaller tolerance a step may still make the error that rounding lets the estimate see.
    for tolerance in [least, 1e-11] {
        let found = error(&run(tolerance).unwrap().inside, &rotated);
        assert!(found < 10.0 * least, "{tolerance:e}: {found:e}");
    }
}

#[test]
fn failures_say_how_far_it_came() {
    // 1/(1 - t) has no value at t = 1.
    let vanished = solve::<f64>(&[1.0], (2.0, 1e-8, 1_000_000), &|w| vec![w[0] * w[0]]);
    let Err(Error::StepVanished { time, end }) = vanished else { panic!("it passed a pole") };
    assert!((time - 1.0).abs() < 1e-6 && end == 2.0, "{time}");

    let stiff = solve::<f64>(&[1.0, 1.0], (10.0, 1e-6, 1000), &|w| vec![-1e6 * (w[0] - w[1]), -w[1]]);
    let Err(Error::TooManySteps { steps: 1000, time, end: 10.0 }) = stiff else { panic!("it is not stiff") };
    assert!(time > 0.0 && time < 1.0);

    let wall = |w: &[f64]| vec![if w[0] > 2.0 { f64::NAN } else { 1.0 }];
    let Err(Error::FlowNotFinite { time, .. }) = solve::<f64>(&[1.0], (5.0, 1e-8, 100_000), &wall) else {
        panic!("it passed NaN")
    };
    assert!((time - 1.0).abs() < 1e-9, "{time}");

    let nowhere = solve::<f64>(&[1.0], (5.0, 1e-8, 1000), &|_| vec![f64::INFINITY]);
    assert!(matches!(nowhere, Err(Error::FlowNotFinite { time: 0.0, .. })));
    // A slope that saturates must not hide weights that overflowed.
    let saturated = solve::<f32>(&[1e38], (1e3, 1e-3, 1000), &|w| vec![3e38 * w[0].tanh()]);
    assert!(saturated.is_err());
}

#[test]
fn what_the_caller_returns_ends_it() {
    let backend = Cpu::<f64>::new();
    let solver = DormandPrince { backend: &backend, len: 1, count: 1, time: 1.0, tolerance: 1e-6, most_steps: 100 };
    let initial = || backend.upload(&[1.0]).unwrap();
    let mut slope = |_: &Buffer<f64>| Ok(backend.upload(&[1.0])?);
    assert!(matches!(solver.solve(initial(), &[], &mut slope, &mut |_| Err(Error::Stopped)), Err(Error::Stopped)));
    assert!(matches!(solver.solve(initial(), &[], &mut |_| Err(Error::Stopped), &mut |_| Ok(())), Err(Error::Stopped)));
}

#[test]
fn a_point_of_rest_is_passed_in_a_few_steps() {
    let path = solve::<f64>(&[1.0], (1e6, 1e-8, 100), &|_| vec![0.0]).unwrap();
    assert!(path.ends.iter().all(|(_, w)| w == &[1.0]));
    assert_eq!(path.ends.last().unwrap().0, 1e6);
}
