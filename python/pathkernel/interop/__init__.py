"""Contributions as other libraries of data attribution take them, so that their metrics can be used."""

from __future__ import annotations

from typing import Any

from ..optional import named

_MODULES = {
    "scores": "scoring",
    "tracin": "checkpointed",
    "DattriAttributor": "of_dattri",
    "QuandaExplainer": "of_quanda",
    "CaptumInfluence": "of_captum",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    return named(__name__, _MODULES, name)
