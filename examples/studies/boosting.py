"""Makes docs/studies/boosting.md's numbers and picture: stages of boosting and steps of a path.

    python examples/studies/boosting.py [--small]

Gradient descent adds to f, step by step, what a kernel smoother makes of the residuals: L2 boosting (Buehlmann and Yu
2003). With features that stay, the smoother stays, and the stages are boosting's to the last bit but roundings; with
features that are learned each stage has a smoother of its own. Needs torch, matplotlib, scikit-learn and the package.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.ensemble import GradientBoostingRegressor
from study import Study, mean
from torch import nn

import pathkernel as pk

RATE, STAGES = 0.3, 30
NUMBERS = 8
FROZEN, LEARNED, KEPT, TREES = "first layer frozen", "all layers", "the first kernel of all layers", "trees"


def main() -> None:
    study = Study.begun(__file__, __doc__)
    seeds, train, steps = (1, 150, 120) if study.small else (3, 300, 300)
    runs = [one(seed, train, steps) for seed in range(seeds)]
    study.table(
        "stages", ["boosting with", "error at the end", "lowest error", "at stage, of 30"],
        [[name, mean([run.errors[name][-1] for run in runs]), mean([run.errors[name].min() for run in runs]),
          mean([run.errors[name].argmin() + 1 for run in runs], 1)] for name in (FROZEN, KEPT, LEARNED, TREES)],
    )  # fmt: skip
    study.table(
        "identity",
        ["a stage of the path and one of boosting differ at most by, of the largest stage", "largest of all seeds"],
        [["first layer frozen", f"{max(run.off[FROZEN] for run in runs):.0e}"],
         ["all layers, with the kernel of the start", f"{max(run.off[LEARNED] for run in runs):.0e}"]],
    )  # fmt: skip
    study.table(
        "order",
        ["share of the residuals that is left, by the first kernel of all layers", "after 1 stage of 30", "5", "30"],
        [[name, *(mean([run.left[name][stage] for run in runs]) for stage in (0, 4, 29))] for name in runs[0].left],
    )  # fmt: skip
    for run in runs:
        assert run.off[FROZEN] < 1e-9 and run.off[LEARNED] > 1e-3
        assert run.errors[LEARNED][-1] < run.errors[KEPT][-1], "learned features should help"
        left = [run.left[part][4] for part in ("the first ten eigenvectors", "the others")]
        assert left[0] < left[1], "what the kernel favours comes first"
    study.publish(picture(runs))


def one(seed: int, train: int, steps: int) -> Any:
    """The same network with its first layer frozen and with all of it trained, and boosting beside."""
    data = product(seed, train)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(NUMBERS, 64), nn.GELU(), nn.Linear(64, 1)).double()
    errors, off = {}, {}
    for name, fixed in ((FROZEN, FROZEN), (LEARNED, KEPT)):
        net[0].requires_grad_(name == LEARNED)
        # A frozen layer is one that PyTorch's optimizer does not have.
        optimizer = torch.optim.SGD([one for one in net.parameters() if one.requires_grad], RATE)
        path = pk.train(net, data.x, data.y, loss="squared_error", optimizer=optimizer, steps=steps, progress=False)
        result = pk.attribute(path, data.test_x, data.test_y, windows=STAGES, nodes=3, progress=False)
        stages, boosted = result.windows.sum(2)[:, :, 0], boosting(net, data, steps)
        off[name] = float(abs(np.diff(boosted, axis=0) - stages).max() / abs(stages).max())
        errors[fixed] = rmse(boosted[1:], data.test_y[:, 0])
        errors[name] = rmse(result.initial[:, 0] + stages.cumsum(0), data.test_y[:, 0])
    trees = GradientBoostingRegressor(n_estimators=STAGES, learning_rate=0.3, max_depth=3, random_state=0)
    trees.fit(data.x, data.y[:, 0])
    errors[TREES] = rmse(np.stack(list(trees.staged_predict(data.test_x))), data.test_y[:, 0])
    return SimpleNamespace(errors=errors, off=off, left=eigen_residuals(net, data, steps))


def product(seed: int, train: int) -> Any:
    """The product of two of eight numbers, with noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(train + 300, NUMBERS))
    y = x[:, :1] * x[:, 1:2]
    y[:train] += 0.1 * random.normal(size=(train, 1))
    return SimpleNamespace(x=x[:train], y=y[:train], test_x=x[train:], test_y=y[train:])


def boosting(net: nn.Module, data: Any, steps: int) -> np.ndarray:
    """[stages + 1, queries]: L2 boosting with the smoother ε Θ / m, Θ being the tangent kernel at the weights that the
    network has.
    """
    within, across = smoothers(net, data)
    with torch.no_grad():
        f, asked = (net(torch.from_numpy(x)).numpy()[:, 0] for x in (data.x, data.test_x))
    stages = [asked]
    for step in range(steps):
        residual = data.y[:, 0] - f
        f, asked = f + within @ residual, asked + across @ residual
        if (step + 1) % (steps // STAGES) == 0:
            stages.append(asked)
    return np.stack(stages)


def smoothers(net: nn.Module, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """By PyTorch's gradients: nothing of the engine."""
    trained = [one for one in net.parameters() if one.requires_grad]
    rows = [
        np.stack([np.concatenate([g.numpy().ravel() for g in torch.autograd.grad(value, trained, retain_graph=True)])
                  for value in net(torch.from_numpy(x))[:, 0]])
        for x in (data.x, data.test_x)
    ]  # fmt: skip
    return RATE / len(data.x) * rows[0] @ rows[0].T, RATE / len(data.x) * rows[1] @ rows[0].T


def eigen_residuals(net: nn.Module, data: Any, steps: int) -> dict[str, np.ndarray]:
    """How much of the first residuals is left after each stage, along the smoother's first eigenvectors and along the
    others.
    """
    values, vectors = np.linalg.eigh(smoothers(net, data)[0])
    with torch.no_grad():
        along = vectors.T @ (data.y - net(torch.from_numpy(data.x)).numpy())[:, 0]
    left = np.stack([along * (1 - values) ** (stage * steps // STAGES) for stage in range(1, STAGES + 1)])
    parts = {"the first ten eigenvectors": slice(-10, None), "the others": slice(0, -10)}
    return {name: (left[:, part] ** 2).sum(1) / (along[part] ** 2).sum() for name, part in parts.items()}


def rmse(predictions: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(((predictions - y) ** 2).mean(1))


def picture(runs: list[Any]) -> Any:
    figure, axes = plt.subplots(figsize=(7.2, 2.9))
    for colour, name in enumerate((FROZEN, KEPT, LEARNED, TREES)):
        values = np.stack([run.errors[name] for run in runs])
        axes.plot(np.arange(1, STAGES + 1), values.mean(0), f"C{colour}.{':' if name == TREES else '-'}", label=name)
    axes.set(xlabel="stage", ylabel="error on queries", ylim=(0, None))
    figure.legend(title="boosting with", loc="outside right center")
    return figure


if __name__ == "__main__":
    main()
