//! The recorded path: weights, learning rates, batches, and where each tensor lies.

use crate::fixture::{Fixture, RUN_FILE};
use std::fs;

/// The shape as the header says it, and the data.
fn npy(fixture: &Fixture, name: &str) -> (String, Vec<[u8; 8]>) {
    let bytes = fs::read(fixture.path(name)).expect("the run wrote it");
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..end]).into_owned();
    (header, bytes[end..].as_chunks::<8>().0.to_vec())
}

#[test]
fn batches_and_rates_are_recorded() {
    let fixture = Fixture::new();
    fixture.succeeds(&["training.batch_size=3"]);
    let (header, rates) = npy(&fixture, "out/trajectory/learning_rates.npy");
    assert!(header.contains("'<f8'") && header.contains("'shape': (3,)"), "{header}");
    assert_eq!(rates, [0.1f64.to_le_bytes(); 3]);
    let (header, batches) = npy(&fixture, "out/trajectory/batches.npy");
    assert!(header.contains("'<i8'") && header.contains("'shape': (3, 3)"), "{header}");
    let batches: Vec<i64> = batches.into_iter().map(i64::from_le_bytes).collect();
    // An epoch of four: three, then one, and the next epoch's first three.
    assert_eq!(batches[4..6], [-1, -1], "{batches:?}");
    let mut epoch = batches[..4].to_vec();
    epoch.sort_unstable();
    assert_eq!(epoch, [0, 1, 2, 3], "{batches:?}");
    assert!(batches[6..].iter().all(|example| (0..4).contains(example)), "{batches:?}");
}

#[test]
fn full_batches_are_not_written() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    assert!(fixture.path("out/trajectory/learning_rates.npy").is_file());
    assert!(!fixture.path("out/trajectory/batches.npy").exists());
}

/// The last row of the weights holds the tensors of weights_final where layout.json says.
#[test]
fn the_layout_finds_every_tensor() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run.precision=f64"]);
    let (_, weights) = npy(&fixture, "out/trajectory/weights.npy");
    let last = &weights[weights.len() / 4 * 3..];
    let layout = fs::read(fixture.path("out/trajectory/layout.json")).expect("the run wrote it");
    let layout: serde_json::Value = serde_json::from_slice(&layout).expect("it is JSON");
    let bytes = fs::read(fixture.path("out/weights_final.safetensors")).expect("the run wrote it");
    let (first, rest) = bytes.split_first_chunk::<8>().expect("a header");
    let (header, data) = rest.split_at(u64::from_le_bytes(*first) as usize);
    let header: serde_json::Value = serde_json::from_slice(header).expect("it is JSON");
    let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
    assert_eq!(layout.as_object().map(serde_json::Map::len), Some(4));
    for (name, place) in layout.as_object().expect("a table") {
        assert_eq!(place["shape"], header[name]["shape"], "{name}");
        let span = &header[name]["data_offsets"];
        let (tensor, _) = data[number(&span[0])..number(&span[1])].as_chunks::<8>();
        assert_eq!(&last[number(&place["offset"])..][..tensor.len()], tensor, "{name}");
    }
}

/// The shares of superposition.npy, `[m, layers]`, and how many of them the summary counts as undefined.
fn shares(fixture: &Fixture, overrides: &[&str]) -> (Vec<[f64; 2]>, Option<u64>) {
    // Where the change is mostly rounding, so is the residual.
    fixture.succeeds(&[overrides, &["kernel.superposition=true", "kernel.accept=1e9"]].concat());
    let array =
        pathkernel::formats::read(&fixture.path("out/superposition.npy").display().to_string()).expect("an array");
    assert_eq!(array.shape, [4, 2, 2]);
    let shares = array.to_f64().chunks(4).map(|parts| [parts[1], parts[3]]).collect();
    let summary = fs::read(fixture.path("out/summary.json")).expect("the run wrote it");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("it is JSON");
    fs::remove_dir_all(fixture.path("out")).expect("a folder of its own");
    (shares, summary["undefined_shares"].as_u64())
}

/// A layer whose change is mostly rounding has no shares of it; in double precision the same change is large enough.
#[test]
fn shares_of_a_change_that_is_mostly_rounding_are_undefined() {
    let fixture = Fixture::new();
    let overrides = |rate: &str, precision: &str| {
        [format!("training.optimizer.learning_rate={rate}"), format!("run.precision={precision}")]
    };
    for (rate, precision) in [("1e-20", "f32"), ("1e-20", "f64"), ("1e-5", "f32")] {
        let (shares, undefined) = shares(&fixture, &overrides(rate, precision).each_ref().map(String::as_str));
        assert!(shares.iter().flatten().all(|share| share.is_nan()), "{rate} {precision}: {shares:?}");
        assert_eq!(undefined, Some(8), "{rate} {precision}");
    }
    for (rate, precision, accuracy) in [("1e-5", "f64", 1e-6), ("0.1", "f32", 1e-3)] {
        let (shares, undefined) = shares(&fixture, &overrides(rate, precision).each_ref().map(String::as_str));
        for layer in 0..2 {
            let sum: f64 = shares.iter().map(|shares| shares[layer]).sum();
            assert!((sum - 1.0).abs() < accuracy, "{rate} {precision}: {shares:?}");
        }
        assert_eq!(undefined, Some(0), "{rate} {precision}");
    }
}

/// Inputs of zero move no weight of a first layer without a bias.
#[test]
fn a_layer_that_stands_still_has_no_shares() {
    let fixture = Fixture::new();
    fixture.write("run.toml", RUN_FILE.replace("features = 5", "features = 5, bias = false").as_bytes());
    fixture.write("x.npy", &crate::bytes::npy_f64(&[4, 3], &[0.0; 12]));
    fixture.write("y.npy", &crate::bytes::npy_i64(&[4], &[0, 1, 1, 1]));
    let (shares, undefined) = shares(&fixture, &[]);
    assert!(shares.iter().all(|[first, last]| first.is_nan() && last.is_finite()), "{shares:?}");
    assert_eq!(undefined, Some(4));
    fixture.succeeds(&["kernel.superposition=true"]);
    let report = crate::common::report::Report::read(&fixture.path("out"));
    assert!(report.word("/weights/0/sum").is_null() && report.word("/weights/1/sum").is_f64());
}
