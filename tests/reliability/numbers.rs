//! Wrong numbers never pass.

use crate::fixture::{Fixture, visit};
use pathkernel::formats::{StateReader, StateWriter};
use pathkernel::path::Tile;
use pathkernel::run::store::TiledArray;

/// Adds something to a number of a finished tile, under right checksums; returns its query.
fn spoil(fixture: &Fixture, added: f32) -> usize {
    let array = TiledArray::<f32>::open(&fixture.path("out/attribution_layers.zarr.tmp")).expect("an array");
    let tile: Tile = array.tiles().next().expect("a tile");
    let mut values = Vec::new();
    array
        .read(0, tile.queries.clone(), tile.examples.clone(), &mut |query, examples, part| {
            values.push((query, examples, part.to_vec()));
        })
        .expect("a readable tile");
    let (query, _, first) = &mut values[0];
    first[1] += added;
    let spoilt = *query;
    array
        .write(0, &tile, &mut |query, examples, out| {
            for (place, example) in examples.enumerate() {
                let (_, own, part) =
                    values.iter().find(|(at, own, _)| *at == query && own.contains(&example)).expect("a part");
                out[place * 4..][..4].copy_from_slice(&part[(example - own.start) * 4..][..4]);
            }
        })
        .expect("a writable tile");
    spoilt
}

fn shards(fixture: &Fixture) {
    for shard in ["0/2", "1/2"] {
        fixture.succeeds(&["run", "run.toml", "--shard", shard]);
    }
}

/// A tile whose checksums are right and one of whose numbers is not.
#[test]
fn a_wrong_contribution_is_found() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run", "run.toml", "run.directory=whole"]);
    shards(&fixture);
    let query = format!("query {}", spoil(&fixture, 0.01));
    fixture.fails(&["finish", "run.toml"], 1, &["value 1", &query, "a number is wrong", "again"]);
    assert!(!fixture.path("out/summary.json").exists() && !fixture.path("out/attribution.npy").exists());
    fixture.succeeds(&["run", "run.toml"]);
    fixture.is_as("out", "whole");
}

/// A whole run computes what is wrong again by itself.
#[test]
fn a_wrong_contribution_is_computed_again() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run", "run.toml", "run.directory=whole"]);
    shards(&fixture);
    spoil(&fixture, 0.01);
    fixture.succeeds(&["run", "run.toml"]);
    fixture.is_as("out", "whole");
}

/// What comes out twice with the same bits is no fault's doing, however far it is off: no run is refused for ever.
#[test]
fn numbers_that_come_out_twice_are_kept_and_said() {
    let fixture = Fixture::new();
    // Another wrong number is not the same one.
    for added in [0.01, 0.02] {
        shards(&fixture);
        spoil(&fixture, added);
        fixture.fails(&["finish", "run.toml"], 1, &["a number is wrong"]);
    }
    shards(&fixture);
    spoil(&fixture, 0.02);
    // Arrays are kept, and the run is not exact.
    fixture.fails(&["finish", "run.toml"], 3, &["came out with the same bits"]);
    let summary = std::fs::read_to_string(fixture.path("out/summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("json");
    assert_eq!((&summary["repeated_values"], &summary["verdict"]), (&1.into(), &"inexact".into()));
    assert!(summary["largest_rounding_share"].as_f64().is_some_and(|share| share > 1.0), "{summary}");
    let report = std::fs::read_to_string(fixture.path("out/report.html")).expect("a report");
    assert!(report.contains("Beyond it: 1 of the queries"), "the report is silent");
}

/// Moves a weight of one row of the recorded path, under right checksums.
fn spoil_path(fixture: &Fixture, row: usize) {
    let (weights, state) = (fixture.path("out/trajectory/weights.npy"), fixture.path("out/trajectory/recorded.state"));
    let mut bytes = std::fs::read(&weights).expect("a path");
    let array = npy_shape(&bytes);
    let start = bytes.len() - 4 * array[0] * array[1] + 4 * row * array[1];
    let value = f32::from_le_bytes(bytes[start..start + 4].try_into().expect("four bytes"));
    bytes[start..start + 4].copy_from_slice(&(value + 0.5).to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[start..start + 4 * array[1]]);
    std::fs::write(&weights, &bytes).expect("a writable path");
    let mut reader = StateReader::open(&state).expect("a readable state").expect("a state");
    let numbers = ["learning rates", "clip", "loss", "accuracy", "seconds"];
    let numbers = numbers.map(|name| (name, reader.take::<f64>(name).expect("numbers")));
    let mut checksums: Vec<u32> = reader.take("weights.npy").expect("checksums");
    checksums[row] = checksum;
    drop(reader);
    let mut writer = StateWriter::create(&state).expect("a state");
    numbers.iter().for_each(|(name, values)| writer.put(name, values).expect("room"));
    writer.put("weights.npy", &checksums).expect("room");
    writer.finish().expect("room");
}

/// Rows and columns of a `.npy` file.
fn npy_shape(bytes: &[u8]) -> [usize; 2] {
    let header = String::from_utf8_lossy(&bytes[10..128]);
    let shape = header.split("'shape': (").nth(1).and_then(|rest| rest.split(')').next()).expect("a shape");
    let sides: Vec<usize> = shape.split(',').filter_map(|side| side.trim().parse().ok()).collect();
    [sides[0], sides[1]]
}

/// A path with a wrong row gives the same sums again and again; made again, it shows.
#[test]
fn a_wrong_path_is_not_believed() {
    let fixture = Fixture::new();
    shards(&fixture);
    spoil_path(&fixture, 5);
    visit(&fixture.path("out/state"), &mut |path| {
        if path.to_string_lossy().contains("/tile-") {
            std::fs::remove_file(path).expect("a record");
        }
    });
    fixture.fails(
        &["run", "run.toml"],
        1,
        &["weights.npy: row 5 is not what comes out", "the path is wrong", "makes it again"],
    );
    assert!(!fixture.path("out/summary.json").exists());
}

/// Gradients whose product no f32 holds, of a path that is finite.
#[test]
fn sums_that_leave_the_finite_numbers_name_step_and_layer() {
    let fixture = Fixture::new();
    let large: Vec<f64> = (0..300 * 6).map(|at| if at % 6 == 0 { 1e20 } else { 0.5 }).collect();
    fixture.write_npy("q.npy", &[300, 6], &large);
    let mut inputs: Vec<f64> = (0..500 * 6).map(|at| (at as f64 * 0.7).sin()).collect();
    (0..500).for_each(|row| inputs[6 * row] = 1e18);
    fixture.write_npy("x.npy", &[500, 6], &inputs);
    let text = std::fs::read_to_string(fixture.path("run.toml")).expect("a run file");
    let text = text.replace("{ type = \"linear\", features = 16 }, { type = \"tanh\" }, ", "");
    let text = text.replace("cross_entropy", "squared_error").replace("layers = true", "");
    fixture.write("run.toml", text.as_bytes());
    fixture.write_npy("y.npy", &[500, 4], &[0.5; 2000]);
    let tiny = "training.optimizer={type=\"sgd\",learning_rate=1e-42}";
    let message = fixture.fails(&["run", "run.toml", tiny], 1, &["not finite", "at step", "layer 0", "f64"]);
    assert!(!message.contains("diverged"), "{message}");
}

/// The same in f64, whose message must not send to where the run is already.
#[test]
fn what_is_beyond_double_precision_is_not_sent_to_it() {
    let fixture = Fixture::new();
    fixture.write_npy("q.npy", &[300, 6], &[1e158; 300 * 6]);
    fixture.write_npy("x.npy", &[500, 6], &[1e148; 500 * 6]);
    fixture.write_npy("y.npy", &[500, 4], &[0.5; 2000]);
    let text = std::fs::read_to_string(fixture.path("run.toml")).expect("a run file");
    let text = text.replace("{ type = \"linear\", features = 16 }, { type = \"tanh\" }, ", "");
    fixture.write("run.toml", text.replace("cross_entropy", "squared_error").replace("layers = true", "").as_bytes());
    let tiny = "training.optimizer={type=\"sgd\",learning_rate=1e-300}";
    let message =
        fixture.fails(&["run", "run.toml", tiny, "run.precision=f64"], 1, &["not finite", "at step", "scale"]);
    assert!(!message.contains("f64"), "{message}");
}
