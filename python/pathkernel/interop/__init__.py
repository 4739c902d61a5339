"""Contributions as other libraries of data attribution take them, so that their metrics can be used."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "scores": "scoring",
    "tracin": "checkpointed",
    "DattriAttributor": "of_dattri",
    "QuandaExplainer": "of_quanda",
    "CaptumInfluence": "of_captum",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
