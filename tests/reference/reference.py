"""Path kernels of small networks, term by term, in float64.

This is the reference that the engine is compared with. It shares no code with the engine: networks are
written as plain functions, Jacobians come from automatic differentiation, and every sum is spelled out.
It goes forwards in time and keeps what each example did to the weights, example by example, which the engine never does.
Everything that it needs is read from a case folder: run.toml and the files that it names.

Notation: m training examples, n queries, C outputs, R rows of the readout, P weights, L layers that have weights.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import safe_open

from flow import flow
from network import LOSSES, forward, readout_function
from optimizers import Grouped, Parts, Whole, clip_factor
from segments import average_gradient


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


def load_path(folder, pattern):
    """A recorded path: {name: [steps + 1, ...]}, from one file for each step in natural order, or from one file."""
    natural = lambda file: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", file.name)]
    files = sorted(folder.glob(pattern), key=natural)
    if len(files) == 1:
        return load_weights(files[0])
    steps = [load_weights(file) for file in files]
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}


class Case:
    """A case folder, read; and the functions of its network, compiled once."""

    def __init__(self, folder, dtype=np.float64):
        folder = Path(folder)
        run = tomllib.loads((folder / "run.toml").read_text())
        model, train = run["model"], run["training"]
        self.dtype, self.model, self.training, self.kernel = dtype, model, train, run["kernel"]
        shape, classes = tuple(model["input"]), train["loss"] == "cross_entropy"
        as_targets = lambda y: y.astype(np.int64) if classes else y.astype(dtype).reshape(len(y), -1)
        self.x = load_array(folder, run["data"]["train"]["inputs"]).astype(dtype)
        self.x = self.x.reshape((len(self.x),) + shape)
        self.y = as_targets(load_array(folder, run["data"]["train"]["targets"]))
        query = run["data"].get("query")
        self.xq = load_array(folder, query["inputs"]).astype(dtype) if query else self.x
        self.xq = self.xq.reshape((len(self.xq),) + shape)
        self.yq = self.y if not query else np.zeros((len(self.xq), *self.y.shape[1:]), self.y.dtype)
        if query and "targets" in query:
            self.yq = as_targets(load_array(folder, query["targets"]))
        self.batches = load_array(folder, train["batches"]) if "batches" in train else None
        recorded = run.get("trajectory", {}).get("import")
        self.recorded = None
        if recorded:
            path = load_path(folder, recorded)
            rows = zip(*path.values())
            self.recorded = np.stack([np.concatenate([v.ravel() for v in row]) for row in rows]).astype(dtype)
            assert len(self.recorded) == train["steps"] + 1
            weights = {name: v[0] for name, v in path.items()}
        else:
            weights = load_weights(folder / model["weights"])
        self.names = {k: v.shape for k, v in weights.items()}
        self.w0 = np.concatenate([v.ravel() for v in weights.values()]).astype(dtype)
        self.layer_slices, self.places = self._slices(), self._places()
        options = train["optimizer"]
        files = {k: v for k, v in options.items() if isinstance(v, str) and v.endswith(".npy")}
        options.update({k: load_array(folder, v).tolist() for k, v in files.items()})
        self._compile()

    def unravel(self, w):
        """A flat weight vector -> {name: array}."""
        out, at = {}, 0
        for name, shape in self.names.items():
            size = int(np.prod(shape))
            out[name] = w[at : at + size].reshape(shape)
            at += size
        return out

    def _places(self):
        """Each tensor's name, and its slice of the flat vector."""
        sizes = [int(np.prod(shape)) for shape in self.names.values()]
        ends = np.cumsum(sizes)
        return [(name, slice(end - size, end)) for name, size, end in zip(self.names, sizes, ends)]

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
        readout = readout_function(self.kernel.get("readout", "outputs"), self.training["loss"])
        layers, n = self.model["layers"], len(self.xq)

        def f(w, x):
            return forward(layers, self.unravel(w), x)

        def read(w, x, y):
            out, aux = f(w, x)
            return readout(out, y), aux

        def total(w, x, y, shares):
            return jnp.sum(shares * jax.vmap(lambda x, y: loss(f(w, x)[0], y))(x, y))

        def near(jacobian):
            """Without the pattern: (Jacobian, distance to the nearest kink)."""
            return jacobian[0], jacobian[1][0]

        def along(w, step, tau):
            return (w + tau * step).astype(self.dtype)

        def gradient_along(w, step, q, tau, omega, x, y):
            rows = jax.vmap(lambda t, x, y: jax.jacrev(read, has_aux=True)(along(w, step, t), x, y)[0])(tau, x, y)
            return jax.ops.segment_sum(omega[:, None, None] * rows, q, n)

        self.outputs = jax.jit(lambda w, x: jax.vmap(lambda x: f(w, x)[0])(x))
        self.jacobian = jax.jit(lambda w, x: jax.vmap(lambda x: near(jax.jacrev(f, has_aux=True)(w, x)))(x))
        self.loss_gradient = jax.jit(jax.vmap(jax.grad(loss)))  # dL_i/df, [m, C]
        self.gradient = jax.jit(jax.grad(total))
        self.readout = jax.jit(lambda w, x, y: jax.vmap(lambda x, y: read(w, x, y)[0])(x, y))
        self.query_gradient = jax.jit(
            lambda w, x, y: jax.vmap(lambda x, y: near(jax.jacrev(read, has_aux=True)(w, x, y)))(x, y)
        )
        self.gradient_along = jax.jit(gradient_along)
        self.pattern_along = jax.jit(
            lambda w, step, tau, x: jax.vmap(lambda t, x: f(along(w, step, t), x)[1][1])(tau, x)
        )

    def batch_counts(self, s):
        """How often each example occurs in step s's batch -> (counts [m], entries of the batch)."""
        if self.batches is None:
            return np.ones(len(self.x), int), len(self.x)
        batch = self.batches[s].astype(np.int64)
        return np.bincount(batch, minlength=len(self.x)), len(batch)

    def shares(self, counts, size):
        """What the reduction multiplies each example's loss by."""
        mean = self.training.get("reduction", "mean") == "mean"
        return (counts / size if mean else counts).astype(self.dtype)

    @property
    def plain(self):
        """Plain gradient descent or flow, which alone have a path kernel."""
        optimizer = self.training["optimizer"]
        return optimizer["type"] == "flow" or optimizer["type"] == "sgd" and optimizer.get("momentum", 0.0) == 0


@dataclass
class Totals:
    """Sums along the path, all in float64."""

    attribution: np.ndarray  # [L, n, m, R]
    kernel: np.ndarray  # [L, n, m, R, C]: time along the path, not clipped
    moved: np.ndarray  # [L, n, m, R, C]: what output d of example i did to row r of query q
    regularizer: np.ndarray  # [n, R]
    unexplained: np.ndarray  # [n, R]
    travelled: np.ndarray  # [m, P]: how far each example moved the weights
    windows: np.ndarray  # [W, n, m, R]: the attribution by the window of the step whose batch held the example
    margin: float = np.inf  # distance to the nearest kink
    clipped: int = 0  # steps whose gradient was clipped
    flips: int = 0  # units that flipped inside a segment, over queries and steps, for the rule adaptive


def by_layer(slices, a, b):
    """Tangent kernel of each layer: a [n, R, P], b [m, C, P] -> [L, n, m, R, C]."""
    return np.stack([np.einsum("qrp,idp->qird", a[:, :, s], b[:, :, s]) for s in slices])


def path(case):
    """The weights of every step of the optimizer as a whole: a list of steps + 1 vectors."""
    whole, weights = Grouped(Whole, case.training, case.places), [case.w0]
    for s in range(case.training["steps"]):
        w, shares = weights[-1], case.shares(*case.batch_counts(s))
        gradient = np.asarray(case.gradient(w, case.x, case.y, shares))
        gradient = gradient * clip_factor(gradient, case.training.get("clip_norm", 0.0))
        weights.append(w + whole.step(w, gradient))
    return weights


def descend(case, totals):
    """Fills in the totals of a run of discrete steps -> the last weights.

    The step is the optimizer's as a whole, or the recorded one; its parts are kept example by example. Where windows are
    asked for, an example is one for each of them: with a gradient in that window's steps, and a buffer that goes on moving
    the weights in later ones.
    """
    whole, parts = (Grouped(kind, case.training, case.places) for kind in (Whole, Parts))
    windows, m, w = max(len(totals.windows), 1), len(case.x), case.w0
    for s in range(case.training["steps"]):
        counts, size = case.batch_counts(s)
        shares = case.shares(counts, size)
        example, near = case.jacobian(w, case.x)
        totals.margin = min(totals.margin, near.min())
        dloss = np.asarray(case.loss_gradient(case.outputs(w, case.x), case.y))
        gradient = np.asarray(case.gradient(w, case.x, case.y, shares))
        each = shares[:, None] * np.einsum("icp,ic->ip", example, dloss)
        assert np.allclose(gradient, each.sum(axis=0), rtol=1e-4, atol=1e-5)

        clip = clip_factor(gradient, case.training.get("clip_norm", 0.0))
        totals.clipped += int(clip < 1)
        step = whole.step(w, clip * gradient)
        own = np.zeros((windows, *each.shape), each.dtype)
        own[s * windows // case.training["steps"]] = clip * each
        examples, decay = parts.step(w, own.reshape(windows * m, -1))
        by_window = examples.reshape(own.shape)
        examples = by_window.sum(axis=0)
        if case.dtype == np.float64:
            assert np.abs(examples.sum(axis=0) + decay - step).max() < 1e-12 * np.abs(step).max()
        after = w + step if case.recorded is None else case.recorded[s + 1]
        phi, near, flips = average_gradient(case, w, after - w)
        totals.margin, totals.flips = min(totals.margin, near), totals.flips + flips

        for layer, cut in enumerate(case.layer_slices):
            totals.attribution[layer] += np.einsum("qrp,ip->qir", phi[:, :, cut], examples[:, cut])
        totals.windows += np.einsum("qrp,wip->wqir", phi, by_window[: len(totals.windows)])
        totals.regularizer += phi @ decay
        totals.unexplained += phi @ (after - w - step)
        totals.travelled += examples
        if case.plain:
            timed = phi * whole.rates(s, np.float64)
            theta = by_layer(case.layer_slices, timed, np.asarray(example, np.float64))
            totals.kernel += (counts > 0)[:, None, None] * theta
            totals.moved += -clip * theta * shares[:, None, None] * dloss[:, None, :]
        w = after
    if case.plain:
        assert np.allclose(totals.moved.sum(axis=-1), totals.attribution, rtol=1e-3, atol=1e-6)
    return w


def shaped(kind, theta):
    """[..., R, C] -> what kernel = trace, diagonal or full stores; the first two need R = C."""
    if kind == "full":
        return theta
    assert theta.shape[-1] == theta.shape[-2]
    diagonal = np.diagonal(theta, axis1=-2, axis2=-1)
    return diagonal.mean(axis=-1) if kind == "trace" else diagonal


def coefficients(case, kernel, moved):
    """a = moved / K, NaN where |K| is near zero; moved [n, m, R, C] is what d of i did to r of q."""
    moved = shaped(case.kernel["kernel"], moved)
    near_zero = np.abs(kernel) < 1e-12 * np.abs(kernel).max()
    return np.where(near_zero, np.nan, moved / np.where(near_zero, 1.0, kernel))


def superposition(case, travelled, change):
    """Of each example and layer: how far it moved the weights, and its share of their way; [m, L, 2]."""
    out = np.zeros((len(travelled), len(case.layer_slices), 2))
    for i, way in enumerate(travelled):
        for layer, cut in enumerate(case.layer_slices):
            u, whole = way[cut], change[cut]
            out[i, layer] = np.sqrt(np.sum(u**2)), np.sum(u * whole) / np.sum(whole**2)
    return out


def compute(case):
    """Train, integrate -> ({array name: value}, {file name: {tensor name: value}}, facts {name: number})."""
    n, m = len(case.xq), len(case.x)
    c, r = (v.shape[1] for v in (case.outputs(case.w0, case.x), case.readout(case.w0, case.xq, case.yq)))
    layers = len(case.layer_slices)
    shapes = [(layers, n, m, r), (layers, n, m, r, c), (layers, n, m, r, c), (n, r), (n, r), (m, len(case.w0))]
    windows = case.kernel.get("windows", 0)
    shapes += [(windows, n, m, r)]
    totals = Totals(*(np.zeros(shape) for shape in shapes))
    w = (flow if case.training["optimizer"]["type"] == "flow" else descend)(case, totals)

    initial, prediction = (np.asarray(case.readout(v, case.xq, case.yq), np.float64) for v in (case.w0, w))
    attribution = totals.attribution.sum(axis=0)
    explained = attribution.sum(axis=1) + totals.regularizer + totals.unexplained
    out = {
        "attribution": attribution,
        "initial": initial,
        "prediction": prediction,
        "regularizer": totals.regularizer,
        "residual": prediction - initial - explained,
    }
    if case.recorded is not None:
        out["unexplained"] = totals.unexplained
    if windows:
        steps = case.training["steps"]
        out["attribution_windows"] = totals.windows
        first = lambda w: next(s for s in range(steps + 1) if s * windows >= w * steps)
        out["windows"] = np.array([first(w) for w in range(windows + 1)])
    kind = case.kernel.get("kernel", "none")
    assert kind == "none" or case.plain
    if case.kernel.get("layers", False):
        out["attribution_layers"] = totals.attribution
        if kind != "none":
            out["kernel_layers"] = shaped(kind, totals.kernel)
    if kind != "none":
        out["kernel"] = shaped(kind, totals.kernel.sum(axis=0))
    if case.kernel.get("coefficients", False):
        out["coefficients"] = coefficients(case, out["kernel"], totals.moved.sum(axis=0))
    if case.kernel.get("tangent", False):
        for name, v in (("tangent_initial", case.w0), ("tangent_final", w)):
            a, b = case.query_gradient(v, case.xq, case.yq)[0], case.jacobian(v, case.x)[0]
            out[name] = shaped(kind, by_layer(case.layer_slices, *(np.asarray(j, np.float64) for j in (a, b))).sum(axis=0))
    tensors = {"weights_final": case.unravel(w)}
    if case.kernel.get("superposition", False):
        out["superposition"] = superposition(case, totals.travelled, np.asarray(w - case.w0, np.float64))
    chosen = case.kernel.get("superposition_vectors", [])
    if chosen:
        ways = [case.unravel(totals.travelled[i]) for i in chosen]
        tensors["superposition"] = {name: np.stack([way[name] for way in ways]) for name in ways[0]}
    change = np.abs(prediction - initial).max()
    facts = {
        "kink_margin": float(totals.margin),
        "clipped": totals.clipped,
        "flips": totals.flips,
        "change": float(change),
        "residual": float(np.abs(out["residual"]).max() / change),
    }
    return out, tensors, facts
