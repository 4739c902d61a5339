"""Modules that are written as one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Written(nn.Module):
    """A module whose forward is a function of itself and the input."""

    def __init__(self, forward: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)
        self._forward = forward

    def forward(self, x: Tensor) -> Any:
        return self._forward(self, x)


def raw(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape) / 2)


def lin(inputs: int, outputs: int, **keys: Any) -> Callable[[], nn.Module]:
    return lambda: nn.Linear(inputs, outputs, **keys)


class Cases:
    """Modules by name, with the shape of an example's input."""

    def __init__(self) -> None:
        self.made: dict[str, tuple[Callable[..., Any], tuple[int, ...], dict[str, Callable[[], Any]]]] = {}

    def add(self, name: str, forward: Callable[..., Any], shape: tuple[int, ...], **parts: Callable[[], Any]) -> None:
        """Adds a module that is written as one function, with what makes its parts."""
        assert name not in self.made
        self.made[name] = forward, shape, parts

    def make(self, name: str) -> tuple[nn.Module, Tensor]:
        """A module with running statistics off their starts, and inputs of four examples."""
        torch.manual_seed(sum(map(ord, name)))
        forward, shape, parts = self.made[name]
        module = Written(forward, **{part: make() for part, make in parts.items()})
        for norm in module.modules():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm) and norm.running_mean is not None:
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2)
        return module, torch.randn(4, *shape)
