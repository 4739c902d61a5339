"""Losses, targets, weights, groups of rows and readouts. The losses are PyTorch's own.

A row's loss is `F.cross_entropy(…, reduction="mean")` of its positions, and its weight what that mean divided by: so a batch's
loss is `F.cross_entropy` of all its positions, which `agrees` asserts.
"""

import numpy as np
import torch
from generate import case, integers, normal
from torch import nn
from torch.nn import functional as F


def network(inputs, hidden, outputs, activation=nn.Tanh):
    """Two linear layers, on the last axis."""
    return lambda: nn.Sequential(nn.Linear(inputs, hidden), activation(), nn.Linear(hidden, outputs))


def model(shape, hidden, outputs, activation="tanh"):
    """The same in a run file."""
    first, last = {"type": "linear", "features": hidden}, {"type": "linear", "features": outputs}
    return {"input": shape, "layers": [first, {"type": activation}, last]}


def numbers(seed, *shape, least=0.2, most=2.0):
    """Numbers of single precision between two bounds."""
    return np.random.default_rng(seed).uniform(least, most, shape).astype(np.float32).astype(np.float64)


def agrees(rows, weights, whole):
    """Asserts that rows' losses and weights make up the loss of a batch."""
    weights = torch.as_tensor(weights)
    assert torch.allclose((torch.stack(rows) * weights).sum() / weights.sum(), whole, rtol=1e-13, atol=0), "the mean of a batch"


def classes(count, *shape, ignore=None, seed=7):
    """Draws classes [count, *shape], of which every fifth is ignored."""
    def draw(rng, rows):
        drawn = rng.integers(0, count, (rows, *shape))
        if ignore is not None:
            drawn.reshape(-1)[2::5] = ignore
        return drawn
    return draw


def probabilities(*shape):
    """Draws probabilities over the last axis."""
    def draw(rng, rows):
        drawn = np.round(rng.dirichlet(np.ones(shape[-1]), (rows, *shape[:-1])) * 256) / 256
        drawn[..., -1] += 1 - drawn.sum(-1)
        return drawn
    return draw


# Classes, one a row.

WEIGHTS = torch.tensor([0.5, 2.0, 1.25])


def smoothed(outputs, target):
    return F.cross_entropy(outputs[None], target[None], weight=WEIGHTS, ignore_index=-1, label_smoothing=0.125) if target >= 0 else 0 * outputs.sum()


def class_weight(number, target):
    return float(WEIGHTS[target]) if target >= 0 else 0.0


probe, known = torch.randn(5, 3), torch.tensor([0, 2, -1, 1, 1])
agrees([smoothed(f, y) for f, y in zip(probe, known)], [class_weight(0, y) for y in known],
       F.cross_entropy(probe, known, weight=WEIGHTS, ignore_index=-1, label_smoothing=0.125))  # fmt: skip

case(
    "losses_class_weights",
    "class weights, smoothing and ignored targets; the kernel and its coefficients of the log-probabilities",
    module=network(4, 5, 3),
    model=model([4], 5, 3),
    inputs=normal(4),
    targets=classes(3, ignore=-1),
    training={"loss": "cross_entropy", "class_weights": WEIGHTS.tolist(), "smoothing": 0.125, "ignore": -1},
    loss=smoothed,
    weight=class_weight,
    batches=[[0, 1, 2], [3, 4, 4], [5, 2, 0], [1, 3, 5], [0, 4, 2], [3, 1, 5]],
    kernel={"kernel": "full", "coefficients": True, "readout": "log_probabilities"},
    readout=lambda outputs, target: F.log_softmax(outputs, -1),
    rate=0.4,
)

# Classes at four positions of three classes each.

OF_POSITIONS = numbers(3, 6, 4)
OF_POSITIONS[1, 2] = 0.0


def of_positions(ignore, weight=None):
    """The loss of a row of positions with weights, as PyTorch's mean."""
    def loss(outputs, target, weights):
        each = F.cross_entropy(outputs.reshape(4, 3), target, weight=weight, ignore_index=ignore, reduction="none")
        return (weights * each).sum() / counted(target, weights, ignore, weight)
    return loss


def counted(target, weights, ignore, weight):
    known = target != ignore
    own = torch.ones(3) if weight is None else weight
    return (weights * known * own[torch.where(known, target, torch.zeros_like(target))]).sum()


probe, known = torch.randn(5, 12), torch.tensor([[0, 1, 2, -100], [1, 1, -100, 0], [2, 0, 0, 1], [0, 0, 0, 0], [2, -100, 1, 1]])
ones = torch.ones(4)
agrees([of_positions(-100, WEIGHTS)(f, y, ones) for f, y in zip(probe, known)], [counted(y, ones, -100, WEIGHTS) for y in known],
       F.cross_entropy(probe.reshape(-1, 3), known.reshape(-1), weight=WEIGHTS))  # fmt: skip

case(
    "losses_positions",
    "a class at every position, weights of positions and of classes, momentum; the readout is the loss",
    module=network(2, 4, 3),
    model=model([4, 2], 4, 3),
    inputs=normal(4, 2),
    outputs=12,
    targets=classes(3, 4, ignore=-100),
    training={"loss": "cross_entropy", "class_weights": WEIGHTS.tolist(), "ignore": -100},
    own_loss=lambda number, outputs, target: of_positions(-100, WEIGHTS)(outputs, target, torch.as_tensor(OF_POSITIONS[number])),
    weight=lambda number, target: float(counted(torch.as_tensor(target), torch.as_tensor(OF_POSITIONS[number]), -100, WEIGHTS)),
    files={"weights.npy": OF_POSITIONS},
    data={"weights": "weights.npy"},
    batches=[[0, 1, 2], [3, 4, 4], [5, 2, 0], [1, 3, 5]],
    steps=4,
    momentum=0.5,
    kernel={"readout": "loss"},
    readout=lambda outputs, target: F.cross_entropy(
        outputs.reshape(4, 3), target, weight=WEIGHTS, ignore_index=-100, reduction="sum")[None],
    query_targets=True,
    rate=0.3,
)  # fmt: skip

# Probabilities.

OF_ROWS = numbers(4, 6)
OF_ROWS[4] = 0.0


def soft(shape):
    return lambda outputs, target: F.cross_entropy(outputs.reshape(shape), target.reshape(shape), weight=WEIGHTS, label_smoothing=0.25)


case(
    "losses_probabilities",
    "targets of probabilities with class weights, smoothing and weights of examples; the queries are the examples",
    module=network(4, 5, 3),
    model=model([4], 5, 3),
    inputs=normal(4),
    targets=probabilities(3),
    training={"loss": "cross_entropy", "class_weights": WEIGHTS.tolist(), "smoothing": 0.25},
    loss=soft((1, 3)),
    weight=lambda number, target: OF_ROWS[number],
    files={"weights.npy": OF_ROWS},
    data={"weights": "weights.npy"},
    n=0,
    kernel={"kernel": "full", "coefficients": True, "readout": "loss"},
    readout=lambda outputs, target: soft((1, 3))(outputs, target)[None],
    rate=0.4,
)

case(
    "losses_position_probabilities",
    "probabilities at every position, summed over the batch",
    module=network(2, 4, 3),
    model=model([4, 2], 4, 3),
    inputs=normal(4, 2),
    outputs=12,
    targets=probabilities(4, 3),
    training={"loss": "cross_entropy", "reduction": "sum"},
    loss=lambda outputs, target: F.cross_entropy(outputs.reshape(4, 3), target, reduction="sum"),
    kernel={"readout": "loss"},
    readout=lambda outputs, target: F.cross_entropy(outputs.reshape(4, 3), target, reduction="sum")[None],
    query_targets=True,
    steps=4,
    rate=0.02,
)

# Reals.


def of_reals(name, about, loss, rate, targets=normal(2), readout="loss", read=None, **training):
    case(
        f"losses_{name}",
        about,
        module=network(4, 5, 2),
        model=model([4], 5, 2),
        inputs=normal(4),
        outputs=2,
        targets=targets,
        training={"loss": name} | training,
        loss=loss,
        weight=lambda number, target: OF_ROWS[number],
        files={"weights.npy": OF_ROWS},
        data={"weights": "weights.npy"},
        batches=[[0, 1, 2], [3, 4, 4], [5, 2, 0], [1, 3, 5], [0, 4, 2], [3, 1, 5]],
        kernel={"readout": readout},
        readout=read or (lambda outputs, target: loss(outputs, target)[None]),
        query_targets=True,
        rate=rate,
    )


of_reals("mse", "the mean of squares over the outputs, weights of examples", F.mse_loss, 0.3)
of_reals(
    "huber", "a huber loss that is linear from half a unit on", lambda f, y: F.huber_loss(f, y, delta=0.5), 0.3, delta=0.5
)
POSITIVE = torch.tensor([3.0, 0.5])
of_reals(
    "logistic",
    "weights of positive labels; the log-probabilities of both outputs",
    lambda f, y: F.binary_cross_entropy_with_logits(f, y, pos_weight=POSITIVE, reduction="sum"),
    0.3,
    targets=lambda rng, count: rng.integers(0, 2, (count, 2)).astype(float),
    readout="log_probabilities",
    read=lambda outputs, target: F.logsigmoid(outputs),
    pos_weight=POSITIVE.tolist(),
)
of_reals("l1", "distances", F.l1_loss, 0.1)

# Readouts of sequences: a value for each of some positions.


def of_sequences(name, about, readout, read, **parts):
    """Outputs [4, 3] with a class at each position."""
    parts = dict(steps=3, batches=[[0, 1, 2], [3, 4, 4], [5, 2, 0]]) | parts
    case(
        f"losses_{name}",
        about,
        module=network(2, 4, 3),
        model=model([4, 2], 4, 3),
        inputs=normal(4, 2),
        outputs=12,
        targets=classes(3, 4, ignore=-100),
        training={"loss": "cross_entropy", "ignore": -100},
        loss=lambda outputs, target: F.cross_entropy(outputs.reshape(4, 3), target),
        weight=lambda number, target: float((np.asarray(target) != -100).sum()),
        kernel={"readout": readout} | parts.pop("kernel", {}),
        readout=lambda outputs, target: read(outputs.reshape(4, 3), target),
        query_targets=True,
        rate=0.3,
        **parts,
    )


def margins(outputs, target):
    return [outputs[p, target[p]] - torch.logsumexp(outputs[p, torch.arange(3) != target[p]], 0) for p in (1, 0)]


of_sequences(
    "read_loss", "the loss at two positions, ignored at one query's", {"type": "loss", "positions": [2, 0]},
    lambda f, y: F.cross_entropy(f, y, reduction="none")[[2, 0]], kernel={"kernel": "full", "coefficients": True})  # fmt: skip
of_sequences(
    "read_target", "the output of the class at two positions", {"type": "target", "positions": [0, 1]},
    lambda f, y: torch.stack([f[p, y[p]] for p in (0, 1)]))  # fmt: skip
of_sequences(
    "read_margin", "the margin at two positions, along all examples", {"type": "margin", "positions": [1, 0]},
    lambda f, y: torch.stack(margins(f, y)), batches=None)  # fmt: skip
of_sequences(
    "read_difference", "the difference of two outputs at two positions", {"type": "difference", "classes": [2, 0], "positions": [1, 3]},
    lambda f, y: (f[:, 2] - f[:, 0])[[1, 3]])  # fmt: skip

# Groups of rows.

case(
    "losses_groups",
    "rows of four groups, some of them twice in a batch; weights of rows, the kernel and its coefficients",
    module=network(4, 5, 3),
    model=model([4], 5, 3),
    inputs=normal(4),
    training={"loss": "cross_entropy"},
    loss=lambda outputs, target: F.cross_entropy(outputs, target),
    weight=lambda number, target: OF_ROWS[number],
    files={"weights.npy": OF_ROWS},
    data={"weights": "weights.npy"},
    groups=[7, -2, 7, 30, -2, 7],
    batches=[[0, 1, 2], [3, 4, 4], [5, 2, 0], [1, 3, 5], [0, 4, 2], [3, 1, 5]],
    kernel={"kernel": "full", "coefficients": True, "readout": "probabilities"},
    readout=lambda outputs, target: F.softmax(outputs, -1),
    rate=0.4,
)

case(
    "losses_groups_of_all",
    "groups in full batches with momentum, the queries being the examples",
    module=network(4, 5, 2),
    model=model([4], 5, 2),
    inputs=normal(4),
    outputs=2,
    targets=normal(2),
    training={"loss": "mse"},
    loss=F.mse_loss,
    groups=[1, 0, 1, 2, 0, 1],
    momentum=0.5,
    n=0,
    rate=0.2,
)
