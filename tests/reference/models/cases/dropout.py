"""Dropout: its masks are those of `mask` in docs/pytorch.md, and gradients are taken through them."""

import torch
from torch import nn
from torch.nn import functional as F

from cases.attention import attention
from cases.images import shaken
from cases.people_decoders import LENGTH, TOKENS, WIDTH, add, decoder, linear, part
from generate import Dropout, case, mask, normal

# More than 32 bits: both words of the key count.
SEED = 5_000_000_123
# The batch beside an example does not change its mask.
assert (mask(SEED, 3, 2, [4, 9], (2, 5), 0.3)[1] == mask(SEED, 3, 2, [9], (2, 5), 0.3)[0]).all()


def drop(p, **keys):
    return {"type": "dropout", "p": p, **keys}


class Plain(nn.Module):
    """Of the inputs and behind the activation, each by its place in the run file."""

    def __init__(self, first=0.1, second=0.5, sizes=(5, 7, 3)):
        super().__init__()
        self.of_inputs, self.of_hidden = Dropout(first, 0), Dropout(second, 3)
        self.hidden, self.head = nn.Linear(*sizes[:2]), nn.Linear(*sizes[1:])

    def forward(self, x):
        return self.head(self.of_hidden(torch.tanh(self.hidden(self.of_inputs(x)))))


PLAIN = {
    "input": [5],
    "layers": [
        drop(0.1),
        linear("hidden", 7),
        {"type": "tanh"},
        drop(0.5),
        linear("head", 3),
    ],
}
case(
    "dropout_momentum",
    "a perceptron with dropout of its inputs and behind its activation; momentum, batches that repeat examples",
    module=Plain,
    model=PLAIN,
    inputs=normal(5),
    batches=[[0, 1, 2], [3, 4, 4], [5, 0, 1], [2, 2, 2], [1, 3, 5], [4, 0, 3]],
    momentum=0.9,
    kernel={"nodes": 6},
    run_seed=SEED,
)
case(
    "dropout_kernel",
    "the same on full batches, whose masks are others in every step, with the kernel and coefficients",
    module=Plain,
    model=PLAIN,
    inputs=normal(5),
    rate=0.2,
    kernel={"nodes": 6, "kernel": "full", "coefficients": True},
    run_seed=7,
)
case(
    "dropout_adamw",
    "the same with AdamW and weight decay",
    module=Plain,
    model=PLAIN,
    inputs=normal(5),
    rate=0.02,
    adamw={"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.1},
    batches=[[0, 1, 2], [3, 4, 5], [5, 0, 1], [2, 1, 3]],
    steps=4,
    kernel={"nodes": 6},
    run_seed=SEED,
)


class Ends(nn.Module):
    """Dropout of maps of channels, of the outputs, and twice in a row."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 3, 3), nn.Linear(12, 3)
        self.drops = nn.ModuleList([Dropout(0.3, 2), Dropout(0.2, 3), Dropout(0.25, 6)])

    def forward(self, x):
        maps = self.drops[1](self.drops[0](torch.tanh(self.conv(x))))
        return self.drops[2](self.head(maps.flatten(1)))


case(
    "dropout_ends",
    "dropout of images twice in a row, and of the outputs; two rows a group",
    module=Ends,
    model={
        "input": [2, 4, 4],
        "layers": [
            {"type": "conv2d", "name": "conv", "channels": 3, "kernel": 3},
            {"type": "tanh"},
            drop(0.3),
            drop(0.2),
            {"type": "flatten"},
            linear("head", 3),
            drop(0.25),
        ],
    },
    inputs=normal(2, 4, 4),
    groups=[0, 1, 0, 1, 2, 2],
    batches=[[0, 1, 2], [3, 4, 5], [5, 0, 1], [2, 1, 3]],
    steps=4,
    kernel={"nodes": 6},
    run_seed=SEED,
)


class Gpt(nn.Module):
    """nanoGPT's block with its dropout: of the embeddings, of the softmax, and of what each half adds."""

    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(TOKENS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.ln_1, self.ln_2, self.ln_f = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        # A bias of the keys has no gradient but rounding, by which AdamW would divide.
        self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH)
        self.c_fc, self.c_out = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, TOKENS, bias=False)
        self.head.weight = self.wte.weight
        self.drops = nn.ModuleDict({name: Dropout(0.2, at) for name, at in PLACES.items()})

    def forward(self, tokens):
        x = self.drops["embedded"](self.wte(tokens) + self.wpe.weight)
        q, k, v = self.c_attn(self.ln_1(x)).chunk(3, -1)
        x = x + self.drops["attended"](self.c_proj(attention(q, k, v, heads=2, causal=True, left=self.drops["attention"])))
        x = x + self.drops["added"](self.c_out(F.gelu(self.c_fc(self.ln_2(x)))))
        return self.head(self.ln_f(x))


GPT = [
    {"type": "embedding", "name": "wte", "count": TOKENS, "features": WIDTH},
    {"type": "parameter", "name": "wpe", "shape": [LENGTH, WIDTH]},
    add("sum", "wte", "wpe"),
    drop(0.2, name="embedded"),
    {"type": "layer_norm", "name": "ln_1"},
    linear("c_attn", 3 * WIDTH, bias=False),
    *[part(name, 1, at * WIDTH, (at + 1) * WIDTH, "c_attn") for at, name in enumerate("qkv")],
    {"type": "attention", "name": "attention", "from": ["q", "k", "v"], "heads": 2, "causal": True, "dropout": 0.2},
    linear("c_proj", WIDTH),
    drop(0.2, name="attended"),
    add("y", "embedded", "attended"),
    {"type": "layer_norm", "name": "ln_2"},
    linear("c_fc", 2 * WIDTH),
    {"type": "gelu"},
    linear("c_out", WIDTH),
    drop(0.2, name="added"),
    add("z", "y", "added"),
    {"type": "layer_norm", "name": "ln_f"},
    linear("head", TOKENS, bias=False, weight="wte.weight"),
]
PLACES = {layer["name"]: at for at, layer in enumerate(GPT) if layer.get("name") in ("embedded", "attention", "attended", "added")}

for name, optimizer in {
    "dropout_nanogpt": dict(momentum=0.9, rate=0.02),
    "dropout_nanogpt_adamw": dict(adamw={"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.1}, rate=0.01),
}.items():
    decoder(
        name,
        "nanoGPT with dropout of the embeddings, of the softmax and of both halves' sums; " + next(iter(optimizer)),
        module=lambda: shaken(Gpt()),
        model={"input": [LENGTH], "layers": GPT},
        batches=[[0, 1], [2, 3], [1, 1]],
        run_seed=SEED,
        **optimizer,
    )
