"""Recording of a training loop that exists."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path as File
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from ..errors import PathkernelError
from ..graph import Graph
from ..path import Path
from ..torch_optimizers import flags_of, kind_of, names_of
from . import closing
from .dropout import dropping
from .loader import Watched
from .loop import Loop, whole
from .store import Recording
from .rows import Arrays
from .step import TARGETS
from .unfed import unfed

#: The targets of a batch that a loader gave.
TargetsOf = Callable[[Any], Any]


def record(
    net: nn.Module,
    optimizer: Optimizer | None = None,
    directory: str | File | None = None,
    *,
    every: int = 1,
    graph: Graph | None = None,
    targets: TargetsOf | None = None,
    seed: int = 0,
) -> Recorder:
    """Begins to record the steps that `optimizer` makes of `net`.

    `directory`: where the recording is kept; without it, in memory. A directory that has a step with the network's
    weights is gone on with. `every`: keep the weights every so many steps. `graph`: the network as the engine reads it;
    traced without it. `targets`: makes the targets of what the loader gives, in the shape that the outputs need;
    without it, the second of a pair, or `labels`. `seed`: what dropout is drawn from. `optimizer` may be left out where
    a callback of a trainer brings it.
    """
    if every < 1:
        raise ValueError(f"every: is {every}; it must be at least 1")
    return Recorder(
        net, optimizer, None if directory is None else File(directory), every, graph, targets or targets_of, seed
    )


class Recorder:
    """A recording under way: `watch` the loader, and `close` it after the loop."""

    def __init__(
        self,
        net: nn.Module,
        optimizer: Optimizer | None,
        directory: File | None,
        every: int,
        graph: Graph | None,
        targets: TargetsOf,
        seed: int,
    ) -> None:
        self._net, self._graph, self._targets_of, self._seed = net, graph, targets, seed
        devices = list({parameter.device for parameter in net.parameters()})
        self._recording = Recording(directory and directory / "recorded", devices, every)
        self._optimizer = optimizer
        self._loop: Loop | None = None
        self._watched: dict[int, tuple[Watched, DataLoader[Any]]] = {}
        #: The number of each data set's first example.
        self._begins: dict[int, int] = {}
        self._count = 0
        if optimizer is not None:
            self.attach(optimizer)

    @property
    def steps(self) -> int:
        """How many steps are recorded."""
        return self._recording.count

    def attach(self, optimizer: Optimizer) -> None:
        """Follows the optimizer from now on."""
        if self._loop is not None:
            raise PathkernelError(
                "the recorder follows an optimizer already; make another recorder for another training"
            )
        self._optimizer = optimizer
        self._loop = Loop(self._net, optimizer, self._recording, self._traced, self._seed)

    def watch(self, loader: DataLoader[Any]) -> Watched:
        """The loader's batches, in its order, of which the examples are kept."""
        if id(loader) not in self._watched:
            begin = self.begin_of(loader)
            watched = Watched(loader, lambda examples, batch: self._is_at(examples + begin, batch))
            self._watched[id(loader)] = (watched, loader)
        return self._watched[id(loader)][0]

    def batch(self, indices: Iterable[int] | Tensor | np.ndarray, targets: Tensor | None = None) -> None:
        """The next forward passes are of these examples, until another batch is named.

        `targets` are theirs; without them, `close` needs those of all examples.
        """
        values = indices.detach().cpu() if isinstance(indices, Tensor) else list(indices)
        examples = np.asarray(values).astype(np.int64)
        if examples.ndim != 1 or not len(examples) or examples.min() < 0:
            raise ValueError("batch takes the numbers of the batch's examples, a list of integers from 0")
        self._the_loop().is_at(examples, targets, [])

    def is_at(self, loader: DataLoader[Any], examples: np.ndarray, batch: Any) -> None:
        """A trainer has come to a batch of a loader."""
        self._is_at(examples + self.begin_of(loader), batch)

    def ask_for_batches(self, next_batch: Callable[[], None]) -> None:
        """A trainer tells the batch when the network asks for one, at each forward pass in training."""
        self._the_loop().before_training = next_batch

    def begin_of(self, loader: DataLoader[Any]) -> int:
        """The number of the first example of a loader's data set; those of another one come after it."""
        key = id(loader.dataset)
        if key not in self._begins:
            self._begins[key] = self._count
            self._count += len(loader.dataset)  # type: ignore[arg-type]
            self._watched.setdefault(id(loader), (Watched(loader, lambda *_: None), loader))
        return self._begins[key]

    def close(self, loss: Any, *, targets: Any = None) -> Path:
        """Ends the recording; the path that the weights took.

        `loss` is a name, a module of `torch.nn` or a function of `torch.nn.functional`. What of the path the engine
        will not be able to explain is told in a warning, and stands in `path.remarks`.
        """
        loop = self._the_loop()
        loop.remove()
        self._recording.finish(loop.last)
        if not self._recording.steps:
            raise PathkernelError(
                "no step was recorded: the optimizer made none while a batch of rec.watch(loader) or rec.batch was "
                "known"
            )
        assert self._graph is not None and self._optimizer is not None
        kind = kind_of(self._optimizer)
        told = closing.Told(
            graph=self._graph,
            loss=loss,
            targets=None if targets is None else np.asarray(torch.as_tensor(targets).detach().cpu()),
            kind=kind,
            flags=flags_of(kind, self._optimizer),
            names=[loop.names[parameter] for parameter in loop.parameters],
            groups=names_of(self._optimizer, loop.names),
            seed=self._seed,
            is_drawn=bool(dropping(self._graph.model["layers"])),
            unfed=self._unfed(),
        )
        path, remarks = closing.path(self._recording, told)
        for remark in remarks:
            warnings.warn(f"recorded path: {remark}", stacklevel=2)
        return path

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the hooks away; what was recorded is kept, and `close` makes a path of it."""
        if self._loop is not None:
            self._loop.remove()
            self._recording.finish(self._loop.last)

    def trainer_callback(self) -> Any:
        """A callback for `transformers.Trainer`."""
        from .callbacks import trainer_callback

        return trainer_callback(self)

    def lightning_callback(self) -> Any:
        """A callback for Lightning's `Trainer`."""
        from .callbacks import lightning_callback

        return lightning_callback(self)

    def __deepcopy__(self, _: dict[int, Any]) -> Recorder:
        return self

    def _the_loop(self) -> Loop:
        if self._loop is None:
            raise PathkernelError(
                "the recorder has no optimizer yet; give it one as record(net, optimizer), or use a callback"
            )
        return self._loop

    def _is_at(self, examples: np.ndarray, batch: Any) -> None:
        self._the_loop().is_at(examples, self._targets_of(batch), batch)

    def _traced(self, given: Mapping[str, Tensor]) -> Graph:
        """The network's graph, by what it is called with."""
        if self._graph is None:
            from ..tracing import trace

            values = tuple(given.values())
            arguments = tuple(values) if any("." in name for name in given) else dict(given)
            self._graph = trace(copy.deepcopy(whole(self._net)), values[0] if len(values) == 1 else arguments)
        return self._graph

    def _unfed(self) -> tuple[np.ndarray, Arrays] | None:
        """The examples of watched loaders that no batch had."""
        loaders = {id(loader.dataset): loader for _, loader in self._watched.values()}.values()
        found = [unfed(one, self._begins[id(one.dataset)], self._recording.rows, self._targets_of) for one in loaders]
        known = [one for one in found if one is not None and len(one[0])]
        if len(known) < len(found) and None in found:
            warnings.warn(
                "recorded path: examples that were not in any batch have no column, since what the network would be "
                "given of them is "
                "not known: the loop changes what the loader gives",
                stacklevel=3,
            )
        if not known:
            return None
        names = known[0][1]
        return np.concatenate([own for own, _ in known]), {
            name: np.concatenate([own[name] for _, own in known]) for name in names
        }


def targets_of(batch: Any) -> Tensor | None:
    """The second of a pair, or what is called labels or targets."""
    if isinstance(batch, Mapping):
        return next((batch[name] for name in ("labels", "label", TARGETS, "target", "y") if name in batch), None)
    return batch[1] if isinstance(batch, (tuple, list)) and len(batch) > 1 and isinstance(batch[1], Tensor) else None
