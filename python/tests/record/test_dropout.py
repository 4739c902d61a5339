"""Dropout is drawn as docs/pytorch.md has it, and PyTorch's own calls are what they are otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pathkernel.errors import UnsupportedError
from pathkernel.recording.dropout import Draw, Drawing, words


def documented(seed: int, step: int, layer: int, examples: np.ndarray, shape: tuple[int, ...], p: float) -> np.ndarray:
    """The mask of docs/pytorch.md, in unsigned NumPy."""
    count, word = int(np.prod(shape)), np.uint64(0xFFFFFFFF)
    quads, examples = np.meshgrid(np.arange(-(-count // 4)), examples)
    a, b, c, d = (np.broadcast_to(part, quads.shape).astype(np.uint64) for part in (quads, examples, step, layer))
    k, l = seed % 2**32, seed // 2**32
    for _ in range(10):
        first, second = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (
            second >> np.uint64(32) ^ b ^ np.uint64(k),
            second & word,
            first >> np.uint64(32) ^ d ^ np.uint64(l),
            first & word,
        )
        k, l = (k + 0x9E3779B9) % 2**32, (l + 0xBB67AE85) % 2**32
    drawn = np.stack([a, b, c, d], -1).reshape(len(examples), -1)[:, :count]
    return np.where(drawn < np.uint64(p * 2**32), 0.0, 1 / (1 - p)).reshape(-1, *shape)


def draw(rows: list[int], layers: list[int], seed: int = 2**40 + 3) -> Draw:
    return Draw(seed, 6, layers, torch.tensor(rows))


def test_known_words() -> None:
    """Of Random123's list of known answers: Philox-4x32-10, counter 0 and key 0."""
    assert words(0, 0, 0, torch.tensor([0]), 4).tolist() == [[0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]]


@pytest.mark.parametrize(
    "call",
    [
        F.dropout,
        lambda x, p: nn.Dropout(p)(x),
        lambda x, p: torch.dropout(x, p, True),
        lambda x, p: F.dropout(x, p, inplace=True),
    ],
)
def test_dropout(call: Any) -> None:
    x = torch.randn(3, 2, 5, dtype=torch.float64)
    with Drawing(draw([4, 0, 4], [2, 7])):
        found = [call(x.clone(), 0.3), call(x.clone(), 0.6)]
    for layer, p, values in zip([2, 7], [0.3, 0.6], found, strict=True):
        assert np.array_equal(
            values.numpy(), x.numpy() * documented(2**40 + 3, 6, layer, np.array([4, 0, 4]), (2, 5), p)
        )


def test_examples_on_the_second_axis() -> None:
    x = torch.ones(5, 3, 2, dtype=torch.float64)
    with Drawing(draw([4, 0, 1], [2])):
        found = F.dropout(x, 0.5)
    assert np.array_equal(found.numpy(), documented(2**40 + 3, 6, 2, np.array([4, 0, 1]), (5, 2), 0.5).swapaxes(0, 1))


def test_what_does_not_drop_is_left_as_it_is() -> None:
    x = torch.randn(3, 4)
    with Drawing(draw([0, 1, 2], [])):
        assert F.dropout(x, 0.0) is x and F.dropout(x, 0.5, training=False) is x
        assert torch.equal(F.dropout2d(x[None, None], 0.5, training=False), x[None, None])


@pytest.mark.parametrize(
    "options",
    [{}, {"is_causal": True}, {"scale": 0.3}, {"enable_gqa": True}, {"attn_mask": "real"}, {"attn_mask": "bool"}],
)
def test_attention_spelled_out_is_attention(options: dict[str, Any]) -> None:
    """With a share so small that nothing is dropped it has PyTorch's values, and what is dropped is of the softmax."""
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 4, 5, 3, dtype=torch.float64) for _ in range(3))
    masks = {"real": torch.randn(5, 5, dtype=torch.float64), "bool": torch.rand(5, 5) < 0.8}
    masks["bool"].fill_diagonal_(True)
    options = {name: masks.get(given, given) if name == "attn_mask" else given for name, given in options.items()}
    if "enable_gqa" in options:
        key, value = key[:, :2], value[:, :2]
    with Drawing(draw([0, 1], [3, 3])):
        found = F.scaled_dot_product_attention(query, key, value, dropout_p=1e-9, **options)
        dropped = F.scaled_dot_product_attention(
            query, key, torch.eye(5, dtype=torch.float64).expand(2, key.shape[1], 5, 5), dropout_p=0.5, **options
        )
    assert torch.allclose(found, F.scaled_dot_product_attention(query, key, value, **options), rtol=1e-8)
    softmax = F.scaled_dot_product_attention(
        query, key, torch.eye(5, dtype=torch.float64).expand(2, key.shape[1], 5, 5), **options
    )
    assert np.allclose(
        dropped.numpy(), softmax.numpy() * documented(2**40 + 3, 6, 3, np.arange(2), (4, 5, 5), 0.5), rtol=1e-12
    )


@pytest.mark.parametrize("weights", [True, False])
def test_multi_head_attention(weights: bool) -> None:
    """Inside of it, whichever way it takes, the softmax is dropped in the same way."""
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(6, 2, dropout=0.4, batch_first=True).double()
    x = torch.randn(3, 4, 6, dtype=torch.float64)
    with Drawing(draw([5, 1, 2], [3])):
        found, _ = attention(x, x, x, need_weights=weights)
    query, key, value = (
        one.unflatten(-1, (2, 3)).transpose(1, 2)
        for one in F.linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, -1)
    )
    softmax = (query @ key.transpose(-2, -1) / 3**0.5).softmax(-1)
    kept = torch.from_numpy(documented(2**40 + 3, 6, 3, np.array([5, 1, 2]), (2, 4, 4), 0.4))
    wanted = attention.out_proj(((softmax * kept) @ value).transpose(1, 2).flatten(2))
    assert torch.allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("call", [F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout])
def test_what_cannot_be_drawn_is_refused(call: Any) -> None:
    with Drawing(draw([0, 1], [0])), pytest.raises(UnsupportedError, match="train with nn.Dropout"):
        call(torch.ones(2, 3, 4, 4), 0.5, training=True)


def test_more_calls_than_the_graph_has() -> None:
    with Drawing(draw([0, 1], [0])), pytest.raises(UnsupportedError, match="has 1 layers that do"):
        F.dropout(F.dropout(torch.ones(2, 3)))
