"""Callbacks that record the loops of trainers."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader

from ..errors import UnsupportedError
from .loader import RecordingSampler, check, examples, inner, install, sampler_name

if TYPE_CHECKING:
    from .recorder import Recorder


class Inside:
    """A recording sampler in a loader that a trainer has already, whose batches it goes through by itself."""

    def __init__(self, recorder: Recorder, loader: DataLoader[Any]) -> None:
        check(loader)
        self._recorder, self._loader = recorder, loader
        self._sampler: RecordingSampler = install(loader)

    def is_at_next(self, batch: Any) -> None:
        """The trainer has come to its next batch."""
        drawn: deque[Any] = self._sampler.drawn
        self._recorder.is_at(self._loader, examples(drawn.popleft()), batch)

    def remove(self) -> None:
        inner(self._loader).__dict__[sampler_name(self._loader)] = self._sampler.sampler


def trainer_callback(recorder: Recorder) -> Any:
    """A callback for `transformers.Trainer`, which brings the optimizer and the batches."""
    from transformers import TrainerCallback

    class Recording(TrainerCallback):
        """Records a training by `transformers.Trainer`."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            if state.global_step and not args.ignore_data_skip:
                raise UnsupportedError(
                    "a training that goes on from a checkpoint leaves out batches that it has had, which cannot be "
                    "followed; set "
                    "ignore_data_skip=True, or record from the beginning"
                )
            optimizer = given["optimizer"]
            recorder.attach(getattr(optimizer, "optimizer", optimizer))
            self._inside = Inside(recorder, given["train_dataloader"])
            # The trainer draws the batches of a step together, and goes forwards through one after the other.
            recorder.ask_for_batches(lambda: self._inside.is_at_next({}))

        def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            self._inside.remove()

    return Recording()


def lightning_callback(recorder: Recorder) -> Any:
    """A callback for Lightning's `Trainer`, which brings the optimizer and the batches."""
    from lightning.pytorch.callbacks import Callback

    class Recording(Callback):
        """Records a training by Lightning's `Trainer`."""

        def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
            # Before training starts, the loader's workers have drawn their first batches already.
            if stage == "fit":
                source = trainer.fit_loop._data_source
                give = source.dataloader
                source.dataloader = lambda: self._recording(give())

        def _recording(self, loader: Any) -> Any:
            self._inside = Inside(recorder, loader)
            return loader

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            if len(trainer.optimizers) != 1:
                raise ValueError(f"the module has {len(trainer.optimizers)} optimizers; a recording follows one")
            recorder.attach(trainer.optimizers[0])

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            self._inside.is_at_next(batch)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            self._inside.remove()

    return Recording()
