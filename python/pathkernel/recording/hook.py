"""Hooks that belong to one network, and to none of its copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Hook:
    """A hook that a copy of its module (an average beside it, a saved one) does not have: there it does nothing."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __deepcopy__(self, _: dict[int, Any]) -> Callable[..., None]:
        return silent

    def __reduce__(self) -> tuple[Callable[[], Callable[..., None]], tuple[()]]:
        return _silent, ()


def _silent() -> Callable[..., None]:
    return silent


def silent(*_: Any, **__: Any) -> None:
    """Does nothing."""
