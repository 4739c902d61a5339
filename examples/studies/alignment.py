"""Makes docs/studies/alignment.md's numbers and picture: kernels align with targets while a network learns features.

    python examples/studies/alignment.py [--small]

The product of two of ten numbers is learned by a network of which all weights are trained, and by one whose first layer
stays as it was drawn; and whether a digit is odd. Needs torch, matplotlib and the package.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from study import Study, digits, mean
from torch import nn

import pathkernel as pk

KERNELS = ("tangent_initial", "path", "tangent_final")
LEARNED, FROZEN, ODD = "the product", "the product, first layer frozen", "odd digits"
RATES = {LEARNED: 0.5, FROZEN: 0.1, ODD: 0.1}


def main() -> None:
    study = Study.begun(__file__, __doc__)
    seeds, train, steps = (1, 150, 100) if study.small else (3, 200, 400)
    at = sorted({round(step) for step in np.geomspace(1, steps + 1, 6 if study.small else 14) - 1})
    runs = {name: [one(name, seed, train, steps, at) for seed in range(seeds)] for name in RATES}
    study.table(
        "kernels", ["learned", "kernel", "alignment", "effective rank", "error of ridge on it", "error of the network"],
        [[name, kernel.replace("_", ", "), *(mean([run[what][kernel] for run in all_], digits_) for what, digits_ in
          (("aligned", 3), ("rank", 1), ("machine", 3))), mean([run["network"] for run in all_])]
         for name, all_ in runs.items() for kernel in KERNELS],
    )  # fmt: skip
    study.table(
        "way",
        ["learned", "held-out alignment at first", "at the highest", "at the end", "distance of the kernels at both ends"],
        [[name, *(mean([f(run["held"]) for run in all_]) for f in (lambda one: one[0], max, lambda one: one[-1])),
          mean([run["distance"] for run in all_])] for name, all_ in runs.items()],
    )  # fmt: skip
    for learned, frozen in zip(runs[LEARNED], runs[FROZEN], strict=True):
        assert learned["held"][-1] > 3 * learned["held"][0], "the kernel did not align"
        assert learned["machine"]["tangent_final"] < learned["machine"]["tangent_initial"]
        assert abs(frozen["distance"]) < 1e-5, "a kernel of frozen features moved"
        assert frozen["network"] > 1.5 * learned["network"]
    assert all(max(run["held"]) > 1.1 * run["held"][0] for run in runs[ODD])
    study.publish(picture(runs, at))


def one(name: str, seed: int, train: int, steps: int, at: list[int]) -> dict[str, Any]:
    """Trains a network, and takes its kernels on the way."""
    data = odd(seed, train) if name == ODD else product(seed, train)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(data.x.shape[1], 64), nn.GELU(), nn.Linear(64, 1))
    net[0].requires_grad_(name != FROZEN)
    states = trained(net, data, RATES[name], steps)
    path = pk.checkpoints(net, states, data.x, data.y, loss="mse", optimizer=pk.SGD(RATES[name]))
    options = {"kernel": "trace", "tangent": True, "nodes": 3, "progress": False}
    known, asked = pk.attribute(path, **options), pk.attribute(path, data.test_x, data.test_y, **options)
    spectra = {kernel: pk.spectrum(known, kernel=kernel) for kernel in KERNELS}
    scores = {kernel: pk.machine(known, kernel=kernel).score(asked) for kernel in KERNELS}
    kernels = [kernel_at(net, states[step], data.test_x) for step in at]
    return {
        "aligned": {kernel: one.alignment for kernel, one in spectra.items()},
        "rank": {kernel: one.effective_rank for kernel, one in spectra.items()},
        "machine": {kernel: score.machine for kernel, score in scores.items()},
        "network": scores["path"].network,
        "held": [one.alignment for one in pk.spectrum(kernels, targets=data.test_y)],
        "distance": 1 - pk.alignment(kernels[0], kernels[-1]),
    }


def product(seed: int, train: int) -> Any:
    """x₁ x₂ of ten numbers."""
    x = np.random.default_rng(seed).normal(size=(train + 300, 10)).astype(np.float32)
    y = x[:, :1] * x[:, 1:2]
    return SimpleNamespace(x=x[:train], y=y[:train], test_x=x[train:], test_y=y[train:])


def odd(seed: int, train: int) -> Any:
    """Whether a digit is odd, 1 or -1; pixels less their means."""
    data = digits(seed, train, 300)
    means = data.x.mean(0)
    y, test_y = (2.0 * (labels[:, None] % 2) - 1 for labels in (data.y, data.test_y))
    return SimpleNamespace(x=data.x - means, y=y, test_x=data.test_x - means, test_y=test_y)


def trained(net: nn.Module, data: Any, rate: float, steps: int) -> list[dict[str, torch.Tensor]]:
    """Steps of the full batch; the weights before each and after the last."""
    x, y = torch.from_numpy(data.x), torch.from_numpy(data.y).float()
    optimizer = torch.optim.SGD([one for one in net.parameters() if one.requires_grad], rate)
    states = [copied(net)]
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()
        states.append(copied(net))
    return states


def copied(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in net.state_dict().items()}


def kernel_at(net: nn.Module, state: dict[str, torch.Tensor], x: np.ndarray) -> np.ndarray:
    net.load_state_dict(state)
    return pk.tangent_kernel(net, x, kernel="trace", progress=False)


def picture(runs: dict[str, list[dict[str, Any]]], at: list[int]) -> Any:
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.7))
    for colour, (name, all_) in enumerate(runs.items()):
        for run in all_:
            label = name if run is all_[0] else None
            axes[int(name == ODD)].plot(np.array(at) + 1, run["held"], f"C{colour}.-", label=label)
    for each in axes:
        each.set(xscale="log", xlabel="steps taken, and one", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=len(runs))
    axes[0].set_ylabel("alignment with held-out targets")
    return figure


if __name__ == "__main__":
    main()
