"""The hooks in a training loop: what each of its steps was made of."""

from __future__ import annotations

import inspect
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import PathkernelError, UnsupportedError
from ..graph import Graph
from ..torch_optimizers import kind_of, numbers_of, state_of
from .dropout import Draw, Drawing, dropping
from .gradients import Gradients
from .hook import Hook
from .host import Arrival, Copies, copied, gpus
from .store import Fed, Made, Recording
from .step import NO_CLASS, TARGETS

#: Batches that were handed out and may still be used.
_REMEMBERED = 16
#: Arguments that a forward pass of any number of them may have.
_MOST_ARGUMENTS = 64
#: Numbers of a part's outputs that are always kept to look at.
_LOOKED_AT = 4096


@dataclass
class Batch:
    """The examples that the loop is at."""

    examples: np.ndarray
    targets: Tensor | None
    #: Its tensors, by which a forward pass is known to be this batch's.
    tensors: list[weakref.ref[Tensor]]


class Loop:
    """Follows a network and its optimizer, and hands each step to a recording."""

    def __init__(
        self,
        net: nn.Module,
        optimizer: Optimizer,
        recording: Recording,
        graph: Callable[[dict[str, Tensor]], Graph],
        seed: int,
    ) -> None:
        self._net, self._optimizer, self._recording, self._seed = net, optimizer, recording, seed
        self._graph, self._kind = graph, kind_of(optimizer)
        self.names: dict[Tensor, str] = {parameter: name for name, parameter in whole(net).named_parameters()}
        stepped = {id(one) for group in optimizer.param_groups for one in group["params"]}
        #: The parameters that the optimizer moves.
        self.parameters = [one for one in self.names if id(one) in stepped]
        self._gradients = Gradients(self.parameters)
        #: How many numbers of a part's outputs are kept at the most: as many as there are weights.
        self._most = max(_LOOKED_AT, sum(one.numel() for one in self.parameters))
        self._gpus: set[torch.device] = set()
        self._places = _places(whole(net))
        self._arguments = _argument_names(whole(net))
        self._batches: deque[Batch] = deque(maxlen=_REMEMBERED)
        self._begun, self._is_busy = False, False
        self._drops: list[int] = []
        self._now: Fed | None = None
        self._drawing: Drawing | None = None
        self._pending: list[Fed] = []
        self._made: Made | None = None
        self._versions: list[int] = []
        #: Parameters and buffers after the last step.
        self.last: dict[str, Tensor] = {}
        self._remarks: list[str] = []
        #: Called before each forward pass in training; says what batch it is of, where the loop does not.
        self.before_training: Callable[[], None] | None = None
        self._handles: list[Any] = [
            net.register_forward_pre_hook(Hook(self._forward_begins), with_kwargs=True),
            net.register_forward_hook(Hook(self._forward_ends), always_call=True),
            optimizer.register_step_pre_hook(Hook(self._step_begins)),
            optimizer.register_step_post_hook(Hook(self._step_ends)),
        ]

    def remove(self) -> None:
        """Takes the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._gradients.remove()

    def is_at(self, examples: np.ndarray, targets: Tensor | None, batch: Any) -> None:
        """The loop has come to a batch."""
        tensors = [weakref.ref(one) for one in _tensors(batch)]
        self._batches.append(Batch(examples, targets, tensors))

    def state(self) -> dict[str, Tensor]:
        """Parameters and real buffers, under the names of the state_dict, each once."""
        return {name: own[key] for name, own, key in self._places}

    # The forward pass.

    def _forward_begins(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._is_busy or self._now is not None or not torch.is_grad_enabled():
            return
        self._gradients.forget()
        given = _given(self._arguments, args, kwargs)
        if TARGETS in given and getattr(getattr(self._net, "loss_function", None), "__name__", "") == "ForCausalLMLoss":
            given[TARGETS] = _of_next(given[TARGETS])
        if not self._begun:
            self._begin(given)
        if self.before_training is not None and self._net.training:
            self.before_training()
        batch = self._batch_of(given)
        self._now = fed = _fed(batch, given)
        if self._drops and self._net.training:
            # Masks are drawn by the numbers of rows.
            fed.rows = self._recording.rows_of(fed)
            draw = Draw(self._seed, self._recording.count, self._drops, torch.from_numpy(fed.rows))
            self._drawing = Drawing(draw)
            self._drawing.__enter__()  # type: ignore[no-untyped-call]

    def _forward_ends(self, _: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        fed, self._now = self._now, None
        if fed is None:
            return
        if self._drawing is not None:
            self._drawing.__exit__(None, None, None)  # type: ignore[no-untyped-call]
            self._drawing = None
        outputs = _outputs(output)
        if outputs is not None and outputs.requires_grad:
            # A hook that has its own tensor would keep it.
            seen = outputs.detach()
            hook = Hook(lambda gradient: self._backward(fed, seen, gradient))
            outputs.register_hook(hook)  # type: ignore[no-untyped-call]

    def _begin(self, given: dict[str, Tensor]) -> None:
        """Before the first forward pass all weights are still what they were."""
        self._is_busy = True
        try:
            with torch.random.fork_rng(), torch.autocast("cpu", enabled=False):
                graph = self._graph({name: tensor for name, tensor in given.items() if name != TARGETS})
            self._drops = dropping(graph.model["layers"])
            if self._drops and whole(self._net) is not self._net:
                raise UnsupportedError(
                    "the dropout of a network that torch.compile has made cannot be drawn again; record it uncompiled"
                )
            state = self.state()
            self._gpus = gpus(state.values())
            self._recording.begin(state, state_of(self._optimizer, self.names))
        finally:
            self._is_busy = False
        self._begun = True
        if self._recording.count and self._is_forgetful():
            self._remark("the recording went on with a new optimizer, which remembers nothing of the steps before")
        self._keep_last()

    def _is_forgetful(self) -> bool:
        """Whether the optimizer should have a memory of steps, and has none."""
        keeps = self._kind.name != "sgd" or any(group.get("momentum", 0) for group in self._optimizer.param_groups)
        return keeps and not self._optimizer.state

    def _batch_of(self, given: dict[str, Tensor]) -> Batch:
        """The batch that was given to the network: the one whose tensors these are, else the last one."""
        known = {id(tensor) for tensor in given.values()}
        for batch in reversed(self._batches):
            if any(id(one()) in known for one in batch.tensors):
                return batch
        return self._batches[-1] if self._batches else Batch(np.empty(0, np.int64), None, [])

    # The backward pass.

    def _backward(self, fed: Fed, outputs: Tensor, gradient: Tensor) -> None:
        if self._gradients.begin():
            self._look_at_what_is_left()
        if not len(fed.examples):
            raise PathkernelError(
                f"step {self._recording.count}: the loss depends on a batch whose examples are not known; iterate over "
                "rec.watch(loader), or call rec.batch(indices) before the forward pass"
            )
        count = next(iter(fed.arrays.values())).shape[0]
        if count != len(fed.examples):
            raise ValueError(
                f"step {self._recording.count}: the network was given {count} rows, and the batch has "
                f"{len(fed.examples)} examples"
            )
        if any(fed is one for one in self._pending):
            self._remark(
                "the outputs of a batch were gone back through twice; the engine takes one loss of each example"
            )
            return
        self._pending.append(fed)
        self._look_at(fed, outputs, gradient)

    def _look_at_what_is_left(self) -> None:
        is_left = self._gradients.are_left()
        if self._pending and not is_left:
            # A step that was skipped, or a batch that was given up: its gradients are gone.
            self._pending.clear()
            if any(isinstance(one, nn.modules.batchnorm._BatchNorm) for one in self._net.modules()):
                self._remark("a batch moved the running statistics and then had no step")
        if is_left and not self._pending:
            self._remark("gradients of the step before were still there: zero_grad was not called")

    def _look_at(self, fed: Fed, outputs: Tensor, gradient: Tensor) -> None:
        """Keeps as much of outputs and gradient as there are weights, at the most."""
        rows = outputs.reshape(-1, outputs.shape[-1] if outputs.dim() > 1 else 1)
        fed.positions = max(rows.shape[0] // max(len(fed.examples), 1), 1)
        fed.stride = -(-rows.numel() // self._most)
        gradients = gradient.reshape(rows.shape)
        if fed.stride > 1:
            rows, gradients = rows[:: fed.stride], gradients[:: fed.stride]
        fed.outputs, fed.gradients = copied(rows), copied(gradients)

    # The step.

    def _step_begins(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is None:
            self._update_begins()
            return None

        def observed() -> Any:
            loss = closure()
            self._update_begins()
            return loss

        if "closure" in kwargs:
            return args, {**kwargs, "closure": observed}
        return (args[0], observed, *args[2:]), kwargs

    def _update_begins(self) -> None:
        """The gradients are what the step is made with, and the weights are still what they were."""
        self._made = None
        found = getattr(self._optimizer, "found_inf", None)
        if found is not None and bool(found):
            # A fused optimizer leaves such a step out by itself.
            self._pending.clear()
            return
        if not self._pending:
            raise PathkernelError(
                f"step {self._recording.count}: no batch was seen since the step before; iterate over "
                "rec.watch(loader), or call "
                "rec.batch(indices), and call the network itself"
            )
        self._check_weights()
        scale = getattr(self._optimizer, "grad_scale", None)
        sizes = self._gradients.sizes()
        self._made = Made(
            parts=self._pending,
            numbers=[numbers_of(self._kind, group) for group in self._optimizer.param_groups],
            sizes=sizes if sizes.is_cpu else copied(sizes),
            scale=1.0 if scale is None else float(scale),
            missing=self._gradients.missing(),
        )

    def _step_ends(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        made, self._made, self._pending = self._made, None, []
        if made is None:
            return
        made.remarks, self._remarks = self._remarks, []
        made.weights = self._keep_last()
        made.arrival = Arrival(self._gpus)
        self._recording.add(made)

    def _keep_last(self) -> Copies:
        state, spare = self.state(), self._recording.spare
        self._versions = self._now_versions()
        kept = spare.popleft() if spare else Copies(state)
        kept.take(state)
        self.last = kept.tensors
        return kept

    def _check_weights(self) -> None:
        if self._versions == self._now_versions():
            return
        # An average that was swapped in to look at it, and out again, changes nothing.
        now = self.state()
        names = [self.names[parameter] for parameter in self.parameters]
        if not all(torch.equal(now[name].detach().cpu(), self.last[name]) for name in names):
            self._remark("the weights were changed since the step before, and not by the optimizer's step")

    def _now_versions(self) -> list[int]:
        return [parameter._version for parameter in self.parameters]

    def _remark(self, remark: str) -> None:
        self._remarks.append(remark)


def whole(net: nn.Module) -> nn.Module:
    """A network itself, of what torch.compile has made of it."""
    return getattr(net, "_orig_mod", net)


def _places(net: nn.Module) -> list[tuple[str, dict[str, Tensor], str]]:
    """Where parameters and buffers of the state_dict are found, by name; those under several names once."""
    places: dict[int, tuple[str, dict[str, Tensor], str]] = {}
    for prefix, module in net.named_modules():
        buffers = {key: one for key, one in module._buffers.items() if key not in module._non_persistent_buffers_set}
        for own, tensors in (module._parameters, module._parameters), (module._buffers, buffers):
            for key, tensor in tensors.items():
                if tensor is not None and tensor.is_floating_point():
                    places.setdefault(id(tensor), (f"{prefix}.{key}" if prefix else key, own, key))
    return list(places.values())


def _given(names: list[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a forward pass that have a row for each example, by the names of its arguments."""
    named = {**dict(zip(names, args, strict=False)), **kwargs}
    tensors = {name: value for name, value in named.items() if isinstance(value, Tensor) and value.dim() > 0}
    count = next((len(tensor) for tensor in tensors.values()), 0)
    given = {name: tensor for name, tensor in tensors.items() if len(tensor) == count}
    if "labels" in given:
        given[TARGETS] = given.pop("labels")
    return given


def _of_next(labels: Tensor) -> Tensor:
    """The targets of a language model of Hugging Face, which takes labels where they are read: each place's is the
    next one's.
    """
    return torch.nn.functional.pad(labels[:, 1:], (0, 1), value=NO_CLASS)


def _argument_names(net: nn.Module) -> list[str]:
    """What the arguments of a forward pass are called, in their order."""
    parameters = inspect.signature(net.forward).parameters.values()
    several = next((one.name for one in parameters if one.kind is inspect.Parameter.VAR_POSITIONAL), "")
    plain = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return [*plain, *(f"{several}.{place}" for place in range(_MOST_ARGUMENTS if several else 0))]


def _fed(batch: Batch, given: dict[str, Tensor]) -> Fed:
    targets = {} if batch.targets is None else {TARGETS: batch.targets}
    return Fed(batch.examples, {name: copied(tensor) for name, tensor in {**given, **targets}.items()})


def _outputs(output: Any) -> Tensor | None:
    """The outputs proper of what a network returns."""
    if isinstance(output, Tensor):
        return output
    if hasattr(output, "logits"):
        return output.logits  # type: ignore[no-any-return]
    values = output.values() if isinstance(output, Mapping) else output if isinstance(output, (tuple, list)) else ()
    return next((one for one in values if isinstance(one, Tensor) and one.dim() > 0), None)


def _tensors(batch: Any) -> list[Tensor]:
    if isinstance(batch, Tensor):
        return [batch]
    values = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, (tuple, list)) else ()
    return [tensor for one in values for tensor in _tensors(one)]
