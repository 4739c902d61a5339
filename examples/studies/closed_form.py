"""Makes docs/studies/closed_form.md's numbers and picture: the linear and the convex case, where all of it is known in
closed form.

    python examples/studies/closed_form.py [--small]

A straight line through many numbers, by gradient descent: every array of a run against its formula. Logistic regression
with weight decay: two decompositions of one prediction. Needs scikit-learn, matplotlib and the package.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from study import Study, mean

import pathkernel as pk

FEATURES, RATE = 12, 0.02
OPTIONS: dict[str, Any] = {"nodes": 2, "progress": False}


def main() -> None:
    study = Study.begun(__file__, __doc__)
    seeds, steps = (2, 100) if study.small else (5, 400)
    draws = [line(seed) for seed in range(seeds)]
    linear = [linear_case(data, steps) for data in draws]
    off = {name: max(run.off[name] for run in linear) for name in linear[0].off}
    study.table("formulas", ["array", "formula", "largest difference, of the largest entry"],
                [[f"`{name}`", FORMULAS[name], f"{value:.0e}"] for name, value in off.items()])  # fmt: skip
    assert max(off.values()) < 1e-10, "the engine and the formulas differ"

    study.table(
        "left out", ["rank correlation with what leaving the example out does", "mean over queries and seeds"],
        [["contribution", mean([run.ranks["contribution"] for run in linear])],
         ["part of the ridge, K(x, x_i) times its coefficient", mean([run.ranks["ridge"] for run in linear])],
         ["derivative by the example's weight", mean([run.ranks["derivative"] for run in linear])]],
    )  # fmt: skip
    assert all(run.ranks["derivative"] > 0.95 and run.ranks["contribution"] < 0.8 for run in linear)

    convex = [convex_case(data, 4 * steps) for data in draws]
    study.table(
        "convex", ["of logistic regression with weight decay", "mean over seeds"],
        [["sum of contributions and of decay's part, less the change of f, of the largest change",
          f"{max(run.sums for run in convex):.0e}"],
         ["sum of representer values less f, of the largest f", f"{max(run.representer for run in convex):.0e}"],
         ["rank correlation of contributions and representer values", mean([run.rank for run in convex])],
         ["share of what contributions gave that decay took back", mean([run.decay for run in convex])]],
    )  # fmt: skip
    assert all(run.sums < 1e-8 and run.representer < (0.2 if study.small else 1e-3) for run in convex)
    study.publish(picture(linear[0], convex[0]))


#: Of f = x·w by steps of the full batch of the mean of (f - y)²/2, with M = X Xᵀ / m.
FORMULAS = {
    "kernel": "S ε q·x_i",
    "prediction": "q·w_0 + q Xᵀ (1 - (1 - ε M)^S) M⁻¹ (y - X w_0) / m",
    "attribution": "q·x_i (1/m) (M⁻¹ (1 - (1 - ε M)^S) (y - X w_0))_i",
    "coefficients": "attribution / kernel: the mean of the residuals on the way, over m",
    "ridge on the kernel": "q·(Xᵀ X + alpha mean ‖x‖²)⁻¹ Xᵀ y",
}


def line(seed: int) -> Any:
    """Numbers of different size, a line through them, and noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(60, FEATURES)) * np.geomspace(2, 0.5, FEATURES)
    w = random.normal(size=FEATURES)
    y = x[:40] @ w + 0.5 * random.normal(size=40)
    signs = (x[:40] @ w + random.normal(size=40) > 0).astype(float)
    return SimpleNamespace(x=x[:40], queries=x[40:], y=y, signs=signs, seed=seed)


def trained(data: Any, targets: np.ndarray, loss: str, steps: int, rate: float, **optimizer: float) -> pk.Path:
    layers = [{"type": "linear", "features": 1, "bias": False}]
    options: dict[str, Any] = {"steps": steps, "seed": data.seed, "precision": "f64", "progress": False}
    return pk.train(layers, data.x, targets[:, None], loss=loss, optimizer=pk.SGD(rate, **optimizer), **options)


def linear_case(data: Any, steps: int) -> Any:
    """Every array of a run against its formula, and what leaving an example out does."""
    x, y, q, m = data.x, data.y, data.queries, len(data.x)
    path = trained(data, y, "squared_error", steps, RATE)
    known = pk.attribute(path, kernel="diagonal", **OPTIONS)
    asked = pk.attribute(path, q, np.zeros((len(q), 1)), kernel="diagonal", coefficients=True, **OPTIONS)
    w0 = np.linalg.lstsq(q, asked.initial[:, 0], rcond=None)[0]

    values, vectors = np.linalg.eigh(x @ x.T / m)
    # (1 - (1 - ε λ)^S) / λ, which is S ε where λ is 0.
    moved = values > 1e-12
    on_the_way = np.where(moved, (1 - (1 - RATE * values) ** steps) / np.where(moved, values, 1), steps * RATE)
    summed = vectors @ (on_the_way * (vectors.T @ (y - x @ w0))) / m
    machine = pk.machine(known, alpha=0.3)
    shrunk = np.linalg.solve(x.T @ x + 0.3 * np.mean((x**2).sum(1)) * np.eye(FEATURES), x.T @ y)
    kernel = steps * RATE * q @ x.T
    expected = {
        "kernel": (asked.kernel[:, :, 0], kernel),
        "prediction": (asked.prediction[:, 0], q @ w0 + q @ x.T @ summed),
        "attribution": (asked.attribution[:, :, 0], q @ x.T * summed),
        "coefficients": (asked.coefficients[:, :, 0], np.broadcast_to(summed / (steps * RATE), kernel.shape)),
        "ridge on the kernel": (machine.outputs(asked)[:, 0], q @ shrunk),
    }
    off = {name: float(abs(found - formula).max() / abs(formula).max()) for name, (found, formula) in expected.items()}

    # With the weight u of an example, w_S = w_0 + Σ (1 - ε H_u)^s ε Xᵀ U (y - X w_0) / m: run again without it.
    def without(u: np.ndarray) -> np.ndarray:
        w = w0.copy()
        for _ in range(steps):
            w -= RATE * x.T @ (u * (x @ w - y)) / m
        return q @ w

    every = without(np.ones(m))
    left_out = np.stack([every - without(np.arange(m) != i) for i in range(m)], axis=1)
    slope = np.stack([(without(1 + 1e-5 * (np.arange(m) == i)) - every) / 1e-5 for i in range(m)], axis=1)
    ridge = asked.kernel[:, :, 0] * machine.coefficients[:, 0]
    ranks = {name: correlation(scores, left_out) for name, scores in
             (("contribution", asked.attribution[:, :, 0]), ("ridge", ridge), ("derivative", slope))}  # fmt: skip
    return SimpleNamespace(off=off, ranks=ranks, given=asked.attribution[:, :, 0], left_out=left_out)


def convex_case(data: Any, steps: int) -> Any:
    """At the minimum of the mean loss and λ/2 ‖w‖² the weights are Σ (y_i - p_i) x_i / (λ m): the representer
    theorem.
    """
    decay = 0.1
    path = trained(data, data.signs, "logistic", steps, 0.05, weight_decay=decay)
    result = pk.attribute(path, data.queries, np.zeros((len(data.queries), 1)), **OPTIONS)
    known = pk.attribute(path, **OPTIONS)
    p = 1 / (1 + np.exp(-known.prediction[:, 0]))
    values = data.queries @ data.x.T * (data.signs - p) / (decay * len(data.x))
    given, change = result.attribution[:, :, 0], (result.prediction - result.initial)[:, 0]
    return SimpleNamespace(
        sums=abs(given.sum(1) + result.regularizer[:, 0] - change).max() / abs(change).max(),
        representer=abs(values.sum(1) - result.prediction[:, 0]).max() / abs(result.prediction).max(),
        rank=correlation(given, values),
        decay=float(np.median(-result.regularizer[:, 0] / given.sum(1))),
        given=given,
        values=values,
    )


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, the mean over queries."""
    ranks = [values.argsort(1).argsort(1) for values in (one, other)]
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*ranks, strict=True)]))


def picture(linear: Any, convex: Any) -> Any:
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.9))
    left.plot(linear.given[:5].ravel(), linear.left_out[:5].ravel(), ".", markersize=4)
    left.set(xlabel="contribution", ylabel="what leaving it out takes away", title="linear: two questions")
    right.plot(convex.given[:5].ravel(), convex.values[:5].ravel(), "C1.", markersize=4)
    right.set(xlabel="contribution", ylabel="representer value", title="convex, with decay: two answers to one")
    return figure


if __name__ == "__main__":
    main()
