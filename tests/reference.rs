//! The whole program against the float64 reference in `tests/reference`: every fixture is run with the
//! real binary, and every array that it writes is compared with the one expected.

mod common;
#[path = "found/mod.rs"]
mod found;

use common::arrays::{Array, read_npy, read_safetensors};
use common::program::pathkernel;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// The device and the precision that fixtures are run with.
struct Setup {
    device: &'static str,
    precision: &'static str,
    /// Below this share of the kernel's largest entry a coefficient is NaN.
    near_zero: f64,
}

const CPU_F64: Setup = Setup { device: "cpu", precision: "f64", near_zero: 1e-12 };
const CPU_F32: Setup = Setup { device: "cpu", precision: "f32", near_zero: 1e-6 };
const GPU: Setup = Setup { device: "gpu", precision: "f32", near_zero: 1e-6 };

/// A module of tests for each group of fixtures: `cargo test --test reference adaptive` runs one of them.
macro_rules! groups {
    ($($group:ident)*) => {
        const GROUPS: &[&str] = &[$(stringify!($group)),*];
        $(mod $group {
            #[test]
            fn cpu_f64_agrees_with_the_reference() {
                super::compare_all(&super::CPU_F64, &super::fixtures(stringify!($group)));
            }

            #[test]
            fn cpu_f32_agrees_with_the_reference() {
                super::compare_all(&super::CPU_F32, &super::fixtures_for_f32(stringify!($group)));
            }

            #[test]
            fn gpu_agrees_with_the_reference() {
                super::compare_on_gpu(&super::fixtures_for_f32(stringify!($group)));
            }
        })*
    };
}

groups!(descent optimizers readouts adaptive flow imports superposition models earlier own windows);

/// Skips where there is no adapter, unless PATHKERNEL_REQUIRE_GPU=1.
fn compare_on_gpu(cases: &[PathBuf]) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    // A case of plain descent: whether there is a GPU must not hang on what the group tests.
    let probe = fixture_folder().join("kernel_default");
    let output = run(&GPU, &probe, &scratch.path().join("probe"));
    let message = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && message.contains("no GPU adapter") {
        let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|v| v == "1");
        assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {message}");
        println!("skipped: no GPU adapter here");
        return;
    }
    compare_all(&GPU, cases);
}

/// How near a case's arrays must come, relative to each one's largest entry.
fn tolerance(setup: &Setup, case: &Case) -> f64 {
    match (setup.precision, case) {
        // The certificate bounds what is missing along the whole step. An example's part of the step can be larger
        // than the step, and is only partly along it.
        ("f64", Case { adaptive: Some(certificate), .. }) => (20.0 * certificate).max(1e-6),
        ("f64", Case { flow: true, .. }) => 1e-9,
        // Exact to rounding, which steps amplify.
        ("f64", _) => 1e-10,
        // Adam and its like divide by the size of a mean: where gradients nearly cancel, what it divides is rounding.
        (_, Case { preconditioned: true, .. }) => 3e-4,
        // The certificate lets 16 rounding units of f pass at every step.
        (_, Case { adaptive: Some(_), .. }) => 1e-4,
        // Hundreds of small steps, each rounded to the weights' last place.
        (_, Case { flow: true, .. }) => 1e-4,
        _ if setup.device == "cpu" => 3e-6,
        _ => 2e-5,
    }
}

/// How far the rest that no term explains may be off, relative to the change in f. The adaptive rule promises that
/// rest's size itself, step by step; steps may go to and fro.
fn residual_tolerance(setup: &Setup, case: &Case) -> f64 {
    match (setup.precision, case.adaptive) {
        ("f64", Some(certificate)) => 10.0 * certificate,
        _ => tolerance(setup, case),
    }
}

/// Without these the comparisons would pass on an empty folder.
#[test]
fn fixtures_are_complete() {
    let (mut all, mut for_f32) = (Vec::new(), 0);
    for group in GROUPS {
        let cases = fixtures(group);
        assert!(cases.len() >= 5, "only {} fixtures of {group}", cases.len());
        for_f32 += fixtures_for_f32(group).len();
        all.extend(cases);
    }
    assert!(all.len() >= 150, "only {} fixtures", all.len());
    assert!(for_f32 + 10 >= all.len());
    assert_eq!(all.len(), folders().len(), "a case's group is none of {GROUPS:?}");
    for case in &all {
        for file in ["attribution.npy", "residual.npy", "weights_final.safetensors"] {
            let path = case.join(format!("expected_{file}"));
            assert!(path.is_file(), "{} is missing", path.display());
        }
    }
}

/// docs/models.md says which fixture is which model's network: each is there, and each `people_…` is named.
#[test]
fn models_of_the_page_have_their_fixtures() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/models.md");
    let page = fs::read_to_string(page).expect("docs/models.md can be read");
    let table = page.split("## What is not there yet").next().unwrap_or_default();
    let network = |line: &str| line.strip_prefix("| ").and_then(|line| line.split('✓').nth(1).map(str::to_owned));
    let named: Vec<String> = table
        .lines()
        .filter_map(network)
        .flat_map(|text| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|name| !name.contains('.'))
        .collect();
    assert!(named.len() >= 28, "only {} fixtures are named", named.len());
    let folders: Vec<String> =
        folders().iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    for name in &named {
        assert!(folders.contains(name), "docs/models.md names {name}, which is no fixture");
    }
    for folder in folders.iter().filter(|folder| folder.starts_with("people_")) {
        assert!(named.contains(folder), "docs/models.md does not name {folder}");
    }
}

fn fixture_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Every folder of a case, in order.
fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(fixture_folder()).expect("tests/fixtures can be read");
    let mut cases: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.join("case.toml").is_file())
        .collect();
    cases.sort();
    cases
}

fn fixtures(group: &str) -> Vec<PathBuf> {
    let mut cases = folders();
    cases.retain(|case| table(&case.join("case.toml")).get("group").map_or("descent", text) == group);
    cases
}

/// Those that `case.toml` doesn't keep for f64 alone.
fn fixtures_for_f32(group: &str) -> Vec<PathBuf> {
    let mut cases = fixtures(group);
    cases.retain(|case| table(&case.join("case.toml")).get("f64_only").and_then(toml::Value::as_bool) == Some(false));
    cases
}

fn table(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text(value: &toml::Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A fixture's folder, and what of its run file decides how near the answers must come.
struct Case {
    folder: PathBuf,
    /// Whether the optimizer divides each gradient by a size: Adam and its like.
    preconditioned: bool,
    /// Gradient flow.
    flow: bool,
    /// The tolerance of the rule `adaptive`, if that is the rule.
    adaptive: Option<f64>,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let run = table(&folder.join("run.toml"));
        let (optimizer, kernel) = (text(&run["training"]["optimizer"]["type"]), &run["kernel"]);
        let certificate = kernel.get("tolerance").and_then(toml::Value::as_float).unwrap_or(1e-6);
        Self {
            folder: folder.to_owned(),
            preconditioned: ["adam", "adamw", "rmsprop", "nadam", "lion"].contains(&optimizer),
            flow: optimizer == "flow",
            adaptive: kernel.get("rule").is_some_and(|rule| text(rule) == "adaptive").then_some(certificate),
        }
    }
}

fn run(setup: &Setup, case: &Path, directory: &Path) -> Output {
    pathkernel(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .arg("run")
        .arg(case.join("run.toml"))
        .arg(format!("run.directory={}", directory.display()))
        .arg(format!("run.device={}", setup.device))
        .arg(format!("run.precision={}", setup.precision))
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
        let result = if output.status.code() == expected_code(case) {
            compare_case(setup, &Case::read(case), &directory)
        } else {
            let text = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
            Err(vec![format!("{}, not {:?}: {}", output.status, expected_code(case), text.trim())])
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
        "{failures} of {} cases on {} in {} are further off than they may be:\n{report}",
        cases.len(),
        setup.device,
        setup.precision
    );
    println!("{report}");
}

/// The exit code that a run's verdict has: 3 where what the reference leaves unexplained, or misses, is more than a thousandth of the
/// largest change.
fn expected_code(case: &Path) -> Option<i32> {
    let expected = |name: &str| read_npy(&case.join(format!("expected_{name}.npy"))).ok();
    let change = largest_difference(&expected("initial")?, &expected("prediction")?);
    let rest = ["residual", "unexplained"].iter().filter_map(|name| expected(name)).map(|array| array.largest());
    Some(if rest.fold(0.0, f64::max) > 1e-3 * change { 3 } else { 0 })
}

/// The largest error and the array that has it, or what is wrong with each array that is.
fn compare_case(setup: &Setup, case: &Case, got: &Path) -> Result<(f64, String), Vec<String>> {
    let mut worst = (0.0, String::from("all exact"));
    let mut problems = unasked(&case.folder, got);
    for file in expected_files(&case.folder) {
        let allowed = if file == "residual.npy" { residual_tolerance(setup, case) } else { tolerance(setup, case) };
        match error_of(setup, &case.folder, got, &file) {
            Ok(error) if error <= allowed => {
                if error > worst.0 {
                    worst = (error, file);
                }
            }
            Ok(error) => problems.push(format!("{file} is {error:.1e} off, above {allowed:.0e}")),
            Err(problem) => problems.push(format!("{file}: {problem}")),
        }
    }
    if problems.is_empty() { Ok(worst) } else { Err(problems) }
}

/// The names X of a case's files `expected_X`.
fn expected_files(case: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        files(case).iter().filter_map(|file| Some(file.strip_prefix("expected_")?.to_owned())).collect();
    names.sort();
    names
}

/// Arrays that the run should not have written: nothing that was not asked for.
fn unasked(case: &Path, got: &Path) -> Vec<String> {
    let expected = expected_files(case);
    files(got)
        .iter()
        .filter(|file| file.ends_with(".npy") || file.ends_with(".safetensors"))
        .filter(|file| !expected.contains(file))
        .map(|file| format!("{file} was not asked for"))
        .collect()
}

fn files(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn error_of(setup: &Setup, case: &Path, got: &Path, file: &str) -> Result<f64, String> {
    let expected = |file: &str| read_npy(&case.join(format!("expected_{file}")));
    if file.ends_with(".safetensors") {
        return tensors_error(&case.join(format!("expected_{file}")), &got.join(file));
    }
    let (want, have) = (expected(file)?, read_npy(&got.join(file))?);
    same_shape(&want, &have)?;
    match file {
        "residual.npy" | "unexplained.npy" => {
            let (first, last) = (expected("initial.npy")?, expected("prediction.npy")?);
            let scale = largest_difference(&first, &last);
            Ok(largest_difference(&want, &have) / scale)
        }
        "coefficients.npy" => coefficient_error(setup, &expected("kernel.npy")?, &want, &have),
        _ => Ok(largest_difference(&want, &have) / scale_of(&want)),
    }
}

/// Of two safetensors files: the largest error of any tensor, relative to its own largest entry.
fn tensors_error(want: &Path, have: &Path) -> Result<f64, String> {
    let (want, have) = (read_safetensors(want)?, read_safetensors(have)?);
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
