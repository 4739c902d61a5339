"""The models of docs/models.md at small size: each is traced, and a step of each is attributed.

The modules are those of `tests/reference/models/cases`, which stand beside the same networks in the words of a run
file, and six perceptrons. Two of the 28 are refused: they have an operator that there is no kind for, and numbers drawn
inside.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pathkernel import engine
from pathkernel.errors import UnsupportedError
from pathkernel.tracing import trace

from conftest import Same

REFERENCE = Path(__file__).resolve().parents[3] / "tests" / "reference" / "models"


class Scaled(nn.Module):
    """projection_ntk's perceptron: factors of one over the root of the width."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.head = nn.ModuleList([nn.Linear(9, 6), nn.Linear(6, 6), nn.Linear(6, 6)]), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x)) / math.sqrt(6)
        return self.head(x)


def perceptron(*widths: int, activation: Callable[[], nn.Module] = nn.ReLU, p: float = 0.0) -> nn.Module:
    parts: list[nn.Module] = [nn.Flatten()]
    for a, b in zip(widths, widths[1:-1], strict=False):
        parts += [nn.Linear(a, b), activation(), *([nn.Dropout(p)] if p else [])]
    return nn.Sequential(*parts, nn.Linear(widths[-2], widths[-1]))


Made = tuple[nn.Module, Any]

PERCEPTRONS: dict[str, Callable[[], Made]] = {
    "01 logistic regression (dattri)": lambda: (perceptron(9, 4), torch.randn(4, 1, 3, 3)),
    "02 perceptron (dattri)": lambda: (perceptron(9, 8, 6, 4, p=0.1), torch.randn(4, 1, 3, 3)),
    "03 perceptron (kronfluence)": lambda: (perceptron(5, 8, 8, 8, 1), torch.randn(4, 5)),
    "04 perceptron of digits (Omnigrok)": lambda: (perceptron(9, 8, 8, 4), torch.randn(4, 9)),
    "05 teacher and student (Omnigrok)": lambda: (perceptron(5, 8, 8, 5, activation=nn.Tanh), torch.randn(4, 5)),
    "06 perceptron (projection_ntk)": lambda: (Scaled(), torch.randn(4, 9)),
}

#: The case of `tests/reference/models/cases` that is each of the others.
CASES = {
    "07 network of images (projection_ntk)": "people_scaled",
    "08 LeNet (captum, quanda)": "people_lenet",
    "09 ResNet9 (ExPLAIND)": "people_resnet9",
    "10 ResNet9 (TRAK)": "people_resnet9_batch_norm",
    "11 ResNet9 (dattri)": "people_resnet18",
    "12 ResNet18 (TRAK)": "people_resnet18",
    "13 ResNet50 (kronfluence)": "people_resnet50",
    "14 modular addition (ExPLAIND)": "people_modular_addition",
    "15 grokking transformer (Nanda)": "people_grokking",
    "16 nanoGPT": "people_nanogpt",
    "17 minGPT": "people_mingpt",
    "18 Music Transformer (dattri)": "people_music_transformer",
    "19 GPT-2": "people_gpt2",
    "20 BERT": "people_bert",
    "21 RoBERTa": "people_bert",
    "22 T5": "people_t5",
    "23 Pythia": "people_pythia",
    "24 Llama": "people_llama",
    "25 EuroLLM": "people_llama",
    "26 LSTM (Omnigrok)": "people_sentiment",
}
#: And those of the wider field, and the parts of neural-tangents' that are there.
WIDER = [
    "people_parallel", "people_mixer", "people_vit", "people_convnext", "people_mobilenet", "people_densenet",
    "people_autoencoder", "models_unet", "models_lines", "models_group_norm",
]  # fmt: skip


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """The modules of the cases are in double precision; importing them says so to PyTorch."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def case(name: str) -> Made:
    """A module of the cases, with inputs."""
    if str(REFERENCE) not in sys.path:
        sys.path.insert(0, str(REFERENCE))
    generate = importlib.import_module("generate")
    for file in ("people", "people_arithmetic", "people_decoders", "people_images", "people_wider", "glue", "images"):
        importlib.import_module(f"cases.{file}")
    own = generate.CASES[name]
    torch.manual_seed(own.seed)
    module = own.module()
    arrays = generate.arrays_of(own, np.random.default_rng(0), 4)
    return module.eval(), tuple(torch.as_tensor(array) for array in arrays.values())


def made(name: str) -> Made:
    torch.manual_seed(0)
    return PERCEPTRONS[name]() if name in PERCEPTRONS else case(CASES.get(name, name))


NAMES = [
    *PERCEPTRONS,
    *(name for at, name in enumerate(CASES) if list(CASES.values()).index(CASES[name]) == at),
    *WIDER,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_traced_and_a_step_of_it_is_attributed(name: str, same: Same) -> None:
    module, inputs = made(name)
    graph = same(module, inputs).with_ending()
    arrays = graph.arrays(inputs)
    outputs, _ = engine.evaluate(graph.model, graph.weights, arrays, None, precision="f64")
    rows = np.asarray(outputs).reshape(4, -1)
    targets = rows + np.random.default_rng(1).standard_normal(rows.shape)
    outcome = engine.explain(
        {
            "run": {"precision": "f64", "device": "cpu"},
            "data": {"train": {"inputs": arrays, "targets": targets}, "query": {"inputs": arrays}},
            "model": {**graph.model, "weights": graph.weights},
            "training": {"loss": "mse", "optimizer": {"type": "sgd", "learning_rate": 0.01}, "steps": 1},
        }
    )
    moved = outcome.arrays["prediction"] - outcome.arrays["initial"]
    explained = outcome.arrays["attribution"].sum(1)
    assert np.abs(moved).max() > 0
    assert np.abs(moved - explained).max() <= 1e-4 * np.abs(moved).max()


def test_26_of_the_28_models_are_among_them() -> None:
    assert len(PERCEPTRONS) + len(CASES) == 26


class Drawing(nn.Module):
    """A variational autoencoder, which draws numbers inside."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread, self.back = nn.Linear(6, 2), nn.Linear(6, 2), nn.Linear(2, 6)

    def forward(self, x: Tensor) -> Tensor:
        mean, spread = self.mean(x), self.spread(x)
        return self.back(mean + torch.randn_like(spread) * (spread / 2).exp())


class Erf(nn.Module):
    """neural-tangents' activation."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.erf(self.a(x)))


@pytest.mark.parametrize(("make", "operator", "said"), [(Drawing, "randn_like", "drawn inside"), (Erf, "erf", "gelu")])
def test_two_are_refused(make: type[nn.Module], operator: str, said: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        trace(make(), torch.randn(4, 6))
    assert [node.operator for node in raised.value.nodes] == [operator]
    assert said in raised.value.nodes[0].instead
