"""Layers that norm the last axis by its mean square; each row has factors of its own."""

import numpy as np

LAYER_NORM_EPS = "1e-5"


class Norm:
    """What is left of x after `centred`, divided by the root of its mean square plus eps."""

    def __init__(self, shape, eps):
        self.shape, self.out, self.eps, self.weight = shape, shape, eps, shape[-1:]

    def normed(self, x):
        """-> (normed x, 1 / √(mean square + eps))"""
        x = self.centred(x)
        scale = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + x.dtype.type(self.eps))
        return x * scale, scale

    def back(self, x, inner):
        """δ [B, R, *shape] before the norm, of δ after it."""
        normed, scale = (v[:, None] for v in self.normed(x))
        along = (inner * normed).mean(axis=-1, keepdims=True)
        return (self.centred(inner) - normed * along) * scale

    def spread(self, features):
        """[B, features] -> as it meets an output without copies."""
        return features.reshape((len(features),) + (1,) * (len(self.shape) - 1) + self.weight)


class LayerNorm(Norm):
    """Less the mean, so that the mean square is the variance with the divisor d; then a factor and a bias."""

    def __init__(self, shape):
        super().__init__(shape, LAYER_NORM_EPS)
        self.bias = shape[-1:]

    def centred(self, x):
        """Its own transpose."""
        return x - x.mean(axis=-1, keepdims=True)


class RmsNorm(Norm):
    """About zero; then a factor. As PyTorch's, eps is the distance from 1 to the next number of the run's precision."""

    def __init__(self, shape, precision):
        super().__init__(shape, np.finfo({"f32": np.float32, "f64": np.float64}[precision]).eps)
        self.bias = None

    def centred(self, x):
        """Nothing is taken off."""
        return x
