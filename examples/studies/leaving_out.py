"""Makes docs/studies/leaving_out.md's numbers and picture: sets left out of the weights, and trainings without them.

    python examples/studies/leaving_out.py [--small]

The superposition says which part of the weights' change each example made; taking a set's part off the weights is what
one would like unlearning to be. Beside it are contributions and influences, which tell the outputs alone, and all are
held against training again. Needs torch, matplotlib and the package.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from study import Study, digits, mean
from torch import nn

import pathkernel as pk

EXAMPLES, BATCH, RATE = 300, 50, 0.3
CLASS = "a whole class"
NOTHING, WEIGHTS, CONTRIBUTIONS, INFLUENCE = "nothing is done", "superposition", "contributions", "influence"
AGAIN = "training again"
PREDICTED = (WEIGHTS, CONTRIBUTIONS, INFLUENCE)
ENDS = (NOTHING, AGAIN, *PREDICTED)


class Size(NamedTuple):
    """How many seeds, steps, sets of a size, test digits, and which sizes."""

    seeds: int
    steps: int
    sets: int
    tested: int
    sizes: tuple[int, ...]


WHOLE, SMALL = Size(3, 300, 8, 80, (1, 3, 10, 30, 100)), Size(1, 60, 2, 30, (1, 30, 100))


def main() -> None:
    study = Study.begun(__file__, __doc__)
    size = SMALL if study.small else WHOLE
    # Two nodes a step are enough for these tables, and the verdict may say that they are not exact.
    warnings.simplefilter("ignore", pk.VerdictWarning)
    runs = [one(seed, size) for seed in range(size.seeds)]
    kinds = [*map(str, size.sizes), CLASS]
    study.table(
        "distance",
        ["distance from training again, without", *(f"{way}, outputs" for way in PREDICTED), "superposition, weights"],
        [[kind, *(mean([run.outputs[kind][way] for run in runs], 2) for way in PREDICTED),
          mean([run.weights[kind] for run in runs], 1)] for kind in kinds],
    )  # fmt: skip
    study.table(
        "accuracy", ["accuracy on test digits, without", *ENDS],
        [[kind, *(mean([run.accuracy[kind][way] for run in runs]) for way in ENDS)] for kind in kinds],
    )  # fmt: skip
    study.table(
        "class", ["accuracy on test digits", *ENDS],
        [["of the class that was left out", *(mean([run.of_class[way] for run in runs]) for way in ENDS)]],
    )  # fmt: skip
    for run in runs:
        for kind in map(str, size.sizes):
            assert run.outputs[kind][INFLUENCE] < run.outputs[kind][CONTRIBUTIONS], (
                "a derivative predicts, an account does not"
            )
            assert run.outputs[kind][INFLUENCE] < 1 < run.outputs[kind][WEIGHTS], (
                "taking parts off is worse than nothing"
            )
    study.publish(picture(runs, size))


def one(seed: int, size: Size) -> Any:
    """One run, and trainings again without sets of its examples."""
    data = digits(seed, EXAMPLES, size.tested)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10)).double()
    path = train(net, data, np.ones(EXAMPLES), size.steps, seed)
    asked = {"influence": True, "nodes": 2, "progress": False}
    result = pk.attribute(path, data.test_x, superposition_vectors=list(range(EXAMPLES)), superposition=True, **asked)
    parts = {name: torch.from_numpy(result.array(f"superposition.{name}")) for name in path.state_dict()}
    outputs: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    accuracy: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    weights, of_class = defaultdict(list), defaultdict(list)
    for kind, chosen in left_out(data.y, size, np.random.default_rng(seed)):
        again = train(net, data, 1.0 - np.isin(np.arange(EXAMPLES), chosen), size.steps, seed)
        taken = {name: values - parts[name][chosen].sum(0) for name, values in path.state_dict().items()}
        predicted = {
            NOTHING: result.prediction,
            AGAIN: outputs_of(net, again.state_dict(), data.test_x),
            WEIGHTS: outputs_of(net, taken, data.test_x),
            CONTRIBUTIONS: result.prediction - result.attribution[:, chosen].sum(1),
            INFLUENCE: result.prediction - result.influence[:, chosen].sum(1),
        }
        moved = np.linalg.norm(predicted[AGAIN] - predicted[NOTHING])
        right = {way: values.argmax(1) == data.test_y for way, values in predicted.items()}
        for way, values in predicted.items():
            outputs[kind][way].append(np.linalg.norm(values - predicted[AGAIN]) / moved)
            accuracy[kind][way].append(right[way].mean())
            if kind == CLASS:
                of_class[way].append(right[way][data.test_y == data.y[chosen[0]]].mean())
        weights[kind].append(distance(taken, again.state_dict()) / distance(path.state_dict(), again.state_dict()))
    return SimpleNamespace(
        outputs={kind: averaged(ways) for kind, ways in outputs.items()},
        accuracy={kind: averaged(ways) for kind, ways in accuracy.items()},
        weights=averaged(weights),
        of_class=averaged(of_class),
    )


def averaged(values: dict[str, list[Any]]) -> dict[str, float]:
    return {name: float(np.mean(of_sets)) for name, of_sets in values.items()}


def left_out(labels: np.ndarray, size: Size, random: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """Sets at random, and whole classes."""
    sets = [(str(k), random.choice(EXAMPLES, k, replace=False)) for k in size.sizes for _ in range(size.sets)]
    return [*sets, *((CLASS, np.flatnonzero(labels == one)) for one in range(size.sets))]


def train(net: nn.Module, data: Any, weights: np.ndarray, steps: int, seed: int) -> pk.Path:
    """Batches keep their places and their steps when examples are left out: a sum has no shares that would grow."""
    return pk.train(
        net, data.x.astype(np.float64), data.y, weights=weights, loss="cross_entropy", reduction="sum",
        optimizer=pk.SGD(RATE / BATCH), steps=steps, batch_size=BATCH, seed=seed, progress=False,
    )  # fmt: skip


def outputs_of(net: nn.Module, weights: dict[str, torch.Tensor], x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return torch.func.functional_call(net, weights, torch.from_numpy(x).double()).numpy()


def distance(weights: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> float:
    return float(sum(((weights[name] - others[name]) ** 2).sum() for name in weights) ** 0.5)


def picture(runs: list[Any], size: Size) -> Any:
    figure, axes = plt.subplots(figsize=(7.2, 2.9))
    for colour, way in enumerate(PREDICTED):
        means = [np.mean([run.outputs[str(k)][way] for run in runs]) for k in size.sizes]
        axes.loglog(size.sizes, means, f"C{colour}o-", label=way)
    axes.axhline(1.0, color="0.4", linestyle=":", label=NOTHING)
    axes.set(xlabel=f"examples left out, of {EXAMPLES}", ylabel="distance from training again")
    figure.legend(title="outputs predicted by", loc="outside right center")
    return figure


if __name__ == "__main__":
    main()
