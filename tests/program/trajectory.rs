//! The recorded path: weights, learning rates, batches, and where each tensor lies.

use crate::fixture::Fixture;
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
