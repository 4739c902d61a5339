"""What a call does to the process: signals, threads, memory, forks, messages."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import small

from pathkernel import DeviceError, PlanError, engine


def long(steps: int = 40_000, **sections: dict[str, Any]) -> dict[str, Any]:
    """A run of some seconds."""
    return small(training={"steps": steps}, kernel={"rule": "left", "nodes": None}, **sections)


def test_progress_is_told_and_may_end_the_call() -> None:
    told: list[tuple[str, int, int]] = []
    engine.explain(long(4000), progress=lambda *news: told.append(news))
    phases = [phase for phase, _, _ in told]
    assert list(dict.fromkeys(phases)) == ["training", "integrating", "finishing"]
    assert all(0 <= done <= total for _, done, total in told)
    last = {phase: (done, total) for phase, done, total in told}
    assert all(done == total for done, total in last.values()), last

    class Enough(Exception):
        pass

    def stop(phase: str, done: int, total: int) -> None:
        raise Enough(phase)

    begun = time.monotonic()
    with pytest.raises(Enough, match="training"):
        engine.explain(long(400_000), progress=stop)
    assert time.monotonic() - begun < 30


def test_silence_and_a_bar(capfd: pytest.CaptureFixture[str]) -> None:
    engine.explain(long(2000), progress=False)
    assert capfd.readouterr() == ("", "")


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from test_process import long
            from pathkernel import engine
            def told(phase, done, total):
                if phase == "integrating" and done > 500:
                    print("there", flush=True)
            try:
                engine.explain(long(), directory={str(tmp_path / "run")!r}, progress=told)
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            """
        )
    )
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out.splitlines()[-1] == "interrupted" and process.returncode == 0, err
    assert not (tmp_path / "run" / "summary.json").exists()
    resumed: list[int] = []
    outcome = engine.explain(
        long(),
        directory=tmp_path / "run",
        progress=lambda phase, done, total: resumed.append(done) if phase == "integrating" else None,
    )
    # The path is there already, and so is what was integrated.
    assert resumed[0] > 500
    in_memory = engine.explain(long(), progress=False)
    for name, array in in_memory.arrays.items():
        np.testing.assert_array_equal(outcome.arrays[name], array)


def test_other_threads_go_on() -> None:
    counts = [0]
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            counts[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begun = time.monotonic()
    engine.explain(long(), progress=False)
    took = time.monotonic() - begun
    stop.set()
    thread.join()
    # A thread that sleeps a millisecond each time gets far more than one turn in twenty of them.
    assert counts[0] > 50 * took, (counts[0], took)


def test_calls_of_several_threads_are_apart() -> None:
    configs = [small(run={"seed": seed}) for seed in range(6)]
    alone = [engine.explain(config, progress=False).arrays["attribution"] for config in configs]
    found: dict[int, np.ndarray] = {}

    def work(number: int) -> None:
        found[number] = engine.explain(configs[number], progress=False).arrays["attribution"]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, attribution in enumerate(alone):
        np.testing.assert_array_equal(found[number], attribution)


def held() -> int:
    """Bytes of memory that the process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells what a process holds now")
def test_nothing_leaks() -> None:
    config = small(training={"steps": 2}, kernel={"layers": True, "own": True})
    config["data"]["train"]["inputs"] = np.zeros((12, 5))
    one = sum(array.nbytes for array in engine.explain(config, progress=False).arrays.values())
    for _ in range(100):
        engine.explain(config, progress=False)
    before = held()
    for _ in range(1000):
        engine.explain(config, progress=False)
    grown = held() - before
    # Were a call's arrays kept, or its threads' stacks, the thousand would be many times as much.
    assert grown < max(4 << 20, 200 * one), (grown, one)
    assert threading.active_count() < 20


def in_child(config: dict[str, Any], queue: Any) -> None:
    queue.put(engine.explain(config, progress=False).arrays["attribution"])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_compute_as_well(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system starts no process by {method}")
    expected = engine.explain(small(), progress=False).arrays["attribution"]
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=in_child, args=(small(), queue))
    child.start()
    np.testing.assert_array_equal(queue.get(timeout=60), expected)
    child.join(60)
    assert child.exitcode == 0


def test_messages_go_to_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    config = small()
    config["data"]["query"]["inputs"] = config["data"]["query"]["inputs"] * 300
    with caplog.at_level(logging.INFO, "pathkernel"):
        engine.explain(config, progress=False)
    levels = {record.levelname: record.getMessage() for record in caplog.records if record.name == "pathkernel"}
    assert "on another scale than the training inputs" in levels["WARNING"]
    assert levels["INFO"].startswith(("device", "rule"))


def test_devices_and_plans() -> None:
    assert engine.devices()[-1]["name"] == "cpu"
    planned = engine.plan(small())
    assert planned["tiles"] == 1 and planned["memory"] > 0 and planned["words"].startswith("device")
    with pytest.raises(DeviceError, match="nonesuch"):
        engine.explain(small(run={"device": "nonesuch", "precision": "f32"}), progress=False)
    with pytest.raises(PlanError, match="memory"):
        engine.explain(small(run={"memory": "1KiB"}), progress=False)


def test_a_bench_is_a_run() -> None:
    figures = engine.bench(small(), progress=False)
    assert figures["steps"] == 9 and figures["steps_per_second"] > 0


def test_the_package_is_there_at_once() -> None:
    """Without the libraries that are imported when they are used."""
    code = """
import sys, time
begun = time.process_time()
import pathkernel.engine
print(time.process_time() - begun, "torch" in sys.modules)
"""
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(3)]
    assert all(torch == "False" for _, torch in runs)
    assert min(float(seconds) for seconds, _ in runs) < 0.3


def test_the_process_id_is_what_tells_a_child() -> None:
    """A child that was forked while the engine worked computes too."""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    working = threading.Thread(target=lambda: engine.explain(long(), progress=False))
    working.start()
    time.sleep(0.3)
    child = os.fork()
    if child == 0:
        done = engine.explain(small(), progress=False).summary["verdict"] == "exact"
        os._exit(0 if done else 1)
    _, status = os.waitpid(child, 0)
    working.join()
    assert os.waitstatus_to_exitcode(status) == 0
