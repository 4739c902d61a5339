"""Optimizers of PyTorch, in the run file's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import UnsupportedError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

#: The numbers of one group of parameters, by the run file's keys.
Numbers = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """An optimizer that the engine knows."""

    #: Its `type` in a run file.
    name: str
    #: Keys of a group that hold numbers; they may change from step to step.
    numbers: tuple[str, ...]
    #: Keys of a group that say which variant it is; they are the same for all groups and steps.
    flags: tuple[str, ...]
    #: What it keeps of each tensor from step to step.
    state: tuple[str, ...]
    #: What must not be set, since the engine has nothing like it.
    refused: tuple[str, ...] = ("maximize",)


_ADAM = ("lr", "betas", "eps", "weight_decay")
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")

KINDS = {
    "SGD": Kind("sgd", ("lr", "momentum", "dampening", "weight_decay"), ("nesterov",), ("momentum_buffer",)),
    "Adam": Kind("adam", _ADAM, ("amsgrad",), (*_MOMENTS, "max_exp_avg_sq")),
    "AdamW": Kind("adamw", _ADAM, ("amsgrad",), (*_MOMENTS, "max_exp_avg_sq")),
    "NAdam": Kind("nadam", (*_ADAM, "momentum_decay"), ("decoupled_weight_decay",), (*_MOMENTS, "mu_product")),
    "RMSprop": Kind(
        "rmsprop",
        ("lr", "alpha", "eps", "weight_decay", "momentum"),
        ("centered",),
        ("square_avg", "grad_avg", "momentum_buffer"),
    ),
    "Lion": Kind("lion", ("lr", "betas", "weight_decay"), (), ("exp_avg",)),
}


def of_torch(optimizer: Optimizer, names: Mapping[Tensor, str] | None = None) -> dict[str, Any]:
    """`[training.optimizer]` of a run file for an optimizer as it stands now.

    Several groups of parameters need the tensors' `names`.
    """
    kind = kind_of(optimizer)
    groups = [numbers_of(kind, group) for group in optimizer.param_groups]
    return table(kind, flags_of(kind, optimizer), groups, names_of(optimizer, names))


def kind_of(optimizer: Optimizer) -> Kind:
    """The engine's kind of an optimizer, or an error that lists those that there are."""
    for base in type(optimizer).__mro__:
        own = base.__module__.startswith("torch.optim") or base.__name__ == "Lion"
        if own and base.__name__ in KINDS and type(optimizer).step is base.step:  # type: ignore[attr-defined]
            return _checked(KINDS[_variant(base.__name__, optimizer)], optimizer)
    raise UnsupportedError(
        f"the optimizer {type(optimizer).__qualname__} is not one that can be followed; there are {', '.join(KINDS)}"
    )


def _variant(name: str, optimizer: Optimizer) -> str:
    """Adam whose decay acts by itself is AdamW."""
    decoupled = any(group.get("decoupled_weight_decay", False) for group in optimizer.param_groups)
    return "AdamW" if name == "Adam" and decoupled else name


def _checked(kind: Kind, optimizer: Optimizer) -> Kind:
    for key in kind.refused:
        if any(group.get(key, False) for group in optimizer.param_groups):
            raise UnsupportedError(f"{type(optimizer).__name__}({key}=True) cannot be followed; train with {key}=False")
    return kind


def numbers_of(kind: Kind, group: Mapping[str, Any]) -> Numbers:
    """The numbers of a group as they are now."""
    return {_key(name): _plain(group[name]) for name in kind.numbers if name in group}


def flags_of(kind: Kind, optimizer: Optimizer) -> dict[str, bool]:
    """The variant, which has to be that of all groups."""
    flags = {}
    for name in kind.flags:
        values = {bool(group.get(name, False)) for group in optimizer.param_groups}
        if len(values) > 1:
            raise UnsupportedError(
                f"{name} differs between the optimizer's groups of parameters; the engine has one for all of them"
            )
        flags[name] = values.pop()
    return flags


def names_of(optimizer: Optimizer, names: Mapping[Tensor, str] | None) -> list[list[str]]:
    """The names of each group's tensors; tensors without a name are not the network's."""
    groups = optimizer.param_groups
    if names is None:
        if len(groups) > 1:
            raise ValueError("an optimizer with several groups of parameters needs the names of their tensors")
        return [[]]
    return [[names[tensor] for tensor in group["params"] if tensor in names] for group in groups]


def table(
    kind: Kind, flags: Mapping[str, bool], groups: Sequence[Numbers], names: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """`[training.optimizer]`: the first group's numbers for all tensors, and what differs for those of the others."""
    first, *others = groups
    whole: dict[str, Any] = {"type": kind.name, **flags, **first}
    differing = [
        {"parameters": list(own), **{key: value for key, value in group.items() if value != first[key]}}
        for group, own in zip(others, names[1:], strict=True)
        if own and group != first
    ]
    return {**whole, "groups": differing} if differing else whole


def state_of(optimizer: Optimizer, names: Mapping[Tensor, str]) -> dict[str, np.ndarray]:
    """What the optimizer keeps of steps that it has made, as `<tensor>.<word>`; empty for a new one."""
    kind, kept = kind_of(optimizer), {}
    for tensor, own in optimizer.state.items():
        for word in kind.state if tensor in names else ():
            value = own.get(word)
            if value is not None:
                kept[f"{names[tensor]}.{word}"] = _array(value)
    return kept


def _array(value: Any) -> np.ndarray:
    import torch

    tensor = torch.as_tensor(value).detach().cpu()
    # A copy, since the optimizer goes on with its own; a number is an array of one.
    return np.atleast_1d(np.array((tensor.double() if tensor.dtype == torch.bfloat16 else tensor).numpy()))


def _key(name: str) -> str:
    return "learning_rate" if name == "lr" else name


def _plain(value: Any) -> Any:
    """A number, or a list of them, of what may be tensors."""
    return [float(one) for one in value] if isinstance(value, (tuple, list)) else float(value)
