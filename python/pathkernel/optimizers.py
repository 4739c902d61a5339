"""Optimizers, by PyTorch's names for their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

#: A number, or one for each step.
Numbers = float | Sequence[float] | np.ndarray
#: Two numbers, or two for each step.
Pairs = tuple[float, float] | Sequence[Sequence[float]] | np.ndarray

#: What a run file calls what PyTorch calls otherwise.
_RENAMED = {"lr": "learning_rate"}


@dataclass(frozen=True)
class Optimizer:
    """What the optimizers have in common."""

    kind: ClassVar[str]

    def table(self) -> dict[str, Any]:
        """`[training.optimizer]` of a run file.

        >>> SGD(0.1, momentum=0.9).table()["learning_rate"]
        0.1
        """
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        groups = [_renamed(group) for group in values.pop("groups", ())]
        return {"type": self.kind, **_renamed(values), **({"groups": groups} if groups else {})}


@dataclass(frozen=True)
class Rated(Optimizer):
    """An optimizer whose learning rate may be given as `lr`, PyTorch's word, or as `learning_rate`, the run file's; it
    has it as `lr`.
    """

    lr: Numbers = ()
    learning_rate: InitVar[Numbers | None] = field(default=None, kw_only=True)

    def __post_init__(self, learning_rate: Numbers | None) -> None:
        if learning_rate is not None:
            if self.lr is not type(self).lr:
                raise TypeError(f"{type(self).__name__}: lr and learning_rate are one number; give one of them")
            object.__setattr__(self, "lr", learning_rate)
        if np.size(self.lr) == 0:
            raise TypeError(
                f"{type(self).__name__}: has no learning rate; give it first, as {type(self).__name__}(0.1)"
            )


@dataclass(frozen=True)
class SGD(Rated):
    """Stochastic gradient descent, plain, with momentum or with Nesterov's: `torch.optim.SGD`.

    Each number may be a list of one for each step. `groups` are tables of `parameters`, patterns of tensors' names, and
    the numbers that these have of their own:

    >>> SGD(0.1, weight_decay=1e-4, groups=[{"parameters": ["*.bias"], "weight_decay": 0.0}]).kind
    'sgd'
    """

    kind: ClassVar[str] = "sgd"
    momentum: Numbers = 0.0
    dampening: Numbers = 0.0
    weight_decay: Numbers = 0.0
    nesterov: bool = False
    groups: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Adam(Rated):
    """Adam, with weight decay in the gradient: `torch.optim.Adam`."""

    kind: ClassVar[str] = "adam"
    lr: Numbers = 1e-3
    betas: Pairs = (0.9, 0.999)
    eps: Numbers = 1e-8
    weight_decay: Numbers = 0.0
    amsgrad: bool = False
    groups: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weight decay by itself: `torch.optim.AdamW`, with its default decay of 0.01."""

    kind: ClassVar[str] = "adamw"
    weight_decay: Numbers = 0.01


@dataclass(frozen=True)
class Flow(Optimizer):
    """Gradient flow dw/dt = -∇L over the full batch, solved to a tolerance."""

    kind: ClassVar[str] = "flow"
    time: float
    tolerance: float = 1e-8


def optimizer_table(optimizer: Any, names: Mapping[Any, str] | None = None) -> dict[str, Any]:
    """`[training.optimizer]` of one of the classes here, a table in a run file's words, or an optimizer of PyTorch.

    `names` are those of the tensors by the parameters that PyTorch's optimizer has, for its groups.

    >>> optimizer_table({"type": "lion", "learning_rate": 1e-4})["type"]
    'lion'
    """
    if isinstance(optimizer, Optimizer):
        return optimizer.table()
    if isinstance(optimizer, Mapping):
        return dict(optimizer)
    if hasattr(optimizer, "param_groups"):
        from .torch_optimizers import of_torch

        return of_torch(optimizer, names)
    raise TypeError(
        f"optimizer: {optimizer!r} is none; give pathkernel.SGD, Adam, AdamW or Flow, an optimizer of torch.optim, "
        'or a table such as {"type": "rmsprop", "learning_rate": 1e-3}'
    )


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(name, name): _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """A value as JSON and TOML have it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
