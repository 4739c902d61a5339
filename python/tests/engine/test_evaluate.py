"""Outputs and gradients against PyTorch's, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pathkernel import engine

torch = pytest.importorskip("torch")


def convolutional() -> tuple[Any, dict[str, Any], Any]:
    layers = [
        {"type": "conv2d", "channels": 4, "kernel": 3, "name": "0"},
        {"type": "batch_norm", "name": "1"},
        {"type": "relu"},
        {"type": "dropout", "p": 0.4},
        {"type": "flatten"},
        {"type": "linear", "features": 3, "name": "5"},
    ]
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.4),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 9, 3),
    )
    return net, {"input": [2, 5, 5], "layers": layers}, torch.randn(6, 2, 5, 5, dtype=torch.float64)


def sequence() -> tuple[Any, dict[str, Any], Any]:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(11, 4)
            self.norm = torch.nn.LayerNorm(4)

        def forward(self, tokens: Any) -> Any:
            return torch.nn.functional.linear(self.norm(self.table(tokens)), self.table.weight)

    layers = [
        {"type": "embedding", "count": 11, "features": 4, "name": "table"},
        {"type": "layer_norm", "name": "norm"},
        {"type": "linear", "features": 11, "bias": False, "weight": "table.weight", "name": "head"},
    ]
    model = {"inputs": {"tokens": {"shape": [7], "type": "integer"}}, "layers": layers}
    return Tied(), model, torch.randint(0, 11, (5, 7))


def check(net: Any, model: dict[str, Any], inputs: Any) -> dict[str, np.ndarray]:
    net = net.double().eval()
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    expected = net(inputs)
    seeds = torch.randn(expected.shape, dtype=torch.float64)
    (expected * seeds).sum().backward()
    given = {name: inputs.numpy() for name in model.get("inputs", {})} or inputs.numpy()
    outputs, gradients = engine.evaluate(model, weights, given, seeds.numpy())
    assert gradients is not None
    np.testing.assert_allclose(outputs, expected.detach().numpy(), atol=1e-12)
    for name, parameter in net.named_parameters():
        np.testing.assert_allclose(gradients[name], parameter.grad.numpy(), atol=1e-11)
    alone, nothing = engine.evaluate(model, weights, given)
    assert nothing is None
    np.testing.assert_array_equal(alone, outputs)
    return gradients


def test_a_convolutional_network() -> None:
    torch.manual_seed(0)
    gradients = check(*convolutional())
    frozen = convolutional()[1] | {"frozen": ["0.*", "5.bias"]}
    torch.manual_seed(0)
    net, _, inputs = convolutional()
    # What training holds has its gradient as well.
    assert check(net, frozen, inputs).keys() == gradients.keys()


def test_tokens_and_a_tied_table() -> None:
    torch.manual_seed(0)
    check(*sequence())


def test_more_rows_than_pass_at_once() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4000), torch.nn.Tanh(), torch.nn.Linear(4000, 2))
    layers = [{"type": "linear", "features": 4000}, {"type": "tanh"}, {"type": "linear", "features": 2}]
    check(net, {"input": [3], "layers": layers}, torch.randn(700, 3, dtype=torch.float64))


def test_single_precision_and_shapes() -> None:
    net, model, inputs = convolutional()
    net = net.eval()
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    outputs, _ = engine.evaluate(model, weights, inputs.float().numpy(), precision="f32")
    with torch.no_grad():
        np.testing.assert_allclose(outputs, net(inputs.float()).numpy(), atol=1e-5)
    with pytest.raises(ValueError, match="output_gradients: has shape"):
        engine.evaluate(model, weights, inputs.numpy(), np.zeros((6, 2)))
    first = {**model, "output": 1}
    outputs, _ = engine.evaluate(first, weights, inputs.numpy())
    assert outputs.shape == (6, 4, 3, 3)
