"""Layers that are linear in their input: linear, conv2d, avg_pool2d, flatten; each with a row's own weights.

Arrays have a first axis of rows and a second one of copies, [B, K, ...]: coefficients of a polynomial or rows of a Jacobian.
A row has weights of its own: weight [B, out, in]. Conv2d is a linear layer on patches.
"""

import numpy as np


class Flatten:
    """A new shape."""

    def __init__(self, shape):
        self.shape, self.out, self.weight, self.bias = shape, (int(np.prod(shape)),), None, None

    def map(self, weight, x):
        """[B, K, *shape] -> [B, K, *out]"""
        return x.reshape(x.shape[:2] + self.out)

    def back(self, weight, delta):
        """The transpose of `map`."""
        return delta.reshape(delta.shape[:2] + self.shape)


class AvgPool:
    """Means of windows; what is left over at the sides is dropped."""

    def __init__(self, shape, kernel):
        self.shape, self.kernel, self.weight, self.bias = shape, kernel, None, None
        self.out = (shape[0], shape[1] // kernel, shape[2] // kernel)

    def map(self, weight, x):
        """Sums over each place in the windows, then the mean."""
        k, (_, h, w) = self.kernel, self.out
        total = sum(x[..., i : h * k : k, j : w * k : k] for i in range(k) for j in range(k))
        return total / x.dtype.type(k * k)

    def back(self, weight, delta):
        """Every place of a window gets an equal share."""
        k, (_, h, w) = self.kernel, self.out
        back = np.zeros(delta.shape[:2] + self.shape, delta.dtype)
        for i in range(k):
            for j in range(k):
                back[..., i : h * k : k, j : w * k : k] = delta / delta.dtype.type(k * k)
        return back


class Linear:
    """Acts on the last axis; the axes before it are positions."""

    def __init__(self, shape, features, bias):
        self.shape, self.out = shape, shape[:-1] + (features,)
        self.weight, self.bias = (features, shape[-1]), (features,) if bias else None

    def map(self, weight, x):
        """x Wᵀ, without the bias."""
        rows = x.reshape(len(x), -1, x.shape[-1])
        return (rows @ weight.swapaxes(1, 2)).reshape(x.shape[:2] + self.out)

    def back(self, weight, delta):
        """δ W."""
        rows = delta.reshape(len(delta), -1, delta.shape[-1])
        return (rows @ weight).reshape(delta.shape[:2] + self.shape)

    def spread(self, bias):
        """[B, features] -> what is added to an output without copies."""
        return bias.reshape((len(bias),) + (1,) * (len(self.out) - 1) + self.out[-1:])

    def gradients(self, x, delta):
        """x [B, *shape], δ [B, R, *out] -> (of the weight [B, R, out, in], of the bias [B, R, out])."""
        delta = delta.reshape(delta.shape[:2] + (-1, self.out[-1]))
        rows = x.reshape(len(x), 1, -1, x.shape[-1])
        return delta.swapaxes(2, 3) @ rows, delta.sum(axis=2)


class Conv2d:
    """A linear layer on patches: channels, then the places of the kernel in row order."""

    def __init__(self, shape, channels, kernel, stride, padding, bias):
        self.shape, self.kernel, self.stride, self.padding = shape, kernel, stride, padding
        sides = [(side + 2 * padding - kernel) // stride + 1 for side in shape[1:]]
        self.out = (channels, *sides)
        self.weight, self.bias = (channels, shape[0], kernel, kernel), (channels,) if bias else None

    def places(self):
        """For each place of the kernel, the slices of the padded image that it meets."""
        s, (_, h, w) = self.stride, self.out
        for i in range(self.kernel):
            for j in range(self.kernel):
                yield slice(i, i + s * (h - 1) + 1, s), slice(j, j + s * (w - 1) + 1, s)

    def patches(self, x):
        """[..., c, h, w] -> [..., positions, c * k * k]"""
        pad = [(0, 0)] * (x.ndim - 2) + [(self.padding, self.padding)] * 2
        padded = np.pad(x, pad)
        seen = np.stack([padded[(..., *place)] for place in self.places()], axis=x.ndim - 2)
        seen = seen.reshape(x.shape[:-2] + (self.kernel**2, -1))  # [..., c, k², positions]
        return seen.reshape(x.shape[:-3] + (-1, seen.shape[-1])).swapaxes(-1, -2)

    def map(self, weight, x):
        """Patches times the weight, without the bias."""
        flat = weight.reshape(len(weight), 1, self.out[0], -1)
        return (flat @ self.patches(x).swapaxes(-1, -2)).reshape(x.shape[:2] + self.out)

    def back(self, weight, delta):
        """Every patch's share goes back to its places."""
        flat = weight.reshape(len(weight), 1, self.out[0], -1)
        delta = delta.reshape(delta.shape[:2] + (self.out[0], -1))
        shares = flat.swapaxes(-1, -2) @ delta
        shares = shares.reshape(delta.shape[:2] + (self.shape[0], self.kernel**2) + self.out[1:])
        sides = [side + 2 * self.padding for side in self.shape[1:]]
        padded = np.zeros(delta.shape[:2] + (self.shape[0], *sides), delta.dtype)
        for at, place in enumerate(self.places()):
            padded[(..., *place)] += shares[:, :, :, at]
        p = self.padding
        return padded[..., p : p + self.shape[1], p : p + self.shape[2]]

    def spread(self, bias):
        """[B, channels] -> what is added to an output without copies."""
        return bias[:, :, None, None]

    def gradients(self, x, delta):
        """x [B, *shape], δ [B, R, *out] -> (of the weight, of the bias)."""
        delta = delta.reshape(delta.shape[:2] + (self.out[0], -1))
        weight = delta @ self.patches(x)[:, None]
        return weight.reshape(delta.shape[:2] + self.weight), delta.sum(axis=-1)
