"""Networks as they are given, what they are called with, and weights under a module's names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pathkernel as pk
from pathkernel.networks import graph_of, prepared, with_ending
from pathkernel.optimizers import optimizer_table
from pathkernel.weights import module_state, of_model

X = np.ones((3, 4), dtype=np.float32)
TOKENS = np.array([[1, 2], [3, 4], [5, 6]])


def test_inputs_are_told_by_the_data() -> None:
    layers = [{"type": "linear", "features": 2}]
    assert graph_of(layers, X).model == {"input": [4], "layers": layers}
    two = graph_of(layers, {"tokens": TOKENS, "mask": X})
    assert two.model["inputs"] == {"tokens": {"shape": [2], "type": "integer"}, "mask": {"shape": [4], "type": "real"}}
    given = {"input": [2, 2], "layers": layers, "weights": {"0.weight": X}}
    assert graph_of(given, X).model == {"input": [2, 2], "layers": layers}
    assert graph_of(given, X).weights["0.weight"] is X
    with pytest.raises(TypeError, match="no network"):
        graph_of("net.toml", X)


def test_inputs_go_by_name_or_by_order() -> None:
    graph = pk.Graph({"inputs": {"tokens": {}, "mask": {}}, "layers": []}, {})
    for inputs in ((TOKENS, X), {"mask": X, "tokens": TOKENS, "more": X}):
        found: Any = prepared(graph, inputs)
        assert list(found) == ["tokens", "mask"] and found["mask"] is X
    single = pk.Graph({"input": [4], "layers": []}, {})
    assert prepared(single, {"x": X}) is X and prepared(single, X) is X
    for wrong in ((TOKENS,), {"tokens": TOKENS, "x": X, "y": X}):
        with pytest.raises(ValueError, match="takes tokens, mask"):
            prepared(graph, wrong)
    with pytest.raises(ValueError, match="takes one input"):
        prepared(single, (X, X))


def test_an_ending_becomes_a_layer() -> None:
    graph = pk.Graph(
        {"layers": [{"type": "linear", "name": "head"}, {"type": "relu"}], "output": "head"}, {}, ending="sigmoid"
    )
    whole = with_ending(graph)
    assert whole.ending is None and whole.model["output"] == 2
    assert whole.model["layers"][2] == {"type": "sigmoid", "from": "head"}


def test_parts_of_a_tensor_are_put_back() -> None:
    draws = np.random.default_rng(0)
    whole = draws.normal(size=(4, 6))
    views = {
        "q": {"tensor": "qkv", "rows": [0, 2]},
        "k": {"tensor": "qkv", "rows": [2, 4], "transposed": True, "reshape": [3, 4]},
        "t": {"tensor": "w", "transposed": True},
    }
    graph = pk.Graph({"parameters": views}, {"qkv": np.zeros((4, 6)), "w": np.zeros((4, 6)), "plain": np.zeros(3)})
    parts = {"q": whole[:2], "k": whole[2:].T.reshape(3, 4), "t": whole.T, "plain": np.ones(3)}
    found = of_model(graph, parts)
    np.testing.assert_array_equal(found["qkv"], whole)
    np.testing.assert_array_equal(found["w"], whole)
    np.testing.assert_array_equal(found["plain"], np.ones(3))
    assert set(found) == {"qkv", "w", "plain"} and not graph.weights["qkv"].any()


def test_tied_tensors_have_all_their_names() -> None:
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False), nn.BatchNorm1d(5))
    net[1].weight = net[0].weight
    found = module_state(net, {"0.weight": np.full((5, 3), 7.0), "2.running_mean": np.ones(5)}, steps=6)
    assert set(found) == set(net.state_dict())
    np.testing.assert_array_equal(found["1.weight"], np.full((5, 3), 7.0))
    assert found["2.num_batches_tracked"] == 6 and found["2.running_var"].tolist() == [1.0] * 5
    net.load_state_dict({name: torch.tensor(values) for name, values in found.items()})


def test_a_learning_rate_under_both_names() -> None:
    for given in (pk.SGD(0.1), pk.SGD(lr=0.1), pk.SGD(learning_rate=0.1)):
        assert given == pk.SGD(0.1) and given.lr == 0.1 == given.table()["learning_rate"]
    assert pk.AdamW().lr == pk.Adam().lr == 1e-3 and pk.Adam(learning_rate=[0.1, 0.2]).lr == [0.1, 0.2]
    assert replace(pk.SGD(learning_rate=0.1, momentum=0.5), lr=0.2) == pk.SGD(0.2, momentum=0.5)
    with pytest.raises(TypeError, match="one number"):
        pk.AdamW(0.1, learning_rate=0.2)
    with pytest.raises(TypeError, match="SGD: has no learning rate"):
        pk.SGD()
    with pytest.raises(TypeError):
        pk.Flow(time=1.0, learning_rate=0.1)  # type: ignore[call-arg]


def test_optimizers_as_tables() -> None:
    adamw = pk.AdamW([1e-3, 2e-3], betas=(0.8, 0.9), groups=[{"parameters": ["*.bias"], "lr": 0.1}])
    assert optimizer_table(adamw) == {
        "type": "adamw",
        "learning_rate": [1e-3, 2e-3],
        "betas": [0.8, 0.9],
        "eps": 1e-8,
        "weight_decay": 0.01,
        "amsgrad": False,
        "groups": [{"parameters": ["*.bias"], "learning_rate": 0.1}],
    }
    assert optimizer_table(pk.Flow(time=2.0)) == {"type": "flow", "time": 2.0, "tolerance": 1e-8}
    weight = nn.Parameter(torch.zeros(2))
    table = optimizer_table(torch.optim.SGD([weight], lr=0.5, momentum=0.9), {weight: "w"})
    assert (table["type"], table["learning_rate"], table["momentum"]) == ("sgd", 0.5, 0.9)
    with pytest.raises(TypeError, match=r"pathkernel\.SGD"):
        optimizer_table("sgd")
