"""What cannot be followed is said, all of it at once, and a translation that is wrong is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pathkernel.errors import UnsupportedError
from pathkernel.tracing import trace
from pathkernel.tracing.check import Difference
from pathkernel.tracing.translate import HANDLERS, Translator

from written import Written


def written(forward: Callable[..., Any]) -> nn.Module:
    return Written(forward, a=nn.Linear(4, 4))


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.erf(self.a(x))


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Inner(), Inner()])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return torch.sort(x, -1).values


def test_all_parts_are_named_at_once() -> None:
    with pytest.raises(UnsupportedError) as raised:
        trace(Outer(), torch.randn(3, 4))
    assert [(node.module, node.operator) for node in raised.value.nodes] == [
        ("blocks.0", "erf"),
        ("blocks.1", "erf"),
        ("", "sort"),
    ]
    first = raised.value.nodes[0]
    lines = open(__file__).read().splitlines()
    file, _, line = first.source.rpartition(":")
    assert file == __file__ and "torch.erf" in lines[int(line) - 1]
    assert "gelu" in first.instead
    said = str(raised.value)
    assert "3 parts" in said and "blocks.1: erf" in said and "the module itself: sort" in said


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "step": (lambda m, x: m.a(x) * (m.a(x) > 0), "steps have no gradient"),
    "chance": (lambda m, x: m.a(x) + torch.randn_like(x), "numbers drawn inside"),
    "order": (lambda m, x: m.a(x).topk(2, -1).values, "order among trained values"),
    "over_examples": (lambda m, x: m.a(x) - m.a(x).mean(0), "examples of a batch meet"),
    "softmax_over_examples": (lambda m, x: m.a(x).softmax(0), "examples of a batch meet"),
    "pairs_of_examples": (lambda m, x: m.a(x) @ m.a(x).T, "examples of a batch meet"),
    "some_examples": (lambda m, x: m.a(x)[1:], "every example has to be on its own"),
    "stopped": (lambda m, x: m.a(x) + m.a(x).detach(), "requires_grad_(False)"),
    "no_grad": (lambda m, x: m.a(x) + without(m, x), "requires_grad_(False)"),
    "rounded": (lambda m, x: m.a(x).round(), "steps have no gradient"),
    "volumes": (
        lambda m, x: nn.functional.max_pool3d(m.a(x).view(-1, 1, 1, 2, 2), (1, 2, 2)).flatten(1),
        "conv2d and its pools",
    ),
}


#: Where the modules of these functions have their forward.
WRITTEN_AT = Written.forward.__code__.co_filename


def without(m: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        return m.a(x)


@pytest.mark.parametrize("name", REFUSED)
def test_a_part_is_refused(name: str) -> None:
    forward, said = REFUSED[name]
    with pytest.raises(UnsupportedError) as raised:
        trace(written(forward), torch.randn(3, 4))
    assert said in str(raised.value) and raised.value.nodes
    assert raised.value.nodes[0].source.rpartition(":")[0] in (WRITTEN_AT, __file__)


def test_control_flow_by_values_is_refused() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        return m.a(x) if x.sum() > 0 else m.a(-x)

    with pytest.raises(UnsupportedError, match="control flow depends on the values") as raised:
        trace(written(forward), torch.randn(3, 4))
    assert __file__ in str(raised.value)


def test_a_fixed_number_of_examples_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="number of examples is fixed"):
        trace(written(lambda m, x: m.a(x).view(6, 2, 2).flatten(1)), torch.randn(6, 4))


def test_an_output_that_depends_on_nothing_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="does not depend on the inputs"):
        trace(written(lambda m, x: m.a.weight.sum(0).expand(len(x), -1)), torch.randn(3, 4))


def test_no_tensor_in_what_is_given() -> None:
    with pytest.raises(ValueError, match="no tensor with a row for each example"):
        trace(nn.Linear(4, 4), ())


def test_a_wrong_translation_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(t: Translator, node: Any, self: Any) -> str:
        return t.network.pointwise("sigmoid", t.read(self))

    monkeypatch.setitem(HANDLERS, "tanh", wrong)
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    with pytest.raises(Difference, match="first at 3: tanh"):
        trace(net, torch.randn(3, 4))
    trace(net, torch.randn(3, 4), check=False)


def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight's layer that is frozen has the right outputs and no gradient."""
    from pathkernel import engine

    evaluate = engine.evaluate

    def without_last(*args: Any, **keys: Any) -> Any:
        outputs, gradients = evaluate(*args, **keys)
        return outputs, None if gradients is None else {name: array * (1 + 1e-8) for name, array in gradients.items()}

    monkeypatch.setattr(engine, "evaluate", without_last)
    with pytest.raises(Difference, match="the gradient of .* differs from PyTorch's"):
        trace(nn.Linear(4, 2), torch.randn(3, 4))


def test_examples_that_meet_unseen_are_found() -> None:
    """Every example has the shape of one, and its value is another's: no axis says so."""

    def forward(m: Any, x: Tensor) -> Tensor:
        return m.a(x.t().reshape(-1, 4))

    with pytest.raises((Difference, UnsupportedError)):
        trace(written(forward), torch.randn(3, 4))


def test_examples_that_the_module_does_not_take(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        ValueError, match=r"the module itself fails on examples of the shape \[n, 1, 8, 8\]: .*mat1 and mat2"
    ):
        trace(nn.Linear(64, 2), torch.zeros(3, 1, 8, 8))
    assert capfd.readouterr().err == ""
