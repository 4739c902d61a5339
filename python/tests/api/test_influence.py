"""Influences against autograd through the whole of training, in float64, and what is asked of them."""

from __future__ import annotations

import warnings
from pathlib import Path as File

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

import pathkernel as pk

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

RATE, MOMENTUM, DECAY = 0.1, 0.9, 0.05


def unrolled(net: nn.Module, x: Tensor, y: Tensor, queries: Tensor, batches: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """[query, example, output] and [query, output, step]: derivatives of the outputs at the end, by the examples' weights and by the rates."""
    counts = torch.ones(len(x), dtype=x.dtype, requires_grad=True)
    rates = torch.full((len(batches),), RATE, dtype=x.dtype, requires_grad=True)
    weights = {name: tensor.detach().clone().requires_grad_() for name, tensor in net.named_parameters()}
    buffers = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    for rate, batch in zip(rates, batches, strict=True):
        losses = F.cross_entropy(functional_call(net, weights, (x[batch],)), y[batch], reduction="none")
        loss = (counts[batch] * losses).sum() / len(batch)
        gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        for (name, tensor), gradient in zip(list(weights.items()), gradients, strict=True):
            buffers[name] = MOMENTUM * buffers[name] + gradient + DECAY * tensor
            weights[name] = tensor - rate * buffers[name]
    outputs = functional_call(net, weights, (queries,))
    found = [torch.autograd.grad(value, [counts, rates], retain_graph=True) for value in outputs.flatten()]
    by_example, by_rate = (torch.stack([pair[place] for pair in found]).reshape(*outputs.shape, -1) for place in (0, 1))
    return by_example.transpose(1, 2).numpy(), by_rate.numpy()


def asked(net: nn.Sequential, digits: Data, batches: list[list[int]], **settings: object) -> pk.Result:
    x, y, queries, _ = digits
    optimizer = pk.SGD(RATE, momentum=MOMENTUM, weight_decay=DECAY)
    path = pk.train(net, x, y, loss="cross_entropy", optimizer=optimizer, batches=batches)
    return pk.attribute(path, queries, **settings)


def test_influences_are_the_derivatives_of_training(net: nn.Sequential, digits: Data, batches: list[list[int]]) -> None:
    x, y, queries, _ = (torch.tensor(part) for part in digits)
    by_example, by_rate = unrolled(net, x, y, queries, batches)
    result = asked(net, digits, batches, influence=True, nodes=4)
    for found, expected in ((result.influence, by_example), (result.influence_rates, by_rate)):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * float(np.abs(expected).max()))
    assert result.check().influence == "exact"


def test_a_directory_holds_the_same(net: nn.Sequential, digits: Data, batches: list[list[int]], tmp_path: File) -> None:
    held = asked(net, digits, batches, influence={"weight": 0.5})
    kept = asked(net, digits, batches, influence={"weight": 0.5}, directory=tmp_path / "run")
    opened = pk.open(tmp_path / "run")
    for result in (kept, opened):
        np.testing.assert_array_equal(result.influence, held.influence)
        np.testing.assert_array_equal(result.influence_rates, held.influence_rates)
        assert result.summary["influence"]["weight"] == 0.5
    assert opened.check().influence == "exact"
    assert opened.xarray("influence").dims == ("query", "example", "output")
    assert [line["growth"] for line in opened.metrics] == [line["growth"] for line in held.metrics]


def test_questions_are_of_either(net: nn.Sequential, digits: Data, batches: list[list[int]]) -> None:
    whole = asked(net, digits, batches, influence=True)
    listed = asked(net, digits, batches, influence=True, top=4, attribution=False)
    for query, output in ((0, 1), (3, 2)):
        row = whole.influence[query, :, output]
        table = whole.top(query, output, k=4, of="influence")
        assert list(table["example"][:4]) == list(np.argsort(-row, kind="stable")[:4])
        np.testing.assert_array_equal(table["influence"], listed.top(query, output, k=4, of="influence")["influence"])
        np.testing.assert_allclose(table["share"][0], row.max() / row[row > 0].sum(), rtol=1e-12)
    moved = whole.top(example=5, output=0, of="influence")
    assert moved["influence"][0] == whole.influence[:, 5, 0].max()
    with pytest.raises(pk.PathkernelError, match="ask with attribution=True"):
        listed.top(0, 0)
    with pytest.raises(ValueError, match='"attribution" or "influence"'):
        whole.top(0, 0, of="influences")


def test_what_is_not_exact_is_a_warning(net: nn.Sequential, digits: Data, batches: list[list[int]]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asked(net, digits, batches, influence=True)
    assert not caught
    with pytest.raises(pk.PathkernelError, match="influence=True"):
        _ = asked(net, digits, batches).influence
