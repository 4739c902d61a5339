"""Path kernels of small networks, term by term, in float64.

This is the reference that the engine is compared with. It shares no code with the engine: networks are
written as plain functions, Jacobians come from automatic differentiation, and every sum is spelled out.
Everything that it needs is read from a case folder: run.toml and the files that it names.

Notation: m training examples, n queries, C outputs, P weights, L layers that have weights.
"""

import math
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import safe_open

jax.config.update("jax_enable_x64", True)

LAYER_NORM_EPS = 1e-5
LEAKY_SLOPE = 0.01

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: jnp.where(z > 0, z, 0.0),
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


def windows(x, k):
    """[c, h, w] -> [c, h // k, w // k, k * k]; the remainder is dropped, a window is in row order."""
    c, h, w = x.shape
    x = x[:, : h // k * k, : w // k * k].reshape(c, h // k, k, w // k, k)
    return x.transpose(0, 1, 3, 2, 4).reshape(c, h // k, w // k, k * k)


def max_pool(x, k):
    """The largest of each window, and how far the next different value is below it."""
    win = windows(x, k)
    first = jnp.argmax(win, axis=-1)  # the first in row order when there is a tie
    top = jnp.take_along_axis(win, first[..., None], axis=-1)
    gap = jnp.where(win < top, top - win, jnp.inf)
    return top[..., 0], jnp.min(gap)


def forward(layers, weights, x):
    """One example through the network -> (outputs [C], distance to the nearest kink).

    weights: {"<layer>.weight": array, "<layer>.bias": array}. The distance is how far the nearest ReLU
    input is from 0 or the nearest max pool from a change of its winner; exact zeros and ties don't count.
    """
    values = {-1: x}
    margin = jnp.inf
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
            v, gap = max_pool(v, layer["kernel"])
            margin = jnp.minimum(margin, gap)
        elif kind == "avg_pool2d":
            v = windows(v, layer["kernel"]).mean(axis=-1)
        elif kind == "flatten":
            v = v.reshape(-1)
        elif kind == "layer_norm":
            centred = v - v.mean(axis=-1, keepdims=True)
            variance = (centred**2).mean(axis=-1, keepdims=True)
            v = centred / jnp.sqrt(variance + LAYER_NORM_EPS) * weight + bias
        elif kind == "add":
            v = v + values[layer["from"]]
        else:
            if kind in ("relu", "leaky_relu"):
                margin = jnp.minimum(margin, jnp.min(jnp.where(v == 0, jnp.inf, jnp.abs(v))))
            v = ACTIVATIONS[kind](v)
        values[i] = v
    return v, margin


def load_array(folder, name):
    """An .npy file, or one array of an .npz file (file.npz:key)."""
    file, _, key = name.partition(":")
    array = np.load(folder / file)
    return array[key] if key else array


def load_weights(path):
    """Weights in layer order, weight before bias, as float64."""
    with safe_open(path, framework="flax") as f:
        names = sorted(f.keys(), key=lambda k: (int(k.split(".")[0]), k.endswith("bias")))
        return {k: np.asarray(f.get_tensor(k)).astype(np.float64) for k in names}


class Case:
    """A case folder, read; and the functions of its network, compiled once."""

    def __init__(self, folder, dtype=np.float64):
        folder = Path(folder)
        run = tomllib.loads((folder / "run.toml").read_text())
        model, train = run["model"], run["training"]
        self.dtype, self.model, self.training, self.kernel = dtype, model, train, run["kernel"]
        shape = tuple(model["input"])
        self.x = load_array(folder, run["data"]["train"]["inputs"]).astype(dtype)
        self.x = self.x.reshape((len(self.x),) + shape)
        y = load_array(folder, run["data"]["train"]["targets"])
        self.y = y.astype(np.int64) if train["loss"] == "cross_entropy" else y.astype(dtype).reshape(len(y), -1)
        query = run["data"].get("query")
        self.xq = load_array(folder, query["inputs"]).astype(dtype) if query else self.x
        self.xq = self.xq.reshape((len(self.xq),) + shape)
        self.batches = load_array(folder, train["batches"]) if "batches" in train else None
        weights = load_weights(folder / model["weights"])
        self.names = {k: v.shape for k, v in weights.items()}
        self.w0 = np.concatenate([v.ravel() for v in weights.values()]).astype(dtype)
        self.layer_slices = self._slices()
        self._compile()

    def unravel(self, w):
        """A flat weight vector -> {name: array}."""
        out, at = {}, 0
        for name, shape in self.names.items():
            size = int(np.prod(shape))
            out[name] = w[at : at + size].reshape(shape)
            at += size
        return out

    def _slices(self):
        """Where each layer's weights lie in the flat vector, in layer order."""
        spans, at = {}, 0
        for name, shape in self.names.items():
            end = at + int(np.prod(shape))
            start = spans.get(name.split(".")[0], (at, end))[0]
            spans[name.split(".")[0]] = (start, end)
            at = end
        return [slice(a, b) for a, b in spans.values()]

    def _compile(self):
        loss = LOSSES[self.training["loss"]]
        layers = self.model["layers"]

        def f(w, x):
            return forward(layers, self.unravel(w), x)

        def total(w, x, y, shares):
            return jnp.sum(shares * jax.vmap(lambda x, y: loss(f(w, x)[0], y))(x, y))

        self.outputs = jax.jit(lambda w, x: jax.vmap(lambda x: f(w, x)[0])(x))
        self.jacobian = jax.jit(lambda w, x: jax.vmap(lambda x: jax.jacrev(f, has_aux=True)(w, x))(x))
        self.loss_gradient = jax.jit(jax.vmap(jax.grad(loss)))  # dL_i/df, [m, C]
        self.gradient = jax.jit(jax.grad(total))

    def batch_counts(self, s):
        """How often each example occurs in step s's batch -> (counts [m], entries of the batch)."""
        if self.batches is None:
            return np.ones(len(self.x), int), len(self.x)
        batch = self.batches[s].astype(np.int64)
        return np.bincount(batch, minlength=len(self.x)), len(batch)


def quadrature(kernel):
    """Nodes in [0, 1] and their weights."""
    if kernel.get("rule", "gauss") == "left":
        return np.array([0.0]), np.array([1.0])
    t, omega = np.polynomial.legendre.leggauss(kernel.get("nodes", 3))
    return (t + 1) / 2, omega / 2


def by_layer(slices, a, b):
    """Tangent kernel of each layer: a [n, C, P], b [m, C, P] -> [L, n, m, C, C]."""
    return np.stack([np.einsum("qcp,idp->qicd", a[:, :, s], b[:, :, s]) for s in slices])


def shaped(kind, theta):
    """[..., C, C] -> what kernel = trace, diagonal or full stores."""
    if kind == "full":
        return theta
    diagonal = np.diagonal(theta, axis1=-2, axis2=-1)
    return diagonal.mean(axis=-1) if kind == "trace" else diagonal


def coefficients(case, kernel, moved):
    """a = moved / K, NaN where |K| is near zero; moved [n, m, C, C] is what d of i did to c of q."""
    moved = shaped(case.kernel["kernel"], moved)
    near_zero = np.abs(kernel) < 1e-12 * np.abs(kernel).max()
    return np.where(near_zero, np.nan, moved / np.where(near_zero, 1.0, kernel))


def compute(case):
    """Train, integrate -> ({array name: value}, final weights {name: value}, facts {name: number})."""
    n, m, c = len(case.xq), len(case.x), case.outputs(case.w0, case.x).shape[1]
    lr = case.dtype(case.training["optimizer"]["learning_rate"])
    decay = case.dtype(case.training["optimizer"].get("weight_decay", 0.0))
    mean = case.training.get("reduction", "mean") == "mean"
    taus, omegas = quadrature(case.kernel)
    kernel = np.zeros((len(case.layer_slices), n, m, c, c))
    moved = np.zeros_like(kernel)
    regularizer = np.zeros((n, c))
    w, margin = case.w0, np.inf

    for s in range(case.training["steps"]):
        counts, size = case.batch_counts(s)
        shares = (counts / size if mean else counts).astype(case.dtype)
        example, near = case.jacobian(w, case.x)
        margin = min(margin, near.min())
        dloss = np.asarray(case.loss_gradient(case.outputs(w, case.x), case.y))
        gradient = np.asarray(case.gradient(w, case.x, case.y, shares))
        assert np.allclose(gradient, np.einsum("i,icp,ic->p", shares, example, dloss), rtol=1e-4, atol=1e-5)
        step = -lr * (gradient + decay * w)
        phi = np.zeros((n, c, len(w)))
        for tau, omega in zip(taus, omegas):
            query, near = case.jacobian((w + tau * step).astype(case.dtype), case.xq)
            margin = min(margin, near.min())
            phi += omega * np.asarray(query)
        theta = by_layer(case.layer_slices, phi, np.asarray(example, np.float64))
        in_batch = (counts > 0).astype(float)
        kernel += lr * in_batch[:, None, None] * theta
        moved += -lr * theta * shares[:, None, None] * dloss[:, None, :]
        regularizer += -decay * lr * (phi @ w)
        w = w + step

    initial, prediction = (np.asarray(case.outputs(v, case.xq), np.float64) for v in (case.w0, w))
    attribution = moved.sum(axis=(0, -1))
    out = {
        "attribution": attribution,
        "initial": initial,
        "prediction": prediction,
        "regularizer": regularizer,
        "residual": prediction - initial - attribution.sum(axis=1) - regularizer,
    }
    kind = case.kernel.get("kernel", "none")
    if case.kernel.get("layers", False):
        out["attribution_layers"] = moved.sum(axis=-1)
        if kind != "none":
            out["kernel_layers"] = shaped(kind, kernel)
    if kind != "none":
        out["kernel"] = shaped(kind, kernel.sum(axis=0))
    if case.kernel.get("coefficients", False):
        out["coefficients"] = coefficients(case, out["kernel"], moved.sum(axis=0))
    if case.kernel.get("tangent", False):
        for name, v in (("tangent_initial", case.w0), ("tangent_final", w)):
            a, b = (np.asarray(case.jacobian(v, x)[0], np.float64) for x in (case.xq, case.x))
            out[name] = shaped(kind, by_layer(case.layer_slices, a, b).sum(axis=0))
    change = np.abs(prediction - initial).max()
    facts = {
        "kink_margin": float(margin),
        "change": float(change),
        "residual": float(np.abs(out["residual"]).max() / change),
    }
    return out, case.unravel(w), facts
