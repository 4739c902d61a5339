"""The tensors of a module and the layers that have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from .layout import Shape
from .network import Network


@dataclass(frozen=True)
class View:
    """A tensor of the state_dict as a layer has it: perhaps transposed, and then perhaps in another shape."""

    tensor: str
    transposed: bool
    shape: Shape


@dataclass
class Tensors:
    """The tensors of a module, each with the layer that has it first."""

    network: Network
    #: Every tensor by its name in the state_dict.
    state: Mapping[str, torch.Tensor]
    #: The view that a layer has of each tensor in use, and the name that it has there.
    homes: dict[str, tuple[View, str]] = field(default_factory=dict)
    _values: dict[str, str] = field(default_factory=dict)
    _first: dict[int, str] = field(default_factory=dict)

    def canonical(self, name: str) -> str:
        """The first of the names that a tensor goes by."""
        if not self._first:
            for known, tensor in self.state.items():
                self._first.setdefault(id(tensor), known)
        return self._first[id(self.state[name])]

    def whole(self, name: str) -> View:
        """A tensor as it is."""
        name = self.canonical(name)
        return View(name, False, tuple(self.state[name].shape))

    def fits(self, view: View) -> bool:
        """Whether a layer may have a tensor so: it has no layer yet, or one that has it so."""
        home = self.homes.get(view.tensor)
        return home is None or home[0] == view

    def layer_name(self, view: View, own: str) -> str:
        """What a layer is called whose tensor of this name a view is, so that the state_dict's names stay."""
        wanted = view.tensor.removesuffix(f".{own}")
        return wanted if wanted not in self.network.shapes else self.network.free(wanted)

    def attach(self, layer: str, views: Mapping[str, View]) -> dict[str, str]:
        """Gives a layer its tensors; returns the keys of those that are an earlier layer's."""
        ties: dict[str, str] = {}
        for own, view in views.items():
            if view.tensor in self.homes:
                ties[own] = self.homes[view.tensor][1]
            else:
                self.homes[view.tensor] = view, f"{layer}.{own}"
        return ties

    def value(self, name: str) -> str:
        """A layer whose value is a tensor as it is."""
        view = self.whole(name)
        if view.tensor not in self._values:
            self._values[view.tensor] = self._new_value(view)
        return self._values[view.tensor]

    def _new_value(self, view: View) -> str:
        home = self.homes.get(view.tensor, (view, ""))[0]
        shape = home.shape or (1,)
        home = View(home.tensor, home.transposed, shape)
        layer = self.layer_name(view, "weight")
        ties = self.attach(layer, {"weight": home})
        value = self.network.add("parameter", [], shape, name=layer, shape=list(shape), **ties)
        if home.transposed:
            rows, columns = view.shape
            value = self.network.permute(self.network.reshape(value, (columns, rows)), [1, 0])
        return self.network.reshape(value, view.shape or (1,))

    def places(self) -> dict[str, dict[str, Any]]:
        """`[model.parameters]`: where tensors are found that a layer has under another name or otherwise."""
        found: dict[str, dict[str, Any]] = {}
        for view, name in self.homes.values():
            place: dict[str, Any] = {"tensor": view.tensor}
            own = tuple(self.state[view.tensor].shape)
            turned = own[::-1] if view.transposed else own
            if view.transposed:
                place["transposed"] = True
            if view.shape != turned:
                place["reshape"] = list(view.shape)
            if len(place) > 1 or name != view.tensor:
                found[name] = place
        return found
