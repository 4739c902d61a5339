"""Makes docs/studies/convolution.md's numbers and picture: which knowledge a convolution puts into the kernel.

    python examples/studies/convolution.py [--small]

Digits, digits that are moved by some pixels, and digits whose pixels are exchanged, all in one way: what is left to a
kernel of what it was told of images before it saw one. Needs torch, matplotlib and the package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from study import Study, digits, mean
from torch import nn

import pathkernel as pk

#: Digits of 8 by 8 pixels lie on black of 12 by 12.
SIDE = 12


def main() -> None:
    study = Study.begun(__file__, __doc__)
    seeds, sizes, queries = (1, (50,), 100) if study.small else (2, (50, 100, 200), 200)
    first = {
        name: {size: [at_the_start(name, seed, size, queries) for seed in range(seeds)] for size in sizes}
        for name in NETWORKS
    }
    study.table(
        "start", ["layers", "examples", *KINDS],
        [[name, size, *(mean([run[kind] for run in all_], 2) for kind in KINDS)] for name, by_size in first.items()
         for size, all_ in by_size.items()],
    )  # fmt: skip
    size = sizes[len(sizes) // 2]
    for dense, pooled in zip(first[DENSE][size], first[POOLED][size], strict=True):
        assert dense["moved by 2"] < dense["as it is"] - 0.3, "a dense layer knows no place but its own"
        assert pooled["moved by 2"] > pooled["as it is"] - 0.05 and pooled["anywhere"] > dense["anywhere"]
        # To a dense layer a pixel is as good as another: only the draw of its weights differs.
        assert abs(dense["as it is"] - dense["exchanged"]) < 0.08
    study.publish(picture(first, sizes))


def dense() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 64), nn.GELU(), nn.Linear(64, 10))


def convolved() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.GELU(), nn.Flatten(), nn.Linear(8 * SIDE * SIDE, 10))


def pooled() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.GELU(), nn.AvgPool2d(SIDE), nn.Flatten(), nn.Linear(16, 10))


DENSE, CONVOLVED, POOLED = "dense", "convolution", "convolution, mean over places"
NETWORKS: dict[str, Callable[[], nn.Module]] = {DENSE: dense, CONVOLVED: convolved, POOLED: pooled}
KINDS = ("as it is", "moved by 1", "moved by 2", "anywhere", "exchanged")


def drawn(name: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return NETWORKS[name]()


def images(x: np.ndarray, right: Any = 0, down: Any = 0) -> np.ndarray:
    """Digits on black, moved by up to two pixels."""
    framed = np.zeros((len(x), 1, SIDE, SIDE), np.float32)
    places = (np.broadcast_to(by, len(x)) for by in (right, down))
    for image, digit, at, under in zip(framed, x, *places, strict=True):
        image[0, 2 + under : 10 + under, 2 + at : 10 + at] = 6 * digit.reshape(8, 8)
    return framed


def sets(seed: int, size: int, queries: int) -> tuple[Any, list[tuple[np.ndarray, dict[str, np.ndarray]]]]:
    """Digits, and sets of images to learn from, each with those that are asked, by kind. What is moved was not learned
    from.
    """
    data = digits(seed, size, queries)
    random = np.random.default_rng(seed)
    order = random.permutation(SIDE * SIDE)
    x, plain = images(data.x), images(data.test_x)
    anywhere, there = (images(values, *random.integers(-2, 3, (2, len(values)))) for values in (data.x, data.test_x))
    moved = {f"moved by {shift}": images(data.test_x, shift) for shift in (1, 2)}
    return data, [
        (x, {"as it is": plain, **moved}),
        (anywhere, {"anywhere": there}),
        (exchanged(x, order), {"exchanged": exchanged(plain, order)}),
    ]


def exchanged(x: np.ndarray, order: np.ndarray) -> np.ndarray:
    """All images with their pixels in another order, the same for all."""
    return np.ascontiguousarray(x.reshape(len(x), -1)[:, order].reshape(x.shape))


def at_the_start(name: str, seed: int, size: int, queries: int) -> dict[str, float]:
    """The accuracy of a ridge on the tangent kernel of weights as they are drawn."""
    data, found = sets(seed, size, queries), {}
    for x, asked in data[1]:
        every = np.concatenate([x, *asked.values()])
        kernel = pk.tangent_kernel(drawn(name, seed), x, every, kernel="trace", progress=False)
        answers = pk.machine(kernel[:size], targets=data[0].y).predict(kernel[size:])
        found.update(right(answers, asked, data[0].test_y))
    return found


def right(answers: np.ndarray, asked: dict[str, np.ndarray], y: np.ndarray) -> dict[str, float]:
    """The share of right answers by kind."""
    return {kind: float(np.mean(own == y)) for kind, own in zip(asked, np.split(answers, len(asked)), strict=True)}


def picture(first: dict[str, Any], sizes: tuple[int, ...]) -> Any:
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.8), sharey=True)
    for each, kind in zip(axes, ("as it is", "moved by 2", "anywhere"), strict=True):
        for name, by_size in first.items():
            each.plot(sizes, [np.mean([run[kind] for run in all_]) for all_ in by_size.values()], ".-", label=name)
        each.set(title=kind, xlabel="examples", xticks=list(sizes), ylim=(0, 1))
    axes[0].set_ylabel("accuracy of ridge, no training")
    axes[0].legend()
    return figure


if __name__ == "__main__":
    main()
