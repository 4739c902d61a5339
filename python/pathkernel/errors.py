"""What can go wrong, as exceptions. Arguments that are wrong are ValueError and TypeError."""

from __future__ import annotations

from dataclasses import dataclass


class PathkernelError(Exception):
    """What pathkernel cannot do or finish; the message says where, and what to do."""


@dataclass(frozen=True)
class UnsupportedNode:
    """A part of a module that pathkernel has no kind for."""

    #: Path of the module in the network, as `named_modules` has it.
    module: str
    #: The operator, as PyTorch calls it.
    operator: str
    #: File and line of the call.
    source: str
    #: The nearest kind that there is, or what to write instead.
    instead: str


class UnsupportedError(PathkernelError):
    """A network, or a loop, that has parts which pathkernel cannot follow."""

    def __init__(self, message: str, nodes: list[UnsupportedNode] | None = None) -> None:
        super().__init__(message)
        #: Each of the parts.
        self.nodes: list[UnsupportedNode] = nodes or []


class PlanError(PathkernelError):
    """Work that does not fit the memory, the disk, or what the settings allow together."""


class DeviceError(PathkernelError):
    """A device that is not there, or that failed."""
