"""Makes docs/studies/selection.md's numbers and picture: weights of examples, learned by their influence.

    python examples/studies/selection.py [--small]

The influence on validation losses is the gradient of validation by the examples' weights. A few steps along it, with a
training after each, say which examples to trust, beside what losses say of that. Needs torch, matplotlib and the
package.
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
RATE, MOMENTUM = 0.1, 0.9
#: How far a round moves the logarithm of a weight whose influence is of mean size, how far at most, and to which weight
#: at most: a weight is also the length of the example's steps, which may not grow without end.
STEP, LARGEST, HEAVIEST = 0.5, 1.0, 3.0
ALONE, MORE, RANDOM = "all examples", "all, and the validation set", "without some at random"
LAST, MEAN = "without the largest losses at the end", "without the largest losses, over training"
OWN, ONCE = "without those that did most to their own loss", "without the most harmful influences"
LEARNED, RIGHT = "weights learned by influence", "the right labels alone"
WAYS = (ALONE, MORE, RANDOM, LAST, MEAN, OWN, ONCE, LEARNED, RIGHT)


class Size(NamedTuple):
    """How many seeds, steps of a training, rounds, and examples for validation and tests."""

    seeds: int
    steps: int
    rounds: int
    validation: int
    tested: int


WHOLE, SMALL = Size(5, 300, 5, 150, 1200), Size(1, 60, 2, 60, 300)
DROPPED = (RANDOM, LAST, MEAN, OWN, ONCE)


def main() -> None:
    study = Study.begun(__file__, __doc__)
    size = SMALL if study.small else WHOLE
    # A warning would say that contributions at one node a step do not add up to the last digit.
    warnings.simplefilter("ignore", pk.VerdictWarning)
    runs = {
        kind: [one(seed, wrong, size) for seed in range(size.seeds)]
        for kind, wrong in (("at random", at_random), ("that agree", that_agree))
    }
    for measure, digit in (("accuracy", 3), ("loss", 2)):
        study.table(
            measure, [f"{measure} on test digits of a training with", *(f"wrong labels {kind}" for kind in runs)],
            [[way, *(mean([getattr(run, measure)[way] for run in found], digit) for found in runs.values())]
             for way in WAYS],
        )  # fmt: skip
    study.table(
        "found", ["share of wrong labels among those left out", *(f"wrong labels {kind}" for kind in runs)],
        [[way, *(mean([run.found[way] for run in found], 2) for found in runs.values())] for way in DROPPED],
    )  # fmt: skip
    study.table(
        "weights", ["learned weight, the mean of", *(f"wrong labels {kind}" for kind in runs)],
        [[name, *(mean([run.weights[place] for run in found], 2) for found in runs.values())]
         for place, name in enumerate(("right labels", "wrong labels"))],
    )  # fmt: skip
    for found in runs.values():
        for run in found:
            assert min(run.rounds.validation[1:]) < run.rounds.validation[0], (
                "weights are learned for the validation set"
            )
            assert run.weights[1] < run.weights[0], "wrong labels should weigh less"
            assert run.loss[LEARNED] < run.loss[ALONE], "and help on other digits"
    study.publish(picture(runs))


def at_random(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A fifth of the labels is any other one."""
    other = (labels + random.integers(1, 10, len(labels))) % 10
    return np.where(random.random(len(labels)) < 0.2, other, labels)


def that_agree(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Half of the ones, threes, fives and sevens have the number after theirs: about as many, all of one mind."""
    return np.where(np.isin(labels, (1, 3, 5, 7)) & (random.random(len(labels)) < 0.5), labels + 1, labels)


def one(seed: int, mistaken: Callable[..., np.ndarray], size: Size) -> Any:
    """Every way to choose or weigh the examples, from the same first weights and in the same batches."""
    random = np.random.default_rng(seed)
    data = digits(seed, EXAMPLES + size.validation, size.tested)
    x, validation = data.x[:EXAMPLES], (data.x[EXAMPLES:], data.y[EXAMPLES:])
    y = mistaken(data.y[:EXAMPLES], random)
    wrong = y != data.y[:EXAMPLES]
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))

    def trained(weights: np.ndarray) -> pk.Path:
        return train(net, x, y, weights, size.steps, seed)

    paths = {ALONE: trained(np.ones(EXAMPLES)), RIGHT: trained(1.0 * ~wrong)}
    more = np.concatenate([x, validation[0]]), np.concatenate([y, validation[1]])
    paths[MORE] = train(net, *more, np.ones(len(more[1])), size.steps, seed)
    scores = {RANDOM: random.random(EXAMPLES), **suspicions(paths[ALONE]), ONCE: harm(paths[ALONE], validation)}
    found = {}
    for way, score in scores.items():
        left_out = np.argsort(-score)[: wrong.sum()]
        kept = np.ones(EXAMPLES)
        kept[left_out] = 0.0
        paths[way], found[way] = trained(kept), wrong[left_out].mean()
    weights, rounds = [np.ones(EXAMPLES)], [paths[ALONE]]
    for _ in range(size.rounds):
        weights.append(moved(weights[-1], harm(rounds[-1], validation)))
        rounds.append(trained(weights[-1]))
    test = data.test_x, data.test_y
    course = SimpleNamespace(
        validation=[measured(net, path, *validation)[0] for path in rounds],
        test=[measured(net, path, *test)[0] for path in rounds],
    )
    best = int(np.argmin(course.validation))
    paths[LEARNED], learned = rounds[best], weights[best] / weights[best].mean()
    ends = {way: measured(net, path, *test) for way, path in paths.items()}
    return SimpleNamespace(
        loss={way: loss for way, (loss, _) in ends.items()},
        accuracy={way: accuracy for way, (_, accuracy) in ends.items()},
        found=found,
        weights=(learned[~wrong].mean(), learned[wrong].mean()),
        rounds=course,
    )


def train(net: nn.Module, x: np.ndarray, y: np.ndarray, weights: np.ndarray, steps: int, seed: int) -> pk.Path:
    """With weights whose mean is 1, so that it is no matter of longer steps; a sum has no shares that they move."""
    return pk.train(
        net, x, y, weights=weights / weights.mean(), loss="cross_entropy", reduction="sum",
        optimizer=pk.SGD(RATE / BATCH, momentum=MOMENTUM), steps=steps, batch_size=BATCH, seed=seed, progress=False,
    )  # fmt: skip


def harm(path: pk.Path, validation: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The derivative of the mean validation loss by each example's weight, as a share of the weight that it has."""
    asked = pk.attribute(path, *validation, readout="loss", influence=True, attribution=False, nodes=1, progress=False)
    return asked.influence[:, :, 0].mean(0)


def moved(weights: np.ndarray, harm: np.ndarray) -> np.ndarray:
    """A step down the validation loss, by factors, so that weights stay above 0."""
    moved = weights * np.exp(np.clip(-STEP * harm / abs(harm).mean(), -LARGEST, LARGEST))
    return np.minimum(moved / moved.mean(), HEAVIEST)


def suspicions(path: pk.Path) -> dict[str, np.ndarray]:
    """What needs no validation set: losses, and what an example did to its own."""
    result = pk.attribute(path, readout="loss", windows=10, nodes=1, progress=False)
    course = result.initial[:, 0] + result.windows.sum(2)[:, :, 0].cumsum(0)
    return {LAST: result.prediction[:, 0], MEAN: course.mean(0), OWN: -result.attribution[:, :, 0].diagonal()}


def measured(net: nn.Module, path: pk.Path, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The mean loss and the accuracy at a path's end."""
    with torch.no_grad():
        outputs = torch.func.functional_call(net, path.state_dict(), torch.from_numpy(x))
    truth = torch.from_numpy(y)
    return float(cross_entropy(outputs, truth)), float((outputs.argmax(1) == truth).double().mean())


def picture(runs: dict[str, list[Any]]) -> Any:
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.9), sharey=True)
    for axis, (kind, found) in zip(axes, runs.items(), strict=True):
        for colour, (part, words) in enumerate((("test", "test digits"), ("validation", "validation set"))):
            courses = np.stack([getattr(run.rounds, part) for run in found])
            axis.plot(courses.mean(0), f"C{colour}o-", label=words)
        for way, style in ((RIGHT, ":"), (OWN, "--")):
            level = np.mean([run.loss[way] for run in found])
            axis.axhline(level, color="0.4", linestyle=style, label=f"test, {way}")
        axis.set(title=f"wrong labels {kind}", xlabel="rounds")
    axes[0].set(ylabel="loss", ylim=(0, None))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


if __name__ == "__main__":
    main()
