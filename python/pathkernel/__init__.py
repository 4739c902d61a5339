"""Which training examples made a network say what it says, and by how much: exactly."""

from __future__ import annotations

import importlib
from typing import Any

from .optional import named

#: The module of each name, imported when the name is used.
_MODULES = {
    "attribute": "attribution",
    "tangent_kernel": "attribution",
    "train": "trained",
    "checkpoints": "trained",
    "record": "recording",
    "Recorder": "recording",
    "trace": "tracing",
    "run": "runs",
    "devices": "runs",
    "bench": "plans",
    "plan": "plans",
    "Plan": "plans",
    "open": "result",
    "Result": "result",
    "Check": "result",
    "VerdictWarning": "result",
    "SGD": "optimizers",
    "Adam": "optimizers",
    "AdamW": "optimizers",
    "Flow": "optimizers",
    "machine": "machines.machine",
    "Machine": "machines.machine",
    "landmarks": "machines.landmarks",
    "spectrum": "machines.spectrum",
    "alignment": "machines.spectrum",
    "Spectrum": "machines.spectrum",
    "Graph": "graph",
    "Path": "path",
    "PathkernelError": "errors",
    "UnsupportedError": "errors",
    "UnsupportedNode": "errors",
    "PlanError": "errors",
    "DeviceError": "errors",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name == "interop":
        return importlib.import_module(f"{__name__}.interop")
    return named(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
