"""Moves of numbers, and einsum, each against PyTorch."""

from __future__ import annotations

import pytest
import torch

from conftest import Same
from written import Cases, lin, raw

CASES = Cases()
case = CASES.add

# Shapes.
case("flatten", lambda m, x: m.a(x.flatten(1)), (2, 3), a=lin(6, 3))
case("view_by_size", lambda m, x: m.b(m.a(x).view(x.size(0), -1)), (2, 3), a=lin(3, 4), b=lin(8, 3))
case("view_first_unknown", lambda m, x: m.b(m.a(x.view(-1, 3)).view(-1, 2, 4).sum(1)), (2, 3), a=lin(3, 4), b=lin(4, 3))
case("last_position", lambda m, x: m.a(x)[:, -1], (3, 4), a=lin(4, 5))
case("last_features", lambda m, x: m.a(x)[..., -2:] * m.a(x)[..., :2], (3, 4), a=lin(4, 5))
case("steps", lambda m, x: m.a(x)[:, ::2, 1::2][:, :1][:, 0], (3, 4), a=lin(4, 6))
case("negative_axes", lambda m, x: m.a(x).transpose(-1, -2).softmax(-2).mean(-1), (3, 4), a=lin(4, 5))
case("means", lambda m, x: m.a(x.mean(dim=(2, 3))), (3, 2, 2), a=lin(3, 4))
case("permutes", lambda m, x: m.a(x.permute(0, 2, 3, 1)).movedim(-1, 1).flatten(2).mT[:, 0], (3, 2, 2), a=lin(3, 4))
case(
    "chunks",
    lambda m, x: torch.cat([part * at for at, part in enumerate(m.a(x).chunk(3, -1), 1)][::-1], -1),
    (4,),
    a=lin(4, 6),
)
case("splits", lambda m, x: m.a(x).split([1, 3, 2], -1)[1] + sum(m.a(x).unbind(-1))[:, None], (4,), a=lin(4, 6))
case(
    "stacks",
    lambda m, x: torch.stack([m.a(x), m.b(x)], 1).flatten(1) + torch.stack([m.a(x), m.b(x)], -1).flatten(1),
    (4,),
    a=lin(4, 3),
    b=lin(4, 3),
)
case("batch_second", lambda m, x: m.a(x.transpose(0, 1)).tanh().mean(0), (3, 4), a=lin(4, 5))
case("batch_second_flat", lambda m, x: m.a(x.transpose(0, 1).reshape(-1, 4)).view(3, -1, 5).sum(0), (3, 4), a=lin(4, 5))
case("batch_last", lambda m, x: (m.w @ m.a(x).T).T, (4,), a=lin(4, 5), w=lambda: raw(3, 5))
case(
    "expand_and_repeat",
    lambda m, x: (
        (m.a(x)[:, None].expand(-1, 2, -1) + m.p).flatten(1) + m.a(x).repeat(1, 2) + m.a(x).repeat_interleave(2, 1)
    ),
    (4,),
    a=lin(4, 3),
    p=lambda: raw(2, 3),
)
case(
    "class_token",
    lambda m, x: m.a(torch.cat([m.token.expand(x.shape[0], -1, -1), x], 1) + m.places)[:, 0] + m.a(x).mean(1),
    (3, 4),
    a=lin(4, 5),
    token=lambda: raw(1, 1, 4),
    places=lambda: raw(1, 4, 4),
)
case(
    "roll_and_flip",
    lambda m, x: m.a(x).roll(1, 1) * m.a(x).flip(-1) + m.a(x).roll((-1, 2), (1, 2)),
    (3, 4),
    a=lin(4, 5),
)
case("windows", lambda m, x: m.a(x).unfold(1, 2, 1).flatten(1), (4, 3), a=lin(3, 2))
case(
    "some_columns",
    lambda m, x: m.a(x)[:, [2, 0, 0]] + m.a(x).index_select(1, m.places),
    (4,),
    a=lin(4, 5),
    places=lambda: torch.tensor([1, 3, 4]),
)
case("lower_triangle", lambda m, x: (m.a(x) @ m.a(x).mT).tril() @ x, (3, 4), a=lin(4, 4))
case(
    "a_new_axis", lambda m, x: m.a(x)[:, None, :, None].squeeze(1).squeeze(-1).unsqueeze(2).squeeze(), (4,), a=lin(4, 3)
)
case(
    "input_scaled",
    lambda m, x: m.a((x.view(-1, 6) / 255 - m.mean) / m.std),
    (2, 3),
    a=lin(6, 3),
    mean=lambda: torch.randn(6),
    std=lambda: torch.rand(6) + 1,
)
case("two_of_rank_one", lambda m, x: m.a(x) @ m.v, (3, 4), a=lin(4, 5), v=lambda: raw(5))
case("inner_products", lambda m, x: torch.einsum("bi,bi->b", m.a(x), m.b(x)), (4,), a=lin(4, 3), b=lin(4, 3))

# Einsum.
case("einsum_linear", lambda m, x: torch.einsum("bpd,od->bpo", x, m.w).sum(1), (3, 4), w=lambda: raw(5, 4))
case("einsum_turned", lambda m, x: torch.einsum("do,bpd->bpo", m.w, x).sum(1), (3, 4), w=lambda: raw(4, 5))
case(
    "einsum_heads",
    lambda m, x: torch.einsum("ihd,bpd->biph", m.w, x).tanh().sum((1, 2)),
    (3, 4),
    w=lambda: raw(2, 3, 4),
)
case(
    "einsum_heads_inside",
    lambda m, x: torch.einsum("bpd,ndh->bpnh", x, m.w).tanh().sum((1, 2)),
    (3, 4),
    w=lambda: raw(2, 4, 3),
)
case(
    "einsum_back",
    lambda m, x: torch.einsum("bpnh,nhd->bpd", torch.einsum("bpd,ndh->bpnh", x, m.w), m.o).sum(1),
    (3, 4),
    w=lambda: raw(2, 4, 3),
    o=lambda: raw(2, 3, 5),
)
case(
    "einsum_scores",
    lambda m, x: torch.einsum("bqk,bkd->bqd", torch.einsum("...qd,...kd->...qk", m.a(x), x).softmax(-1), x).flatten(1),
    (3, 4),
    a=lin(4, 4),
)
case("einsum_three", lambda m, x: torch.einsum("bi,ij,bj->b", m.a(x), m.w, x), (4,), a=lin(4, 3), w=lambda: raw(3, 4))
case("einsum_implicit", lambda m, x: torch.einsum("bi,ij", x, m.w), (4,), w=lambda: raw(4, 3))


@pytest.mark.parametrize("name", CASES.made)
def test_a_module_is_translated(name: str, same: Same) -> None:
    same(*CASES.make(name))
