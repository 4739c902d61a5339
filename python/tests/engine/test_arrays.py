"""Arrays stand where files stand: of every type, in any order, alone or by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import small

from pathkernel import engine


def attribution(config: dict[str, Any]) -> np.ndarray:
    return engine.explain(config, progress=False).arrays["attribution"]


def with_inputs(inputs: Any) -> dict[str, Any]:
    config = small()
    return {**config, "data": {"train": {**config["data"]["train"], "inputs": inputs}}}


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", ">f8", ">i4"])
def test_every_type_is_read_as_from_a_file(dtype: str, tmp_path: Path) -> None:
    values = (np.random.default_rng(2).integers(0, 2, (12, 5))).astype(dtype)
    file = tmp_path / "x.npy"
    np.save(file, values.astype(np.dtype(dtype).newbyteorder("<") if dtype != "u8" else "i8"))
    np.testing.assert_array_equal(attribution(with_inputs(values)), attribution(with_inputs(file)))


def test_any_order_in_memory_will_do() -> None:
    values = np.random.default_rng(2).normal(size=(12, 5))
    expected = attribution(with_inputs(values))
    wide = np.zeros((12, 10))
    wide[:, ::2] = values
    for other in (np.asfortranarray(values), wide[:, ::2], values[::-1][::-1]):
        np.testing.assert_array_equal(attribution(with_inputs(other)), expected)


def test_a_read_only_array_is_taken() -> None:
    values = np.random.default_rng(2).normal(size=(12, 5))
    values.flags.writeable = False
    assert attribution(with_inputs(values)).shape == (12, 12, 3)


@pytest.mark.parametrize("values", [np.zeros((12, 5), complex), np.full((12, 5), "a"), np.full((12, 5), None)])
def test_what_holds_no_numbers_is_a_type_error(values: np.ndarray) -> None:
    with pytest.raises(TypeError, match="data.train.inputs: holds elements of type"):
        attribution(with_inputs(values))


def test_inputs_by_name(tmp_path: Path) -> None:
    numbers = np.random.default_rng(5)
    tokens, scale = numbers.integers(0, 9, (12, 4)).astype("i4"), numbers.normal(size=(12, 2)).astype("f4")
    inputs = {"tokens": tokens, "scale": scale}
    config = small(
        model={
            "input": None,
            "inputs": {"tokens": {"shape": [4], "type": "integer"}, "scale": {"shape": [2]}},
            "layers": [
                {"type": "embedding", "count": 9, "features": 3, "from": ["tokens"], "name": "table"},
                {"type": "flatten", "from": ["table"]},
                {"type": "concat", "from": [1, "scale"], "axis": 0},
                {"type": "linear", "features": 3},
            ],
        }
    )
    config["data"] = {"train": {"inputs": inputs, "targets": config["data"]["train"]["targets"]}}
    files = {name: tmp_path / f"{name}.npy" for name in inputs}
    for name, file in files.items():
        np.save(file, inputs[name])
    expected = attribution({**config, "data": {"train": {**config["data"]["train"], "inputs": files}}})
    np.testing.assert_array_equal(attribution(config), expected)


def test_weights_by_name_behind_a_prefix() -> None:
    drawn = engine.train(small(), progress=False)
    first = {name: points[0] for name, points in drawn.weights.items()}
    config = small(run={"seed": 3})
    wrapped = {f"module.{name}": values for name, values in first.items()}
    for weights in (first, wrapped, {**wrapped, "module.epoch": np.array([3])}):
        config["model"] = {**small()["model"], "weights": weights}
        np.testing.assert_array_equal(attribution(config), attribution(small()))


def test_numbers_of_each_step() -> None:
    rates = np.linspace(0.3, 0.1, 9)
    as_array = small(training={"optimizer": {"type": "sgd", "learning_rate": rates}})
    as_list = small(training={"optimizer": {"type": "sgd", "learning_rate": rates.tolist()}})
    as_rates = small(training={"optimizer": {"type": "sgd"}, "learning_rates": rates})
    expected = attribution(as_list)
    np.testing.assert_array_equal(attribution(as_array), expected)
    np.testing.assert_array_equal(attribution(as_rates), expected)


def test_batches_of_any_kind() -> None:
    order = np.random.default_rng(4).integers(0, 12, (9, 4))
    expected = attribution(small(training={"batches": order.tolist(), "batch_size": None}))
    for batches in (order, order.astype("u1"), list(order), [tuple(row) for row in order]):
        np.testing.assert_array_equal(attribution(small(training={"batches": batches, "batch_size": None})), expected)


def test_batches_that_are_shorter() -> None:
    ragged = [[0, 1, 2, 3], [4, 5], [6], *[[7, 8, 9]] * 6]
    assert attribution(small(training={"batches": ragged, "batch_size": None})).shape == (4, 12, 3)
    for last, message in ([], "step 8 has no example"), ([12], "step 8 names example 12"):
        with pytest.raises(ValueError, match=message):
            attribution(small(training={"batches": [*ragged[:-1], last], "batch_size": None}))


def test_a_record_is_a_dict() -> None:
    record: dict[str, Any] = {"optimizer": {"type": "sgd", "learning_rate": 0.2, "momentum": 0.5}, "clip_norm": 0.3}
    batches = np.random.default_rng(4).integers(0, 12, (9, 4))
    plain = small(training={"clip_norm": 0.3, "batches": batches})
    path = engine.train(plain, progress=False)
    record |= {"losses": path.losses, "batches": batches}
    config = {**plain, "training": {"loss": "cross_entropy", "steps": 9}}
    config["trajectory"] = {"import": path.weights, "record": record}
    outcome = engine.explain(config, progress=False)
    assert outcome.summary["verdict"] == "exact" and outcome.summary["loss_differs"] < 1e-14
    with pytest.raises(ValueError, match="trajectory.record.clip_norm: is given as training.clip_norm too"):
        engine.explain({**config, "training": {**config["training"], "clip_norm": 1.0}}, progress=False)


def test_a_constant_of_the_model() -> None:
    values = np.array([[0.5, -1.0, 2.0, 0.0, 1.0]])
    layers = [
        {"type": "constant", "values": values[0], "name": "shift"},
        {"type": "add", "from": [-1, "shift"]},
        *small()["model"]["layers"],
    ]
    shifted = with_inputs(small()["data"]["train"]["inputs"] + values)
    constant = {**with_inputs(small()["data"]["train"]["inputs"]), "model": {"input": [5], "layers": layers}}
    # The layers' names begin with their numbers, so that the same weights are given.
    first = {name: points[0] for name, points in engine.train(shifted, progress=False).weights.items()}
    moved = {f"{int(name.split('.')[0]) + 2}.{name.split('.')[1]}": own for name, own in first.items()}
    constant["model"]["weights"] = moved
    np.testing.assert_allclose(attribution(constant), attribution(shifted), rtol=1e-9, atol=1e-12)


def trained_on(inputs: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    return {"data": {"train": {"inputs": inputs, "targets": targets}}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": {"optimiser": {}}}, 'training.optimiser: unknown key; did you mean "optimizer"'),
        ({"training": {"steps": -1}}, "training.steps"),
        (trained_on(np.zeros((12, 4)), np.zeros(12, int)), "data.train.inputs: has shape"),
        (trained_on(np.full((12, 5), np.nan), np.zeros(12, int)), "data.train.inputs: holds NaN"),
        (trained_on(np.zeros((12, 5)), np.zeros(11, int)), "data.train.targets"),
        ({"model": {"weights": {"0.weight": np.zeros((6, 5))}}}, "model.weights: tensor 0.bias"),
        ({"model": {"weights": {"0.weight": [[1]]}}}, "model.weights"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        engine.explain(small(**change), progress=False)
    assert "array:" not in str(caught.value)


def test_what_is_no_value_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="training.steps: is a object"):
        engine.explain(small(training={"steps": object()}), progress=False)
