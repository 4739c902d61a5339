"""Makes docs/studies/dimensions.md's numbers and picture: path kernel and Gaussian kernel as irrelevant dimensions are
added.

    python examples/studies/dimensions.py [--small]

The product of two numbers is to be learned from examples that hold ever more numbers of no meaning. Every machine is a
ridge, with its alpha, and the Gaussian's width, chosen by leaving each example out. Needs torch, matplotlib and the
package.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from study import Study, mean
from torch import nn

import pathkernel as pk

GAUSSIAN, NETWORK = "Gaussian", "the network"
KERNELS = {"tangent, initial": "tangent_initial", "path": "path", "tangent, final": "tangent_final"}
WIDTHS = np.geomspace(0.3, 10, 10)


def main() -> None:
    study = Study.begun(__file__, __doc__)
    seeds, dimensions, train, steps = (1, (2, 32), 300, 120) if study.small else (3, (2, 4, 8, 16, 32, 64), 300, 200)
    found = {d: [errors(d, seed, train, steps) for seed in range(seeds)] for d in dimensions}
    names = [GAUSSIAN, *KERNELS, NETWORK]
    study.table(
        "errors",
        ["numbers", *names],
        [[d, *(mean([run[name] for run in all_]) for name in names)] for d, all_ in found.items()],
    )
    few, many = found[dimensions[0]], found[dimensions[-2] if not study.small else dimensions[-1]]
    assert all(run[GAUSSIAN] < 0.2 for run in few), "two numbers are no matter for a Gaussian"
    assert all(run["path"] < 0.8 * run[GAUSSIAN] for run in many), "the path kernel should know which numbers matter"
    study.publish(picture(found, names))


def errors(d: int, seed: int, train: int, steps: int) -> dict[str, float]:
    """The error of each machine on queries, of the target's standard deviation, which is 1."""
    data = product(d, seed, train)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(d, 64), nn.GELU(), nn.Linear(64, 1))
    # The loss bends more the more numbers there are, and takes shorter steps.
    rate = min(0.2, 4 / d)
    path = pk.train(net, data.x, data.y, loss="mse", optimizer=pk.SGD(rate), steps=steps, progress=False)
    options = {"kernel": "trace", "tangent": True, "nodes": 3, "progress": False}
    known, asked = pk.attribute(path, **options), pk.attribute(path, data.test_x, data.test_y, **options)
    scores = {name: pk.machine(known, kernel=kernel).score(asked) for name, kernel in KERNELS.items()}
    return {
        GAUSSIAN: gaussian(data),
        **{name: score.machine for name, score in scores.items()},
        NETWORK: scores["path"].network,
    }


def product(d: int, seed: int, train: int) -> Any:
    """x₁ x₂ of d numbers."""
    x = np.random.default_rng([seed, d]).normal(size=(train + 200, d)).astype(np.float32)
    y = x[:, :1] * x[:, 1:2]
    return SimpleNamespace(x=x[:train], y=y[:train], test_x=x[train:], test_y=y[train:])


def gaussian(data: Any) -> float:
    """The best Gaussian kernel that the training set can choose."""
    def kernel(x: np.ndarray, width: float) -> np.ndarray:
        distances = (x**2).sum(1)[:, None] + (data.x**2).sum(1) - 2 * x @ data.x.T
        return np.exp(-distances.astype(np.float64) / (2 * width**2 * data.x.shape[1]))

    machines = [pk.machine(kernel(data.x, width), targets=data.y) for width in WIDTHS]
    left_out = [float(np.mean((machine.left_out - data.y) ** 2)) for machine in machines]
    best = int(np.argmin(left_out))
    return float(np.sqrt(np.mean((machines[best].outputs(kernel(data.test_x, WIDTHS[best])) - data.test_y) ** 2)))


def picture(found: dict[int, list[dict[str, float]]], names: list[str]) -> Any:
    figure, axes = plt.subplots(figsize=(6, 3.2))
    for name in names:
        values = np.array([[run[name] for run in all_] for all_ in found.values()])
        error = values.std(1, ddof=1) / values.shape[1] ** 0.5 if values.shape[1] > 1 else None
        line = "--" if name == NETWORK else "-"
        axes.errorbar(list(found), values.mean(1), error, marker=".", capsize=2, label=name, linestyle=line)
    axes.axhline(1, color="0.7", linewidth=0.8)
    axes.set(xscale="log", xlabel="numbers that an example holds; two matter", ylim=(0, None))
    axes.set_ylabel("error (1: knows nothing)")
    axes.set_xticks(list(found), [str(d) for d in found])
    axes.minorticks_off()
    axes.legend()
    return figure


if __name__ == "__main__":
    main()
