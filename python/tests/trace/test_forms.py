"""Arithmetic as people write it, each against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conftest import Same
from written import Cases, lin, raw

CASES = Cases()
case = CASES.add

# How functions are called.
case(
    "functional",
    lambda m, x: F.linear(F.relu(F.linear(x, m.w, m.b)), m.v),
    (4,),
    w=lambda: raw(5, 4),
    b=lambda: raw(5),
    v=lambda: raw(3, 5),
)
case("in_place", lambda m, x: m.b(F.relu_(m.a(x).mul_(2).add_(1))), (4,), a=lin(4, 5), b=lin(5, 3))
case("in_place_residual", lambda m, x: in_place_residual(m, x), (4,), a=lin(4, 4), b=lin(4, 4), head=lin(4, 3))
case("write_a_row", lambda m, x: write_a_row(m, x), (3, 4), a=lin(4, 4), b=lin(12, 3))
case("write_a_part", lambda m, x: write_a_part(m, x), (3, 4), a=lin(4, 4), b=lin(12, 3))
case("called_twice", lambda m, x: m.head(m.a(torch.tanh(m.a(x)))), (4,), a=lin(4, 4), head=lin(4, 3))
case(
    "list_of_modules",
    lambda m, x: m.head(sum(layer(x).tanh() for layer in m.layers)),
    (4,),
    layers=lambda: nn.ModuleList(nn.Linear(4, 5) for _ in range(3)),
    head=lin(5, 2),
)
case(
    "matrix_times",
    lambda m, x: (x @ m.w + m.b).tanh() @ m.v,
    (4,),
    w=lambda: raw(4, 5),
    b=lambda: raw(5),
    v=lambda: raw(5, 3),
)
case("weight_turned", lambda m, x: torch.tanh(x @ m.w.T) @ m.w, (4,), w=lambda: raw(5, 4))
case(
    "weight_both_ways",
    lambda m, x: F.linear(torch.tanh(F.linear(x, m.a.weight, m.a.bias)), m.a.weight.t()),
    (4,),
    a=lin(4, 5),
)
case("weight_by_rows", lambda m, x: torch.tanh(x @ m.w[:4]) + x @ m.w[4:], (4,), w=lambda: raw(8, 3))
case("weight_of_parts", lambda m, x: F.linear(x, torch.cat([m.a, m.b])), (4,), a=lambda: raw(2, 4), b=lambda: raw(3, 4))
case(
    "weight_norm",
    lambda m, x: m.head(torch.tanh(m.a(x))),
    (4,),
    a=lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 5)),
    head=lin(5, 3),
)
case(
    "scaled_weight",
    lambda m, x: F.linear(x, m.w * 0.5, m.b * 2).tanh().sum(-1, keepdim=True),
    (4,),
    w=lambda: raw(5, 4),
    b=lambda: raw(5),
)
case(
    "low_rank",
    lambda m, x: m.a(x) + (x @ m.down) @ m.up * 0.5,
    (4,),
    a=lin(4, 3),
    down=lambda: raw(4, 2),
    up=lambda: raw(2, 3),
)
case(
    "merged_low_rank",
    lambda m, x: F.linear(x, m.a.weight + m.up @ m.down),
    (4,),
    a=lin(4, 3, bias=False),
    down=lambda: raw(2, 4),
    up=lambda: raw(3, 2),
)
case(
    "gated_by_a_number",
    lambda m, x: torch.sigmoid(m.g) * m.a(x) + (1 - torch.sigmoid(m.g)) * m.b(x),
    (4,),
    a=lin(4, 3),
    b=lin(4, 3),
    g=lambda: raw(),
)
case(
    "mixture_of_weights",
    lambda m, x: torch.stack([layer(x) for layer in m.layers], -1) @ m.mix.softmax(0),
    (4,),
    layers=lambda: nn.ModuleList(nn.Linear(4, 5) for _ in range(3)),
    mix=lambda: raw(3),
)
case(
    "tied_bias",
    lambda m, x: F.linear(x, m.w, m.b) * F.linear(x, m.v, m.b),
    (4,),
    w=lambda: raw(3, 4),
    v=lambda: raw(3, 4),
    b=lambda: raw(3),
)
case("bias_is_a_buffer", lambda m, x: F.linear(x, m.w, m.b).tanh(), (4,), w=lambda: raw(3, 4), b=lambda: torch.randn(3))

# Types.
case("scalars", lambda m, x: (3 - m.a(x)) / 4 * 2 + 1 - torch.tensor(0.5), (4,), a=lin(4, 3))
case("one_over", lambda m, x: 1 / (m.a(x) ** 2 + 1), (4,), a=lin(4, 3))
case(
    "quotient",
    lambda m, x: m.a(x) / (m.b(x) + 5) / m.scale,
    (4,),
    a=lin(4, 3),
    b=lin(4, 3),
    scale=lambda: torch.tensor([1.0, 2, 4]),
)
case(
    "powers",
    lambda m, x: m.a(x) ** 3 + m.a(x).square() + (m.b(x).exp() + 1) ** 0.3 + (m.b(x).exp()).sqrt() + 2 ** m.a(x),
    (4,),
    a=lin(4, 3),
    b=lin(4, 3),
)
case(
    "normalised_rows",
    lambda m, x: F.normalize(m.a(x), dim=-1) @ F.normalize(m.w, dim=0),
    (4,),
    a=lin(4, 3),
    w=lambda: raw(3, 5),
)
case(
    "standardised",
    lambda m, x: (m.a(x) - m.a(x).mean(-1, keepdim=True)) / (m.a(x).std(-1, keepdim=True) + 1e-3) * m.g,
    (4,),
    a=lin(4, 6),
    g=lambda: raw(6),
)
case("variance", lambda m, x: torch.cat(list(torch.var_mean(m.a(x), 1, unbiased=False)), -1), (3, 4), a=lin(4, 5))
case(
    "largest",
    lambda m, x: m.a(x).max(1).values + m.a(x).amax((1, 2)).unsqueeze(-1) - m.a(x).amin(1),
    (3, 4),
    a=lin(4, 5),
)
case(
    "larger_of_two",
    lambda m, x: torch.maximum(m.a(x), m.b(x)) - torch.minimum(m.a(x), m.b(x) * 2),
    (4,),
    a=lin(4, 3),
    b=lin(4, 3),
)
case(
    "where_constant",
    lambda m, x: torch.where(m.seen, m.a(x), m.b(x)) + torch.where(m.seen, 1.0, m.a(x)),
    (4,),
    a=lin(4, 3),
    b=lin(4, 3),
    seen=lambda: torch.tensor([True, False, True]),
)
case(
    "where_inputs",
    lambda m, x: m.a(x).masked_fill((x > 0)[:, :3], 0.5) + torch.where(x[:, :3] > 0.2, m.a(x), -m.a(x)),
    (4,),
    a=lin(4, 3),
)
case("log_sum_exp", lambda m, x: m.a(x).logsumexp(-1) + m.a(x).cumsum(-1)[:, 1], (4,), a=lin(4, 3))
case(
    "polynomials",
    lambda m, x: torch.lerp(m.a(x), m.b(x), 0.3).cos() + torch.addcmul(m.a(x), m.a(x), m.b(x), value=0.5),
    (4,),
    a=lin(4, 3),
    b=lin(4, 3),
)
case("of_one_number", lambda m, x: m.a(x).squeeze(-1), (4,), a=lin(4, 1))
case("sum_of_all", lambda m, x: m.a(x).flatten(1).sum(1), (3, 4), a=lin(4, 2))
case("distance", lambda m, x: (m.a(x)[:, None] - m.centres).norm(dim=-1), (4,), a=lin(4, 3), centres=lambda: raw(5, 3))


@pytest.mark.parametrize("name", CASES.made)
def test_a_module_is_translated(name: str, same: Same) -> None:
    same(*CASES.make(name))


def in_place_residual(m: Any, x: Tensor) -> Tensor:
    h = m.a(x)
    h += m.b(x).tanh()
    h *= 0.5
    return m.head(h.clamp_(min=-0.5))


def write_a_row(m: Any, x: Tensor) -> Tensor:
    h = m.a(x)
    h[:, 0] = h[:, 1] * 2
    h[:, -1] = 1.5
    return m.b(h.flatten(1))


def write_a_part(m: Any, x: Tensor) -> Tensor:
    h = m.a(x)
    h[..., 1:3] += x[..., :2]
    view = h.view(-1, 12)
    view[:, :2].mul_(3)
    return m.b(view)
