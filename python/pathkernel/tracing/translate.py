"""From an exported graph to the layers of a run file."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from ..errors import UnsupportedError, UnsupportedNode
from ..graph import Source
from .inputs import Prepare, Prepared
from .layout import Layout, Mixed, Shape, is_tensor
from .network import Network
from .program import Kind, Program, bound, operator_name
from .sources import source_of
from .tensors import Tensors, View

Handler = Callable[..., Any]
HANDLERS: dict[str, Handler] = {}

#: What only passes a value on.
SAME = {
    "alias",
    "clone",
    "contiguous",
    "to",
    "_to_copy",
    "type_as",
    "lift_fresh_copy",
    "lift_fresh",
    "dropout_",
    "positive",
    "view_as_real_",
}

#: What only moves numbers about, whole ones too.
MOVES = {
    "view",
    "reshape",
    "flatten",
    "unflatten",
    "unsqueeze",
    "squeeze",
    "permute",
    "transpose",
    "slice",
    "select",
    "expand",
}


class Unsupported(Exception):
    """An operator, or options of one, that no layer does."""


def handles(*operators: str) -> Callable[[Handler], Handler]:
    """Registers what translates some of ATen's operators."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(operators, handler))
        return handler

    return register


class Translator:
    """Translates values on demand: constants, inputs and parameters only where a layer reads them."""

    def __init__(self, program: Program, network: Network, tensors: Tensors) -> None:
        self.program = program
        self.network = network
        self.tensors = tensors
        self.problems: list[UnsupportedNode] = []
        #: Nodes of the graph whose values are handed over as inputs, by the input's name.
        self.prepared: dict[str, Prepared] = {}
        self.prepare: Prepare
        #: New names of layers whose own could not stay.
        self.renamed: dict[str, str] = {}
        self.warnings: list[str] = []
        self._names: dict[fx.Node, str] = {}
        self._parts: dict[fx.Node, dict[int, str]] = {}

    def run(self, output: fx.Node) -> str:
        """Translates all that the output depends on."""
        for node in self.program.graph.nodes:
            trained = self.program.kinds[node] is Kind.TRAINED and node in self.program.needed
            if trained and is_tensor(node.meta.get("val")):
                self.read(node)
        name = self.read(output)
        left = [layer["name"] for layer in self.network.without_idle(name) if layer["type"] == "erf"]
        self.problems[:0] = [noted(self.network.sources[layer], nearest("erf")) for layer in left]
        if self.problems:
            raise UnsupportedError(said(self.problems), self.problems)
        return name

    # Values.

    def layout(self, node: fx.Node) -> Layout:
        """How an example's value lies in that of a batch."""
        return self.program.layout(node)

    def shape(self, node: fx.Node) -> Shape:
        """The shape of an example's value; a single number has one axis."""
        return self.layout(node).shape or (1,)

    def kind(self, node: fx.Node) -> Kind:
        return self.program.kinds[node]

    def read(self, node: fx.Node) -> str:
        """The layer, or input, whose value a node's is."""
        if node not in self._names:
            before, self.network.at = self.network.at, source_of(node)
            try:
                self._names[node] = self._translated(node)
            finally:
                self.network.at = before
        return self._names[node]

    def _translated(self, node: fx.Node) -> str:
        match self.kind(node):
            case Kind.CONSTANT:
                return self.network.constant(self.program.constant(node))
            case Kind.INPUTS:
                return self._of_inputs(node)
            case Kind.PARAMETERS if node.op == "placeholder":
                return self.tensors.value(self.program.exported.tensors[node.name])
            case _:
                return self._handled_or_noted(node)

    def _handled_or_noted(self, node: fx.Node) -> str:
        """A layer; where none does it, what is wrong is noted, and one stands in so that the rest is looked at."""
        try:
            return self.handled(node)
        except (Unsupported, Mixed, UnsupportedError) as problem:
            whole = node.args[0] if node.target is operator.getitem else node
            source = source_of(whole)  # type: ignore[arg-type]
            own = noted(source, advice(problem))
            self.problems += [] if own in self.problems else [own]
            try:
                shape = self.shape(node)
            except (Mixed, UnsupportedError):
                shape = (1,)
            inputs = whole.all_input_nodes  # type: ignore[union-attr]
            known = [self._names[read] for read in inputs if read in self._names]
            return self.network.add("unsupported", known, shape)

    def handled(self, node: fx.Node) -> str:
        """A node as layers."""
        if node.target is operator.getitem:
            return self._part(node)
        if "no_grad" in node.meta and self.kind(node) is not Kind.INPUTS:
            raise Unsupported("gradients stop in torch.no_grad(); freeze tensors by requires_grad_(False) instead")
        name = operator_name(node).removesuffix("_") if not operator_name(node).startswith("_") else operator_name(node)
        layout = self.layout(node) if is_tensor(node.meta.get("val")) else None
        if layout and self.kind(node) is not Kind.PARAMETERS and layout.batch is None:
            raise Mixed()
        arguments = bound(node)
        if name in SAME:
            return self._same(node, next(iter(arguments.values())))
        handler = HANDLERS.get(name)
        if handler is None:
            raise Unsupported(nearest(name))
        result: str = handler(self, node, **arguments)
        return result

    def _same(self, node: fx.Node, source: fx.Node) -> str:
        value = node.meta["val"]
        if not value.is_floating_point() and source.meta["val"].dtype != value.dtype:
            raise Unsupported("rounding to whole numbers has no gradient")
        return self.read(source)

    def _part(self, node: fx.Node) -> str:
        """One of several values of an operator."""
        whole, at = node.args
        assert isinstance(whole, fx.Node) and isinstance(at, int)
        if whole not in self._parts:
            name = operator_name(whole)
            handler = HANDLERS.get(name)
            if handler is None:
                raise Unsupported(nearest(name))
            before, self.network.at = self.network.at, source_of(whole)
            try:
                self._parts[whole] = handler(self, whole, **bound(whole))
            finally:
                self.network.at = before
        part = self._parts[whole].get(at)
        if part is None:
            raise Unsupported(f"result {at} of {operator_name(whole)} is not there; the first is")
        return part

    def _of_inputs(self, node: fx.Node) -> str:
        """A function of the inputs alone: layers where there are some for it, else an input of its own."""
        if node.op == "placeholder":
            return self._input(self.program.exported.inputs[node.name], node)
        try:
            if not node.meta["val"].is_floating_point() and operator_name(node) not in MOVES | SAME:
                raise Unsupported("whole numbers are computed in PyTorch")
            return self.handled(node)
        except (Unsupported, Mixed, UnsupportedError):
            if self.layout(node).batch is None:
                raise Mixed() from None
            return self._input(self.network.free(node.name), node)

    def _input(self, name: str, node: fx.Node) -> str:
        self.prepared[name] = Prepared(node)
        dtype = node.meta["val"].dtype
        is_integer = not dtype.is_floating_point and dtype != torch.bool
        return self.network.input(name, self.shape(node), is_integer)

    def one_hot(self, node: fx.Node, count: int) -> str:
        """An input that is a row of zeros with a one at a number that the inputs have."""
        name = self.network.free(f"{node.name}_one_hot")
        self.prepared[name] = Prepared(node, one_hot=count)
        return self.network.input(name, (count,), False)

    def translated(self) -> Iterator[tuple[fx.Node, str]]:
        """The nodes that have a layer, in their order, with its name."""
        return ((node, self._names[node]) for node in self.program.graph.nodes if node in self._names)

    # Arguments.

    def number(self, argument: Any) -> float | None:
        """A number that an argument is, or whose every entry one is."""
        if isinstance(argument, (int, float)):
            return float(argument)
        if not isinstance(argument, fx.Node) or self.kind(argument) is not Kind.CONSTANT:
            return None
        if not is_tensor(argument.meta.get("val")):
            return float(argument.meta["val"])
        values = self.program.constant(argument)
        if values.size == 1 and values.ndim == 0:
            return float(values)
        return None

    def array(self, argument: Any) -> np.ndarray | None:
        """The array that an argument is, if it is a constant."""
        if isinstance(argument, fx.Node) and self.kind(argument) is Kind.CONSTANT:
            return self.program.constant(argument)
        return None

    def whole_number(self, argument: Any) -> int:
        """A whole number, which may follow from shapes, for a batch of one example."""
        if isinstance(argument, fx.Node):
            from .program import number_of

            return int(number_of(argument.meta["val"], 1))
        return int(argument)

    def view(self, node: Any) -> View | None:
        """The view of a tensor that a node is."""
        if not isinstance(node, fx.Node) or self.kind(node) is not Kind.PARAMETERS:
            return None
        if node.op == "placeholder":
            return self.tensors.whole(self.program.exported.tensors[node.name])
        name = operator_name(node)
        inner = self.view(node.args[0]) if node.args else None
        if inner is None or "no_grad" in node.meta or not is_tensor(node.meta.get("val")):
            return None
        shape = self.shape(node)
        if name in SAME:
            return inner
        if name in ("view", "reshape", "_unsafe_view", "unsqueeze", "squeeze", "flatten", "unflatten"):
            return View(inner.tensor, inner.transposed, shape)
        swaps = (
            name in ("t", "transpose", "permute", "numpy_T", "mT", "swapaxes")
            and len(shape) == 2
            and shape != inner.shape
        )
        is_plain = not inner.transposed and inner.shape == self.tensors.whole(inner.tensor).shape
        if len(shape) == 2 and is_plain and (swaps or is_swap(node)):
            return View(inner.tensor, True, shape)
        return None

    def aligned(self, argument: fx.Node, out: Layout) -> str:
        """A value that is to be stretched to a layout: the axis of the examples taken out where the layout has it."""
        own = self.layout(argument)
        sides = (1,) * (len(out.whole) - len(own.whole)) + own.whole
        if out.dropped is not None:
            if sides[out.dropped] != 1:
                raise Mixed()
            sides = sides[: out.dropped] + sides[out.dropped + 1 :]
        value = self.read(argument)
        is_same = self.network.shapes[value] == (sides[-len(self.network.shapes[value]) :] or (1,))
        shorter = sides[len(sides) - len(self.network.shapes[value]) :]
        if is_same and all(side == 1 for side in sides[: len(sides) - len(shorter)]):
            return value
        return self.network.reshape(value, sides or (1,))

    def all_aligned(self, arguments: Sequence[fx.Node], out: Layout) -> list[str]:
        return [self.aligned(argument, out) for argument in arguments]

    def shaped(self, name: str, node: fx.Node) -> str:
        """A layer's value in the shape that an example of a node has."""
        return self.network.reshape(name, self.shape(node))


def noted(source: Source, instead: str) -> UnsupportedNode:
    """A part that cannot be translated, and what to do."""
    return UnsupportedNode(source.module, source.operator, source.line, instead)


def is_swap(node: fx.Node) -> bool:
    """Whether an operator exchanges the two axes of a matrix."""
    name, args = operator_name(node), node.args[1:]
    if name in ("t", "numpy_T", "mT"):
        return True
    if name in ("transpose", "swapaxes"):
        return {int(axis) % 2 for axis in args} == {0, 1}  # type: ignore[arg-type]
    return name == "permute" and [axis % 2 for axis in args[0]] == [1, 0]  # type: ignore[union-attr, operator]


def advice(problem: Exception) -> str:
    """What to do about an operator that cannot be translated."""
    if isinstance(problem, Mixed):
        return "examples of a batch meet here; every example has to be on its own"
    return str(problem)


def nearest(name: str) -> str:
    """The nearest there is to an operator."""
    from .nearest import NEAREST

    return NEAREST.get(name.strip("_"), "there is no kind of layer for it")


def said(problems: Sequence[UnsupportedNode]) -> str:
    """What is wrong with a module, for people."""
    lines = [
        f"  {problem.module or 'the module itself'}: {problem.operator} at {problem.source}: {problem.instead}"
        for problem in problems
    ]
    count = "one part" if len(problems) == 1 else f"{len(problems)} parts"
    return f"the module has {count} that cannot be translated:\n" + "\n".join(lines)


__all__ = ["HANDLERS", "Handler", "Source", "Translator", "Unsupported", "handles"]
