//! Runs whose arrays are in tiles: their report, and `pathkernel export`.

use crate::fixture::{Fixture, stderr, stdout};
use pathkernel::formats::MappedArray;
use pathkernel::run::store::{Grid, TiledArray};
use std::fs;

const ARRAYS: [&str; 2] = ["attribution", "kernel"];

/// A finished run and its report; then its arrays of pairs are put in tiles. Returns also what they were as `.npy`.
fn tiled() -> (Fixture, [Vec<u8>; 2]) {
    let fixture = Fixture::new();
    fixture.succeeds(&["kernel.kernel=full"]);
    let arrays = ARRAYS.map(|name| to_tiles(&fixture, name));
    let path = fixture.path("out/run.toml");
    let run_file = fs::read_to_string(&path).expect("a run file");
    assert!(run_file.contains("store = \"npy\""));
    fs::write(path, run_file.replace("store = \"npy\"", "store = \"zarr\"")).expect("a run file");
    (fixture, arrays)
}

/// Puts one array in tiles of 2 x 3 pairs.
fn to_tiles(fixture: &Fixture, name: &str) -> Vec<u8> {
    let path = fixture.path(&format!("out/{name}.npy"));
    let array = MappedArray::open(&path).expect("an array").expect("a file");
    let (m, entry) = (array.shape[1], array.shape[2..].iter().product::<usize>());
    let all = array.slice::<f32>(0, array.shape.iter().product()).expect("f32");
    let grid = Grid { tile: [2, 3], part: [1, 3] };
    let tiles = TiledArray::create(&path.with_extension("zarr"), &array.shape, 0, &grid).expect("a folder");
    for tile in tiles.tiles() {
        let fill = &mut |query, examples: std::ops::Range<usize>, out: &mut [f32]| {
            out.copy_from_slice(&all[(query * m + examples.start) * entry..][..out.len()]);
        };
        tiles.write(0, &tile, fill).expect("a tile");
    }
    let bytes = fs::read(&path).expect("a file");
    fs::remove_file(path).expect("a file");
    bytes
}

#[test]
fn a_report_is_the_same_from_tiles() {
    let (fixture, _) = tiled();
    let before = fs::read_to_string(fixture.path("out/report.html")).expect("a report");
    assert!(before.contains("id=\"kernel\""));
    fs::remove_file(fixture.path("out/report.html")).expect("a report");
    let output = fixture.pathkernel(&["report", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(before == fs::read_to_string(fixture.path("out/report.html")).expect("a report"));
    // A tile that is gone is no reason for a report without it.
    fs::remove_file(fixture.path("out/attribution.zarr/c/0/0/0")).expect("a tile");
    let output = fixture.pathkernel(&["report", "out"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("c/0/0/0: is missing"), "{}", stderr(&output));
    fs::remove_dir_all(fixture.path("out/attribution.zarr")).expect("an array");
    for command in ["report", "export"] {
        fixture.refuses_command(&[command, "out"], &["attribution.zarr", "is missing", "damaged"]);
    }
}

#[test]
fn an_export_is_what_the_run_would_have_written() {
    let (fixture, arrays) = tiled();
    let output = fixture.pathkernel(&["export", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for (name, bytes) in ARRAYS.iter().zip(&arrays) {
        assert!(stdout(&output).contains(&format!("out/{name}.npy")), "{}", stdout(&output));
        assert!(fs::read(fixture.path(&format!("out/{name}.npy"))).expect("an array") == *bytes);
        assert!(fixture.path(&format!("out/{name}.zarr/zarr.json")).is_file());
    }
    let output = fixture.pathkernel(&["--quiet", "export", "out", "--to", "deep/folder"]);
    assert!(output.status.success() && stdout(&output).is_empty(), "{}", stderr(&output));
    for (name, bytes) in ARRAYS.iter().zip(&arrays) {
        assert!(fs::read(fixture.path(&format!("deep/folder/{name}.npy"))).expect("an array") == *bytes);
    }
}

#[test]
fn a_damaged_tile_is_not_exported() {
    let (fixture, _) = tiled();
    let tile = fixture.path("out/kernel.zarr/c/1/0/0/0");
    let mut bytes = fs::read(&tile).expect("a tile");
    bytes[3] ^= 0x10;
    fs::write(&tile, bytes).expect("a tile");
    let output = fixture.pathkernel(&["export", "out"]);
    let message = stderr(&output);
    assert!(output.status.code() == Some(2) && message.contains("kernel.zarr/c/1/0/0/0: its checksum"), "{message}");
    assert!(!fixture.path("out/kernel.npy").exists() && !fixture.path("out/kernel.npy.tmp").exists());
    fs::write(fixture.path("out/kernel.zarr/zarr.json"), "{}").expect("a file");
    let output = fixture.pathkernel(&["export", "out"]);
    let message = stderr(&output);
    assert!(output.status.code() == Some(2) && message.contains("kernel.zarr/zarr.json: is not an array"), "{message}");
}

#[test]
fn what_has_nothing_to_export_says_so() {
    let fixture = Fixture::new();
    fixture.refuses_command(&["export", "nowhere"], &["nowhere", "no finished run"]);
    fixture.succeeds(&[]);
    let output = fixture.pathkernel(&["export", "out"]);
    assert!(output.status.success() && stdout(&output).contains("nothing to export"), "{}", stdout(&output));
    fixture.refuses_command(&["export", "out", "out", "--to", "x"], &["--to", "one run directory"]);
}
