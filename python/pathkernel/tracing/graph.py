"""From a module to a graph."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import fx, nn

from ..errors import UnsupportedError
from ..graph import Graph
from . import kinds
from .check import check as compare
from .export import call_of, export, plain_copy, quiet
from .fuse import with_own_weights
from .inputs import Prepare
from .network import Network, reads
from .program import Program, bound, operator_name
from .tensors import Tensors
from .translate import SAME, Translator

LOG = logging.getLogger("pathkernel")
assert kinds.__all__

#: What a module may end with that belongs to its loss.
ENDINGS = {
    "log_softmax": "log_softmax",
    "_log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "special_expit": "sigmoid",
}


def traced(module: nn.Module, example_inputs: Any, output: str | int | None, check: bool) -> Graph:
    """`trace`, whose words are there."""
    module = plain_copy(module)
    call, tensors = call_of(module, example_inputs)
    state = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    program = Program(export(module, call, tensors, output), state)
    ending, last = ending_of(program)
    program.ending_source = last if ending else None
    network = Network(reserved_names(state))
    owned = Tensors(network, state)
    translator = Translator(program, network, owned)
    name = translator.run(last)
    graph = assembled(translator, name, ending, precision(state))
    if check:
        with quiet():
            compare(graph, module, translator, translator.prepare, dict(zip(call.names, tensors, strict=True)), output)
    return graph


def ending_of(program: Program) -> tuple[str | None, fx.Node]:
    """What the module ends with that belongs to the loss, and the value before it."""
    last = program.exported.output
    while operator_name(last) in SAME and isinstance(last.args[0], fx.Node):
        last = last.args[0]
    ending = ENDINGS.get(operator_name(last))
    rank = last.meta["val"].dim()
    is_last = ending != "log_softmax" or bound(last)["dim"] % rank == rank - 1
    source = last.args[0] if last.args else None
    if ending and is_last and isinstance(source, fx.Node):
        return ending, source
    return None, program.exported.output


def reserved_names(state: dict[str, Any]) -> set[str]:
    """What layers with tensors are called."""
    return {name.rpartition(".")[0] for name in state} | set(state)


def precision(state: dict[str, torch.Tensor]) -> torch.dtype:
    """The precision of a module's weights."""
    is_double = any(tensor.dtype == torch.float64 for tensor in state.values())
    return torch.float64 if is_double else torch.float32


def assembled(translator: Translator, output: str, ending: str | None, dtype: torch.dtype) -> Graph:
    """The graph of what was translated."""
    network, tensors = translator.network, translator.tensors
    layers = network.without_idle(output) or [identity(network, output)]
    if not network.inputs:
        raise UnsupportedError("the output does not depend on the inputs")
    output = layers[-1]["name"] if output not in {layer["name"] for layer in layers} else output
    layers, output = with_own_weights(layers, output)
    translator.renamed = renamed = new_names(layers)
    model = inputs_of(translator)
    only = {name: -1 for name in network.inputs} if "input" in model else {}
    layers = [with_names(layer, renamed, only) for layer in layers]
    used = {name for name in (layer["name"] for layer in layers)}
    unpadded = share_padding(layers)
    homes = {state: engine_name(home, renamed) for state, (_, home) in tensors.homes.items()}
    homes = {state: name for state, name in homes.items() if name.rpartition(".")[0] in used}
    translator.program.unpadded = {state for state, name in homes.items() if name in unpadded}
    places = {engine_name(name, renamed): place for name, place in tensors.places().items()}
    places |= {name: {"tensor": state} for state, name in homes.items() if name != state and name not in places}
    model["layers"] = layers
    if layers[-1]["name"] != renamed.get(output, output):
        model["output"] = renamed.get(output, output)
    if own := {name: place for name, place in places.items() if name in homes.values()}:
        model["parameters"] = own
    parameters = {
        tensors.canonical(translator.program.exported.tensors[name]) for name in translator.program.exported.parameters
    }
    frozen = [name for state, name in homes.items() if state in parameters and not tensors.state[state].requires_grad]
    if frozen:
        model["frozen"] = frozen
    sources = {
        renamed.get(name, name): source for name, source in network.sources.items() if renamed.get(name, name) in used
    }
    weights = {state: tensors.state[state].detach().numpy() for state in homes}
    held = {name: own for name, own in translator.prepared.items() if name in network.inputs}
    translator.prepare = Prepare(translator.program, held, dtype)
    return Graph(model, weights, None if translator.prepare.is_idle else translator.prepare, sources, ending)


def share_padding(layers: list[dict[str, Any]]) -> set[str]:
    """Leaves `padding_idx` out where not all uses of a table have it: the engine has one gradient for all of them.

    Returns the tables.
    """
    found: set[str] = set()
    users: dict[str, list[dict[str, Any]]] = {}
    for layer in layers:
        tie = layer.get("weight")
        users.setdefault(tie if isinstance(tie, str) else f"{layer['name']}.weight", []).append(layer)
    for name, own in users.items():
        rows = {layer.get("padding_idx") for layer in own}
        if len(rows) > 1:
            for layer in own:
                layer.pop("padding_idx", None)
            found.add(name)
            LOG.warning(
                "%s is also used where it has no padding_idx: the row of padding gets its gradient as others do", name
            )
    return found


def identity(network: Network, name: str) -> dict[str, Any]:
    """A layer for an output that is an input."""
    return network.layers[network.pointwise("identity", name)]


def inputs_of(translator: Translator) -> dict[str, Any]:
    """`input` of a module that is called with one tensor, else `inputs`."""
    inputs = translator.network.inputs
    call = translator.program.exported.call
    if call.is_single and list(inputs) == list(call.names):
        [only] = inputs.values()
        return {"input": only["shape"]}
    return {"inputs": inputs}


def new_names(layers: list[dict[str, Any]]) -> dict[str, str]:
    """Names for layers whose own is the number of another layer."""
    taken = {layer["name"] for layer in layers}
    found: dict[str, str] = {}
    for index, layer in enumerate(layers):
        name = layer["name"]
        if name.isdigit() and int(name) != index:
            wanted = f"{layer['type']}_{name}"
            while wanted in taken:
                wanted += "_"
            taken.add(wanted)
            found[name] = wanted
    return found


def with_names(layer: dict[str, Any], renamed: dict[str, str], only: dict[str, int]) -> dict[str, Any]:
    """A layer with the new names of itself, of what it reads, and of tensors that are another's.

    An only input goes by -1.
    """
    sources: list[Any] = [only.get(name, renamed.get(name, name)) for name in reads(layer)]
    own = dict(layer, name=renamed.get(layer["name"], layer["name"]))
    if sources:
        own["from"] = sources if len(sources) > 1 else sources[0]
    for key in ("weight", "bias"):
        if isinstance(own.get(key), str):
            own[key] = engine_name(own[key], renamed)
    return own


def engine_name(tensor: str, renamed: dict[str, str]) -> str:
    """A tensor's name with the new name of its layer."""
    layer, _, own = tensor.rpartition(".")
    return f"{renamed.get(layer, layer)}.{own}"
