//! The tiled store as other readers see it: `zarrs` here, zarr-python and NumPy in `check.py`.

use pathkernel::compute::Element;
use pathkernel::run::store::{Grid, TiledArray};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use zarrs::array::{Array, ArraySubset, ElementOwned};
use zarrs::filesystem::FilesystemStore;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A name, `[n, m, rest..]` or `[L, n, m, rest..]`, where n is, and the sides of tiles.
type Case = (&'static str, &'static [usize], usize, [usize; 2]);

const CASES: [Case; 8] = [
    ("trace", &[70, 130], 0, [32, 64]),
    ("one", &[1, 1], 0, [1, 1]),
    ("attribution", &[37, 300, 3], 0, [16, 512]),
    ("kernel", &[9, 21, 4, 5], 0, [4, 8]),
    ("layers", &[3, 33, 65, 2], 1, [16, 32]),
    ("trace_layers", &[2, 257, 40], 1, [512, 16]),
    ("full_layers", &[2, 6, 7, 2, 3], 1, [3, 5]),
    ("many_parts", &[700, 900], 0, [512, 512]),
];

/// The number at a place of the whole array in C order, as in `check.py`. Bits of every kind, which the arrays that
/// runs write have too: not a number, infinite, -0.
fn number<E: Element>(place: usize) -> E {
    match place % 1009 {
        7 => E::from_f64(f64::NAN),
        8 => E::from_f64(f64::NEG_INFINITY),
        9 => E::from_f64(-0.0),
        _ => E::from_f64(((place * 2_654_435_761) % (1 << 24)) as f64 / 1024.0 - 4096.0),
    }
}

/// Makes an array tile by tile.
fn make<E: Element>(folder: &Path, (_, shape, axis, tile): Case) -> Result<TiledArray<E>, Box<dyn std::error::Error>> {
    let ([n, m], entry) = ([shape[axis], shape[axis + 1]], shape[axis + 2..].iter().product::<usize>());
    let grid = Grid::new(tile, [n, m], entry * size_of::<E>());
    let array = TiledArray::create(folder, shape, axis, &grid)?;
    for layer in 0..array.layers() {
        for tile in array.tiles() {
            array.write(layer, &tile, &mut |query, examples, out: &mut [E]| {
                let first = ((layer * n + query) * m + examples.start) * entry;
                out.iter_mut().enumerate().for_each(|(offset, value)| *value = number(first + offset));
            })?;
        }
    }
    Ok(array)
}

/// Reads a part of an array with `zarrs` and compares the bits.
fn compare<E: Element + ElementOwned>(array: &Array<FilesystemStore>, start: &[usize], sides: &[usize]) -> Outcome {
    let wide = |sides: &[usize]| sides.iter().map(|&side| side as u64).collect::<Vec<_>>();
    let subset = ArraySubset::new_with_start_shape(wide(start), wide(sides))?;
    let values: Vec<E> = array.retrieve_array_subset(&subset)?;
    let shape: Vec<usize> = array.shape().iter().map(|&side| side as usize).collect();
    assert_eq!(values.len(), sides.iter().product::<usize>());
    for (number_in_part, value) in values.into_iter().enumerate() {
        let (mut rest, mut stride, mut place) = (number_in_part, 1, 0);
        for axis in (0..shape.len()).rev() {
            place += (start[axis] + rest % sides[axis]) * stride;
            rest /= sides[axis];
            stride *= shape[axis];
        }
        let expected: E = number(place);
        assert_eq!(bytemuck::bytes_of(&value), bytemuck::bytes_of(&expected), "{shape:?} at {place}");
    }
    Ok(())
}

fn reads<E: Element + ElementOwned>(case: Case) -> Outcome {
    let folder = tempfile::tempdir()?;
    let (name, shape, axis, _) = case;
    make::<E>(folder.path(), case)?;
    let array = Array::open(Arc::new(FilesystemStore::new(folder.path())?), "/")?;
    let names: Vec<_> =
        array.dimension_names().as_ref().ok_or("no names")?.iter().map(|name| name.as_deref()).collect();
    assert_eq!(names[axis..axis + 2], [Some("query"), Some("example")], "{name}");
    let zeros = vec![0; shape.len()];
    compare::<E>(&array, &zeros, shape)?;
    // The last row, and a column.
    for (axis, start) in [(axis, shape[axis] - 1), (axis + 1, shape[axis + 1] / 2)] {
        let (mut from, mut sides) = (zeros.clone(), shape.to_vec());
        (from[axis], sides[axis]) = (start, 1);
        compare::<E>(&array, &from, &sides)?;
    }
    Ok(())
}

#[test]
fn zarrs_reads_every_bit() -> Outcome {
    for case in CASES {
        reads::<f32>(case)?;
        reads::<f64>(case)?;
    }
    Ok(())
}

/// The checksums are those of the format: another reader finds the damage too.
#[test]
fn zarrs_finds_damage() -> Outcome {
    let folder = tempfile::tempdir()?;
    let array = make::<f32>(folder.path(), CASES[0])?;
    let path = array.chunk_path(0, &array.tiles().next().ok_or("no tile")?);
    let good = fs::read(&path)?;
    // In a part, in its checksum, in the index, in the index's.
    let part = 32 * 64 * 4;
    for place in [0, part - 1, part + 1, good.len() - 20, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(&path, bad)?;
        let array = Array::open(Arc::new(FilesystemStore::new(folder.path())?), "/")?;
        assert!(array.retrieve_chunk::<Vec<f32>>(&[0, 0]).is_err(), "byte {place} of {}", good.len());
    }
    Ok(())
}

/// Makes what `check.py` reads, in the folder that it names: each array in tiles and as `.npy`.
#[test]
#[ignore = "a part of check.py"]
fn arrays_for_python() -> Outcome {
    fn both<E: Element>(folder: &Path, case: Case) -> Outcome {
        let name = format!("{}_{}", case.0, E::NAME);
        let array = make::<E>(&folder.join(format!("{name}.zarr")), case)?;
        Ok(array.export(&folder.join(format!("{name}.npy")), &mut || Ok(()))?)
    }
    let folder = std::env::var("PATHKERNEL_ARRAYS")?;
    for case in CASES {
        both::<f32>(Path::new(&folder), case)?;
        both::<f64>(Path::new(&folder), case)?;
    }
    Ok(())
}
