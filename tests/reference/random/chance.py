"""Small draws from a generator: one of several, a number between two, yes or no."""

import numpy as np


class Chance:
    """A generator of random numbers with the words that the drawing of cases uses."""

    def __init__(self, *seed):
        self.random = np.random.default_rng(seed)

    def one(self, *options):
        """One of the options."""
        return options[int(self.random.integers(len(options)))]

    def weighted(self, options):
        """A key of {key: weight}."""
        keys, weights = list(options), np.array(list(options.values()), float)
        return keys[int(self.random.choice(len(keys), p=weights / weights.sum()))]

    def whole(self, low, high):
        """An integer, both ends included."""
        return int(self.random.integers(low, high + 1))

    def orders(self, low, high):
        """A number between two, evenly in its logarithm, with few digits."""
        return float(f"{np.exp(self.random.uniform(np.log(low), np.log(high))):.3g}")

    def yes(self, share):
        """True in so many of the cases."""
        return bool(self.random.random() < share)

    def normal(self, *shape):
        """Standard normal numbers that f32 holds."""
        return single(self.random.standard_normal(shape))

    def integers(self, low, high, shape):
        """Integers as float64, both ends included."""
        return self.random.integers(low, high + 1, shape).astype(np.float64)


def single(values):
    """Rounded to f32, as float64: every file format and both precisions then hold the same numbers."""
    return np.asarray(values, np.float32).astype(np.float64)
