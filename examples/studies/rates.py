"""Makes docs/studies/rates.md's numbers and picture: learning rates, one for each step, learned by their derivatives.

    python examples/studies/rates.py [--small]

`influence_rates` is the derivative of a readout at the end of training by each step's learning rate: of validation
losses it is the gradient of a schedule. A few steps along it are held against the best constant rate and the best
cosine, and against as many steps in directions at random. Needs torch, matplotlib and the package.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from study import Study, digits, mean
from torch import nn
from torch.nn.functional import cross_entropy

import pathkernel as pk

EXAMPLES, BATCH = 400, 50
CONSTANT, COSINE, RANDOM, LEARNED = "the best constant rate", "the best cosine", "directions at random", "derivatives"
#: How far a step moves the logarithm of a rate at most: the first one, the smallest, and from one to the next.
FIRST, SMALLEST, SHORTER, LONGER = 0.5, 0.03, 0.5, 1.5
#: A rate's direction is the mean of those around it, this share of all steps to each side.
SMOOTH = 0.05
#: Batches in other orders, to see whether a schedule is more than one order's.
ORDERS = (100, 101, 102)


class Size(NamedTuple):
    """How many seeds, steps of a training, rates of a grid, rounds, and examples for validation and tests."""

    seeds: int
    steps: int
    grid: int
    rounds: int
    validation: int
    tested: int


WHOLE, SMALL = Size(3, 80, 10, 6, 60, 1200), Size(1, 40, 5, 1, 30, 300)


def main() -> None:
    study = Study.begun(__file__, __doc__)
    size = SMALL if study.small else WHOLE
    warnings.simplefilter("ignore", pk.VerdictWarning)
    runs = {
        words: [one(seed, share, size) for seed in range(size.seeds)]
        for words, share in (("right labels", 0.0), ("a fifth of the labels wrong", 0.2))
    }
    for words, found in runs.items():
        study.table(
            words, ["rates", "loss, validation", "loss, test", "loss, test, other orders of batches", "trainings"],
            [[way, *(mean([getattr(run, part)[way] for run in found], 3 if part != "trainings" else 0)
                     for part in ("validation", "test", "others", "trainings"))] for way in found[0].test],
        )  # fmt: skip
        for run in found:
            assert run.validation[LEARNED] < run.validation[CONSTANT], "rates are learned for the validation set"
    study.publish(picture(runs))


def one(seed: int, share: float, size: Size) -> Any:
    """The best rates of a grid, and what the constant ones become."""
    random = np.random.default_rng(seed)
    data = digits(seed, EXAMPLES + size.validation, size.tested)
    x, validation, test = data.x[:EXAMPLES], (data.x[EXAMPLES:], data.y[EXAMPLES:]), (data.test_x, data.test_y)
    other = (data.y[:EXAMPLES] + random.integers(1, 10, EXAMPLES)) % 10
    y = np.where(random.random(EXAMPLES) < share, other, data.y[:EXAMPLES])
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))

    def trained(rates: np.ndarray, order: int = seed) -> pk.Path:
        return pk.train(
            net, x, y, loss="cross_entropy", optimizer={"type": "sgd"}, learning_rates=rates.tolist(),
            steps=size.steps, batch_size=BATCH, seed=order, progress=False,
        )  # fmt: skip

    def validated(rates: np.ndarray) -> float:
        return loss(net, trained(rates), *validation)

    def downhill(rates: np.ndarray) -> np.ndarray:
        return -derivatives(trained(rates), validation) * rates

    def anywhere(rates: np.ndarray) -> np.ndarray:
        return random.normal(size=len(rates))

    grid = 0.05 * 2.0 ** np.linspace(0, 6.5, size.grid)
    course = 0.5 * (1 + np.cos(np.pi * np.arange(size.steps) / size.steps))
    schedules = {
        name: min((rate * shape for rate in grid), key=validated)
        for name, shape in ((CONSTANT, np.ones(size.steps)), (COSINE, course))
    }
    trainings = dict.fromkeys(schedules, size.grid)
    for name, direction in ((RANDOM, anywhere), (LEARNED, downhill)):
        schedules[name], tried = descended(schedules[CONSTANT], direction, validated, size.rounds)
        trainings[name] = size.grid + tried
    return SimpleNamespace(
        schedules=schedules,
        trainings=trainings,
        validation={name: validated(rates) for name, rates in schedules.items()},
        test={name: loss(net, trained(rates), *test) for name, rates in schedules.items()},
        others={
            name: np.mean([loss(net, trained(rates, order), *test) for order in ORDERS])
            for name, rates in schedules.items()
        },
    )


def descended(
    rates: np.ndarray, direction: Callable[..., np.ndarray], value: Callable[..., float], rounds: int
) -> tuple[np.ndarray, int]:
    """Rates after steps that each lowered the value, and how many trainings that took."""
    best, length, tried = value(rates), FIRST, 0
    for _ in range(rounds):
        along = smoothed(direction(rates))
        along /= abs(along).max()
        tried += 1
        while length >= SMALLEST:
            next_rates = rates * np.exp(length * along)
            found, tried = value(next_rates), tried + 1
            if found < best:
                rates, best, length = next_rates, found, length * LONGER
                break
            length *= SHORTER
        length = max(length, SMALLEST)
    return rates, tried


def smoothed(values: np.ndarray) -> np.ndarray:
    """Means over steps nearby: a schedule, and not the luck of single batches."""
    side = max(1, round(SMOOTH * len(values)))
    return np.convolve(np.pad(values, side, mode="edge"), np.ones(2 * side + 1) / (2 * side + 1), "valid")


def derivatives(path: pk.Path, validation: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """[steps]: the derivative of the mean validation loss by each step's rate."""
    asked = pk.attribute(path, *validation, readout="loss", influence=True, attribution=False, nodes=1, progress=False)
    return asked.influence_rates[:, 0].mean(0)


def loss(net: nn.Module, path: pk.Path, x: np.ndarray, y: np.ndarray) -> float:
    with torch.no_grad():
        outputs = torch.func.functional_call(net, path.state_dict(), torch.from_numpy(x))
    return float(cross_entropy(outputs, torch.from_numpy(y)))


def picture(runs: dict[str, list[Any]]) -> Any:
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.9), sharey=True)
    for axis, (words, found) in zip(axes, runs.items(), strict=True):
        for colour, way in enumerate((CONSTANT, COSINE, RANDOM, LEARNED)):
            rates = np.stack([run.schedules[way] for run in found])
            axis.plot(rates.mean(0), f"C{colour}", label=way)
        axis.set(title=words, xlabel="step")
    axes[0].set(ylabel="learning rate", ylim=(0, None))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


if __name__ == "__main__":
    main()
