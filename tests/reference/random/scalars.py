"""Functions of single numbers in any floating type: activations, their derivatives, and the error function.

NumPy has the elementary functions in 80 bits; the error function is a series here. Every activation is a pair of functions
of z: value and derivative.
"""

import numpy as np

LEAKY_SLOPE = "0.01"
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


def slopes(kind, z):
    """The derivative of relu or leaky_relu, which at 0 is that of the left side."""
    low = z.dtype.type(LEAKY_SLOPE) if kind == "leaky_relu" else z.dtype.type(0)
    return np.where(z > 0, z.dtype.type(1), low)


def silu_slope(z):
    """σ + z σ (1 - σ)."""
    s = sigmoid(z)
    return s * (1 + z * sigmoid(-z))


ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "relu": (lambda z: z * slopes("relu", z), lambda z: slopes("relu", z)),
    "leaky_relu": (lambda z: z * slopes("leaky_relu", z), lambda z: slopes("leaky_relu", z)),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "softplus": (softplus, sigmoid),
    "silu": (lambda z: z * sigmoid(z), silu_slope),
    "gelu": (lambda z: z * normal_below(z), lambda z: normal_below(z) + z * normal(z)),
    "sin": (np.sin, np.cos),
}
KINKED = ("relu", "leaky_relu")
