"""A run in memory gives what the same run in a directory gives, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import small

from pathkernel import engine

#: A network whose batches move running statistics.
NORMALISED = {
    "input": [5],
    "layers": [
        {"type": "linear", "features": 6},
        {"type": "batch_norm"},
        {"type": "tanh"},
        {"type": "linear", "features": 3},
    ],
}
WIDE = {"kernel": "full", "coefficients": True, "layers": True, "tangent": True, "own": True}
EVERYTHING = {**WIDE, "rule": "gauss", "nodes": 3}
#: Kernels are multiplied with loss gradients where no step mixes those of others.
PLAIN = {"optimizer": {"type": "sgd", "learning_rate": 0.2, "momentum": 0.0}}
OF_TRAINING = {"data": {"train": small()["data"]["train"]}}

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {"training": PLAIN, "kernel": EVERYTHING},
    "symmetric": {
        **OF_TRAINING,
        "training": {**PLAIN, "batch_size": None},
        "kernel": {**WIDE, "rule": "left", "accept": 0.1},
    },
    "trace": {"training": PLAIN, "kernel": {"kernel": "trace"}},
    "diagonal": {"training": PLAIN, "kernel": {"kernel": "diagonal", "coefficients": True}},
    "single": {"run": {"precision": "f32"}, "training": PLAIN, "kernel": EVERYTHING},
    "top": {"kernel": {"top": 3}},
    "adaptive": {"kernel": {"rule": "adaptive", "tolerance": 1e-8}},
    "loss": {"kernel": {"readout": "loss"}},
    "influence": {"kernel": {"influence": True, "readout": "loss"}},
    "influence alone": {"kernel": {"influence": True, "attribution": False, "top": 3}},
    "influence of another weight": {"run": {"precision": "f32"}, "kernel": {"influence": {"weight": 0.5}}},
    "superposition": {"kernel": {"superposition": True, "superposition_vectors": [2, 7]}},
    "statistics": {"model": NORMALISED},
    "flow": {"training": {"optimizer": {"type": "flow", "time": 0.5}, "steps": None, "batch_size": None}},
    "every": {"trajectory": {"every": 4}},
    "clipped": {"training": {"clip_norm": 0.3}},
    "groups": {"data": {**small()["data"], "train": {**small()["data"]["train"], "groups": np.arange(12) // 3}}},
    "weights": {"data": {**small()["data"], "train": {**small()["data"]["train"], "weights": np.arange(1, 13) / 4}}},
}


def sections(case: str) -> dict[str, dict[str, Any]]:
    return CASES[case]


def without_times(metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in step.items() if name != "time"} for step in metrics]


#: What a summary says of the time and the place, not of the run.
ELSEWHERE = {"seconds", "phases", "planned", "disk", "inputs", "checksums"}


def compare(one: engine.Outcome, other: engine.Outcome) -> None:
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert (array.dtype, array.shape) == (other.arrays[name].dtype, other.arrays[name].shape), name
        assert array.tobytes() == other.arrays[name].tobytes(), name
    assert one.weights_final.keys() == other.weights_final.keys()
    for name, array in one.weights_final.items():
        assert (array.shape, array.tobytes()) == (other.weights_final[name].shape, other.weights_final[name].tobytes())
    assert without_times(one.metrics) == without_times(other.metrics)
    said = [{key: value for key, value in own.summary.items() if key not in ELSEWHERE} for own in (one, other)]
    assert said[0] == said[1]
    assert one.config["kernel"] == other.config["kernel"]


@pytest.mark.parametrize("case", CASES)
def test_both_give_the_same(case: str, tmp_path: Path) -> None:
    config = small(**sections(case))
    in_memory = engine.explain(config, progress=False)
    on_disk = engine.explain(config, directory=tmp_path / "run", progress=False)
    compare(in_memory, on_disk)
    assert in_memory.directory is None and on_disk.directory == tmp_path / "run"
    assert in_memory.summary["verdict"] == "exact", in_memory.summary["because"]


def test_an_imported_path_and_a_state_give_the_same(tmp_path: Path) -> None:
    """A path that is cut in the middle: what gradients before it made is `earlier`."""
    adam = {"type": "adam", "learning_rate": 0.05}
    whole = small(training={"optimizer": adam, "batch_size": None})
    path = engine.train(whole, progress=False).weights
    first = small(training={"optimizer": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9}, "batch_size": None})
    made = engine.train(first, progress=False).weights
    # PyTorch's momentum after k steps: w_{k} - w_{k-1} = -lr * buffer.
    state = {f"{name}.momentum_buffer": (points[3] - points[4]) / 0.1 for name, points in made.items()}
    cut = {name: points[4:] for name, points in made.items()}
    later = {**first["training"], "steps": 5, "optimizer_state": state}
    for config in (
        {**whole, "trajectory": {"import": path}},
        {**first, "training": later, "trajectory": {"import": cut}},
    ):
        in_memory = engine.explain(config, progress=False)
        compare(in_memory, engine.explain(config, directory=tmp_path / str(len(in_memory.metrics)), progress=False))
        assert in_memory.summary["verdict"] == "exact", in_memory.summary["because"]
        change = np.abs(in_memory.arrays["prediction"] - in_memory.arrays["initial"]).max()
        assert np.abs(in_memory.arrays["unexplained"]).max() < 1e-12 * change
    assert np.abs(in_memory.arrays["earlier"]).max() > 1e-3 * change


def test_the_parts_add_up(config: dict[str, Any]) -> None:
    arrays = engine.explain(config, progress=False).arrays
    change = arrays["prediction"] - arrays["initial"]
    parts = arrays["attribution"].sum(axis=1) + arrays["regularizer"]
    assert np.abs(change).max() > 0.1
    np.testing.assert_allclose(parts + arrays["residual"], change, atol=1e-13 * np.abs(change).max())
    assert np.abs(arrays["residual"]).max() < 1e-6 * np.abs(change).max()


def test_the_path_is_that_of_another_implementation(config: dict[str, Any]) -> None:
    """Against torch.optim in double precision, from the same weights on the same batches."""
    torch = pytest.importorskip("torch")
    numbers = np.random.default_rng(1)
    batches = [numbers.choice(12, size=3 + step % 2, replace=False) for step in range(9)]
    config["training"] = {**config["training"], "batches": batches, "batch_size": None}
    path = engine.train(config, progress=False)
    net = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()
    net.load_state_dict({name: torch.from_numpy(points[0].copy()) for name, points in path.weights.items()})
    optimizer = torch.optim.SGD(net.parameters(), 0.2, momentum=0.5)
    x, y = (torch.from_numpy(config["data"]["train"][name]) for name in ("inputs", "targets"))
    for step, batch in enumerate(batches):
        loss = torch.nn.functional.cross_entropy(net(x[batch]), y[batch])
        assert abs(loss.item() - path.losses[step]) < 1e-13
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for name, tensor in net.state_dict().items():
            np.testing.assert_allclose(path.weights[name][step + 1], tensor.numpy(), atol=1e-13)
    prediction = net(torch.from_numpy(config["data"]["query"]["inputs"])).detach().numpy()
    np.testing.assert_allclose(engine.explain(config, progress=False).arrays["prediction"], prediction, atol=1e-13)


def test_what_was_understood_is_a_config_again(config: dict[str, Any]) -> None:
    first = engine.explain(config, progress=False)
    assert first.config["data"]["train"]["inputs"] is not None
    assert first.config["kernel"]["rule"] == "gauss" and "directory" not in first.config["run"]
    compare(first, engine.explain(first.config, progress=False))
    assert engine.resolve(config)["training"]["optimizer"]["nesterov"] is False


def test_arrays_outlive_their_outcome(config: dict[str, Any]) -> None:
    outcome = engine.explain(config, progress=False)
    attribution, copied = outcome.arrays["attribution"], outcome.arrays["attribution"].copy()
    row = attribution[1, 2:4]
    del outcome, attribution
    again = engine.explain(config, progress=False)
    assert np.array_equal(row, copied[1, 2:4]) and row.base is not None
    again.arrays["initial"][0] = 1.0
