"""The tiled store as zarr-python and NumPy see it.

    python tests/zarr/check.py

`cargo test` makes arrays of every shape, in tiles and exported; both are read here and compared bit by bit with the
numbers that were written. Then a byte is changed, and zarr must find it. `requirements.txt` names what this needs.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import zarr

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ("layer", "query", "example", "value", "output")


def numbers(shape, dtype):
    """What `number` in main.rs gives."""
    place = np.arange(np.prod(shape), dtype=np.uint64)
    values = ((place * 2_654_435_761) % (1 << 24)).astype(np.float64) / 1024.0 - 4096.0
    values[place % 1009 == 7] = np.nan
    values[place % 1009 == 8] = -np.inf
    values[place % 1009 == 9] = -0.0
    return values.astype(dtype).reshape(shape)


def same(found, expected):
    return found.shape == expected.shape and found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


def check(folder: Path) -> None:
    array = zarr.open_array(folder, mode="r")
    name, dtype = folder.stem.rsplit("_", 1)
    expected = numbers(array.shape, {"f32": np.float32, "f64": np.float64}[dtype])
    axis = int("layers" in name)
    assert array.metadata.dimension_names == NAMES[1 - axis :][: array.ndim], array.metadata.dimension_names
    assert array.shards is not None and array.attrs["written_by"] == "pathkernel"
    assert same(np.load(folder.with_suffix(".npy")), expected), f"{folder.stem}: the export"
    assert same(array[...], expected), f"{folder.stem}: the whole"
    lead = (slice(None),) * axis
    for query in {0, array.shape[axis] // 2, array.shape[axis] - 1}:
        assert same(array[(*lead, query)], expected[(*lead, query)]), f"{folder.stem}: query {query}"
    for example in {0, array.shape[axis + 1] // 2, array.shape[axis + 1] - 1}:
        column = (*lead, slice(None), example)
        assert same(array[column], expected[column]), f"{folder.stem}: example {example}"


def check_damage(folder: Path) -> None:
    chunk = next(path for path in sorted(folder.glob("c/**/*")) if path.is_file())
    data = bytearray(chunk.read_bytes())
    data[100] ^= 1
    chunk.write_bytes(data)
    try:
        zarr.open_array(folder, mode="r")[...]
    except ValueError as error:
        assert "checksum" in str(error).lower(), error
    else:
        raise AssertionError("zarr read a damaged chunk")


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        make = ["cargo", "test", "--release", "--test", "zarr", "arrays_for_python", "--", "--ignored"]
        subprocess.run(make, cwd=REPOSITORY, env={**os.environ, "PATHKERNEL_ARRAYS": made}, check=True)
        folders = sorted(Path(made).glob("*.zarr"))
        assert len(folders) == 16, folders
        for folder in folders:
            check(folder)
        check_damage(folders[0])
        print(f"zarr {zarr.__version__} and NumPy {np.__version__} read {len(folders)} arrays bit by bit")


if __name__ == "__main__":
    main()
