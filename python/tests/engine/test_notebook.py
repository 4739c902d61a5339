"""Ctrl-C in a notebook: the call ends, and the same call goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

jupyter = pytest.importorskip("jupyter_client.manager")
pytest.importorskip("ipykernel")


@pytest.fixture
def kernel() -> Iterator[Any]:
    manager, client = jupyter.start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def outputs(client: Any, until: str, seconds: float = 90.0) -> str:
    """What a cell writes, until it has written something, or the kernel has nothing more to do."""
    text, end = "", time.monotonic() + seconds
    while time.monotonic() < end:
        message = client.get_iopub_msg(timeout=seconds)
        content = message["content"]
        text += content.get("text", "") + "".join(content.get("traceback", [])) + content.get("ename", "")
        if until in text or content.get("execution_state") == "idle":
            return text
    raise AssertionError(f"the kernel says nothing of {until!r}: {text}")


def test_an_interrupted_cell_goes_on(kernel: Any, tmp_path: Path) -> None:
    manager, client = kernel
    client.execute(
        f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_process import long
from pathkernel import engine
def told(phase, done, total):
    if phase == "integrating":
        print("at", done, flush=True)
def call():
    return engine.explain(long(), directory={str(tmp_path / "run")!r}, progress=told)
"""
    )
    outputs(client, "no such word")
    client.execute("call()")
    assert "at" in outputs(client, "at ")
    manager.interrupt_kernel()
    assert "KeyboardInterrupt" in outputs(client, "KeyboardInterrupt")
    outputs(client, "no such word", 10)
    client.execute("print('residuals', call().arrays['residual'].shape)")
    assert "residuals (4, 3)" in outputs(client, "residuals (4, 3)")
