//! Against NumPy and scikit-learn: `tests/machine/make.py` says what has to come out.

use super::wanted::Meaning;
use super::{Features, Fit, Kind, Matrix, Part, Spectrum, Wanted, alignment, crossed};
use serde_json::Value;

fn expected() -> Value {
    serde_json::from_str(include_str!("../../tests/machine/expected.json")).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn matrix(value: &Value) -> Matrix<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().expect("rows").iter().map(numbers).collect();
    Matrix::from_row_slice(rows.len(), rows[0].len(), &rows.concat())
}

fn kernel(expected: &Value, name: &str) -> Matrix<f64> {
    matrix(&expected["kernels"][name])
}

/// Classes as machines take them.
fn classes(value: &Value) -> Wanted {
    let labels = numbers(value);
    let count = labels.iter().fold(0.0f64, |most, own| most.max(*own)) as usize + 1;
    let values = Matrix::from_fn(labels.len(), count, |row, class| f64::from(u8::from(labels[row] as usize == class)));
    Wanted { meaning: Meaning::Classes, values }
}

fn wanted(value: &Value, meaning: Meaning) -> Wanted {
    Wanted { meaning, values: matrix(value) }
}

/// One part for all outputs.
fn whole(kernel: Matrix<f64>, values: Matrix<f64>) -> Vec<Part> {
    vec![Part { features: Features::of(kernel, f64::EPSILON).expect("a kernel"), values }]
}

/// What a machine answers to the examples that it is fitted to.
fn outputs(parts: &[Part], fit: &Fit) -> Matrix<f64> {
    let own: Vec<Matrix<f64>> =
        parts.iter().zip(&fit.weights).map(|(part, weights)| weights.outputs(&part.features.values())).collect();
    super::fit::beside(&own)
}

#[track_caller]
fn close(found: &Matrix<f64>, want: &Matrix<f64>, tolerance: f64) {
    assert_eq!(found.shape(), want.shape());
    let off = (found - want).amax();
    assert!(off <= tolerance, "off by {off:e}: {found} instead of {want}");
}

/// Roundings of products of some tens of numbers, divided by the smallest alpha or eigenvalue.
const EXACT: f64 = 1e-10;
/// The duals are solved to 1e-6 of a margin.
const SOLVED: f64 = 3e-6;
/// Losses are within 1e-12 of the smallest: weights within the root of it, over alpha.
const CURVED: f64 = 1e-6;

#[test]
fn spectra_are_those_of_numpy() {
    let expected = expected();
    for name in ["positive", "indefinite"] {
        let (found, want) = (Spectrum::of(kernel(&expected, name)), &expected["spectra"][name]);
        let want_values = numbers(&want["eigenvalues"]);
        assert_eq!(found.eigenvalues.len(), want_values.len());
        let pairs = found.eigenvalues.iter().copied().zip(want_values);
        let numbers = [
            (found.effective_rank, "effective_rank"),
            (found.participation_ratio, "participation_ratio"),
            (found.negative, "negative"),
        ];
        let numbers = numbers.map(|(found, key)| (found, want[key].as_f64().expect("a number")));
        for (found, want) in pairs.chain(numbers) {
            assert!((found - want).abs() < 1e-12, "{name}: {found} instead of {want}");
        }
    }
    let positive = kernel(&expected, "positive");
    let values = classes(&expected["labels"]).values;
    let pairs = [("with_labels", &values * values.transpose()), ("with_indefinite", kernel(&expected, "indefinite"))];
    for (key, other) in pairs {
        let (found, want) = (alignment(&positive, &other), expected["alignments"][key].as_f64().expect("a number"));
        assert!((found - want).abs() < 1e-12, "{key}: {found} instead of {want}");
    }
    assert_eq!(alignment(&positive, &Matrix::repeat(16, 16, 2.0)), 0.0);
}

/// With all outputs of one kernel, of one that is not positive, and of one between outputs.
#[test]
fn ridges_are_those_of_fitting_without_each_example() {
    let expected = expected();
    let numbers_wanted = || wanted(&expected["numbers"], Meaning::Numbers);
    let pairs_values = numbers_wanted().values.transpose().reshape_generic(nalgebra::Dyn(32), nalgebra::Dyn(1));
    let labels = classes(&expected["labels"]);
    let cases = [
        ("classes", whole(kernel(&expected, "positive"), labels.values.clone()), labels),
        ("indefinite", whole(kernel(&expected, "indefinite"), numbers_wanted().values), numbers_wanted()),
        ("pairs", whole(kernel(&expected, "pairs"), pairs_values), numbers_wanted()),
    ];
    for (name, parts, wanted) in cases {
        let want = &expected["ridge"][name];
        let fit = |alpha| Kind::Ridge.fit(&parts, &wanted, alpha).expect("a ridge");
        let chosen = want["chosen"].as_f64().expect("a number");
        assert!((fit(None).alpha / chosen - 1.0).abs() < 1e-12, "{name}: {} instead of {chosen}", fit(None).alpha);
        for tried in want["tried"].as_array().expect("a list") {
            let found = fit(tried["alpha"].as_f64());
            let outputs = outputs(&parts, &found);
            let outputs = if name == "pairs" {
                outputs.reshape_generic(nalgebra::Dyn(2), nalgebra::Dyn(16)).transpose()
            } else {
                outputs
            };
            close(&outputs, &matrix(&tried["outputs"]), EXACT);
            close(&found.left_out.expect("outputs"), &matrix(&tried["left_out"]), EXACT);
        }
    }
}

/// The outputs of a machine are sums over examples by its coefficients.
#[test]
fn coefficients_say_what_weights_say() {
    let expected = expected();
    let kernel = kernel(&expected, "positive");
    let wanted = classes(&expected["labels"]);
    let parts = whole(kernel.clone(), wanted.values.clone());
    for kind in [Kind::Ridge, Kind::Svm, Kind::Logistic] {
        let fit = kind.fit(&parts, &wanted, Some(0.1)).expect("a machine");
        let mut sums = &kernel * parts[0].features.coefficients(&fit.weights[0].values);
        for (mut column, offset) in sums.column_iter_mut().zip(&fit.weights[0].offset) {
            column.add_scalar_mut(*offset);
        }
        close(&sums, &outputs(&parts, &fit), EXACT);
    }
}

#[test]
fn support_vector_machines_are_those_of_scikit_learn() {
    let expected = expected();
    let (labels, signs) = (classes(&expected["labels"]), wanted(&expected["signs"], Meaning::Signs));
    for tried in expected["tried"].as_array().expect("a list") {
        for (wanted, key) in [(&labels, "svm"), (&signs, "svm_signs")] {
            let parts = whole(kernel(&expected, "positive"), wanted.values.clone());
            let fit = Kind::Svm.fit(&parts, wanted, tried["alpha"].as_f64()).expect("a machine");
            close(&outputs(&parts, &fit), &matrix(&tried[key]), SOLVED);
            if key == "svm" {
                let support = fit.weights[0].support.as_ref().expect("some carry it");
                let support: Vec<f64> = support.iter().map(|&row| row as f64).collect();
                assert_eq!(support, numbers(&tried["support"]));
            }
        }
    }
}

/// Of several classes, of two, and of yes and no; a constant for all classes is nothing.
#[test]
fn logistic_machines_are_those_of_scikit_learn() {
    let expected = expected();
    let signs = wanted(&expected["signs"], Meaning::Signs);
    for tried in expected["tried"].as_array().expect("a list") {
        let cases = [
            (classes(&expected["labels"]), "logistic"),
            (classes(&expected["two"]), "logistic_two"),
            (signs.clone(), "logistic_signs"),
        ];
        for (wanted, key) in cases {
            let parts = whole(kernel(&expected, "positive"), wanted.values.clone());
            let fit = Kind::Logistic.fit(&parts, &wanted, tried["alpha"].as_f64()).expect("a machine");
            let found = outputs(&parts, &fit);
            let found = if wanted.meaning == Meaning::Classes { without_mean(found) } else { found };
            close(&found, &matrix(&tried[key]), CURVED);
        }
    }
}

fn without_mean(mut outputs: Matrix<f64>) -> Matrix<f64> {
    for mut row in outputs.row_iter_mut() {
        let mean = row.mean();
        row.add_scalar_mut(-mean);
    }
    outputs
}

#[test]
fn alpha_is_chosen_by_the_examples_left_out() {
    let expected = expected();
    let wanted = classes(&expected["labels"]);
    let folds: Vec<f64> = crossed::folds(&wanted).into_iter().map(|fold| fold as f64).collect();
    assert_eq!(folds, numbers(&expected["folds"]), "tests/machine/folds.json has to be these");
    for (kind, tolerance) in [(Kind::Svm, SOLVED), (Kind::Logistic, CURVED)] {
        let parts = whole(kernel(&expected, "positive"), wanted.values.clone());
        let fit = kind.fit(&parts, &wanted, None).expect("a machine");
        let want = &expected["crossed"][kind.name()];
        assert_eq!(Some(fit.alpha), want["chosen"].as_f64());
        let found = fit.left_out.expect("outputs");
        let found = if kind == Kind::Logistic { without_mean(found) } else { found };
        close(&found, &matrix(&want["left_out"]), tolerance);
    }
}

/// A single example, a single class, equal examples, and a kernel that is nothing.
#[test]
fn what_is_hardly_a_task_is_answered() {
    let one = |value: f64| Matrix::from_element(1, 1, value);
    let single = Wanted { meaning: Meaning::Classes, values: Matrix::from_row_slice(1, 2, &[0.0, 1.0]) };
    assert!(Features::of(one(0.0), f64::EPSILON).is_none() && Features::of(one(-1.0), f64::EPSILON).is_none());
    assert_eq!(Spectrum::of(one(1.0)).eigenvalues, [1.0]);
    assert_eq!(alignment(&one(1.0), &one(1.0)), 0.0);
    for kind in [Kind::Ridge, Kind::Svm, Kind::Logistic] {
        let parts = whole(one(1.0), single.values.clone());
        assert_eq!(kind.fit(&parts, &single, None).is_ok(), kind == Kind::Ridge);
        let fit = kind.fit(&parts, &single, Some(0.5)).expect("a machine");
        assert_eq!(single.score(&outputs(&parts, &fit)), Some(1.0));
        assert!(fit.left_out.is_none());
        // Six examples that are the same, of one class and of two.
        for labels in [[1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1]] {
            let values = Matrix::from_fn(6, 2, |row, class| f64::from(u8::from(labels[row] == class)));
            let wanted = Wanted { meaning: Meaning::Classes, values };
            let parts = whole(Matrix::repeat(6, 6, 1.0), wanted.values.clone());
            let fit = kind.fit(&parts, &wanted, None).expect("a machine");
            let right = labels.iter().filter(|label| **label == 1).count() as f64 / 6.0;
            assert_eq!(wanted.score(&outputs(&parts, &fit)), Some(right), "{kind:?}");
        }
    }
}

#[test]
fn answers_are_scored() {
    let rows = |values: &[f64]| Matrix::from_row_slice(2, 2, values);
    let score = |meaning, wanted: &[f64], found: &[f64]| Wanted { meaning, values: rows(wanted) }.score(&rows(found));
    assert_eq!(score(Meaning::Classes, &[1.0, 0.0, 0.0, 1.0], &[3.0, 2.0, 2.0, 1.0]), Some(0.5));
    assert_eq!(score(Meaning::Signs, &[1.0, -1.0, -1.0, 1.0], &[3.0, -2.0, 2.0, 1.0]), Some(0.75));
    assert_eq!(score(Meaning::Numbers, &[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 3.0, 8.0]), Some(2.0));
    assert_eq!(score(Meaning::Numbers, &[1.0, 2.0, f64::NAN, f64::NAN], &[1.0, 4.0, 3.0, 8.0]), Some(2f64.sqrt()));
    assert_eq!(score(Meaning::Classes, &[f64::NAN; 4], &[3.0, 2.0, 2.0, 1.0]), None);
}
