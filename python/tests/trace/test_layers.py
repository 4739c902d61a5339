"""Layers of PyTorch, and those that people spell out, each against PyTorch."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conftest import Same
from written import Cases, lin, raw

CASES = Cases()
case = CASES.add

# Layers.
case(
    "perceptron",
    lambda m, x: m.net(x),
    (2, 3),
    net=lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3), nn.LogSoftmax(-1)
    ),
)
case(
    "activations",
    lambda m, x: sum(f(m.a(x)) for f in m.fs),
    (4,),
    a=lin(4, 3),
    fs=lambda: nn.ModuleList(
        [
            nn.GELU(),
            nn.GELU("tanh"),
            nn.SiLU(),
            nn.Mish(),
            nn.ELU(0.7),
            nn.CELU(0.5),
            nn.SELU(),
            nn.Softplus(2),
            nn.Softsign(),
            nn.Tanhshrink(),
            nn.Softshrink(0.3),
            nn.LogSigmoid(),
            nn.Hardtanh(),
            nn.ReLU6(),
            nn.Hardswish(),
            nn.LeakyReLU(0.2),
            nn.PReLU(),
        ]
    ),
)
case(
    "prelu_of_channels",
    lambda m, x: m.head(m.p(m.c(x)).flatten(1)),
    (1, 4, 4),
    c=lambda: nn.Conv2d(1, 3, 3),
    p=lambda: nn.PReLU(3),
    head=lin(12, 2),
)
case("gates", lambda m, x: F.glu(m.a(x)) + F.glu(m.a(x).T, 0).T, (4,), a=lin(4, 6))
case(
    "convolutions",
    lambda m, x: m.net(x),
    (2, 8, 8),
    net=lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3, padding="same"),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, (2, 3), stride=(1, 2), groups=2, bias=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    ),
)
case(
    "convolutions_even_same",
    lambda m, x: m.net(x),
    (1, 6),
    net=lambda: nn.Sequential(
        nn.Conv1d(1, 3, 4, padding="same", dilation=1), nn.Tanh(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(9, 2)
    ),
)
case(
    "circular_and_reflected",
    lambda m, x: m.net(x),
    (1, 5, 5),
    net=lambda: nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"),
        nn.ReflectionPad2d(1),
        nn.Conv2d(2, 2, 3),
        nn.ReplicationPad2d(1),
        nn.Flatten(),
        nn.Linear(98, 2),
    ),
)
case(
    "transposed_convolutions",
    lambda m, x: m.net(x),
    (3, 4, 4),
    net=lambda: nn.Sequential(
        nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1),
        nn.Tanh(),
        nn.ConvTranspose2d(2, 1, 2),
        nn.Flatten(),
        nn.Linear(81, 2),
    ),
)
case(
    "pools",
    lambda m, x: torch.cat(
        [
            m.c(x).flatten(2).mean(-1),
            F.avg_pool2d(m.c(x), 3, 2, 1, count_include_pad=False).flatten(1),
            F.adaptive_max_pool2d(m.c(x), 2).flatten(1),
            F.adaptive_avg_pool2d(m.c(x), (3, 5)).flatten(1),
        ],
        1,
    ),
    (1, 9, 9),
    c=lambda: nn.Conv2d(1, 2, 2),
)
case(
    "upsampled",
    lambda m, x: torch.cat(
        [
            F.interpolate(m.c(x), scale_factor=2).flatten(1),
            F.interpolate(m.c(x), size=(5, 4), mode="bilinear", align_corners=False).flatten(1),
            F.interpolate(m.c(x), scale_factor=1.5, mode="bicubic", align_corners=True).flatten(1),
            F.pixel_shuffle(m.c(x), 2).flatten(1),
        ],
        1,
    ),
    (1, 4, 5),
    c=lambda: nn.Conv2d(1, 4, 2),
)
case(
    "frames",
    lambda m, x: m.head(m.c(x.flatten(0, 1)).relu().mean((2, 3)).view(x.shape[0], 3, 4).mean(1)),
    (3, 1, 5, 5),
    c=lambda: nn.Conv2d(1, 4, 3),
    head=lin(4, 2),
)
case(
    "frames_with_norm",
    lambda m, x: m.head(F.max_pool1d(m.n(m.a(x.flatten(0, 1))).unsqueeze(1), 2).flatten(1).view(-1, 9)),
    (3, 4),
    a=lin(4, 6),
    n=lambda: nn.BatchNorm1d(6),
    head=lin(9, 2),
)
case(
    "norms",
    lambda m, x: m.net(x),
    (4, 6),
    net=lambda: nn.Sequential(
        nn.LayerNorm(6),
        nn.Linear(6, 6),
        nn.LayerNorm((4, 6), eps=1e-3),
        nn.LayerNorm(6, elementwise_affine=False),
        nn.RMSNorm(6),
        nn.RMSNorm(6, elementwise_affine=False, eps=1e-3),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm1d(4, affine=True),
        nn.BatchNorm1d(4, affine=False),
        nn.Flatten(),
        nn.Linear(24, 3, bias=False),
    ),
)
case(
    "norm_by_hand",
    lambda m, x: m.head(m.g * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)),
    (4,),
    g=lambda: raw(4),
    head=lin(4, 3),
)
case(
    "gelu_by_hand",
    lambda m, x: 0.5 * (h := m.a(x)) * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * torch.pow(h, 3)))),
    (4,),
    a=lin(4, 3),
)
case("gelu_by_hand_with_erf", lambda m, x: by_erf(m.a(x)), (4,), a=lin(4, 3))
case(
    "rms_norm_of_two_axes",
    lambda m, x: ((h := m.a(x)) / (h.square().mean((1, 2), keepdim=True) + 1e-3).sqrt() * m.g).sum(1),
    (3, 4),
    a=lin(4, 4),
    g=lambda: raw(3, 4),
)
case("bilinear", lambda m, x: m.b(x[:, :3], x[:, 1:]), (4,), b=lambda: nn.Bilinear(3, 3, 2))
case(
    "attention_module",
    lambda m, x: m.mha(x, x, x, need_weights=False)[0].flatten(1),
    (3, 4),
    mha=lambda: nn.MultiheadAttention(4, 2, batch_first=True, dropout=0.1),
)
case(
    "attention_with_weights",
    lambda m, x: torch.cat([part.flatten(1) for part in m.mha(x, x, x)], 1),
    (3, 4),
    mha=lambda: nn.MultiheadAttention(4, 2, batch_first=True),
)
case(
    "attention_sequence_first",
    lambda m, x: m.mha(*[x.transpose(0, 1)] * 3, need_weights=False)[0].mean(0),
    (3, 4),
    mha=lambda: nn.MultiheadAttention(4, 2),
)
case(
    "attention_of_another",
    lambda m, x: m.mha(x[:, :2], x, x * 2, need_weights=False)[0].flatten(1),
    (3, 4),
    mha=lambda: nn.MultiheadAttention(4, 2, batch_first=True),
)
case(
    "attention_grouped",
    lambda m, x: F.scaled_dot_product_attention(
        m.q(x).unflatten(-1, (4, 2)).transpose(1, 2),
        *[f(x).unflatten(-1, (2, 2)).transpose(1, 2) for f in (m.k, m.v)],
        is_causal=True,
        enable_gqa=True,
    ).flatten(1),
    (3, 4),
    q=lin(4, 8),
    k=lin(4, 4),
    v=lin(4, 4),
)
case(
    "attention_one_head",
    lambda m, x: F.scaled_dot_product_attention(m.q(x), m.k(x), x, attn_mask=m.mask, scale=0.3).flatten(1),
    (3, 4),
    q=lin(4, 5),
    k=lin(4, 5),
    mask=lambda: torch.ones(3, 3).tril().bool(),
)
case("attention_by_hand", lambda m, x: by_hand(m, x), (3, 4), qkv=lin(4, 12), o=lin(4, 4), drop=lambda: nn.Dropout(0.1))
case(
    "attention_by_hand_with_bias",
    lambda m, x: by_hand(m, x, m.bias),
    (3, 4),
    qkv=lin(4, 12),
    o=lin(4, 4),
    drop=lambda: nn.Dropout(0.1),
    bias=lambda: raw(2, 3, 3),
)
case(
    "attention_by_hand_of_one_head",
    lambda m, x: ((m.q(x) @ m.k(x).transpose(1, 2) / 2 + m.bias).softmax(-1) @ x).flatten(1),
    (3, 4),
    q=lin(4, 5),
    k=lin(4, 5),
    bias=lambda: torch.randn(3),
)
case(
    "encoder_layer",
    lambda m, x: m.e(x).mean(1),
    (3, 4),
    e=lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.1),
)
case(
    "encoder_norm_first",
    lambda m, x: m.e(x, mask=m.mask, is_causal=True).mean(1),
    (3, 4),
    e=lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True, activation="gelu"), 2
    ),
    mask=lambda: nn.Transformer.generate_square_subsequent_mask(3),
)
case(
    "decoder_layer",
    lambda m, x: m.d(x[:, :2], x).mean(1),
    (3, 4),
    d=lambda: nn.TransformerDecoderLayer(4, 2, 8, batch_first=True),
)
case(
    "lstm_last_state", lambda m, x: m.l(x)[1][0][-1], (3, 4), l=lambda: nn.LSTM(4, 5, 2, batch_first=True, dropout=0.2)
)
case(
    "lstm_both_ways",
    lambda m, x: m.head(m.l(x)[0][:, -1]),
    (3, 4),
    l=lambda: nn.LSTM(4, 3, bidirectional=True, batch_first=True),
    head=lin(6, 2),
)
case("lstm_sequence_first", lambda m, x: m.l(x.transpose(0, 1))[0][-1], (3, 4), l=lambda: nn.LSTM(4, 3, bias=False))

case(
    "gru",
    lambda m, x: torch.cat([m.g(x)[0].flatten(1), m.g2(x)[1][-1]], 1),
    (3, 4),
    g=lambda: nn.GRU(4, 3, 2, batch_first=True, bidirectional=True, dropout=0.1),
    g2=lambda: nn.GRU(4, 3, batch_first=True, bias=False),
)
case(
    "rnn",
    lambda m, x: torch.cat([m.g(x.transpose(0, 1))[0][-1], m.g2(x)[1][-1]], 1),
    (3, 4),
    g=lambda: nn.RNN(4, 3),
    g2=lambda: nn.RNN(4, 3, nonlinearity="relu", batch_first=True),
)
case("lstm_cell_by_hand", lambda m, x: cells(m, x), (3, 4), cell=lambda: nn.LSTMCell(4, 3))
case(
    "gru_cell_by_hand",
    lambda m, x: m.cell(x[:, 1], m.cell(x[:, 0])) + m.other(x[:, 2]),
    (3, 4),
    cell=lambda: nn.GRUCell(4, 3),
    other=lambda: nn.RNNCell(4, 3),
)
case(
    "residual_block",
    lambda m, x: residual(m, x),
    (2, 5, 5),
    one=lambda: nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
    two=lambda: nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4)),
    short=lambda: nn.Sequential(nn.Conv2d(2, 4, 1, 2, bias=False), nn.BatchNorm2d(4)),
    relu=lambda: nn.ReLU(inplace=True),
    head=lin(4, 3),
)
case(
    "squeezed_and_excited",
    lambda m, x: (m.c(x) * m.up(m.down(F.adaptive_avg_pool2d(m.c(x), 1)).relu()).sigmoid()).mean((2, 3)),
    (1, 4, 4),
    c=lambda: nn.Conv2d(1, 4, 3),
    down=lambda: nn.Conv2d(4, 2, 1),
    up=lambda: nn.Conv2d(2, 4, 1),
)
case(
    "attention_of_what_is_there",
    lambda m, x: m.mha(x, x, x, key_padding_mask=there(x), need_weights=False)[0].flatten(1),
    (3, 4),
    mha=lambda: nn.MultiheadAttention(4, 2, batch_first=True),
)
case(
    "transformer",
    lambda m, x: m.t(x, x[:, :2], tgt_mask=m.mask, tgt_is_causal=True, src_key_padding_mask=there(x)).mean(1),
    (3, 4),
    t=lambda: nn.Transformer(4, 2, 1, 1, 8, batch_first=True),
    mask=lambda: nn.Transformer.generate_square_subsequent_mask(2),
)
case(
    "channels_last_convolutions",
    lambda m, x: m.d(m.n(m.c(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)) * m.g).flatten(1, 2).amax(1),
    (4, 4, 2),
    c=lambda: nn.Conv2d(2, 4, 3, groups=2, padding=1),
    n=lambda: nn.LayerNorm(4),
    g=lambda: raw(4),
    d=lin(4, 3),
)


@pytest.mark.parametrize("name", CASES.made)
def test_a_module_is_translated(name: str, same: Same) -> None:
    same(*CASES.make(name))


def test_what_is_spelled_out_is_its_kind(same: Same) -> None:
    def types(name: str) -> list[str]:
        return [layer["type"] for layer in same(*CASES.make(name)).model["layers"]]

    assert types("gelu_by_hand") == types("gelu_by_hand_with_erf") == ["linear", "gelu"]
    for name in ("attention_by_hand", "attention_by_hand_with_bias", "attention_by_hand_of_one_head"):
        assert types(name).count("attention") == 1 and not {"softmax", "matmul"} & set(types(name))
    assert types("norm_by_hand") == ["rms_norm", "linear"]


def by_erf(x: Tensor) -> Tensor:
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


def by_hand(m: Any, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """minGPT's attention."""
    n, positions, width = x.shape
    q, k, v = (part.view(n, positions, 2, width // 2).transpose(1, 2) for part in m.qkv(x).split(width, dim=2))
    scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
    if bias is not None:
        scores = scores + bias
    scores = scores.masked_fill(torch.ones(positions, positions).tril() == 0, float("-inf"))
    y = m.drop(F.softmax(scores, dim=-1)) @ v
    return m.o(y.transpose(1, 2).contiguous().view(n, positions, width)).flatten(1)


def cells(m: Any, x: Tensor) -> Tensor:
    state = None
    for at in range(x.shape[1]):
        state = m.cell(x[:, at], state)
    return state[0]


def residual(m: Any, x: Tensor) -> Tensor:
    """torchvision's basic block."""
    y = m.two(m.one(x))
    y += m.short(x)
    return m.head(torch.flatten(F.adaptive_avg_pool2d(m.relu(y), (1, 1)), 1))


def there(x: Tensor) -> Tensor:
    """Positions to leave out: some, and never the first."""
    return torch.cat([torch.zeros_like(x[:, :1, 0], dtype=torch.bool), x[:, 1:, 0] > 0], 1)
