//! What is written is read, in every shape; what is damaged is found.

use super::*;
use std::collections::BTreeSet;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The number at a place of the whole array in C order; no two places of a small array have the same.
fn number<E: Element>(place: usize) -> E {
    match place % 101 {
        7 => E::from_f64(f64::NAN),
        8 => E::from_f64(-0.0),
        9 => E::from_f64(f64::INFINITY),
        _ => E::from_f64(place as f64 * 0.75 - 1000.0),
    }
}

/// Where a pair's numbers begin in the whole array.
fn place<E: Element>(array: &TiledArray<E>, layer: usize, query: usize, example: usize) -> usize {
    let [n, m] = array.layout.pairs();
    ((layer * n + query) * m + example) * array.layout.entry
}

fn write<E: Element>(array: &TiledArray<E>, layer: usize, tile: &Tile) -> Result<(), Error> {
    array.write(layer, tile, &mut |query, examples, out| {
        let first = place(array, layer, query, examples.start);
        assert_eq!(out.len(), examples.len() * array.layout.entry);
        out.iter_mut().enumerate().for_each(|(offset, value)| *value = number(first + offset));
    })
}

fn filled<E: Element>(folder: &Path, shape: &[usize], axis: usize, grid: &Grid) -> Result<TiledArray<E>, Error> {
    let array = TiledArray::<E>::create(folder, shape, axis, grid)?;
    for layer in 0..array.layers() {
        array.tiles().try_for_each(|tile| write(&array, layer, &tile))?;
    }
    Ok(array)
}

fn bits<E: Element>(values: &[E]) -> &[u8] {
    bytemuck::cast_slice(values)
}

/// Reads a rectangle and compares every number, and that each pair comes once.
fn compare<E: Element>(array: &TiledArray<E>, layer: usize, queries: Range<usize>, examples: Range<usize>) -> Outcome {
    let mut seen = BTreeSet::new();
    let entry = array.layout.entry;
    array.read(layer, queries.clone(), examples.clone(), &mut |query, range, values| {
        assert_eq!(values.len(), range.len() * entry);
        for (example, values) in range.zip(values.chunks_exact(entry)) {
            let first = place(array, layer, query, example);
            let expected: Vec<E> = (first..first + entry).map(number).collect();
            assert_eq!(bits(values), bits(&expected), "{layer} {query} {example}");
            assert!(seen.insert((query, example)));
        }
    })?;
    let all: BTreeSet<_> = queries.flat_map(|query| examples.clone().map(move |example| (query, example))).collect();
    assert_eq!(seen, all);
    Ok(())
}

fn round_trip<E: Element>(shape: &[usize], axis: usize, tile: [usize; 2], part: [usize; 2]) -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("x.zarr");
    let array = filled::<E>(&path, shape, axis, &Grid { tile, part })?;
    assert_eq!(array.shape(), shape);
    let [n, m] = array.layout.pairs();
    let opened = TiledArray::<E>::open(&path)?;
    for layer in 0..opened.layers() {
        opened.tiles().try_for_each(|tile| opened.verify(layer, &tile))?;
        compare(&opened, layer, 0..n, 0..m)?;
        compare(&opened, layer, n - 1..n, 0..m)?;
        compare(&opened, layer, 0..n, m / 2..m / 2 + 1)?;
        compare(&opened, layer, n / 3..n.div_ceil(2), m / 3..m - m / 4)?;
        compare(&opened, layer, 0..0, 0..m)?;
    }
    let npy = folder.path().join("x.npy");
    let mut tiles = 0;
    opened.export(&npy, &mut || {
        tiles += 1;
        Ok(())
    })?;
    assert_eq!(tiles, opened.layers() * opened.tiles().count());
    let expected: Vec<E> = (0..shape.iter().product()).map(number).collect();
    let whole = crate::formats::MappedArray::open(&npy)?.ok_or("no file")?;
    assert_eq!(whole.shape, shape);
    assert_eq!(bits(whole.slice::<E>(0, expected.len()).ok_or("another type")?), bits(&expected));
    assert!(
        std::fs::read_dir(&path)?
            .all(|entry| entry.is_ok_and(|entry| entry.path().extension().is_none_or(|end| end != "tmp")))
    );
    Ok(())
}

#[test]
fn every_shape_is_read_as_it_was_written() -> Outcome {
    for (tile, part) in [([4, 6], [2, 3]), ([8, 12], [8, 4]), ([2, 3], [1, 1]), ([20, 20], [5, 20])] {
        for shape in [&[7, 13][..], &[1, 1], &[8, 12, 3], &[5, 11, 2, 4], &[9, 1, 1, 1]] {
            round_trip::<f32>(shape, 0, tile, part)?;
            round_trip::<f64>(shape, 0, tile, part)?;
        }
        for shape in [&[3, 7, 13][..], &[1, 1, 1], &[2, 8, 12, 3], &[2, 5, 11, 2, 4]] {
            round_trip::<f32>(shape, 1, tile, part)?;
            round_trip::<f64>(shape, 1, tile, part)?;
        }
    }
    let grid = Grid::new([128, 192], [300, 500], 4);
    round_trip::<f32>(&[300, 500], 0, grid.tile, grid.part)
}

#[test]
fn a_tile_is_there_or_not() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("x.zarr.tmp");
    let array = TiledArray::<f32>::create(&path, &[5, 7], 0, &Grid { tile: [4, 4], part: [2, 2] })?;
    let tile = Tile { queries: 4..5, examples: 4..7 };
    assert!(!array.has(0, &tile));
    write(&array, 0, &tile)?;
    assert!(array.has(0, &tile) && array.chunk_path(0, &tile).ends_with("c/1/1"));
    // Again, as another process may.
    write(&array, 0, &tile)?;
    let error = array.read(0, 0..5, 4..7, &mut |_, _, _| ()).err().ok_or("a tile is missing")?;
    assert!(error.to_string().contains("c/0/1: is missing") && error.exit_code() == 1, "{error}");
    std::fs::remove_file(array.chunk_path(0, &tile))?;
    assert!(!array.has(0, &tile));
    for (layer, queries, examples) in
        [(1, 0..4, 0..4), (0, 0..3, 0..4), (0, 4..8, 0..4), (0, 8..9, 0..4), (0, usize::MAX..usize::MAX, 0..4)]
    {
        let tile = Tile { queries, examples };
        assert!(write(&array, layer, &tile).is_err() && array.verify(layer, &tile).is_err(), "{layer} {tile:?}");
    }
    Ok(())
}

#[test]
fn a_damaged_byte_is_found_wherever_it_is() -> Outcome {
    let folder = tempfile::tempdir()?;
    let grid = Grid { tile: [4, 6], part: [2, 3] };
    let array = filled::<f32>(&folder.path().join("x.zarr.tmp"), &[5, 7, 2], 0, &grid)?;
    for tile in array.tiles() {
        let path = array.chunk_path(0, &tile);
        let good = std::fs::read(&path)?;
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1 << (place % 8);
            std::fs::write(&path, bad)?;
            let error = array.verify(0, &tile).err().ok_or(format!("byte {place} of {}", path.display()))?;
            assert!(error.to_string().contains("its checksum does not match") && error.exit_code() == 1, "{error}");
            assert!(array.export(&folder.path().join("x.npy"), &mut || Ok(())).is_err());
        }
        let longer = [good.as_slice(), &[0]].concat();
        for bad in [&good[..good.len() - 1], &good[..0], &longer] {
            std::fs::write(&path, bad)?;
            let error = array.verify(0, &tile).err().ok_or("another length")?;
            assert!(error.to_string().contains("bytes, and should have"), "{error}");
        }
        std::fs::write(&path, good)?;
        array.verify(0, &tile)?;
    }
    assert!(!folder.path().join("x.npy").exists());
    Ok(())
}

#[test]
fn what_to_do_about_a_damaged_file_depends_on_whose_it_is() -> Outcome {
    let folder = tempfile::tempdir()?;
    let ends =
        [(".tmp", 1, "; the same command computes it again"), ("", 2, "; the run directory is damaged: remove it")];
    for (end, code, advice) in ends {
        // A run may have another one's array in its path.
        let path = folder.path().join("a.zarr.tmp").join("b.zarr").join(format!("x.zarr{end}"));
        let array = TiledArray::<f32>::create(&path, &[5, 7], 0, &Grid { tile: [4, 4], part: [2, 2] })?;
        let error = array.read(0, 0..1, 0..1, &mut |_, _, _| ()).err().ok_or("a tile is missing")?;
        assert!(error.exit_code() == code && error.to_string().contains(advice), "{error}");
        std::fs::remove_file(path.join("zarr.json"))?;
        let error = AnyTiled::open(&path).err().ok_or("there is no array")?;
        assert!(error.exit_code() == code && error.to_string().contains("zarr.json: is missing"), "{error}");
    }
    Ok(())
}

#[test]
fn many_writers_share_a_folder() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("deep/x.zarr");
    let outcomes: Vec<Result<(), Error>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| filled::<f64>(&path, &[9, 9], 0, &Grid { tile: [2, 4], part: [1, 2] }).map(|_| ())))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    outcomes.into_iter().collect::<Result<(), Error>>()?;
    compare(&TiledArray::<f64>::open(&path)?, 0, 0..9, 0..9)?;
    let names: BTreeSet<_> =
        std::fs::read_dir(&path)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?;
    assert_eq!(names, BTreeSet::from(["c".into(), "zarr.json".into()]));
    Ok(())
}

#[test]
fn another_array_is_left_alone() -> Outcome {
    let folder = tempfile::tempdir()?;
    let grid = Grid { tile: [4, 4], part: [2, 2] };
    TiledArray::<f32>::create(folder.path(), &[5, 7], 0, &grid)?;
    let before = std::fs::read(folder.path().join("zarr.json"))?;
    assert!(TiledArray::<f32>::create(folder.path(), &[5, 8], 0, &grid).is_err());
    assert!(TiledArray::<f32>::create(folder.path(), &[5, 7], 0, &Grid { part: [4, 4], ..grid }).is_err());
    assert!(TiledArray::<f64>::create(folder.path(), &[5, 7], 0, &grid).is_err());
    assert!(TiledArray::<f64>::open(folder.path()).is_err());
    assert_eq!(std::fs::read(folder.path().join("zarr.json"))?, before);
    std::fs::write(folder.path().join("zarr.json"), vec![b' '; 1 << 20])?;
    assert!(TiledArray::<f32>::open(folder.path()).is_err());
    Ok(())
}

/// What a hostile `zarr.json` claims asks for no memory: the chunk's file is shorter.
#[test]
fn a_claim_beyond_the_file_is_refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    let array = filled::<f32>(folder.path(), &[4, 4], 0, &Grid { tile: [4, 4], part: [4, 4] })?;
    let [tile, part] = [[1 << 25, 1 << 25], [1 << 25, 1 << 25]];
    let claim = Layout::new(&[1 << 26, 1 << 26], 0, Grid { tile, part }, 4)?;
    std::fs::write(folder.path().join("zarr.json"), metadata::metadata(&claim, "x").to_string())?;
    assert!(array.chunk_path(0, &Tile { queries: 0..4, examples: 0..4 }).ends_with("c/0/0"));
    let error =
        TiledArray::<f32>::open(folder.path())?.read(0, 0..1, 0..1, &mut |_, _, _| ()).err().ok_or("it was read")?;
    assert!(error.to_string().contains("and should have"), "{error}");
    Ok(())
}

#[test]
fn what_killed_processes_left_is_swept() -> Outcome {
    let folder = tempfile::tempdir()?;
    let array = filled::<f32>(folder.path(), &[4, 4], 0, &Grid { tile: [4, 4], part: [4, 4] })?;
    std::fs::write(folder.path().join("0123456789abcdef.tmp"), b"half a tile")?;
    array.sweep()?;
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 2);
    compare(&array, 0, 0..4, 0..4)
}

#[test]
fn a_failed_write_leaves_nothing() -> Outcome {
    let folder = tempfile::tempdir()?;
    let array = TiledArray::<f32>::create(folder.path(), &[4, 4], 0, &Grid { tile: [4, 4], part: [4, 4] })?;
    // A file where the chunk's folder should be.
    std::fs::write(folder.path().join("c"), b"")?;
    let error = write(&array, 0, &Tile { queries: 0..4, examples: 0..4 }).err().ok_or("it was written")?;
    assert!(error.to_string().contains("c/0/0: cannot be written"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 2);
    Ok(())
}
