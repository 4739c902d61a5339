//! `pathkernel bench compare`: two machines, or two versions, side by side.

use super::{Bench, measured};
use crate::error::Error;
use clap::Parser;
use serde_json::Value;
use std::path::Path;

/// What is compared, by its key; of the first less is better, of the others more.
const SECONDS: [&str; 3] = ["seconds", "train", "integrate"];
const RATES: [&str; 9] = [
    "gflops",
    "gemm_gflops",
    "fraction_of_gemm",
    "effective_gflops",
    "gigabytes_per_second",
    "entries_per_second",
    "steps_per_second",
    "kernel_gflops",
    "attribution_gflops",
];

/// The words that asked for a measurement, read again.
#[derive(Debug, Parser)]
struct Again {
    /// The options of all commands may be among the words.
    #[arg(long, global = true)]
    quiet: bool,
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    bench: Bench,
}

/// One number on both sides, and how many times as good this one is.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    other: f64,
    this: f64,
    ratio: f64,
}

/// Prints what was measured there beside what was measured here.
pub(super) fn compare(other: &Path, this: Option<&Path>) -> anyhow::Result<()> {
    let there = read(other)?;
    let here = match this {
        Some(path) => read(path)?,
        None => again(other, &there)?,
    };
    if there["arguments"] != here["arguments"] {
        eprintln!("warning: not the same was measured: {} there, {} here", words(&there), words(&here));
    }
    for (side, figures) in [("there", &there), ("here", &here)] {
        let device = figures["device"].as_str().map(|device| format!(", {device}")).unwrap_or_default();
        println!("{side:<6} pathkernel {}{device}", figures["version"].as_str().unwrap_or("of no version"));
    }
    let mut rows = Vec::new();
    collect("", &there, &here, &mut rows);
    if rows.is_empty() {
        return Err(Error::Input(format!(
            "{}: nothing in it was measured here as well; its arguments were {}",
            other.display(),
            words(&there)
        ))
        .into());
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    println!("\n{:<width$} {:>12} {:>12} {:>14}", "", "there", "here", "here is better");
    for Row { name, other, this, ratio } in rows {
        println!("{name:<width$} {other:>12.5} {this:>12.5} {ratio:>13.2}x");
    }
    Ok(())
}

/// The object that a bench printed.
fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::file(path, source))?;
    let refused =
        |why: &str| Error::Input(format!("{}: is not what `pathkernel bench … --json` prints: {why}", path.display()));
    let value: Value = serde_json::from_str(&text).map_err(|error| refused(&error.to_string()))?;
    if !value["arguments"].is_array() {
        return Err(refused("it has no \"arguments\"").into());
    }
    Ok(value)
}

/// What was asked for, as a line.
fn words(figures: &Value) -> String {
    let words: Vec<&str> = figures["arguments"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!("`bench {}`", words.join(" "))
}

/// Measures the same here.
fn again(path: &Path, there: &Value) -> anyhow::Result<Value> {
    let arguments: Vec<String> =
        there["arguments"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let read = Again::try_parse_from(std::iter::once("bench").chain(arguments.iter().map(String::as_str)));
    let Again { bench, .. } = read.map_err(|error| Error::Input(format!("{}: {error}", path.display())))?;
    measured::object(&bench, &arguments)
}

/// The numbers that both sides have, under the names of where they stand.
fn collect(name: &str, there: &Value, here: &Value, rows: &mut Vec<Row>) {
    let under = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}, {key}") };
    match (there, here) {
        (Value::Object(there), Value::Object(here)) => {
            // Rates are of whatever size; seconds of different ones say nothing.
            let same = there.get("sizes") == here.get("sizes");
            for (key, value) in there.iter().filter(|(key, _)| same || !SECONDS.contains(&key.as_str())) {
                let Some(own) = here.get(key) else { continue };
                match (value.as_f64(), own.as_f64()) {
                    (Some(other), Some(this)) => {
                        rows.extend(ratio(key, other, this).map(|ratio| Row { name: under(key), other, this, ratio }))
                    }
                    _ => collect(name, value, own, rows),
                }
            }
        }
        (Value::Array(there), Value::Array(here)) => {
            for value in there {
                let Some(label) = label(value) else { continue };
                let same = here.iter().find(|own| self::label(own).as_ref() == Some(&label));
                if let Some(own) = same {
                    collect(&under(&label), value, own, rows);
                }
            }
        }
        _ => {}
    }
}

/// How many times as good `this` is, of a number that is compared.
fn ratio(key: &str, other: f64, this: f64) -> Option<f64> {
    let ratio = if SECONDS.contains(&key) { other / this } else { this / other };
    (SECONDS.contains(&key) || RATES.contains(&key)).then_some(ratio).filter(|ratio| ratio.is_finite())
}

/// What tells an entry of a list from the others: the operation, the kind of a device, or the layer of a network. Devices of two
/// machines have names of their own.
fn label(value: &Value) -> Option<String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let kind = |name: &str| if name.starts_with("CPU") { "CPU" } else { "GPU" };
    let device = || Some(format!("{}, {}", kind(text("device")?), text("precision")?));
    let layer = || Some(format!("{}, {}, layer {}", text("network")?, text("step")?, value.get("layer")?));
    text("operation").map(str::to_owned).or_else(device).or_else(layer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(there: Value, here: Value) -> Vec<Row> {
        let mut rows = Vec::new();
        collect("", &there, &here, &mut rows);
        rows
    }

    /// Half the seconds and twice the rate are both twice as good; what is no measure or is on one side alone is left out.
    #[test]
    fn seconds_and_rates_are_compared_each_its_way() {
        let found = rows(
            json!({ "seconds": 2.0, "gflops": 10.0, "steps": 3, "train": 1.0 }),
            json!({ "seconds": 1.0, "gflops": 20.0, "steps": 3, "repeats": 1 }),
        );
        let row = |name: &str, other, this| Row { name: name.into(), other, this, ratio: 2.0 };
        assert_eq!(found, [row("seconds", 2.0, 1.0), row("gflops", 10.0, 20.0)]);
    }

    /// Entries of lists meet by what they are called, wherever they stand.
    #[test]
    fn entries_of_lists_meet_by_name() {
        let operation = |name: &str, seconds: f64| json!({ "operation": name, "seconds": seconds });
        let found = rows(
            json!({ "operations": [operation("matmul", 1.0), operation("gram", 3.0)] }),
            json!({ "operations": [operation("gram", 1.5), operation("copy", 1.0)] }),
        );
        assert_eq!(found, [Row { name: "gram, seconds".into(), other: 3.0, this: 1.5, ratio: 2.0 }]);
    }

    /// Whatever two machines call their devices; seconds alone where as much was measured.
    #[test]
    fn devices_meet_by_kind() {
        let device = |name: &str, side: usize| {
            json!({ "devices": [{
            "device": name, "precision": "f32", "sizes": [side, side], "seconds": 2.0, "kernel_gflops": 4.0
        }] })
        };
        let names = |found: Vec<Row>| found.into_iter().map(|row| row.name).collect::<Vec<_>>();
        let found = rows(device("CPU, 2 threads, f32", 8), device("CPU, 16 threads, f32", 8));
        assert_eq!(names(found), ["CPU, f32, seconds", "CPU, f32, kernel_gflops"]);
        assert_eq!(names(rows(device("a card", 8), device("another", 16))), ["GPU, f32, kernel_gflops"]);
        assert!(rows(device("CPU, 2 threads, f32", 8), device("a card", 8)).is_empty());
    }
}
