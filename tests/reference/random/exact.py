"""Every array of a run, computed a second time: in 80 bits, forwards in time, by sums that are spelled out.

m training examples, n queries, C outputs, R rows of the readout, P weights, S steps, L layers that have weights.
"""

from dataclasses import dataclass

import numpy as np

from case import Case
from heads import readout, readout_slope
from segment import Queries, Segments
from training import follow, jacobian

# A coefficient is not a number where the kernel is below so much of its largest.
NEAR_ZERO = {"f32": 1e-6, "f64": 1e-12}


@dataclass
class Answer:
    """Arrays by name, and what comparisons need beside them."""

    arrays: dict
    moved: np.ndarray  # shaped as the coefficients: what a K is
    outputs: np.ndarray  # the size of the largest output of a query at either end
    scales: np.ndarray  # [n]: Σ_s of the largest change or contribution of step s


def compute(folder, dtype=np.longdouble):
    """-> Answer"""
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        return answer(Case(folder, dtype))


def answer(case):
    """As `compute`, of a case that has been read."""
    path = follow(case)
    queries = Queries(case.network, case.readout, case.loss, case.xq, case.yq)
    phi = Segments(queries, path.weights).averaged(case.kernel)
    ends = [outputs(case, w) for w in (path.weights[0], path.weights[-1])]
    initial, prediction = (readout(case.readout, case.loss, f, case.yq) for f in ends)
    arrays = {"initial": initial, "prediction": prediction}
    layers, scales = attributions(case, path, phi)
    arrays["attribution"] = layers.sum(axis=0)
    arrays["regularizer"] = along(phi, path.decay)
    left = prediction - initial - arrays["attribution"].sum(axis=1) - arrays["regularizer"]
    if case.imported:
        steps = path.weights[1:] - path.weights[:-1]
        arrays["unexplained"] = along(phi, steps - path.parts.sum(axis=1) - path.decay)
        left = left - arrays["unexplained"]
    arrays["residual"] = left
    if case.kernel.get("layers", False):
        arrays["attribution_layers"] = layers
    moved = kernels(case, path, phi, arrays) if case.kernel.get("kernel", "none") != "none" else None
    return Answer(arrays, moved, np.abs(np.stack(ends)).max(), scales)


def outputs(case, w):
    """The queries' outputs at some weights, [n, C]."""
    return case.network.outputs_at(np.broadcast_to(w, (len(case.xq), len(w))), case.xq)


def along(phi, steps):
    """Σ_s φ_s · v_s, [n, R]."""
    return sum((rows @ v[:, None])[..., 0] for rows, v in zip(phi, steps))


def attributions(case, path, phi):
    """-> ([L, n, m, R], [n]: Σ_s of the largest contribution or change of step s)"""
    cuts, scales = case.network.cuts(), np.zeros(len(case.xq), case.dtype)
    total = np.zeros((len(cuts), len(case.xq), len(case.x), phi.shape[2]), case.dtype)
    for s, parts in enumerate(path.parts):
        each = np.stack([(phi[s][:, :, cut] @ parts[:, cut].T).swapaxes(1, 2) for cut in cuts])
        total += each
        change = phi[s] @ (path.weights[s + 1] - path.weights[s])
        scales += np.maximum(np.abs(each.sum(axis=0)).max(axis=(1, 2)), np.abs(change).max(axis=1))
    return total, scales


def kernels(case, path, phi, arrays):
    """Fills in what belongs to the kernel -> what each output of an example did, shaped as the kernel."""
    shape = case.kernel["kernel"]
    cuts = case.network.cuts()
    size = (len(cuts), len(case.xq), len(case.x), phi.shape[2], case.network.outputs)
    kernel, moved = np.zeros(size, case.dtype), np.zeros(size[1:], case.dtype)
    for s, rate in enumerate(path.rates):
        theta = by_layer(cuts, phi[s], path.jacobians[s])
        held = (case.counts(s)[0] > 0)[:, None, None]
        kernel += rate * held * theta
        moved -= rate * theta.sum(axis=0) * path.slopes[s][:, None, :]
    layers = shaped(shape, kernel)
    arrays["kernel"] = shaped(shape, kernel.sum(axis=0))
    if case.kernel.get("layers", False):
        arrays["kernel_layers"] = layers
    if case.kernel.get("tangent", False):
        arrays["tangent_initial"] = tangent(case, path.weights[0])
        arrays["tangent_final"] = tangent(case, path.weights[-1])
    moved = shaped(shape, moved)
    if case.kernel.get("coefficients", False):
        arrays["coefficients"] = coefficients(case, arrays["kernel"], moved)
    return moved


def coefficients(case, kernel, moved):
    """a = moved / K; not a number where K is near zero."""
    near = np.abs(kernel) < NEAR_ZERO[case.precision] * np.abs(kernel).max()
    return np.where(near, np.nan, moved / np.where(near, 1, kernel))


def by_layer(cuts, a, b):
    """a [n, R, P], b [m, C, P] -> [L, n, m, R, C]"""
    flat = lambda v, cut: v[:, :, cut].reshape(-1, cut.stop - cut.start)
    product = lambda cut: (flat(a, cut) @ flat(b, cut).T).reshape(a.shape[:2] + b.shape[:2])
    return np.stack([product(cut).transpose(0, 2, 1, 3) for cut in cuts])


def shaped(kind, theta):
    """[..., R, C] -> what kernel = trace, diagonal or full stores."""
    if kind == "full":
        return theta
    diagonal = np.diagonal(theta, axis1=-2, axis2=-1)
    return diagonal.mean(axis=-1) if kind == "trace" else diagonal


def tangent(case, w):
    """The readout's gradients at some weights times the outputs' of the examples."""
    rows = np.broadcast_to(w, (len(case.xq), len(w)))
    values = case.network.forward(rows, case.xq)
    seed = readout_slope(case.readout, case.loss, case.network.final(values), case.yq)
    gradients = case.network.backward(rows, values, seed)
    return shaped(case.kernel["kernel"], by_layer(case.network.cuts(), gradients, jacobian(case, w)).sum(axis=0))
