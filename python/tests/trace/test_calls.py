"""How modules are called, what they return, and what belongs to training alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pathkernel import engine
from pathkernel.graph import Graph
from pathkernel.tracing import trace

from conftest import Same


def types_of(graph: Graph) -> list[str]:
    return [layer["type"] for layer in graph.model["layers"]]


class Masked(nn.Module):
    """Reads tokens, and a mask that it makes a bias of."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.head = nn.Embedding(9, 4, padding_idx=0), nn.Linear(4, 3)

    def forward(self, tokens: Tensor, mask: Tensor | None = None, scale: float = 1.0) -> dict[str, Tensor]:
        x = self.wte(tokens)
        scores = x @ x.transpose(1, 2) * scale
        if mask is not None:
            scores = scores.masked_fill(mask[:, None] == 0, float("-inf"))
        return {"hidden": x, "scores": self.head(scores.softmax(-1) @ x).mean(1)}


def tokens() -> tuple[Tensor, Tensor]:
    mask = torch.ones(4, 5, dtype=torch.long)
    mask[0, 3:] = mask[2, 4:] = 0
    return torch.randint(1, 9, (4, 5)) * mask, mask


class Scores(nn.Module):
    """The scores of `Masked` alone."""

    def __init__(self, **fixed: Any) -> None:
        super().__init__()
        self.inner, self.fixed = Masked(), fixed

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.inner(tokens, mask, **self.fixed)["scores"]


def test_arguments_by_place_and_by_name(same: Same) -> None:
    torch.manual_seed(0)
    module, (ids, mask) = Scores(), tokens()
    by_place = same(module, (ids, mask))
    by_name = same(module, {"mask": mask, "tokens": ids})
    for graph in (by_place, by_name):
        assert graph.model["inputs"]["tokens"] == {"shape": [5], "type": "integer"}
        arrays = graph.arrays({"tokens": ids, "mask": mask})
        assert set(arrays) == set(graph.model["inputs"])
        assert all(len(array) == 4 for array in arrays.values())
    named = [array for _, array in sorted(by_place.arrays((ids, mask)).items())]
    assert all(
        np.array_equal(a, b)
        for a, b in zip(named, [a for _, a in sorted(by_name.arrays({"tokens": ids, "mask": mask}).items())])
    )


def test_one_tensor_is_the_input(same: Same) -> None:
    torch.manual_seed(0)
    graph = same(Scores(scale=0.5), tokens()[0])
    assert graph.model["input"] == [5] and graph.prepare is None and "inputs" not in graph.model
    embedding = next(layer for layer in graph.model["layers"] if layer["type"] == "embedding")
    assert embedding["padding_idx"] == 0 and embedding["from"] == -1


def test_numpy_arrays_will_do() -> None:
    graph = trace(nn.Linear(3, 2), np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32))
    assert graph.model["input"] == [3]
    assert graph.arrays(np.zeros((7, 3))).shape == (7, 3)


def test_other_values_than_tensors_are_kept(same: Same) -> None:
    torch.manual_seed(0)
    ids, mask = tokens()
    graph = trace(Masked(), {"tokens": ids, "mask": mask, "scale": 0.25}, output="scores")
    assert any(layer.get("by") == 0.25 for layer in graph.model["layers"])


@pytest.mark.parametrize("output", ["scores", "hidden", None])
def test_the_output_is_named(output: str | None) -> None:
    torch.manual_seed(0)
    module, (ids, _) = Masked(), tokens()
    graph = trace(module, ids, output=output)
    outputs, _ = engine.evaluate(graph.model, graph.weights, graph.arrays(ids), None, precision="f64")
    wanted = module(ids)[output or "hidden"].detach().numpy()
    assert np.allclose(np.asarray(outputs).reshape(wanted.shape), wanted, atol=1e-6)


@dataclass
class Returned:
    """What libraries return."""

    logits: Tensor
    state: Tensor


def test_logits_are_the_output() -> None:
    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Returned:
            return Returned(logits=self.a(x), state=x)

    assert types_of(trace(Module(), torch.randn(4, 3))) == ["linear"]


@pytest.mark.parametrize(
    ("last", "ending"), [(nn.LogSoftmax(-1), "log_softmax"), (nn.Sigmoid(), "sigmoid"), (nn.Softmax(-1), None)]
)
def test_what_belongs_to_the_loss_is_left_out(last: nn.Module, ending: str | None) -> None:
    module, x = nn.Sequential(nn.Linear(3, 2), last), torch.randn(4, 3)
    graph = trace(module, x)
    assert graph.ending == ending
    assert types_of(graph) == (["linear"] if ending else ["linear", "softmax"])
    whole = graph.with_ending()
    outputs, _ = engine.evaluate(whole.model, graph.weights, graph.arrays(x), None, precision="f64")
    assert np.allclose(outputs, module(x).detach(), atol=1e-6)


def test_training_is_what_each_part_is_in() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, momentum=0.2), nn.Dropout(0.3), nn.Flatten(), nn.Linear(8, 2)
    )
    x = torch.randn(4, 1, 4, 4)
    layers = {layer["type"]: layer for layer in trace(net, x).model["layers"]}
    assert (
        layers["batch_norm"]["statistics"] == "batch"
        and layers["batch_norm"]["momentum"] == 0.2
        and layers["dropout"]["p"] == 0.3
    )
    net[1].eval()
    layers = {layer["type"]: layer for layer in trace(net, x).model["layers"]}
    assert "statistics" not in layers["batch_norm"] and "dropout" in layers
    assert "dropout" not in types_of(trace(net.eval(), x))
    assert not net.training


def test_dropout_of_attention_and_between_positions() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)
    layers = trace(layer, torch.randn(4, 3, 4)).model["layers"]
    assert [each["p"] for each in layers if each["type"] == "dropout"] == [0.1] * 3
    assert next(each for each in layers if each["type"] == "attention")["dropout"] == 0.1


def test_the_module_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    before = {name: own.clone() for name, own in net.state_dict().items()}
    trace(net, torch.randn(5, 3))
    assert all(torch.equal(own, before[name]) for name, own in net.state_dict().items())
    assert net.training and all(parameter.grad is None for parameter in net.parameters())


def test_names_are_the_state_dicts() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
            self.places, self.norm, self.head = (
                nn.Parameter(torch.randn(3, 4)),
                nn.LayerNorm(4),
                nn.Linear(4, 2, bias=False),
            )

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.places
            for block in self.blocks:
                x = x + F.relu(block(x))
            return self.head(self.norm(x).mean(1))

    net = Net()
    graph = trace(net, torch.randn(4, 3, 4))
    assert set(graph.weights) == set(net.state_dict())
    assert graph.model["parameters"] == {"places.weight": {"tensor": "places"}}
    names = [layer["name"] for layer in graph.model["layers"] if layer["type"] in ("linear", "layer_norm", "parameter")]
    assert names == ["places", "blocks.0", "blocks.1", "norm", "head"]
    assert graph.sources["blocks.1"].module == "blocks.1" and graph.sources["blocks.1"].operator == "linear"


def test_a_sequence_keeps_its_numbers_where_it_can() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    graph = trace(net, torch.randn(4, 3))
    assert "parameters" not in graph.model and set(graph.weights) == set(net.state_dict())
    moved = trace(nn.Sequential(nn.Identity(), *net), torch.randn(4, 3))
    assert moved.model["parameters"]["linear_1.weight"] == {"tensor": "1.weight"} and set(moved.weights) == {
        "1.weight",
        "1.bias",
        "3.weight",
        "3.bias",
    }


def test_frozen_and_tied_tensors(same: Same) -> None:
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.a, self.head = nn.Embedding(7, 4), nn.Linear(4, 4), nn.Linear(4, 7, bias=False)
            self.head.weight = self.wte.weight
            self.a.weight.requires_grad_(False)

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(self.a(self.wte(ids)).tanh().mean(1))

    graph = same(Net(), torch.randint(0, 7, (4, 3)))
    assert graph.model["frozen"] == ["a.weight"]
    assert graph.model["layers"][-1]["weight"] == "wte.weight"
    assert set(graph.weights) == {"wte.weight", "a.weight", "a.bias"}


def test_padding_that_is_shared_with_a_head_is_said(caplog: pytest.LogCaptureFixture) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte = nn.Embedding(7, 4, padding_idx=0)

        def forward(self, ids: Tensor) -> Tensor:
            return self.wte(ids).mean(1) @ self.wte.weight.T

    graph = trace(Net(), torch.randint(0, 7, (4, 3)))
    assert "padding_idx" not in graph.model["layers"][0]
    assert "wte.weight is also used where it has no padding_idx" in caplog.text


def test_half_precision_is_traced_in_single() -> None:
    graph = trace(nn.Linear(3, 2).bfloat16(), torch.randn(4, 3))
    assert graph.weights["weight"].dtype == np.float32


def test_a_place_of_each_example(same: Same) -> None:
    torch.manual_seed(0)

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.head = nn.Embedding(7, 4), nn.Linear(4, 2)

        def forward(self, ids: Tensor) -> Tensor:
            last = (ids != 0).sum(1) - 1
            return self.head(self.wte(ids).tanh()[torch.arange(len(ids)), last])

    ids = torch.randint(1, 7, (4, 5))
    ids[1, 3:] = ids[2, 1:] = 0
    graph = same(Last(), ids)
    assert [own["shape"] for own in graph.model["inputs"].values()] == [[5], [5]]
    assert graph.arrays(torch.cat([ids] * 100))["ids"].shape == (400, 5)


def test_a_graph_is_saved_for_the_command_line(tmp_path: Path) -> None:
    import json

    from safetensors.numpy import load_file

    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    graph = trace(net, torch.randn(4, 4))
    graph.save(tmp_path / "model.json", tmp_path / "model.safetensors")
    said = json.loads((tmp_path / "model.json").read_text())
    assert said["nodes"] == graph.model["layers"] and said["input"] == [4]
    tensors = load_file(tmp_path / "model.safetensors")
    assert set(tensors) == set(net.state_dict())
    assert all(np.array_equal(tensors[name], own.numpy()) for name, own in net.state_dict().items())


def test_constants_are_saved_beside_the_graph(tmp_path: Path) -> None:
    import json

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 3)
            self.register_buffer("mask", torch.tensor([1.0, 0.5, 0.0]))

        def forward(self, x: Tensor) -> Tensor:
            return self.a(x) * self.mask

    graph = trace(Masked(), torch.randn(4, 4))
    for _ in range(2):
        graph.save(tmp_path / "model.json", tmp_path / "model.safetensors")
    [constant] = [
        node for node in json.loads((tmp_path / "model.json").read_text())["nodes"] if node["type"] == "constant"
    ]
    assert np.array_equal(np.load(tmp_path / constant["values"]), [1.0, 0.5, 0.0])
    assert len(list((tmp_path / "model_constants").iterdir())) == 1


def test_a_graph_is_shown() -> None:
    graph = trace(nn.Sequential(*[nn.Linear(4, 4) for _ in range(60)]), torch.randn(4, 4))
    text = repr(graph)
    assert "60 layers" in text and "1,200 numbers" in text and "20 more" in text and len(text.splitlines()) < 50
    assert graph._repr_html_().count("<tr>") < 50 and "<td" in graph._repr_html_()


def test_a_tensor_that_is_the_same_for_all_is_a_constant(same: Same) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)

        def forward(self, mask: Tensor, x: Tensor, y: Tensor) -> Tensor:
            return (mask @ self.a(x) * y).sum(1)

    torch.manual_seed(0)
    graph = same(Net(), (torch.randn(3, 3), torch.randn(5, 3, 4), torch.randn(5, 3, 4)))
    assert list(graph.model["inputs"]) == ["x", "y"]


def test_wrappers_are_taken_off() -> None:
    net = nn.Sequential(nn.Linear(3, 2))
    for wrapped in (torch.compile(net), nn.DataParallel(net)):
        assert set(trace(wrapped, torch.randn(4, 3)).weights) == {"0.weight", "0.bias"}


def test_checkpoints_and_autocast_are_followed() -> None:
    from torch.utils.checkpoint import checkpoint

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = checkpoint(lambda x: torch.tanh(self.a(x)), x, use_reentrant=False)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                x = self.b(x)
            return x.float()

    assert types_of(trace(Net(), torch.randn(4, 3))) == ["linear", "tanh", "linear"]


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match="takes a torch.nn.Module, not function"):
        trace(lambda x: x, torch.randn(4, 3))  # type: ignore[arg-type]
