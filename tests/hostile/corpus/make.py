"""Makes the folders beside it, the good files that are spoilt in tests: python make.py, with NumPy alone.

PyTorch's files are those of tests/data/pt, and run directories are made by the tests themselves.
"""

import gzip
import json
import struct
from pathlib import Path

import numpy

HERE = Path(__file__).parent


def place(target, name):
    (HERE / target).mkdir(exist_ok=True)
    return HERE / target / name


def npy(name, array, version=None):
    with open(place("npy", name), "wb") as file:
        numpy.lib.format.write_array(file, array, version)


def tensors(path, arrays, names={"float64": "F64", "float32": "F32", "float16": "F16"}):
    header, data = {}, b""
    for name, array in arrays.items():
        bytes_ = array.tobytes()
        offsets = [len(data), len(data) + len(bytes_)]
        header[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        data += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def idx(kind, array):
    head = bytes([0, 0, kind, array.ndim]) + b"".join(struct.pack(">I", side) for side in array.shape)
    return head + array.tobytes()


numbers = numpy.arange(12).reshape(3, 4) / 4 - 1

npy("float64.npy", numbers)
npy("float32.npy", numbers.astype("<f4"), (2, 0))
npy("float16.npy", numbers.astype("<f2"), (3, 0))
npy("big.npy", numbers.astype(">f8"))
npy("columns.npy", numpy.asfortranarray(numbers.astype("<f4")))
npy("bytes.npy", numpy.arange(6, dtype="u1").reshape(1, 2, 3))
npy("long.npy", numpy.array([-(2**63), 2**63 - 1]))
npy("unsigned.npy", numpy.array([0, 2**64 - 1], dtype="u8"))
npy("bool.npy", numpy.array([True, False]))
npy("number.npy", numpy.array(2.5))
npy("nothing.npy", numpy.zeros((0, 3), "<f4"))

arrays = {"x": numbers.astype("<f4"), "y": numpy.arange(3)}
numpy.savez(place("npz", "stored.npz"), **arrays)
numpy.savez_compressed(place("npz", "deflated.npz"), **arrays)
numpy.savez_compressed(place("npz", "zeros.npz"), x=numpy.zeros((64, 64)))
numpy.savez(place("npz", "weights.npz"), **{"0.weight": numbers.astype("<f4"), "0.bias": numbers[0]})

place("csv", "plain.csv").write_text("0.5,1,-2\n1e-3,.25,3\n")
place("csv", "names.csv").write_text("a, b\n1, 2\n3, 4\n\n")
place("csv", "column.csv").write_text("7\n8\n9\n")
place("csv", "quoted.csv").write_bytes(b'"1","7"\r\n"3","4"\r\n')

for kind, name, dtype in [(8, "u1", ">u1"), (9, "i1", ">i1"), (11, "i2", ">i2"), (12, "i4", ">i4"), (13, "f4", ">f4"), (14, "f8", ">f8")]:
    whole = idx(kind, numpy.arange(6).reshape(2, 3).astype(dtype))
    place("idx", f"{name}.idx").write_bytes(whole)
    place("idx_gz", f"{name}.idx.gz").write_bytes(gzip.compress(whole, mtime=0))

stack = numpy.arange(4 * 10).reshape(4, 10) / 8
weights = {"0.weight": stack[0, :8].reshape(2, 4), "0.bias": stack[0, 8:]}
types = {"double": numbers, "single": numbers.astype("<f4"), "half": numbers.astype("<f2"), "none": numpy.zeros((2, 0))}
tensors(place("safetensors", "types.safetensors"), types)
tensors(place("safetensors", "weights.safetensors"), weights)
tensors(place("safetensors", "empty.safetensors"), {})

place("run_file", "small.toml").write_text(
    """[run]
directory = "out"
device = "cpu"
precision = "f64"

[data.train]
inputs = "x.npy"
targets = "y.npy"

[model]
input = [4]
layers = [{ type = "linear", features = 2 }]

[training]
loss = "squared_error"
optimizer = { type = "sgd", learning_rate = 0.1 }
steps = 3
"""
)
place("run_file", "all.toml").write_text(
    """[run]
directory = "../runs/x"
device = "auto"
precision = "f32"
seed = 3
tune = false

[data.train]
inputs = "x.npz:x"
targets = "y.csv"
[data.query]
inputs = "train-images.idx3-ubyte.gz"
targets = "labels.idx"

[model]
input = [3, 9, 9]
weights = "w.pt"
layers = [
  { type = "conv2d", channels = 4, kernel = 3, stride = 2, padding = 1, bias = false },
  { type = "leaky_relu" },
  { type = "conv2d", channels = 4, kernel = 1 },
  { type = "add", from = 0 },
  { type = "avg_pool2d", kernel = 2 },
  { type = "max_pool2d", kernel = 2 },
  { type = "flatten" },
  { type = "layer_norm" },
  { type = "linear", features = 10 },
]

[training]
loss = "cross_entropy"
reduction = "sum"
optimizer = { type = "adamw", learning_rate = 1e-3, betas = [0.9, 0.99], eps = 1e-8, weight_decay = 0.01 }
schedule = { type = "cosine", warmup = 2, final = 1e-5 }
clip_norm = 1.0
batch_size = 2
steps = 9

[trajectory]
every = 3

[kernel]
rule = "adaptive"
tolerance = 1e-7
attribution = true
kernel = "none"
layers = true
readout = "margin"
superposition = true
superposition_vectors = [0, 2]
contraction = ["factored", "half", "averaged", "materialised"]
"""
)
place("run_file", "imported.toml").write_text(
    """run.directory = "out"
data.train = { inputs = "x.npy", targets = "y.npy" }
trajectory = { import = "steps/*.pt", record = "record.json" }
kernel = { kernel = "full", rule = "left", coefficients = true }
[model]
input = [4]
layers = [{ type = "linear", features = 2 }]
[training]
loss = "logistic"
steps = 2
"""
)
place("run_file", "record.json").write_text(
    '{"optimizer": {"type": "sgd", "learning_rate": 0.1}, "learning_rates": [0.1, 0.05], "batches": [[0, 3], [2]]}'
)
