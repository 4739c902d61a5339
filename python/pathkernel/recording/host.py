"""Copies of tensors on the host that do not make a device wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from queue import Queue
from threading import Thread

import numpy as np
import torch
from torch import Tensor

#: Steps that may wait to be written; a loop that is faster than the disk waits then.
_WAITING = 8


def copied(tensor: Tensor) -> Tensor:
    """A copy on the host as of now. Of a tensor on a GPU it is there once `Arrival` of the same moment has come."""
    tensor = tensor.detach()
    if tensor.is_cpu:
        return tensor.clone(memory_format=torch.contiguous_format)
    if tensor.device.type != "cuda":
        return tensor.cpu()
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


class Copies:
    """Memory on the host for copies of some tensors, used again and again."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._is_direct = all(tensor.is_cpu or tensor.is_cuda for tensor in tensors.values())
        self.tensors = {
            name: torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
            for name, tensor in tensors.items()
        }
        self._own = list(self.tensors.values())

    @torch.no_grad()
    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Copies tensors as they are now; those of a GPU are there once `Arrival` of the same moment has come."""
        torch._foreach_copy_(self._own, list(tensors.values()), non_blocking=self._is_direct)


class Arrival:
    """The moment after which all copies that were begun before are on the host."""

    def __init__(self, devices: Iterable[torch.device]) -> None:
        self._events = []
        for device in devices:
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(device))
            self._events.append(event)

    def wait(self) -> None:
        for event in self._events:
            event.synchronize()


def gpus(tensors: Iterable[Tensor]) -> set[torch.device]:
    """The GPUs that tensors are on."""
    return {tensor.device for tensor in tensors if tensor.is_cuda}


def array(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor on the host; bfloat16, which NumPy lacks, as float32."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).contiguous().numpy()


def copied_now(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Copies that are there at once."""
    copies = {name: copied(tensor) for name, tensor in tensors.items()}
    Arrival(gpus(tensors.values())).wait()
    return {name: array(copy) for name, copy in copies.items()}


class Background:
    """A thread that does what it is given, one after the other. What fails is raised at the next call."""

    def __init__(self) -> None:
        self._waiting: Queue[Callable[[], None] | None] = Queue(_WAITING)
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._work, name="pathkernel recording", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], None]) -> None:
        self._raise()
        self._waiting.put(work)

    def finish(self) -> None:
        """Waits until all is done."""
        self._waiting.put(None)
        self._thread.join()
        self._raise()

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            if self._failure is not None:
                continue
            try:
                work()
            except BaseException as failure:  # It is raised where the loop is.
                self._failure = failure

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure


class AtOnce:
    """Does what it is given before it goes on."""

    def do(self, work: Callable[[], None]) -> None:
        work()

    def finish(self) -> None:
        """Nothing is left to do."""
