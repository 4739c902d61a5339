"""Writes a safetensors file of arrays in half precision, with NumPy alone."""

import json

import numpy as np


def save(path, arrays):
    """Writes arrays by name."""
    header, parts, start = {}, [], 0
    for name, array in arrays.items():
        parts.append(np.asarray(array, "<f2").tobytes())
        header[name] = {"dtype": "F16", "shape": np.shape(array), "data_offsets": (start, start + len(parts[-1]))}
        start += len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))
