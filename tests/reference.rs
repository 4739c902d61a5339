//! The whole program against the float64 reference in `tests/reference`: every fixture is run with the
//! real binary, and every array that it writes is compared with the one expected.

mod common;

use common::{Array, read_npy, read_safetensors};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How a fixture is run and how near its arrays must come, relative to each one's largest entry.
struct Setup {
    device: &'static str,
    precision: &'static str,
    tolerance: f64,
    /// Below this share of the kernel's largest entry a coefficient is NaN.
    near_zero: f64,
}

const CPU_F64: Setup = Setup { device: "cpu", precision: "f64", tolerance: 1e-10, near_zero: 1e-12 };
const CPU_F32: Setup = Setup { device: "cpu", precision: "f32", tolerance: 3e-6, near_zero: 1e-6 };
const GPU: Setup = Setup { device: "gpu", precision: "f32", tolerance: 2e-5, near_zero: 1e-6 };

#[test]
fn cpu_f64_agrees_with_the_reference() {
    compare_all(&CPU_F64, &fixtures());
}

#[test]
fn cpu_f32_agrees_with_the_reference() {
    compare_all(&CPU_F32, &fixtures_for_f32());
}

#[test]
fn gpu_agrees_with_the_reference() {
    let cases = fixtures_for_f32();
    let first = cases.first().expect("there are fixtures");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let output = run(&GPU, first, &scratch.path().join("probe"));
    let message = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && message.contains("no GPU adapter") {
        let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|v| v == "1");
        assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {message}");
        println!("skipped: no GPU adapter here");
        return;
    }
    compare_all(&GPU, &cases);
}

/// Without these the comparisons would pass on an empty folder.
#[test]
fn fixtures_are_complete() {
    let all = fixtures();
    assert!(all.len() >= 80, "only {} fixtures", all.len());
    assert!(fixtures_for_f32().len() + 10 >= all.len());
    for case in &all {
        for file in ["attribution.npy", "residual.npy", "weights_final.safetensors"] {
            let path = case.join(format!("expected_{file}"));
            assert!(path.is_file(), "{} is missing", path.display());
        }
    }
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let entries = fs::read_dir(&root).expect("tests/fixtures can be read");
    let mut cases: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.join("case.toml").is_file())
        .collect();
    cases.sort();
    cases
}

/// Those that `case.toml` doesn't keep for f64 alone.
fn fixtures_for_f32() -> Vec<PathBuf> {
    let mut cases = fixtures();
    cases.retain(|case| {
        let text = fs::read_to_string(case.join("case.toml")).expect("case.toml can be read");
        let table: toml::Table = text.parse().expect("case.toml is TOML");
        table.get("f64_only").and_then(toml::Value::as_bool) == Some(false)
    });
    cases
}

fn run(setup: &Setup, case: &Path, directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pathkernel"))
        .arg("run")
        .arg(case.join("run.toml"))
        .arg(format!("run.directory={}", directory.display()))
        .arg(format!("run.device={}", setup.device))
        .arg(format!("run.precision={}", setup.precision))
        .env("PATHKERNEL_CACHE", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("the binary starts")
}

/// Runs every case, then fails with one line for each array that is too far off.
fn compare_all(setup: &Setup, cases: &[PathBuf]) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (mut lines, mut failures) = (Vec::new(), 0);
    for case in cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        let directory = scratch.path().join(name.as_ref());
        let output = run(setup, case, &directory);
        let result = if output.status.success() {
            compare_case(setup, case, &directory)
        } else {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(vec![format!("{}: {}", output.status, text.trim())])
        };
        match result {
            Ok((error, array)) => lines.push(format!("  ok   {name}: {error:.1e} ({array})")),
            Err(problems) => {
                failures += 1;
                lines.extend(problems.iter().map(|p| format!("  FAIL {name}: {p}")));
            }
        }
    }
    let report = lines.join("\n");
    assert!(
        failures == 0,
        "{failures} of {} cases on {} in {} are further off than {:.0e}:\n{report}",
        cases.len(),
        setup.device,
        setup.precision,
        setup.tolerance
    );
    println!("{report}");
}

/// The largest error and the array that has it, or what is wrong with each array that is.
fn compare_case(setup: &Setup, case: &Path, got: &Path) -> Result<(f64, String), Vec<String>> {
    let mut worst = (0.0, String::from("all exact"));
    let mut problems = missing_or_extra(case, got);
    for name in expected_names(case) {
        match error_of(setup, case, got, &name) {
            Ok(error) if error <= setup.tolerance => {
                if error > worst.0 {
                    worst = (error, name);
                }
            }
            Ok(error) => problems.push(format!("{name} is {error:.1e} off")),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    if problems.is_empty() { Ok(worst) } else { Err(problems) }
}

/// The names X of a case's `expected_X.npy`, and `weights_final`.
fn expected_names(case: &Path) -> Vec<String> {
    let mut names: Vec<String> = files(case)
        .iter()
        .filter_map(|file| file.strip_prefix("expected_")?.split_once('.'))
        .map(|(name, _)| name.to_owned())
        .collect();
    names.sort();
    names
}

/// Arrays that the run should not have written: nothing that was not asked for.
fn missing_or_extra(case: &Path, got: &Path) -> Vec<String> {
    let expected = expected_names(case);
    files(got)
        .iter()
        .filter_map(|file| file.strip_suffix(".npy"))
        .filter(|name| !expected.iter().any(|e| e == name))
        .map(|name| format!("{name}.npy was not asked for"))
        .collect()
}

fn files(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn error_of(setup: &Setup, case: &Path, got: &Path, name: &str) -> Result<f64, String> {
    let expected = |name: &str| read_npy(&case.join(format!("expected_{name}.npy")));
    if name == "weights_final" {
        return weights_error(case, got);
    }
    let (want, have) = (expected(name)?, read_npy(&got.join(format!("{name}.npy")))?);
    same_shape(&want, &have)?;
    match name {
        "residual" => {
            let (first, last) = (expected("initial")?, expected("prediction")?);
            let scale = largest_difference(&first, &last);
            Ok(largest_difference(&want, &have) / scale)
        }
        "coefficients" => coefficient_error(setup, &expected("kernel")?, &want, &have),
        _ => Ok(largest_difference(&want, &have) / scale_of(&want)),
    }
}

fn weights_error(case: &Path, got: &Path) -> Result<f64, String> {
    let want = read_safetensors(&case.join("expected_weights_final.safetensors"))?;
    let have = read_safetensors(&got.join("weights_final.safetensors"))?;
    if !want.keys().eq(have.keys()) {
        return Err(format!("{:?}, not {:?}", have.keys(), want.keys()));
    }
    let mut error: f64 = 0.0;
    for (tensor, other) in want.values().zip(have.values()) {
        same_shape(tensor, other)?;
        error = worse(error, largest_difference(tensor, other) / scale_of(tensor));
    }
    Ok(error)
}

/// A coefficient is a quotient: where K is small, rounding of K counts for more. In f64 the plain measure
/// is strict enough to be used; in f32 the difference is measured at the size of a·K, to which an error of
/// K contributes |a| times that error.
fn coefficient_error(setup: &Setup, kernel: &Array, want: &Array, have: &Array) -> Result<f64, String> {
    let top = kernel.largest();
    let product = want.values.iter().zip(&kernel.values).fold(0.0f64, |m, (a, k)| m.max((a * k).abs()));
    let plain = scale_of(want);
    let mut error: f64 = 0.0;
    for ((k, a), b) in kernel.values.iter().zip(&want.values).zip(&have.values) {
        let share = k.abs() / top;
        let undecided = share > 0.5 * setup.near_zero && share < 2.0 * setup.near_zero;
        if undecided {
            continue;
        }
        if (share < setup.near_zero) != b.is_nan() {
            return Err(format!("{b} where |K| is {share:.1e} of its largest"));
        }
        if b.is_nan() {
            continue;
        }
        let scaled = if setup.precision == "f64" {
            (a - b).abs() / plain
        } else {
            (a - b).abs() * k.abs() / (product + a.abs() * top)
        };
        error = worse(error, scaled);
    }
    Ok(error)
}

fn same_shape(want: &Array, have: &Array) -> Result<(), String> {
    if want.shape == have.shape { Ok(()) } else { Err(format!("shape {:?}, not {:?}", have.shape, want.shape)) }
}

/// The largest entry; 1 for an array of zeros, which then has to be zero to within the tolerance.
fn scale_of(array: &Array) -> f64 {
    let top = array.largest();
    if top > 0.0 { top } else { 1.0 }
}

fn largest_difference(a: &Array, b: &Array) -> f64 {
    let pairs = a.values.iter().zip(&b.values);
    pairs.fold(0.0, |top, (x, y)| worse(top, (x - y).abs()))
}

/// The larger one, NaN being the worst of all.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}
