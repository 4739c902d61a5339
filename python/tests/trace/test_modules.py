"""Modules as people write them, each against PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conftest import Same


class Written(nn.Module):
    """A module whose forward is a function of itself and the input."""

    def __init__(self, forward: Callable[..., Tensor], **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def raw(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape) / 2)


def rows(*shape: int) -> Tensor:
    return torch.randn(4, *shape)


CASES: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {}


def case(name: str, forward: Callable[..., Any], shape: tuple[int, ...], **parts: Callable[[], Any]) -> None:
    """Adds a module that is written as one function."""
    CASES[name] = lambda: (Written(forward, **{part: make() for part, make in parts.items()}), rows(*shape))


def lin(a: int, b: int, **keys: Any) -> Callable[[], nn.Module]:
    return lambda: nn.Linear(a, b, **keys)


# How functions are called.
case("functional", lambda m, x: F.linear(F.relu(F.linear(x, m.w, m.b)), m.v), (4,), w=lambda: raw(5, 4), b=lambda: raw(5), v=lambda: raw(3, 5))
case("in_place", lambda m, x: m.b(F.relu_(m.a(x).mul_(2).add_(1))), (4,), a=lin(4, 5), b=lin(5, 3))
case("in_place_residual", lambda m, x: in_place_residual(m, x), (4,), a=lin(4, 4), b=lin(4, 4), head=lin(4, 3))
case("write_a_row", lambda m, x: write_a_row(m, x), (3, 4), a=lin(4, 4), b=lin(12, 3))
case("write_a_part", lambda m, x: write_a_part(m, x), (3, 4), a=lin(4, 4), b=lin(12, 3))
case("called_twice", lambda m, x: m.head(m.a(torch.tanh(m.a(x)))), (4,), a=lin(4, 4), head=lin(4, 3))
case("list_of_modules", lambda m, x: m.head(sum(layer(x).tanh() for layer in m.layers)), (4,), layers=lambda: nn.ModuleList(nn.Linear(4, 5) for _ in range(3)), head=lin(5, 2))
case("matrix_times", lambda m, x: (x @ m.w + m.b).tanh() @ m.v, (4,), w=lambda: raw(4, 5), b=lambda: raw(5), v=lambda: raw(5, 3))
case("weight_turned", lambda m, x: torch.tanh(x @ m.w.T) @ m.w, (4,), w=lambda: raw(5, 4))
case("weight_both_ways", lambda m, x: F.linear(torch.tanh(F.linear(x, m.a.weight, m.a.bias)), m.a.weight.t()), (4,), a=lin(4, 5))
case("weight_by_rows", lambda m, x: torch.tanh(x @ m.w[:4]) + x @ m.w[4:], (4,), w=lambda: raw(8, 3))
case("weight_of_parts", lambda m, x: F.linear(x, torch.cat([m.a, m.b])), (4,), a=lambda: raw(2, 4), b=lambda: raw(3, 4))
case("weight_norm", lambda m, x: m.head(torch.tanh(m.a(x))), (4,), a=lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 5)), head=lin(5, 3))
case("scaled_weight", lambda m, x: F.linear(x, m.w * 0.5, m.b * 2).tanh().sum(-1, keepdim=True), (4,), w=lambda: raw(5, 4), b=lambda: raw(5))
case("low_rank", lambda m, x: m.a(x) + (x @ m.down) @ m.up * 0.5, (4,), a=lin(4, 3), down=lambda: raw(4, 2), up=lambda: raw(2, 3))
case("merged_low_rank", lambda m, x: F.linear(x, m.a.weight + m.up @ m.down), (4,), a=lin(4, 3, bias=False), down=lambda: raw(2, 4), up=lambda: raw(3, 2))
case("gated_by_a_number", lambda m, x: torch.sigmoid(m.g) * m.a(x) + (1 - torch.sigmoid(m.g)) * m.b(x), (4,), a=lin(4, 3), b=lin(4, 3), g=lambda: raw())
case("mixture_of_weights", lambda m, x: torch.stack([layer(x) for layer in m.layers], -1) @ m.mix.softmax(0), (4,), layers=lambda: nn.ModuleList(nn.Linear(4, 5) for _ in range(3)), mix=lambda: raw(3))
case("tied_bias", lambda m, x: F.linear(x, m.w, m.b) * F.linear(x, m.v, m.b), (4,), w=lambda: raw(3, 4), v=lambda: raw(3, 4), b=lambda: raw(3))
case("bias_is_a_buffer", lambda m, x: F.linear(x, m.w, m.b).tanh(), (4,), w=lambda: raw(3, 4), b=lambda: torch.randn(3))

# Types.
case("scalars", lambda m, x: (3 - m.a(x)) / 4 * 2 + 1 - torch.tensor(0.5), (4,), a=lin(4, 3))
case("one_over", lambda m, x: 1 / (m.a(x) ** 2 + 1), (4,), a=lin(4, 3))
case("quotient", lambda m, x: m.a(x) / (m.b(x) + 5) / m.scale, (4,), a=lin(4, 3), b=lin(4, 3), scale=lambda: torch.tensor([1.0, 2, 4]))
case("powers", lambda m, x: m.a(x) ** 3 + m.a(x).square() + (m.b(x).exp() + 1) ** 0.3 + (m.b(x).exp()).sqrt() + 2 ** m.a(x), (4,), a=lin(4, 3), b=lin(4, 3))
case("normalised_rows", lambda m, x: F.normalize(m.a(x), dim=-1) @ F.normalize(m.w, dim=0), (4,), a=lin(4, 3), w=lambda: raw(3, 5))
case("standardised", lambda m, x: (m.a(x) - m.a(x).mean(-1, keepdim=True)) / (m.a(x).std(-1, keepdim=True) + 1e-3) * m.g, (4,), a=lin(4, 6), g=lambda: raw(6))
case("variance", lambda m, x: torch.cat(list(torch.var_mean(m.a(x), 1, unbiased=False)), -1), (3, 4), a=lin(4, 5))
case("largest", lambda m, x: m.a(x).max(1).values + m.a(x).amax((1, 2)).unsqueeze(-1) - m.a(x).amin(1), (3, 4), a=lin(4, 5))
case("larger_of_two", lambda m, x: torch.maximum(m.a(x), m.b(x)) - torch.minimum(m.a(x), m.b(x) * 2), (4,), a=lin(4, 3), b=lin(4, 3))
case("where_constant", lambda m, x: torch.where(m.seen, m.a(x), m.b(x)) + torch.where(m.seen, 1.0, m.a(x)), (4,), a=lin(4, 3), b=lin(4, 3), seen=lambda: torch.tensor([True, False, True]))
case("where_inputs", lambda m, x: m.a(x).masked_fill((x > 0)[:, :3], 0.5) + torch.where(x[:, :3] > 0.2, m.a(x), -m.a(x)), (4,), a=lin(4, 3))
case("log_sum_exp", lambda m, x: m.a(x).logsumexp(-1) + m.a(x).cumsum(-1)[:, 1], (4,), a=lin(4, 3))
case("polynomials", lambda m, x: torch.lerp(m.a(x), m.b(x), 0.3).cos() + torch.addcmul(m.a(x), m.a(x), m.b(x), value=0.5), (4,), a=lin(4, 3), b=lin(4, 3))
case("of_one_number", lambda m, x: m.a(x).squeeze(-1), (4,), a=lin(4, 1))
case("sum_of_all", lambda m, x: m.a(x).flatten(1).sum(1), (3, 4), a=lin(4, 2))
case("distance", lambda m, x: (m.a(x)[:, None] - m.centres).norm(dim=-1), (4,), a=lin(4, 3), centres=lambda: raw(5, 3))

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
case("chunks", lambda m, x: torch.cat([part * at for at, part in enumerate(m.a(x).chunk(3, -1), 1)][::-1], -1), (4,), a=lin(4, 6))
case("splits", lambda m, x: m.a(x).split([1, 3, 2], -1)[1] + sum(m.a(x).unbind(-1))[:, None], (4,), a=lin(4, 6))
case("stacks", lambda m, x: torch.stack([m.a(x), m.b(x)], 1).flatten(1) + torch.stack([m.a(x), m.b(x)], -1).flatten(1), (4,), a=lin(4, 3), b=lin(4, 3))
case("batch_second", lambda m, x: m.a(x.transpose(0, 1)).tanh().mean(0), (3, 4), a=lin(4, 5))
case("batch_second_flat", lambda m, x: m.a(x.transpose(0, 1).reshape(-1, 4)).view(3, -1, 5).sum(0), (3, 4), a=lin(4, 5))
case("batch_last", lambda m, x: (m.w @ m.a(x).T).T, (4,), a=lin(4, 5), w=lambda: raw(3, 5))
case("expand_and_repeat", lambda m, x: (m.a(x)[:, None].expand(-1, 2, -1) + m.p).flatten(1) + m.a(x).repeat(1, 2) + m.a(x).repeat_interleave(2, 1), (4,), a=lin(4, 3), p=lambda: raw(2, 3))
case("class_token", lambda m, x: m.a(torch.cat([m.token.expand(x.shape[0], -1, -1), x], 1) + m.places)[:, 0] + m.a(x).mean(1), (3, 4), a=lin(4, 5), token=lambda: raw(1, 1, 4), places=lambda: raw(1, 4, 4))
case("roll_and_flip", lambda m, x: m.a(x).roll(1, 1) * m.a(x).flip(-1) + m.a(x).roll((-1, 2), (1, 2)), (3, 4), a=lin(4, 5))
case("windows", lambda m, x: m.a(x).unfold(1, 2, 1).flatten(1), (4, 3), a=lin(3, 2))
case("some_columns", lambda m, x: m.a(x)[:, [2, 0, 0]] + m.a(x).index_select(1, m.places), (4,), a=lin(4, 5), places=lambda: torch.tensor([1, 3, 4]))
case("lower_triangle", lambda m, x: (m.a(x) @ m.a(x).mT).tril() @ x, (3, 4), a=lin(4, 4))
case("a_new_axis", lambda m, x: m.a(x)[:, None, :, None].squeeze(1).squeeze(-1).unsqueeze(2).squeeze(), (4,), a=lin(4, 3))
case("input_scaled", lambda m, x: m.a((x.view(-1, 6) / 255 - m.mean) / m.std), (2, 3), a=lin(6, 3), mean=lambda: torch.randn(6), std=lambda: torch.rand(6) + 1)
case("two_of_rank_one", lambda m, x: m.a(x) @ m.v, (3, 4), a=lin(4, 5), v=lambda: raw(5))
case("inner_products", lambda m, x: torch.einsum("bi,bi->b", m.a(x), m.b(x)), (4,), a=lin(4, 3), b=lin(4, 3))

# Einsum.
case("einsum_linear", lambda m, x: torch.einsum("bpd,od->bpo", x, m.w).sum(1), (3, 4), w=lambda: raw(5, 4))
case("einsum_turned", lambda m, x: torch.einsum("do,bpd->bpo", m.w, x).sum(1), (3, 4), w=lambda: raw(4, 5))
case("einsum_heads", lambda m, x: torch.einsum("ihd,bpd->biph", m.w, x).tanh().sum((1, 2)), (3, 4), w=lambda: raw(2, 3, 4))
case("einsum_heads_inside", lambda m, x: torch.einsum("bpd,ndh->bpnh", x, m.w).tanh().sum((1, 2)), (3, 4), w=lambda: raw(2, 4, 3))
case("einsum_back", lambda m, x: torch.einsum("bpnh,nhd->bpd", torch.einsum("bpd,ndh->bpnh", x, m.w), m.o).sum(1), (3, 4), w=lambda: raw(2, 4, 3), o=lambda: raw(2, 3, 5))
case("einsum_scores", lambda m, x: torch.einsum("bqk,bkd->bqd", torch.einsum("...qd,...kd->...qk", m.a(x), x).softmax(-1), x).flatten(1), (3, 4), a=lin(4, 4))
case("einsum_three", lambda m, x: torch.einsum("bi,ij,bj->b", m.a(x), m.w, x), (4,), a=lin(4, 3), w=lambda: raw(3, 4))
case("einsum_implicit", lambda m, x: torch.einsum("bi,ij", x, m.w), (4,), w=lambda: raw(4, 3))

# Layers.
case("perceptron", lambda m, x: m.net(x), (2, 3), net=lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3), nn.LogSoftmax(-1)))
case("activations", lambda m, x: sum(f(m.a(x)) for f in m.fs), (4,), a=lin(4, 3), fs=lambda: nn.ModuleList([nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.ELU(0.7), nn.CELU(0.5), nn.SELU(), nn.Softplus(2), nn.Softsign(), nn.Tanhshrink(), nn.Softshrink(0.3), nn.LogSigmoid(), nn.Hardtanh(), nn.ReLU6(), nn.Hardswish(), nn.LeakyReLU(0.2), nn.PReLU()]))
case("prelu_of_channels", lambda m, x: m.head(m.p(m.c(x)).flatten(1)), (1, 4, 4), c=lambda: nn.Conv2d(1, 3, 3), p=lambda: nn.PReLU(3), head=lin(12, 2))
case("gates", lambda m, x: F.glu(m.a(x)) + F.glu(m.a(x).T, 0).T, (4,), a=lin(4, 6))
case("convolutions", lambda m, x: m.net(x), (2, 8, 8), net=lambda: nn.Sequential(nn.Conv2d(2, 4, 3, padding="same"), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 4, (2, 3), stride=(1, 2), groups=2, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)))
case("convolutions_even_same", lambda m, x: m.net(x), (1, 6), net=lambda: nn.Sequential(nn.Conv1d(1, 3, 4, padding="same", dilation=1), nn.Tanh(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(9, 2)))
case("circular_and_reflected", lambda m, x: m.net(x), (1, 5, 5), net=lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), nn.ReflectionPad2d(1), nn.Conv2d(2, 2, 3), nn.ReplicationPad2d(1), nn.Flatten(), nn.Linear(98, 2)))
case("transposed_convolutions", lambda m, x: m.net(x), (3, 4, 4), net=lambda: nn.Sequential(nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1), nn.Tanh(), nn.ConvTranspose2d(2, 1, 2), nn.Flatten(), nn.Linear(81, 2)))
case("pools", lambda m, x: torch.cat([m.c(x).flatten(2).mean(-1), F.avg_pool2d(m.c(x), 3, 2, 1, count_include_pad=False).flatten(1), F.adaptive_max_pool2d(m.c(x), 2).flatten(1), F.adaptive_avg_pool2d(m.c(x), (3, 5)).flatten(1)], 1), (1, 9, 9), c=lambda: nn.Conv2d(1, 2, 2))
case("upsampled", lambda m, x: torch.cat([F.interpolate(m.c(x), scale_factor=2).flatten(1), F.interpolate(m.c(x), size=(5, 4), mode="bilinear", align_corners=False).flatten(1), F.interpolate(m.c(x), scale_factor=1.5, mode="bicubic", align_corners=True).flatten(1), F.pixel_shuffle(m.c(x), 2).flatten(1)], 1), (1, 4, 5), c=lambda: nn.Conv2d(1, 4, 2))
case("frames", lambda m, x: m.head(m.c(x.flatten(0, 1)).relu().mean((2, 3)).view(x.shape[0], 3, 4).mean(1)), (3, 1, 5, 5), c=lambda: nn.Conv2d(1, 4, 3), head=lin(4, 2))
case("frames_with_norm", lambda m, x: m.head(F.max_pool1d(m.n(m.a(x.flatten(0, 1))).unsqueeze(1), 2).flatten(1).view(-1, 9)), (3, 4), a=lin(4, 6), n=lambda: nn.BatchNorm1d(6), head=lin(9, 2))
case("norms", lambda m, x: m.net(x), (4, 6), net=lambda: nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6), nn.LayerNorm((4, 6), eps=1e-3), nn.LayerNorm(6, elementwise_affine=False), nn.RMSNorm(6), nn.RMSNorm(6, elementwise_affine=False, eps=1e-3), nn.GroupNorm(2, 4), nn.InstanceNorm1d(4, affine=True), nn.BatchNorm1d(4, affine=False), nn.Flatten(), nn.Linear(24, 3, bias=False)))
case("norm_by_hand", lambda m, x: m.head(m.g * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)), (4,), g=lambda: raw(4), head=lin(4, 3))
case("gelu_by_hand", lambda m, x: 0.5 * (h := m.a(x)) * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * torch.pow(h, 3)))), (4,), a=lin(4, 3))
case("gelu_by_hand_with_erf", lambda m, x: by_erf(m.a(x)), (4,), a=lin(4, 3))
case("rms_norm_of_two_axes", lambda m, x: ((h := m.a(x)) / (h.square().mean((1, 2), keepdim=True) + 1e-3).sqrt() * m.g).sum(1), (3, 4), a=lin(4, 4), g=lambda: raw(3, 4))
case("bilinear", lambda m, x: m.b(x[:, :3], x[:, 1:]), (4,), b=lambda: nn.Bilinear(3, 3, 2))
case("attention_module", lambda m, x: m.mha(x, x, x, need_weights=False)[0].flatten(1), (3, 4), mha=lambda: nn.MultiheadAttention(4, 2, batch_first=True, dropout=0.1))
case("attention_with_weights", lambda m, x: torch.cat([part.flatten(1) for part in m.mha(x, x, x)], 1), (3, 4), mha=lambda: nn.MultiheadAttention(4, 2, batch_first=True))
case("attention_sequence_first", lambda m, x: m.mha(*[x.transpose(0, 1)] * 3, need_weights=False)[0].mean(0), (3, 4), mha=lambda: nn.MultiheadAttention(4, 2))
case("attention_of_another", lambda m, x: m.mha(x[:, :2], x, x * 2, need_weights=False)[0].flatten(1), (3, 4), mha=lambda: nn.MultiheadAttention(4, 2, batch_first=True))
case("attention_grouped", lambda m, x: F.scaled_dot_product_attention(m.q(x).unflatten(-1, (4, 2)).transpose(1, 2), *[f(x).unflatten(-1, (2, 2)).transpose(1, 2) for f in (m.k, m.v)], is_causal=True, enable_gqa=True).flatten(1), (3, 4), q=lin(4, 8), k=lin(4, 4), v=lin(4, 4))
case("attention_one_head", lambda m, x: F.scaled_dot_product_attention(m.q(x), m.k(x), x, attn_mask=m.mask, scale=0.3).flatten(1), (3, 4), q=lin(4, 5), k=lin(4, 5), mask=lambda: torch.ones(3, 3).tril().bool())
case("attention_by_hand", lambda m, x: by_hand(m, x), (3, 4), qkv=lin(4, 12), o=lin(4, 4), drop=lambda: nn.Dropout(0.1))
case("attention_by_hand_with_bias", lambda m, x: by_hand(m, x, m.bias), (3, 4), qkv=lin(4, 12), o=lin(4, 4), drop=lambda: nn.Dropout(0.1), bias=lambda: raw(2, 3, 3))
case("attention_by_hand_of_one_head", lambda m, x: ((m.q(x) @ m.k(x).transpose(1, 2) / 2 + m.bias).softmax(-1) @ x).flatten(1), (3, 4), q=lin(4, 5), k=lin(4, 5), bias=lambda: torch.randn(3))
case("encoder_layer", lambda m, x: m.e(x).mean(1), (3, 4), e=lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.1))
case("encoder_norm_first", lambda m, x: m.e(x, mask=m.mask, is_causal=True).mean(1), (3, 4), e=lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True, activation="gelu"), 2), mask=lambda: nn.Transformer.generate_square_subsequent_mask(3))
case("decoder_layer", lambda m, x: m.d(x[:, :2], x).mean(1), (3, 4), d=lambda: nn.TransformerDecoderLayer(4, 2, 8, batch_first=True))
case("lstm_last_state", lambda m, x: m.l(x)[1][0][-1], (3, 4), l=lambda: nn.LSTM(4, 5, 2, batch_first=True, dropout=0.2))
case("lstm_both_ways", lambda m, x: m.head(m.l(x)[0][:, -1]), (3, 4), l=lambda: nn.LSTM(4, 3, bidirectional=True, batch_first=True), head=lin(6, 2))
case("lstm_sequence_first", lambda m, x: m.l(x.transpose(0, 1))[0][-1], (3, 4), l=lambda: nn.LSTM(4, 3, bias=False))

case("gru", lambda m, x: torch.cat([m.g(x)[0].flatten(1), m.g2(x)[1][-1]], 1), (3, 4), g=lambda: nn.GRU(4, 3, 2, batch_first=True, bidirectional=True, dropout=0.1), g2=lambda: nn.GRU(4, 3, batch_first=True, bias=False))
case("rnn", lambda m, x: torch.cat([m.g(x.transpose(0, 1))[0][-1], m.g2(x)[1][-1]], 1), (3, 4), g=lambda: nn.RNN(4, 3), g2=lambda: nn.RNN(4, 3, nonlinearity="relu", batch_first=True))
case("lstm_cell_by_hand", lambda m, x: cells(m, x), (3, 4), cell=lambda: nn.LSTMCell(4, 3))
case("gru_cell_by_hand", lambda m, x: m.cell(x[:, 1], m.cell(x[:, 0])) + m.other(x[:, 2]), (3, 4), cell=lambda: nn.GRUCell(4, 3), other=lambda: nn.RNNCell(4, 3))


@pytest.mark.parametrize("name", CASES)
def test_a_module_is_translated(name: str, same: Same) -> None:
    torch.manual_seed(sum(map(ord, name)))
    module, inputs = CASES[name]()
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is not None:
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    same(module, inputs)


def test_what_is_spelled_out_is_its_kind(same: Same) -> None:
    def types(name: str) -> list[str]:
        module, inputs = CASES[name]()
        return [layer["type"] for layer in same(module, inputs).model["layers"]]

    assert types("gelu_by_hand") == types("gelu_by_hand_with_erf") == ["linear", "gelu"]
    for name in ("attention_by_hand", "attention_by_hand_with_bias", "attention_by_hand_of_one_head"):
        assert types(name).count("attention") == 1 and not {"softmax", "matmul"} & set(types(name))
    assert types("norm_by_hand") == ["rms_norm", "linear"]


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


def by_erf(x: Tensor) -> Tensor:
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


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
