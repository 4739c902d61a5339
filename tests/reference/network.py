"""Networks, losses and readouts, one example at a time: plain functions for JAX to differentiate, in float64."""

import math

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

LAYER_NORM_EPS = 1e-5
LEAKY_SLOPE = 0.01
# Where the slope of an activation jumps.
KINKS = {"relu": (0.0,), "relu6": (0.0, 6.0), "leaky_relu": (0.0,)}

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: jnp.where(z > 0, z, 0.0),
    "relu6": lambda z: jnp.where((z > 0) & (z < 6), z, jnp.where(z > 0, 6.0, 0.0)),
    "leaky_relu": lambda z: jnp.where(z > 0, z, LEAKY_SLOPE * z),
    "tanh": jnp.tanh,
    "sigmoid": lambda z: 1 / (1 + jnp.exp(-z)),
    "softplus": lambda z: jnp.logaddexp(z, 0.0),
    "silu": lambda z: z / (1 + jnp.exp(-z)),
    "gelu": lambda z: 0.5 * z * (1 + jax.lax.erf(z / math.sqrt(2.0))),
    "sin": jnp.sin,
}

# The loss of one example, before the reduction over the batch.
LOSSES = {
    "cross_entropy": lambda f, y: jax.nn.logsumexp(f) - f[y],
    "squared_error": lambda f, y: 0.5 * jnp.sum((f - y) ** 2),
    "logistic": lambda f, y: jnp.sum(jnp.logaddexp(f, 0.0) - y * f),
    "poisson": lambda f, y: jnp.sum(jnp.exp(f) - y * f),
}

PROBABILITIES = {
    "cross_entropy": lambda f: jnp.exp(f) / jnp.sum(jnp.exp(f)),
    "logistic": lambda f: 1 / (1 + jnp.exp(-f)),
}


def readout_function(kind, loss):
    """What is explained of a query: outputs f [C] and its target -> [R]."""
    if kind == "outputs":
        return lambda f, y: f
    if kind == "probabilities":
        return lambda f, y: PROBABILITIES[loss](f)
    if kind == "loss":
        return lambda f, y: LOSSES[loss](f, y)[None]
    if kind == "target":
        return lambda f, y: f[y][None]
    assert kind == "margin", kind

    def margin(f, y):
        others = jnp.where(jnp.arange(len(f)) == y, 0.0, jnp.exp(f))
        return (f[y] - jnp.log(jnp.sum(others)))[None]

    return margin


def windows(x, k):
    """[c, h, w] -> [c, h // k, w // k, k * k]; the remainder is dropped, a window is in row order."""
    c, h, w = x.shape
    x = x[:, : h // k * k, : w // k * k].reshape(c, h // k, k, w // k, k)
    return x.transpose(0, 1, 3, 2, 4).reshape(c, h // k, w // k, k * k)


def max_pool(x, k):
    """The largest of each window, how far the next different value is below it, and which one it is."""
    win = windows(x, k)
    first = jnp.argmax(win, axis=-1)  # the first in row order when there is a tie
    top = jnp.take_along_axis(win, first[..., None], axis=-1)
    gap = jnp.where(win < top, top - win, jnp.inf)
    return top[..., 0], jnp.min(gap), first


def forward(layers, weights, x):
    """One example through the network -> (outputs [C], (distance to the nearest kink, pattern)).

    weights: {"<layer>.weight": array, "<layer>.bias": array}. The distance is how far the nearest input of
    an activation is from a kink or the nearest max pool from a change of its winner; inputs exactly on a kink and ties
    don't count. The pattern says on which side of each kink a unit is and who wins each max pool: a flat vector of integers.
    """
    values = {-1: x}
    margin, pattern = jnp.inf, [jnp.zeros(0, int)]
    for i, layer in enumerate(layers):
        kind = layer["type"]
        weight, bias = weights.get(f"{i}.weight"), weights.get(f"{i}.bias")
        v = values[i - 1 if kind == "add" else layer.get("from", i - 1)]
        if kind == "linear":
            v = v @ weight.T
            v = v if bias is None else v + bias
        elif kind == "conv2d":
            stride, pad = layer.get("stride", 1), layer.get("padding", 0)
            v = jax.lax.conv_general_dilated(
                v[None], weight, (stride, stride), [(pad, pad), (pad, pad)],
                dimension_numbers=("NCHW", "OIHW", "NCHW"),
            )[0]
            v = v if bias is None else v + bias[:, None, None]
        elif kind == "max_pool2d":
            v, gap, winners = max_pool(v, layer["kernel"])
            margin = jnp.minimum(margin, gap)
            pattern.append(winners.ravel())
        elif kind == "avg_pool2d":
            v = windows(v, layer["kernel"]).mean(axis=-1)
        elif kind == "flatten":
            v = v.reshape(-1)
        elif kind == "layer_norm":
            centred = v - v.mean(axis=-1, keepdims=True)
            variance = (centred**2).mean(axis=-1, keepdims=True)
            v = centred / jnp.sqrt(variance + LAYER_NORM_EPS) * weight + bias
        elif kind == "rms_norm":
            v = v / jnp.sqrt((v**2).mean(axis=-1, keepdims=True) + jnp.finfo(v.dtype).eps) * weight
        elif kind == "add":
            v = v + values[layer["from"]]
        else:
            for kink in KINKS.get(kind, ()):
                margin = jnp.minimum(margin, jnp.min(jnp.where(v == kink, jnp.inf, jnp.abs(v - kink))))
                pattern.append((v > kink).ravel().astype(int))
            v = ACTIVATIONS[kind](v)
        values[i] = v
    return v, (margin, jnp.concatenate(pattern))
