"""Where the nodes of an exported graph came from."""

from __future__ import annotations

import re

from torch import fx

from ..graph import Source
from .program import operator_name

#: A line of a stack trace that names a file.
FILE = re.compile(r'File "([^"]+)", line (\d+)')


def source_of(node: fx.Node) -> Source:
    """The module, operator and line of a node."""
    return Source(module_of(node), operator_name(node), line_of(node))


def module_of(node: fx.Node) -> str:
    """The path of the innermost module."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    paths = [path for path, *_ in stack if isinstance(path, str) and not path.startswith("_empty_nn_module_stack")]
    path = paths[-1] if paths else ""
    path = path.removeprefix("L__self__").lstrip(".")
    return path.removeprefix("module").lstrip(".").replace("@", "_")


def line_of(node: fx.Node) -> str:
    """File and line of the call: the innermost one outside PyTorch, if there is one."""
    calls = FILE.findall(node.meta.get("stack_trace") or "")
    own = [call for call in calls if "/torch/" not in call[0] and "/pathkernel/tracing/" not in call[0]]
    file, line = (own or calls or [("", "")])[-1]
    return f"{file}:{line}" if file else ""
