"""Runs in a directory: what lies there, who goes on with it, and questions to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import small
from test_in_memory import compare

from pathkernel import PathkernelError, engine


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """The command line, as the package has it."""
    return subprocess.run([sys.executable, "-m", "pathkernel", *map(str, words)], capture_output=True, text=True)


@pytest.fixture
def run(tmp_path: Path, config: dict[str, Any]) -> Path:
    config["kernel"] = {"own": True}
    return engine.explain(config, directory=tmp_path / "run", progress=False).directory or tmp_path


def test_the_same_call_returns_at_once(tmp_path: Path, config: dict[str, Any]) -> None:
    directory = tmp_path / "run"
    first = engine.explain(config, directory=directory, progress=False)
    written = {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}
    compare(first, engine.explain(config, directory=directory, progress=False))
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()} == written
    assert isinstance(first.arrays["attribution"], np.memmap)
    assert sorted(path.name for path in (directory / "inputs").iterdir()) == [
        "data.query.inputs.npy",
        "data.query.targets.npy",
        "data.train.inputs.npy",
        "data.train.targets.npy",
    ]


def test_other_data_does_not_take_a_directory_over(tmp_path: Path, config: dict[str, Any]) -> None:
    engine.explain(config, directory=tmp_path, progress=False)
    before = np.load(tmp_path / "inputs" / "data.train.inputs.npy")
    config["data"]["train"]["inputs"] = before + 1
    with pytest.raises(ValueError, match="holds a run of other data: data.train.inputs is not what it was"):
        engine.explain(config, directory=tmp_path, progress=False)
    np.testing.assert_array_equal(np.load(tmp_path / "inputs" / "data.train.inputs.npy"), before)
    config["data"]["train"]["inputs"] = before
    config["training"]["steps"] = 8
    with pytest.raises(ValueError, match="its training.steps is 9, this run's is 8"):
        engine.explain(config, directory=tmp_path, progress=False)


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path, config: dict[str, Any]) -> None:
    (tmp_path / "letters.txt").write_text("dear reader")
    with pytest.raises(ValueError, match="is not empty and holds no run"):
        engine.explain(config, directory=tmp_path, progress=False)


def test_the_command_line_goes_on_with_it(run: Path) -> None:
    again = command("run", run / "run.toml")
    assert again.returncode == 0 and "this run is finished; nothing to do" in again.stdout, again.stderr
    assert (run / "report.html").is_file()
    checked = command("check", run)
    assert checked.returncode == 0 and "verdict           exact" in checked.stdout


def test_the_command_line_tells_what_is_wrong(tmp_path: Path) -> None:
    missing = command("run", tmp_path / "no.toml")
    assert (missing.returncode, missing.stdout) == (2, "") and "no such run file" in missing.stderr
    assert command("--version").stdout.startswith("pathkernel ")
    assert command("nonsense").returncode == 2


def test_questions_to_a_run(run: Path) -> None:
    outcome = engine.open(run)
    attribution, own = outcome.arrays["attribution"], outcome.arrays["own"]
    found = engine.top(run, query=2, output=1, k=3)
    column = attribution[2, :, 1]
    largest = np.argsort(-column)[:3]
    assert [moved["number"] for moved in found["raised"]] == [int(at) for at in largest if column[at] > 0]
    assert [moved["amount"] for moved in found["raised"]] == [column[at] for at in largest if column[at] > 0]
    assert found["initial"] == pytest.approx(outcome.arrays["initial"][2, 1])
    listed = engine.self_influence(run, output=0, k=12)["largest"]
    np.testing.assert_allclose([moved["amount"] for moved in listed], own[[moved["number"] for moved in listed], 0])
    assert engine.check(run)[0] == "exact"
    page = engine.report(run, class_names=["a", "b", "c"])
    assert page == run / "report.html" and "class_names" not in page.read_text()[:100]


def test_a_run_that_is_damaged_is_told(run: Path) -> None:
    path = run / "attribution.npy"
    values = np.load(path)
    values[0, 0, 0] += 1
    np.save(path, values)
    with pytest.raises(ValueError, match="attribution.npy: was changed after it was written"):
        engine.check(run)


def test_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no finished run"):
        engine.open(tmp_path)
    with pytest.raises(ValueError, match="holds no finished run"):
        engine.top(tmp_path, query=0)


def test_arrays_in_tiles_are_opened(tmp_path: Path, config: dict[str, Any]) -> None:
    config["kernel"] = {"layers": True, "own": True}
    tiled = {**config, "run": {**config["run"], "store": "zarr"}}
    outcome = engine.explain(tiled, directory=tmp_path / "tiles", progress=False)
    assert (tmp_path / "tiles" / "attribution_layers.zarr").is_dir()
    for name, array in engine.explain(config, progress=False).arrays.items():
        np.testing.assert_array_equal(outcome.arrays[name], array)


def test_a_path_is_made_and_gone_on_with(tmp_path: Path, config: dict[str, Any]) -> None:
    in_memory = engine.train(config, progress=False)
    on_disk = engine.train(config, directory=tmp_path, progress=False)
    assert on_disk.directory == tmp_path and not (tmp_path / "summary.json").exists()
    np.testing.assert_array_equal(on_disk.losses, in_memory.losses)
    for name, points in in_memory.weights.items():
        np.testing.assert_array_equal(on_disk.weights[name], points)
        assert points.shape[0] == 10
    np.testing.assert_array_equal(on_disk.final["0.bias"], in_memory.weights["0.bias"][-1])
    written = (tmp_path / "trajectory" / "weights.npy").stat().st_mtime_ns
    compare(engine.explain(config, directory=tmp_path, progress=False), engine.explain(config, progress=False))
    assert (tmp_path / "trajectory" / "weights.npy").stat().st_mtime_ns == written


def test_a_run_that_diverges_leaves_its_place(tmp_path: Path, config: dict[str, Any]) -> None:
    data = {"train": {"inputs": np.ones((12, 5)), "targets": np.ones((12, 3))}}
    wild = {**small(training={"loss": "mse", "optimizer": {"type": "sgd", "learning_rate": 1e200}}), "data": data}
    with pytest.raises(PathkernelError, match="training diverged"):
        engine.explain(wild, directory=tmp_path, progress=False)
    with pytest.raises(PathkernelError, match="training diverged"):
        engine.train(wild, progress=False)
    assert engine.explain(config, directory=tmp_path, progress=False).summary["verdict"] == "exact"
