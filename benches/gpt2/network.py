"""GPT-2 at its real width, and fewer layers and tokens: the network in PyTorch under GPT-2's own names, and the same for pathkernel."""

import json
import math

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, LENGTH, LAYERS, TOKENS = 768, 12, 128, 4, 5_000
# Of a block: the tensor's name in pathkernel's graph, and in GPT-2's checkpoints.
PARTS = {
    "ln_1": "ln_1", "c_attn": "attn.c_attn", "c_proj": "attn.c_proj", "ln_2": "ln_2", "c_fc": "mlp.c_fc", "c_out": "mlp.c_proj",
}  # fmt: skip


class Conv1D(nn.Module):
    """A linear layer whose matrix is [in, out]."""

    def __init__(self, inputs, outputs, deviation=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn, self.c_proj = Conv1D(WIDTH, 3 * WIDTH), Conv1D(WIDTH, WIDTH, 0.02 / math.sqrt(2 * LAYERS))
        # The mask is in GPT-2's checkpoints as well.
        self.register_buffer("bias", torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()[None, None])

    def forward(self, x):
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.c_attn(x).chunk(3, -1))
        scores = q @ k.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        seen = scores.masked_fill(~self.bias, -math.inf).softmax(-1) @ v
        return self.c_proj(seen.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_fc, self.c_proj = Conv1D(WIDTH, 4 * WIDTH), Conv1D(4 * WIDTH, WIDTH, 0.02 / math.sqrt(2 * LAYERS))

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH), Mlp()

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt2(nn.Module):
    """Drawn as GPT-2 is."""

    def __init__(self):
        super().__init__()
        self.transformer = nn.Module()
        self.transformer.wte, self.transformer.wpe = nn.Embedding(TOKENS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.transformer.h = nn.ModuleList(Block() for _ in range(LAYERS))
        self.transformer.ln_f, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, TOKENS, bias=False)
        for table in (self.transformer.wte, self.transformer.wpe):
            nn.init.normal_(table.weight, std=0.02)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, tokens):
        x = self.transformer.wte(tokens) + self.transformer.wpe.weight
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


def losses(network, tokens, targets):
    """The loss of each position, [examples, positions]."""
    return F.cross_entropy(network(tokens).transpose(1, 2), targets, reduction="none")


def graph():
    """The network in pathkernel's words."""
    linear = lambda name, features, **keys: {"type": "linear", "name": name, "features": features, **keys}
    nodes = [
        {"type": "embedding", "name": "wte", "count": TOKENS, "features": WIDTH},
        {"type": "parameter", "name": "wpe", "shape": [LENGTH, WIDTH]},
        {"type": "add", "name": "x0", "from": ["wte", "wpe"]},
    ]
    parameters = {f"{name}.weight": {"tensor": f"transformer.{name}.weight"} for name in ("wte", "wpe", "ln_f")}
    parameters["ln_f.bias"] = {"tensor": "transformer.ln_f.bias"}
    for at in range(LAYERS):
        h = f"h.{at}."
        parts = [(part, at * WIDTH, (at + 1) * WIDTH) for at, part in enumerate("qkv")]
        nodes += [
            {"type": "layer_norm", "name": h + "ln_1", "from": f"x{at}"},
            linear(h + "c_attn", 3 * WIDTH),
            *[{"type": "slice", "name": h + part, "axis": 1, "start": start, "stop": stop, "from": h + "c_attn"} for part, start, stop in parts],
            {"type": "attention", "from": [h + part for part in "qkv"], "heads": HEADS, "causal": True},
            linear(h + "c_proj", WIDTH),
            {"type": "add", "name": h + "y", "from": [f"x{at}", h + "c_proj"]},
            {"type": "layer_norm", "name": h + "ln_2"},
            linear(h + "c_fc", 4 * WIDTH),
            {"type": "gelu", "approximate": "tanh"},
            linear(h + "c_out", WIDTH),
            {"type": "add", "name": f"x{at + 1}", "from": [h + "y", h + "c_out"]},
        ]
        for ours, theirs in PARTS.items():
            parameters[f"{h}{ours}.weight"] = {"tensor": f"transformer.{h}{theirs}.weight", "transposed": "c_" in ours}
            parameters[f"{h}{ours}.bias"] = {"tensor": f"transformer.{h}{theirs}.bias"}
    nodes += [{"type": "layer_norm", "name": "ln_f"}, linear("lm_head", TOKENS, bias=False, weight="wte.weight")]
    return json.dumps({"nodes": nodes, "parameters": parameters}, indent=1)
