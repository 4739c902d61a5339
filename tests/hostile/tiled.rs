//! Arrays in tiles: `zarr.json` and chunk files.

use crate::harness::{Input, Target, read_input, run};
use crate::mutate::{any_file, bytes, text};
use crate::random::Random;
use pathkernel::formats::read;
use pathkernel::run::store::{AnyTiled, Grid, PairArray, TiledArray};
use std::fs;
use std::path::Path;

const NAME: &str = "kernel";
const FOLDER: &str = "kernel.zarr";
const EXPORTED: &str = "exported.npy";

/// Shapes, where n is in them, and grids.
const SHAPES: [(&[usize], usize, Grid); 4] = [
    (&[3, 5], 0, Grid { tile: [3, 5], part: [3, 5] }),
    (&[7, 9, 2], 0, Grid { tile: [4, 6], part: [2, 3] }),
    (&[2, 3, 4, 2, 2], 1, Grid { tile: [2, 4], part: [1, 2] }),
    (&[1, 300], 0, Grid { tile: [1, 64], part: [1, 32] }),
];

/// An array of which every number is its place.
fn written(number: usize) -> Input {
    let (shape, axis, grid) = SHAPES[number];
    let folder = tempfile::tempdir().expect("a folder");
    let array = TiledArray::<f32>::create(&folder.path().join(FOLDER), shape, axis, &grid).expect("an array");
    for layer in 0..array.layers() {
        for tile in array.tiles() {
            let mut fill = |query: usize, examples: std::ops::Range<usize>, values: &mut [f32]| {
                let first = query * 1000 + examples.start;
                values.iter_mut().enumerate().for_each(|(place, value)| *value = (first + place) as f32);
            };
            array.write(layer, &tile, &mut fill).expect("a tile");
        }
    }
    read_input(folder.path())
}

fn read_tiled(folder: &Path) -> Result<(), String> {
    let error = |error: pathkernel::error::Error| error.to_string();
    let array = AnyTiled::open(&folder.join(FOLDER)).map_err(error)?;
    let exported = folder.join(EXPORTED);
    let whole = array.export(&exported, &mut || Ok(())).map_err(error);
    assert_eq!(whole.is_ok(), exported.exists());
    if whole.is_ok() {
        let name = exported.to_str().expect("a name of text");
        assert_eq!(read(name).expect("what was exported").shape, array.shape());
    }
    let _ = TiledArray::<f64>::open(&folder.join(FOLDER)).map(|array| array.sweep());
    let pairs = PairArray::open(folder, NAME).map_err(error)?.expect("the array is there");
    let [n, m] = [pairs.shape()[0], pairs.shape()[1]];
    let entry = pairs.entry();
    for (queries, examples) in [(n - 1..n, 0..m), (0..n, m - 1..m), (0..n, 0..m), (n..n + 1, 0..1)] {
        match pairs.values(queries.clone(), examples.clone()) {
            Ok(values) => assert_eq!(values.len(), queries.len() * examples.len() * entry),
            Err(_) => assert!(whole.is_err() || queries.end > n),
        }
    }
    whole
}

/// Spoils what `zarr.json` says, or a tile, or which tiles there are.
fn spoil(input: &mut Input, random: &mut Random) {
    let place = random.below(input.len());
    let Some(document) = input.iter().position(|(name, _)| name.ends_with("zarr.json")) else { return };
    match random.below(8) {
        0..=3 => text::number(&mut input[document].1, random),
        4 => agree(&mut input[document].1, random),
        5 => bytes::mutate(&mut input[place].1, random),
        6 if place != document => drop(input.remove(place)),
        6 => {
            let bytes = random.pick(input).1.clone();
            let place = random.below(input.len());
            input[place].1 = bytes;
        }
        _ => any_file(input, random),
    }
}

/// Gives a side the same length in the shape and in tiles, so that the two agree.
fn agree(document: &mut Vec<u8>, random: &mut Random) {
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(document) else { return };
    let axis = random.below(4);
    let side = text::figures(random);
    for place in ["/shape", "/chunk_grid/configuration/chunk_shape", "/codecs/0/configuration/chunk_shape"] {
        let here = value.pointer_mut(&format!("{place}/{axis}"));
        if let (Some(here), Ok(side), false) = (here, serde_json::from_str(&side), random.once_in(4)) {
            *here = side;
        }
    }
    *document = value.to_string().into_bytes();
}

#[test]
fn tiled() {
    run(Target {
        name: "tiled",
        seeds: || (0..SHAPES.len()).map(written).collect(),
        mutate: spoil,
        attempt: read_tiled,
        factor: 100,
        constant: 1 << 20,
        writes: &[EXPORTED],
        inputs: 2_000,
    });
}

/// A row of which `zarr.json` says that it has 2^40 pairs takes neither memory nor disk that its tiles do not fill.
#[test]
fn a_claim_of_many_pairs_takes_no_room() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in written(3) {
        let path = folder.path().join(&name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("room");
        let bytes = if name.ends_with("zarr.json") {
            let text = String::from_utf8(bytes).expect("text");
            text.replacen("300", &(1u64 << 40).to_string(), 1).into_bytes()
        } else {
            bytes
        };
        fs::write(path, bytes).expect("room");
    }
    let pairs = PairArray::open(folder.path(), NAME).expect("an array").expect("the array is there");
    assert_eq!(pairs.shape(), [1, 1 << 40]);
    let (read, taken) = crate::allocator::peak(|| pairs.values(0..1, 0..1 << 40));
    assert!(read.is_err_and(|error| error.to_string().contains("is missing")));
    assert!(taken < 1 << 20, "{taken} bytes");
    // Nor is a file of so many begun, which would fill the disk.
    let array = AnyTiled::open(&folder.path().join(FOLDER)).expect("an array");
    let exported = array.export(&folder.path().join(EXPORTED), &mut || panic!("a tile was copied"));
    assert!(exported.is_err_and(|error| error.to_string().contains("is missing")));
}
