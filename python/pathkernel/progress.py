"""How work gets on: a bar of tqdm where it is there, else lines on stderr, or what the caller wants."""

from __future__ import annotations

import importlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: Is called with the phase, what is done of it, and the whole.
Told = Callable[[str, int, int], None]
#: None: a bar; False: silence; or what is to be called.
Progress = Told | bool | None

#: Work that takes less has no bar.
_PATIENCE = 1.0
#: Seconds between lines where no bar can be drawn.
_EVERY = 30.0


@contextmanager
def shown(progress: Progress) -> Iterator[Told | None]:
    """What the engine is to call while it works."""
    if callable(progress):
        yield progress
    elif progress is False:
        yield None
    else:
        course: _Bars | _Lines
        try:
            course = _Bars(_tqdm())
        except ImportError:
            course = _Lines()
        try:
            yield course
        finally:
            course.close()


def _tqdm() -> Any:
    """The bar that fits where this runs. In a notebook without widgets it is one of text, of which tqdm would warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("tqdm.auto").tqdm


class _Bars:
    """A bar for each phase."""

    def __init__(self, tqdm: Any) -> None:
        self._tqdm = tqdm
        self._begun = time.monotonic()
        self._phase: str | None = None
        self._bar: Any = None

    def __call__(self, phase: str, done: int, total: int) -> None:
        if time.monotonic() - self._begun < _PATIENCE:
            return
        if phase != self._phase:
            self.close()
            self._phase = phase
            self._bar = self._tqdm(total=total, desc=phase, initial=done)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Lines:
    """A line that is written over on a terminal; elsewhere one from time to time."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._said = self._begun
        self._open = False

    def __call__(self, phase: str, done: int, total: int) -> None:
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if now - self._begun < _PATIENCE or not (terminal or now - self._said >= _EVERY):
            return
        self._said = now
        line = f"pathkernel: {phase}, {done} of {total}"
        print(f"\r{line:<70}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
        self._open = terminal

    def close(self) -> None:
        if self._open:
            print(file=sys.stderr)
