"""Paths that start in the middle of a training, with the optimizer's state of every kind and in every kind of file."""

from resumed import Resumed
from torch import nn

from generate import case, normal


def network():
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


MODEL = {"input": [4], "layers": [{"type": "linear", "features": 6}, {"type": "tanh"}, {"type": "linear", "features": 3}]}
# Of several sizes, with an example twice in a batch.
BATCHES = [[0, 3, 5, 3], [6, 1], [2, 4, 0, 7, 1], [5, 5, 6], [7, 2, 3, 4]]
COMMON = dict(group="earlier", module=network, model=MODEL, inputs=normal(4), batches=BATCHES, steps=5, m=8)
BETAS = {"betas": [0.8, 0.95], "eps": 1e-3}

case(
    "earlier_momentum",
    "momentum that was there before, with dampening, decay in the gradient and clipping; PyTorch's state alone",
    **COMMON,
    resumed=Resumed(
        {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.02}, clip_norm=0.3
    ),
)

case(
    "earlier_nesterov",
    "Nesterov's momentum, another in each step; the state by names",
    **COMMON,
    resumed=Resumed(
        {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.02},
        state="optimizer.safetensors",
        changing={"momentum": [0.9, 0.8, 0.95, 0.7, 0.85], "learning_rate": [0.1, 0.05, 0.2, 0.1, 0.15]},
    ),
)

case(
    "earlier_adamw",
    "AdamW with groups of parameters, the biases last; a checkpoint with the model beside it, the weights taken apart",
    **COMMON,
    parameter_groups=[{"parameters": ["*.bias"], "learning_rate": 0.05, "weight_decay": 0.0}],
    resumed=Resumed({"type": "adamw", "learning_rate": 0.01, **BETAS, "weight_decay": 0.1}, state="checkpoint.pt"),
    kernel={"superposition": True},
)

case(
    "earlier_adam",
    "Adam, decay in the gradient, every third step recorded",
    **COMMON,
    resumed=Resumed({"type": "adam", "learning_rate": 0.02, **BETAS, "weight_decay": 0.05}),
    trajectory={"every": 3},
)

case(
    "earlier_amsgrad",
    "AMSGrad, whose largest squares come from before",
    **COMMON,
    resumed=Resumed({"type": "adam", "learning_rate": 0.02, **BETAS, "weight_decay": 0.05, "amsgrad": True}),
)

case(
    "earlier_nadam",
    "NAdam, decay in the gradient; the state by names",
    **COMMON,
    resumed=Resumed(
        {"type": "nadam", "learning_rate": 0.02, **BETAS, "weight_decay": 0.05, "momentum_decay": 0.1},
        state="optimizer.safetensors",
    ),
)

case(
    "earlier_rmsprop",
    "RMSprop, centered, with momentum and decay",
    **COMMON,
    resumed=Resumed(
        {"type": "rmsprop", "learning_rate": 0.005, "alpha": 0.9, "eps": 1e-2, "weight_decay": 0.05, "momentum": 0.8, "centered": True}
    ),
)

case(
    "earlier_lion",
    "Lion; the state by names, in NumPy's file",
    **COMMON,
    resumed=Resumed({"type": "lion", "learning_rate": 0.005, "betas": [0.8, 0.9], "weight_decay": 0.1}, state="optimizer.npz"),
    seed=3,
)

case(
    "earlier_import",
    "a path that PyTorch took from its state, followed",
    **COMMON,
    resumed=Resumed({"type": "adamw", "learning_rate": 0.01, **BETAS, "weight_decay": 0.1}, imported=True),
)


def frozen():
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
    for p in module[0].parameters():
        p.requires_grad_(False)
    return module


LINEAR = {"type": "linear", "features": 6}
FROZEN = {
    "input": [4],
    "frozen": ["0.*"],
    "layers": [LINEAR, {"type": "batch_norm"}, {"type": "tanh"}, LINEAR, {"type": "tanh"}, {"type": "linear", "features": 3}],
}

case(
    "earlier_frozen",
    "a checkpoint with buffers and frozen tensors in the model, which its optimizer does not have",
    **COMMON | {"module": frozen, "model": FROZEN},
    resumed=Resumed({"type": "adam", "learning_rate": 0.02, **BETAS}, state="checkpoint.pt"),
)
