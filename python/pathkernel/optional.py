"""Libraries that are imported when they are used."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import PathkernelError


def needed(name: str, what: str) -> Any:
    """A library, or an error that says what needs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise PathkernelError(f"{what} needs {name.split('.')[0]}; pip install {name.split('.')[0]}") from None
