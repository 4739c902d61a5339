"""Examples, queries and targets at random, in every format."""

import numpy as np

from chance import single
from formats import write_array


def inputs(chance, count, shape, scale):
    """[count, *shape]: normal, small integers, or steps of a half; with repeated rows and zeros now and then."""
    kind = chance.weighted({"normal": 6, "integers": 2, "halves": 1})
    drawn = scale * chance.normal(count, *shape)
    if kind == "integers":
        drawn = chance.integers(-2, 3, (count, *shape))
    elif kind == "halves":
        drawn = chance.integers(-3, 3, (count, *shape)) / 2
    if chance.yes(0.2):
        drawn[chance.whole(0, count - 1)] = drawn[0]
    if chance.yes(0.1):
        drawn[chance.whole(0, count - 1)] = 0
    return single(drawn)


def targets(chance, loss, count, outputs):
    """Classes [count], or numbers [count, outputs]."""
    if loss == "cross_entropy":
        return chance.random.integers(0, outputs, count)
    if loss == "logistic":
        return chance.integers(0, 1, (count, outputs)) if chance.yes(0.7) else single(chance.random.random((count, outputs)))
    if loss == "poisson":
        return chance.integers(0, 4, (count, outputs))
    return single(chance.one(0.3, 1.0, 1.0, 3.0) * chance.normal(count, outputs))


def write(chance, folder, stem, array):
    """In a format that holds the numbers -> what the run file calls it."""
    array = np.asarray(array)
    if array.ndim == 2 and array.shape[1] == 1 and stem.endswith("_y") and chance.yes(0.5):
        array = array[:, 0]
    whole = array.dtype.kind == "i" or bool(np.all(array == np.round(array)) and np.abs(array).max() < 100)
    if whole:
        kinds = ["i1", "i2", "i4"] + (["u1"] if array.min() >= 0 else [])
        array = array.astype(chance.one(*kinds))
    elif array.ndim <= 2 and chance.yes(0.2):
        return write_array(folder, stem, "csv", array)
    else:
        array = array.astype(chance.one("f4", "f8"))
    return write_array(folder, stem, chance.one("npy", "npz", "idx", "idx.gz"), array)
