"""Exact path kernels of trained networks: what each training example contributed to each prediction."""

from __future__ import annotations

from .errors import DeviceError, PathkernelError, PlanError, UnsupportedError, UnsupportedNode

__all__ = ["DeviceError", "PathkernelError", "PlanError", "UnsupportedError", "UnsupportedNode"]
