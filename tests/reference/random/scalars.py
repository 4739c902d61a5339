"""Functions of single numbers in any floating type: activations, their derivatives, and the error function.

NumPy has the elementary functions in 80 bits; the error function is a series here. Every activation is a pair of functions
of z: value and derivative.
"""

from dataclasses import dataclass

import numpy as np

# Terms of the error function's series: at |z| = 6.6 the last one is below 1e-20 of the sum.
ERF_TERMS, ERF_END = 230, 6.6


def pi(dtype):
    """The number itself, not its float64."""
    return dtype("3.14159265358979323846264338327950288")


def erf(z):
    """2/√π e^(-z²) Σ_n 2^n z^(2n+1) / (2n+1)!!: all terms have one sign, so nothing cancels."""
    dtype = z.dtype.type
    inside = np.clip(z, -ERF_END, ERF_END)
    square = inside * inside
    term = inside.copy()
    total = term.copy()
    for n in range(1, ERF_TERMS):
        term = term * (2 * square / (2 * n + 1))
        total = total + term
        if np.all(np.abs(term) <= np.finfo(dtype).eps * np.abs(total) / 16):
            break
    return np.clip(2 / np.sqrt(pi(dtype)) * np.exp(-square) * total, -1, 1)


def sigmoid(z):
    """1 / (1 + e^-z), without overflow on either side."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, small) / (1 + small)


def softplus(z):
    """log(1 + e^z)."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def normal(z):
    """The normal distribution's density."""
    return np.exp(-z * z / 2) / np.sqrt(2 * pi(z.dtype.type))


def normal_below(z):
    """The share of the normal distribution below z."""
    return (1 + erf(z / np.sqrt(z.dtype.type(2)))) / 2


@dataclass(frozen=True)
class Straight:
    """An activation of straight pieces: piece p, after p kinks, is slopes[p] z + offsets[p]. Numbers are exact as text."""

    kinks: tuple
    slopes: tuple
    offsets: tuple

    def piece(self, sides):
        """How many kinks are passed; sides [kinks, ...] are the signs of z - kink. On a kink the smaller slope holds."""
        passed = [side > 0 if rising else side >= 0 for side, rising in zip(sides, self.rising())]
        return np.sum(passed, axis=0)

    def rising(self):
        """Whether the slope is larger after each kink than before."""
        return [float(after) > float(before) for before, after in zip(self.slopes, self.slopes[1:])]

    def pieces(self, z):
        """The piece that each z is on."""
        return self.piece([np.sign(z - z.dtype.type(kink)) for kink in self.kinks])

    def slope(self, piece, dtype):
        """Of each piece's number."""
        return np.array(self.slopes).astype(dtype)[piece]

    def offset(self, piece, dtype):
        """Of each piece's number."""
        return np.array(self.offsets).astype(dtype)[piece]

    def value_and_derivative(self):
        """The pair of functions of z."""
        derivative = lambda z: self.slope(self.pieces(z), z.dtype)
        return lambda z: z * derivative(z) + self.offset(self.pieces(z), z.dtype), derivative


def silu_slope(z):
    """σ + z σ (1 - σ)."""
    s = sigmoid(z)
    return s * (1 + z * sigmoid(-z))


KINKED = {
    "relu": Straight(("0",), ("0", "1"), ("0", "0")),
    "relu6": Straight(("0", "6"), ("0", "1", "0"), ("0", "0", "6")),
    "leaky_relu": Straight(("0",), ("0.01", "1"), ("0", "0")),
}
ACTIVATIONS = {kind: straight.value_and_derivative() for kind, straight in KINKED.items()} | {
    "identity": (lambda z: z, np.ones_like),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "softplus": (softplus, sigmoid),
    "silu": (lambda z: z * sigmoid(z), silu_slope),
    "gelu": (lambda z: z * normal_below(z), lambda z: normal_below(z) + z * normal(z)),
    "sin": (np.sin, np.cos),
}
