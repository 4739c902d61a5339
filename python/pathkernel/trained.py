"""Paths: trained here, or of checkpoints that exist."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
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
from .optimizers import optimizer_table
from .path import Path
from .questions import sections
from .weights import module_state, of_model, read_state


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
        schedule: "cosine", a table, or a rate for each step. clip_norm: the largest norm of a gradient.
        weights: what each example counts in the loss. groups: rows that are one example. exclude: rows left out.
        directory: where the path is kept; the same call goes on there. None: in memory.
        settings: any other key of `[run]` and `[training]` of a run file.

    >>> import numpy as np, pathkernel as pk
    >>> x, y = np.eye(4), np.arange(4) % 2
    >>> path = pk.train([{"type": "linear", "features": 2}], x, y, loss="cross_entropy", optimizer=pk.SGD(0.5), epochs=3, batch_size=2)
    >>> path.config["training"]["steps"]
    6
    """
    inputs, targets = data.split(x, y, "x")
    graph = for_loss(networks.graph_of(net, inputs), loss)
    rows = {"weights": weights, "groups": groups, "exclude": exclude}
    run, rest = sections({"precision": precision or precision_of(graph), "device": device, "seed": seed, **settings})
    training = {
        **loss_table(loss, targets, graph.ending),
        "optimizer": optimizer_table(optimizer, tensor_names(net)),
        **_length(steps, epochs, batch_size, data.count(inputs) - len(np.unique(exclude if exclude is not None else []))),
        **given(batch_size=batch_size, batches=_batches(batches), clip_norm=clip_norm),
        **_course(schedule),
        **rest,
    }
    if "batches" in training and steps is None:
        training["steps"] = len(training["batches"])
    if training["optimizer"].get("type") == "flow":
        training.pop("steps", None)
    config = {"run": run, "data": {"train": _training_set(graph, inputs, targets, rows)}, "training": training}
    model = {**graph.model, **({"weights": graph.weights} if graph.weights else {})}
    found = engine.train({**config, "model": model}, directory=directory, progress=progress)
    last = {name: values[-1] for name, values in found.weights.items()}
    place = None if directory is None else File(directory)
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
        states: a pattern of files, such as "ckpt/*.pt", in the order of the numbers in their names; or a list of files or of
            state_dicts.
        x, y: the training set, as of `train`.
        optimizer: what the steps were made with. batches: the examples of each step; None: all of them.
        rates: the learning rate of each step, in place of the optimizer's.
        settings: any other key of `[run]` and `[training]` of a run file, such as clip_norm.

    Checkpoints of every so many steps are no path: their steps are not the optimizer's, and the verdict says so. The contributions
    with `attribute(path, queries, rule="left")` are TracIn's all the same.
    """
    inputs, targets = data.split(x, y, "x")
    graph = for_loss(networks.graph_of(net, inputs), loss)
    recorded, steps, last = _recorded(states, graph)
    rows = {"weights": weights, "groups": groups, "exclude": exclude}
    run, rest = sections({"precision": precision or precision_of(graph), "device": device, "seed": seed, **settings})
    training = {
        **loss_table(loss, targets, graph.ending),
        "optimizer": optimizer_table(optimizer, tensor_names(net)),
        "steps": steps,
        **given(batches=_batches(batches), learning_rates=None if rates is None else array(rates, "rates").tolist()),
        **rest,
    }
    if "learning_rates" in training:
        training["optimizer"].pop("learning_rate", None)
    train_set = _training_set(graph, inputs, targets, rows)
    config = {"run": run, "data": {"train": train_set}, "training": training, "trajectory": {"import": recorded}}
    return Path(graph, config, module_state(net, last, 0))


def for_loss(graph: Graph, loss: LossLike) -> Graph:
    """The graph as it stands before a loss: what the module ends with is left out where it belongs to the loss."""
    return graph if graph.ending == ending_of(loss) else networks.with_ending(graph)


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


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def _training_set(graph: Graph, inputs: Inputs, targets: np.ndarray | None, rows: Mapping[str, Any]) -> dict[str, Any]:
    if targets is None:
        raise ValueError("y: the training set has no targets; give them, or a Dataset whose items have them last")
    if len(targets) != data.count(inputs):
        raise ValueError(f"y: {len(targets)} targets of {data.count(inputs)} examples")
    return {"inputs": networks.prepared(graph, inputs), "targets": targets, **arrays(given(**rows), "x,")}


def _length(steps: int | None, epochs: float | None, batch_size: int | None, examples: int) -> dict[str, int]:
    """How many steps: an epoch's last batch may be short."""
    if steps is not None and epochs is not None:
        raise ValueError("give steps or epochs, not both")
    if epochs is not None:
        steps = round(epochs * -(-examples // min(batch_size or examples, examples)))
    return {} if steps is None else {"steps": steps}


def _batches(batches: Any) -> Any:
    """The examples of each step: an array where all have as many, else a list of lists."""
    if batches is None:
        return None
    rows = [array(batch, "batches").astype(np.int64) for batch in batches]
    return np.stack(rows) if len({len(row) for row in rows}) == 1 else [row.tolist() for row in rows]


def _course(schedule: Any) -> dict[str, Any]:
    """The keys of `[training]` for the course of the learning rate."""
    if schedule is None:
        return {}
    if isinstance(schedule, str):
        return {"schedule": {"type": schedule}}
    if isinstance(schedule, Mapping):
        return {"schedule": dict(schedule)}
    return {"learning_rates": array(schedule, "schedule").astype(float).tolist()}


def _recorded(states: Any, graph: Graph) -> tuple[Any, int, dict[str, np.ndarray]]:
    """`trajectory.import`, the number of steps, and the last weights."""
    if isinstance(states, (str, os.PathLike)):
        files = in_order(glob.glob(os.fspath(states), recursive=True))
        if len(files) < 2:
            raise ValueError(f"{os.fspath(states)}: {len(files)} files; a path has the first weights and those after each step")
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
        return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", os.path.basename(file))]

    return sorted(files, key=key)
