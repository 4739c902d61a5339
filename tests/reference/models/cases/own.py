"""What each training example contributed to its own readout, beside queries of their own."""

import torch
from torch import nn
from torch.nn import functional as F

from cases.images import shaken
from cases.losses import model, network
from cases.people_decoders import LENGTH, TOKENS, Gpt, following, gpt
from generate import case, cross_entropy, integers, normal

OWN = {"own": True}
BATCHES = [[0, 1, 2], [3, 4, 4], [5, 2, 0], [1, 3, 5], [0, 4, 2], [3, 1, 5]]


def own(name, about, kernel=OWN, **parts):
    given = dict(module=network(4, 5, 3), model=model([4], 5, 3), inputs=normal(4), rate=0.4, kernel=kernel)
    case(f"own_{name}", about, group="own", **given | parts)


own("sgd", "plain descent: an example's own part comes of the steps that hold it, one twice", batches=BATCHES)
own("momentum", "heavy ball with decay, in batches", batches=BATCHES, momentum=0.8, decay=0.05, rate=0.1)
own("adamw", "AdamW", adamw={"betas": [0.8, 0.9], "eps": 1e-4, "weight_decay": 0.1}, rate=0.02)
own("loss", "each example's own loss", kernel=OWN | {"readout": "loss"}, readout=lambda f, y: cross_entropy(f, y)[None],
    query_targets=True)  # fmt: skip
own("margin", "how far each example's own class is ahead", kernel=OWN | {"readout": "margin"}, query_targets=True, batches=BATCHES,
    readout=lambda f, y: (f[y] - torch.logsumexp(f[torch.arange(3) != y], 0))[None])  # fmt: skip
own("groups", "each row with its group's column", groups=[7, -2, 7, 30, -2, 7], batches=BATCHES, momentum=0.5, rate=0.1,
    kernel=OWN | {"readout": "probabilities"}, readout=lambda f, y: F.softmax(f, -1))  # fmt: skip
own("queries_are_training", "no queries: the diagonal of the attribution", n=0, momentum=0.5, rate=0.1)
own(
    "convolution",
    "an image; the queries' loss",
    module=lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.GELU(), nn.Flatten(), nn.Linear(27, 3)),
    model={
        "input": [1, 5, 5],
        "layers": [
            {"type": "conv2d", "channels": 3, "kernel": 3},
            {"type": "gelu"},
            {"type": "flatten"},
            {"type": "linear", "features": 3},
        ],
    },
    inputs=normal(1, 5, 5),
    rate=0.1,
)
own(
    "text",
    "a causal decoder: the loss of its text",
    model={"input": [LENGTH], "layers": gpt(False, "none", True)},
    module=lambda: shaken(Gpt(False, "none", True)),
    inputs=integers(TOKENS, LENGTH),
    outputs=LENGTH * TOKENS,
    targets=following(-100),
    training={"loss": "cross_entropy", "ignore": -100},
    loss=(
        text_loss := lambda outputs, target: F.cross_entropy(
            outputs.reshape(LENGTH, TOKENS), target, ignore_index=-100, reduction="sum"
        )
    ),
    own_loss=lambda number, outputs, target: text_loss(outputs, target) / (target != -100).sum(),
    weight=lambda number, target: float((target != -100).sum()),
    kernel=OWN | {"readout": "loss"},
    readout=lambda outputs, target: text_loss(outputs, target)[None],
    query_targets=True,
    adamw={"betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.1},
    rate=0.01,
)
