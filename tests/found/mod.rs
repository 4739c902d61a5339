//! Wrong numbers and false alarms that were found once, each in the run that showed it. What is expected was computed in 80-bit
//! arithmetic; `tests/reference/random/run.py --folder` computes it again.

use super::common::arrays::read_npy;
use super::common::program::{pathkernel, stderr, succeeds};
use std::path::Path;

/// Runs a case with overrides; every expected array must be met to `tolerance` of the largest expected entry.
fn agrees(case: &str, overrides: &[&str], tolerance: f64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/found").join(case);
    let scratch = tempfile::tempdir().expect("a folder");
    let directory = format!("run.directory={}", scratch.path().join("out").display());
    let mut command = pathkernel(Path::new(env!("CARGO_TARGET_TMPDIR")));
    // Some follow a path that no optimizer made: its numbers are asked for, not the verdict on it.
    command.args(["run", "kernel.accept=1e9"]);
    let said = stderr(&succeeds(command.arg(folder.join("run.toml")).arg(directory).args(overrides)));
    assert!(!said.contains("WARN"), "{case}: {said}");
    let array = |name: &str| read_npy(&folder.join(format!("expected_{name}.npy"))).expect("an expected array");
    let scale = array("attribution").largest().max(array("prediction").largest());
    for name in ["attribution", "initial", "prediction"] {
        let (want, have) = (array(name), read_npy(&scratch.path().join(format!("out/{name}.npy"))).expect("an array"));
        assert_eq!(want.shape, have.shape, "{case}: {name}");
        let own = if name == "attribution" { want.largest() } else { scale };
        let furthest = want.values.iter().zip(&have.values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(furthest <= tolerance * own, "{case} {overrides:?}: {name} is off by {:e}", furthest / own);
    }
}

/// A flip of the first layer next to a piece's end hid the flips of the second one.
#[test]
fn flips_of_deeper_layers_are_seen_at_any_tolerance() {
    for tolerance in ["1e-1", "1e-6", "1e-12"] {
        agrees("adaptive_flips", &[&format!("kernel.tolerance={tolerance}")], 1e-12);
    }
}

/// Three outputs whose errors are multiples of one, which vanishes with two nodes.
#[test]
fn outputs_that_are_multiples_of_one_prove_nothing() {
    agrees("collinear_outputs", &[], 1e-10);
}

/// A loss that is far larger inside a step than at its ends, and so are the roundings of its gradient.
#[test]
fn what_is_large_inside_a_step_alone_is_no_wrong_number() {
    agrees("false_alarm", &[], 1e-10);
}

/// Momentum over steps of tiny rates into steps of large ones.
#[test]
fn momentum_remembers_by_rates() {
    agrees("momentum_window", &[], 3e-6);
    agrees("momentum_window", &["run.precision=f64"], 1e-10);
}
