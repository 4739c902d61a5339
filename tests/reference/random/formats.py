"""The data formats that a run file may name, read and written."""

import gzip
import re
import struct
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

# IDX's numbers for its element types, all big-endian.
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def write_array(folder, stem, form, array):
    """-> what the run file calls it."""
    if form == "npz":
        np.savez(folder / f"{stem}.npz", other=np.arange(3), **{"the": array})
        return f"{stem}.npz:the"
    name = f"{stem}.{form}"
    if form == "npy":
        np.save(folder / name, array)
    elif form == "csv":
        rows = [",".join(repr(v) for v in row) for row in array.reshape(len(array), -1).tolist()]
        (folder / name).write_text("\n".join(rows) + "\n")
    elif form == "idx":
        (folder / name).write_bytes(idx_bytes(array))
    else:
        (folder / name).write_bytes(gzip.compress(idx_bytes(array), mtime=0))
    return name


def idx_bytes(array):
    """Header, sides, elements."""
    code = next(code for code, kind in IDX_TYPES.items() if np.dtype(kind) == array.dtype.newbyteorder(">"))
    sides = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sides + array.astype(IDX_TYPES[code]).tobytes()


def read_array(folder, name):
    """An array that a run file names."""
    file, _, key = name.partition(":")
    path = Path(folder) / file
    if key:
        return np.load(path)[key]
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".csv":
        return np.array([[float(v) for v in line.split(",")] for line in path.read_text().split("\n") if line.strip()])
    return read_idx(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


def read_idx(data):
    """The array of an IDX file's bytes."""
    axes = data[3]
    sides = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
    return np.frombuffer(data[4 + 4 * axes :], IDX_TYPES[data[2]]).reshape(sides)


def read_tensors(path):
    """{name: array} of a .safetensors or .npz file."""
    return dict(np.load(path)) if path.suffix == ".npz" else load_file(path)


def read_path(folder, pattern):
    """A recorded path: {name: [steps + 1, ...]}, from one stacked file or one file for each step in natural order."""
    natural = lambda file: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", file.name)]
    files = sorted(Path(folder).glob(pattern), key=natural)
    steps = [read_tensors(file) for file in files]
    return steps[0] if len(steps) == 1 else {name: np.stack([step[name] for step in steps]) for name in steps[0]}
