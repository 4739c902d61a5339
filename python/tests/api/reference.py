"""Contributions by plain loops in float64, with PyTorch's gradients: nothing of the engine is used.

The step from w to w' is a sum of the examples' parts and of decay's. What a part did to an output is its product with
the output's gradient, averaged over the segment from w to w' by Gauss-Legendre nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

#: Weights, or a change of them, as one vector.
Vector = Tensor


@dataclass
class Sgd:
    """SGD with momentum and weight decay, by example."""

    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    buffers: dict[int | str, Vector] = field(default_factory=dict)

    def parts(self, w: Vector, gradients: dict[int, Vector]) -> dict[int | str, Vector]:
        """What each example, and decay, added to the weights in this step."""
        fed: dict[int | str, Vector] = {**gradients, "decay": self.weight_decay * w}
        for one in {*self.buffers, *fed}:
            self.buffers[one] = self.momentum * self.buffers.get(one, torch.zeros_like(w)) + fed.get(
                one, torch.zeros_like(w)
            )
        return {one: -self.lr * buffer for one, buffer in self.buffers.items()}


@dataclass
class AdamW:
    """AdamW by example, its preconditioner held as it was."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01
    first: dict[int, Vector] = field(default_factory=dict)
    second: Vector | None = None
    step: int = 0

    def parts(self, w: Vector, gradients: dict[int, Vector]) -> dict[int | str, Vector]:
        """What each example, and decay, added to the weights in this step."""
        self.step += 1
        b1, b2 = self.betas
        zero = torch.zeros_like(w)
        whole = sum(gradients.values(), zero)
        self.second = b2 * (zero if self.second is None else self.second) + (1 - b2) * whole**2
        root = (self.second / (1 - b2**self.step)).sqrt() + self.eps
        found: dict[int | str, Vector] = {"decay": -self.lr * self.weight_decay * w}
        for one in {*self.first, *gradients}:
            self.first[one] = b1 * self.first.get(one, zero) + (1 - b1) * gradients.get(one, zero)
            found[one] = -self.lr * self.first[one] / (1 - b1**self.step) / root
        return found


@dataclass
class Account:
    """The terms of the sum, in float64."""

    initial: np.ndarray
    prediction: np.ndarray
    attribution: np.ndarray
    regularizer: np.ndarray
    losses: list[float]
    path: list[dict[str, np.ndarray]]


def account(
    net: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: Sgd | AdamW,
    data: tuple[Tensor, Tensor],
    queries: Tensor,
    batches: list[list[int]],
    *,
    readout: Callable[[Tensor], Tensor] = lambda outputs: outputs,
    nodes: int = 4,
) -> Account:
    """Trains a copy of the network, and takes its predictions apart on the way. `loss` is the mean over a batch."""
    x, y = data
    names = list(dict(net.named_parameters()))
    shapes = [parameter.shape for parameter in net.parameters()]
    w = torch.cat([parameter.detach().double().reshape(-1) for parameter in net.parameters()])

    def outputs(weights: Vector, inputs: Tensor) -> Tensor:
        parts = torch.split(weights, [shape.numel() for shape in shapes])
        table = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        return functional_call(net, table, (inputs,))

    def gradient(example: int) -> Vector:
        return torch.func.grad(
            lambda weights: loss(outputs(weights, x[example : example + 1]), y[example : example + 1])
        )(w)

    def read(weights: Vector) -> Tensor:
        return readout(outputs(weights, queries))

    def named(weights: Vector) -> dict[str, np.ndarray]:
        parts = torch.split(weights, [shape.numel() for shape in shapes])
        return {name: part.view(shape).numpy().copy() for name, part, shape in zip(names, parts, shapes, strict=True)}

    first = read(w).detach()
    attribution = torch.zeros(len(queries), len(x), first.shape[1], dtype=torch.float64)
    regularizer = torch.zeros_like(first)
    losses, path = [], [named(w)]
    places, shares = np.polynomial.legendre.leggauss(nodes)
    for batch in batches:
        losses.append(float(loss(outputs(w, x[batch]), y[batch])))
        gradients: dict[int, Vector] = {}
        for example in batch:
            gradients[example] = gradients.get(example, torch.zeros_like(w)) + gradient(example) / len(batch)
        parts = optimizer.parts(w, gradients)
        step = sum(parts.values(), torch.zeros_like(w))
        average = sum(
            share / 2 * torch.func.jacrev(read)(w + (place + 1) / 2 * step)
            for place, share in zip(places, shares, strict=True)
        )
        for one, part in parts.items():
            moved = average @ part
            if one == "decay":
                regularizer += moved
            else:
                attribution[:, one] += moved
        w = w + step
        path.append(named(w))
    return Account(first.numpy(), read(w).detach().numpy(), attribution.numpy(), regularizer.numpy(), losses, path)
