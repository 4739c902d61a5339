"""A network as the engine reads it."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any

import numpy as np

from .arrays import array
from .tensor_files import write

#: Layers that are shown at both ends of a long network.
SHOWN = 20


@dataclass(frozen=True)
class Source:
    """Where a node of a graph came from."""

    #: Path of the module in the network, as `named_modules` has it.
    module: str
    #: The operator, as PyTorch calls it.
    operator: str
    #: File and line of the call.
    line: str


@dataclass(frozen=True, repr=False)
class Graph:
    """A network as the engine reads it, with the weights that it has now."""

    #: `[model]` of a run file (`inputs` or `input`, `layers`, `output`, `parameters`, `frozen`).
    #: Arrays stand where files stand.
    model: dict[str, Any]
    #: The tensors, under the names of the module's `state_dict`.
    weights: dict[str, np.ndarray]
    #: Makes the graph's inputs, by name, of what the module is called with; None where they are the same.
    prepare: Callable[[Any], dict[str, np.ndarray]] | None = None
    #: Where each node came from, by its name.
    sources: dict[str, Source] = field(default_factory=dict)
    #: What the module ends with that belongs to the loss: "log_softmax" or "sigmoid", which the graph leaves out.
    ending: str | None = None

    def arrays(self, inputs: Any) -> Any:
        """What stands under `inputs` of `[data.train]` or `[data.query]`: an array, or one for each input by its name.

        Args:
            inputs: What the module is called with: a tensor, a tuple of arguments, or a dict of them by name.
        """
        if self.prepare is not None:
            return self.prepare(inputs)
        if "input" in self.model:
            only = next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs
            return array(only[0] if isinstance(only, (tuple, list)) else only)
        if isinstance(inputs, Mapping):
            return {name: array(inputs[name]) for name in self.model["inputs"]}
        return {name: array(own) for name, own in zip(self.model["inputs"], inputs, strict=True)}

    def with_ending(self) -> Graph:
        """The graph with what its module ends with as a layer, for losses and readouts of the module's own outputs."""
        if self.ending is None:
            return self
        layers = self.model["layers"]
        last = self.model.get("output", layers[-1]["name"])
        layer = {"type": self.ending, "name": free(self.ending, {layer["name"] for layer in layers}), "from": last}
        model = {**self.model, "layers": [*layers, layer]}
        model.pop("output", None)
        return replace(self, model=model, ending=None)

    def save(self, model: str | File, weights: str | File) -> None:
        """Writes the network for the command line: its graph, with the arrays of constants beside it, and its tensors.

        Args:
            model: The file that `model.graph` of a run file names.
            weights: The safetensors file that `model.weights` names.
        """
        model = File(model)
        constants = File(f"{model.with_suffix('')}_constants")

        def file_of(array: np.ndarray) -> str:
            constants.mkdir(exist_ok=True)
            number = len(list(constants.iterdir()))
            np.save(constants / f"{number}.npy", array)
            return f"{constants.name}/{number}.npy"

        if constants.is_dir():
            for old in constants.glob("*.npy"):
                old.unlink()
        graph = {("nodes" if key == "layers" else key): value for key, value in self.model.items()}
        model.write_text(json.dumps(graph, default=file_of, indent=1))
        write(File(weights), self.weights)

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
        ]
        return f"Graph of {self._summary()}\n" + "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *rows = [[html.escape(cell) for cell in row] for row in self._rows()]
        top, body = html_row(head, "th"), "".join(html_row(cells, "td") for cells in rows)
        return f"<p>Graph of {html.escape(self._summary())}</p><table><thead>{top}</thead><tbody>{body}</tbody></table>"

    def _summary(self) -> str:
        """How large it is, in words."""
        inputs = self.model.get("inputs") or {"input": {"shape": self.model["input"]}}
        read = ", ".join(f"{name} {own['shape']}" for name, own in inputs.items())
        count = sum(array.size for array in self.weights.values())
        ending = f"; without its last {self.ending}" if self.ending else ""
        return f"{len(self.model['layers'])} layers and {count:,} numbers, of {read}{ending}"

    def _rows(self) -> list[list[str]]:
        """A row for each layer, of which the middle ones of a long network are left out."""
        rows = [["layer", "type", "reads", "options"]]
        for layer in self.model["layers"]:
            read = layer.get("from", [])
            options = {key: value for key, value in layer.items() if key not in ("name", "type", "from")}
            said = ", ".join(f"{key} {option(value)}" for key, value in options.items())
            rows.append(
                [layer["name"], layer["type"], ", ".join(map(str, read)) if isinstance(read, list) else str(read), said]
            )
        if len(rows) > 2 * SHOWN + 1:
            left_out = len(rows) - 2 * SHOWN - 1
            rows[SHOWN + 1 : -SHOWN] = [[f"… {left_out} more …", "", "", ""]]
        return rows


def html_row(cells: list[str], tag: str) -> str:
    """A row of a table."""
    return "<tr>" + "".join(f"<{tag} style='text-align:left'>{cell}</{tag}>" for cell in cells) + "</tr>"


def option(value: Any) -> str:
    """A layer's option for people."""
    return f"of shape {list(value.shape)}" if isinstance(value, np.ndarray) else str(value)


def free(wanted: str, taken: set[str]) -> str:
    """A name that nothing has."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name
