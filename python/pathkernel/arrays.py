"""Arrays of whatever library, as NumPy's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

#: What a call takes where it takes an array: NumPy's, PyTorch's, JAX's and their like, lists of numbers, single
#: numbers.
ArrayLike = Any


def array(values: ArrayLike, what: str = "array") -> np.ndarray:
    """A C-contiguous NumPy array of bools, integers, float32 or float64, without a copy where there need not be one.

    >>> array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    found = np.asarray(_numpy(values, what), order="C")
    if found.dtype.kind in "biu" or found.dtype in (np.float32, np.float64):
        return found.astype(found.dtype.newbyteorder("="), copy=False)
    if found.dtype.kind == "f" or found.dtype.name == "bfloat16":
        return found.astype(np.float32 if found.dtype.itemsize < 4 else np.float64)
    raise TypeError(f"{what}: {_words(found, values)}; give numbers or bools")


def arrays(values: Mapping[str, ArrayLike], what: str) -> dict[str, np.ndarray]:
    """Each of a table of arrays."""
    return {name: array(value, f"{what} {name!r}") for name, value in values.items()}


def _numpy(values: ArrayLike, what: str) -> np.ndarray:
    """The array as NumPy has it, from the memory that it lies in where it can be shared."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "detach"):  # a tensor of PyTorch, which may need gradients, lie on a device, or have 16 bits
        return _of_tensor(values)
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy())
    if hasattr(values, "__array__"):
        return np.asarray(values)
    if hasattr(values, "__dlpack__"):
        return np.from_dlpack(values)
    if isinstance(values, (list, tuple)) and values and hasattr(values[0], "detach"):
        return np.stack([_of_tensor(value) for value in values])
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{what}: {error}; its rows have to be of one shape") from None


def _of_tensor(tensor: Any) -> np.ndarray:
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    if str(plain.dtype) == "torch.bfloat16":
        plain = plain.float()
    return np.asarray(plain.numpy())


def _words(found: np.ndarray, values: ArrayLike) -> str:
    """What is no array of numbers, for a message."""
    kind = type(values).__name__
    return f"{kind} is no array of numbers" if found.dtype == object else f"{kind} of {found.dtype} cannot be taken"
