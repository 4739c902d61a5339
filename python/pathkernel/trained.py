"""Paths: trained here, or of checkpoints that exist."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import numpy as np

from . import data, engine, networks
from .arrays import ArrayLike, array, arrays
from .data import Inputs
from .errors import PathkernelError
from .graph import Graph
from .losses import LossLike, ending_of, loss_table
from .networks import Network
from .path import Path
from .questions import sections
from .schedules import scheduled
from .weights import in_graph, module_state, of_model, read_state


def train(
    net: Network,
    x: Any,
    y: ArrayLike | None = None,
    *,
    loss: LossLike,
    optimizer: Any,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
    batches: Any = None,
    seed: int = 0,
    schedule: Any = None,
    clip_norm: float | None = None,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    exclude: ArrayLike | None = None,
    precision: str | None = None,
    device: str | None = None,
    directory: str | os.PathLike[str] | None = None,
    progress: Any = None,
    **settings: Any,
) -> Path:
    """Trains a network from the weights that it has, and keeps the path.

    Args:
        net: a `torch.nn.Module`, which stays as it is, a Graph, or a list of layers in a run file's words.
        x, y: the training set: arrays, a Dataset or a DataLoader.
        loss: a name, a table, or a loss of PyTorch, such as `nn.CrossEntropyLoss(label_smoothing=0.1)`.
        optimizer: `SGD`, `Adam`, `AdamW`, `Flow`, an optimizer of PyTorch, or a table.
        steps, or epochs: how long. batch_size: None is the full batch; batches: their examples, a list for each step.
        schedule: "cosine", a table, a rate for each step, or a scheduler of PyTorch that is called after each step.
            clip_norm: the largest norm of a gradient.
        weights: what each example counts in the loss. groups: rows that are one example. exclude: rows left out.
        directory: where the path is kept; the same call goes on there. None: in memory.
        settings: any other key of `[run]` and `[training]` of a run file.

    >>> import numpy as np, pathkernel as pk
    >>> x, y = np.eye(4), np.arange(4) % 2
    >>> net = [{"type": "linear", "features": 2}]
    >>> path = pk.train(net, x, y, loss="cross_entropy", optimizer=pk.SGD(0.5), epochs=3, batch_size=2)
    >>> path.config["training"]["steps"]
    6
    """
    inputs, targets = data.split(x, y, "x")
    graph = held(for_loss(networks.graph_of(net, inputs), loss), net, optimizer)
    rows = {"weights": weights, "groups": groups, "exclude": exclude}
    run, rest = sections({"precision": precision or precision_of(graph), "device": device, "seed": seed, **settings})
    order = _batches(batches)
    if order is not None and steps is None:
        steps = len(order)
    left = data.count(inputs) - len(np.unique([] if exclude is None else array(exclude, "exclude")))
    steps = _length(steps, epochs, batch_size, left)
    training = {
        **loss_table(loss, targets, graph.ending),
        **scheduled(optimizer, schedule, steps, tensor_names(net)),
        **_state(net, optimizer),
        **given(steps=steps, batch_size=batch_size, batches=order, clip_norm=clip_norm),
        **rest,
    }
    config = {"run": run, "data": {"train": _training_set(graph, inputs, targets, rows)}, "training": training}
    model = {**graph.model, **({"weights": graph.weights} if graph.weights else {})}
    place = None if directory is None else File(directory)
    # A run directory belongs to its queries, which are not known yet: the training has one of its own inside.
    found = engine.train({**config, "model": model}, directory=place and place / "recorded", progress=progress)
    last = {name: np.array(values[-1]) for name, values in found.weights.items()}
    return Path(graph, config, module_state(net, of_model(graph, last), training.get("steps", 0)), place, found.losses)


def checkpoints(
    net: Network,
    states: str | os.PathLike[str] | Sequence[Any],
    x: Any,
    y: ArrayLike | None = None,
    *,
    loss: LossLike,
    optimizer: Any,
    batches: Any = None,
    rates: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    exclude: ArrayLike | None = None,
    precision: str | None = None,
    device: str | None = None,
    seed: int | None = None,
    **settings: Any,
) -> Path:
    """The path of checkpoints that exist: the first weights and those after each step.

    Args:
        net: the network; which of its weights it has now does not matter.
        states: a pattern of files, such as "ckpt/*.pt", in the order of the numbers in their names; or a list of files
            or of state_dicts.
        x, y: the training set, as of `train`.
        optimizer: what the steps were made with. batches: the examples of each step; None: all of them.
        rates: the learning rate of each step, in place of the optimizer's.
        settings: any other key of `[run]` and `[training]` of a run file, such as clip_norm.

    Checkpoints of every so many steps are no path: their steps are not the optimizer's, and the verdict says so. The
    contributions with `attribute(path, queries, rule="left")` are TracIn's all the same.
    """
    inputs, targets = data.split(x, y, "x")
    graph = held(for_loss(networks.graph_of(net, inputs), loss), net, optimizer)
    recorded, steps, last = _recorded(states, graph)
    rows = {"weights": weights, "groups": groups, "exclude": exclude}
    run, rest = sections({"precision": precision or precision_of(graph), "device": device, "seed": seed, **settings})
    training = {
        **loss_table(loss, targets, graph.ending),
        **scheduled(optimizer, rates, steps, tensor_names(net)),
        **given(steps=steps, batches=_batches(batches)),
        **rest,
    }
    train_set = _training_set(graph, inputs, targets, rows)
    config = {"run": run, "data": {"train": train_set}, "training": training, "trajectory": {"import": recorded}}
    return Path(graph, config, module_state(net, last, 0))


def for_loss(graph: Graph, loss: LossLike) -> Graph:
    """The graph as it stands before a loss: what the module ends with is left out where it belongs to the loss."""
    return graph if graph.ending == ending_of(loss) else networks.with_ending(graph)


def held(graph: Graph, net: Network, optimizer: Any) -> Graph:
    """The graph in which the tensors stay that an optimizer of PyTorch was not given."""
    if not hasattr(optimizer, "param_groups") or not hasattr(net, "named_parameters"):
        return graph
    moved = {id(one) for group in optimizer.param_groups for one in group["params"]}
    names = [name for name, one in net.named_parameters() if id(one) not in moved]
    if len(names) == len(list(net.parameters())):
        raise ValueError("optimizer: it has none of the network's parameters; make it of net.parameters()")
    frozen = [*graph.model.get("frozen", []), *in_graph(graph, names)]
    return replace(graph, model={**graph.model, "frozen": list(dict.fromkeys(frozen))}) if frozen else graph


def precision_of(graph: Graph) -> str:
    """The precision in which a network computes: double where all its weights are.

    >>> precision_of(Graph(model={}, weights={}))
    'f32'
    """
    kinds = {values.dtype for values in graph.weights.values() if values.dtype.kind == "f"}
    return "f64" if kinds == {np.dtype(np.float64)} else "f32"


def tensor_names(net: Network) -> dict[Any, str] | None:
    """The names of a module's parameters by the parameters; None of what is no module."""
    return {one: name for name, one in net.named_parameters()} if hasattr(net, "named_parameters") else None


def _state(net: Network, optimizer: Any) -> dict[str, Any]:
    """What an optimizer of PyTorch kept of the steps that it made before."""
    if not hasattr(optimizer, "param_groups") or not optimizer.state:
        return {}
    from .torch_optimizers import state_of

    state = state_of(optimizer, tensor_names(net) or {})
    return {"optimizer_state": state} if state else {}


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def _training_set(graph: Graph, inputs: Inputs, targets: np.ndarray | None, rows: Mapping[str, Any]) -> dict[str, Any]:
    if targets is None:
        raise ValueError("y: the training set has no targets; give them, or a Dataset whose items have them last")
    if len(targets) != data.count(inputs):
        raise ValueError(f"y: {len(targets)} targets of {data.count(inputs)} examples")
    return {"inputs": networks.prepared(graph, inputs), "targets": targets, **arrays(given(**rows), "x,")}


def _length(steps: int | None, epochs: float | None, batch_size: int | None, examples: int) -> int | None:
    """How many steps: an epoch's last batch may be short."""
    if epochs is None:
        return steps
    if steps is not None:
        raise ValueError("give steps or epochs, not both; batches say themselves how many steps there are")
    return round(epochs * -(-examples // min(batch_size or examples, examples)))


def _batches(batches: Any) -> Any:
    """The examples of each step: an array where all have as many, else a list of lists."""
    if batches is None:
        return None
    rows = [array(batch, "batches").astype(np.int64) for batch in batches]
    return np.stack(rows) if len({len(row) for row in rows}) == 1 else [row.tolist() for row in rows]


def _recorded(states: Any, graph: Graph) -> tuple[Any, int, dict[str, np.ndarray]]:
    """`trajectory.import`, the number of steps, and the last weights."""
    if isinstance(states, (str, os.PathLike)):
        files = in_order(glob.glob(os.fspath(states), recursive=True))
        if len(files) < 2:
            raise ValueError(
                f"{os.fspath(states)}: {len(files)} files; a path has the first weights and those after each step"
            )
        return os.path.abspath(states), len(files) - 1, read_state(files[-1])
    found = [read_state(state) for state in states]
    if len(found) < 2:
        raise ValueError(f"{len(found)} checkpoints; a path has the first weights and those after each step")
    names = [name for name in found[0] if name in graph.weights]
    missing = sorted(set(graph.weights) - set(names))
    if missing:
        raise PathkernelError(f"the first checkpoint has no {', '.join(missing)}; it has {', '.join(sorted(found[0]))}")
    return {name: np.stack([state[name] for state in found]) for name in names}, len(found) - 1, found[-1]


def in_order(files: Sequence[str]) -> list[str]:
    """Files in the order of the numbers in their names.

    >>> in_order(["step_10.pt", "step_2.pt"])
    ['step_2.pt', 'step_10.pt']
    """

    def key(file: str) -> list[tuple[int, int, str]]:
        return [
            (0, int(part), "") if part.isdigit() else (1, 0, part)
            for part in re.split(r"(\d+)", os.path.basename(file))
        ]

    return sorted(files, key=key)
