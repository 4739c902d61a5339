"""What is imported when it is used: libraries, and the names of a package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from .errors import PathkernelError


def needed(name: str, what: str) -> Any:
    """A library, or an error that says what needs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise PathkernelError(f"{what} needs {name.split('.')[0]}; pip install {name.split('.')[0]}") from None


def named(package: str, modules: Mapping[str, str], name: str) -> Any:
    """A name of a package, which has it from now on; `modules` says which of its modules has each."""
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
    setattr(sys.modules[package], name, value)
    return value
