"""What a case aims at. A theme draws a plan: what the rest of the drawing then fills in.

Errors hid where steps are large, so most themes have large ones: jumps between checkpoints, large rates, spikes. Some aim at
errors that were found: flips close to each other, large values that no end of a segment shows, momentum over rates of many
orders, outputs that are multiples of each other.
"""

from dataclasses import dataclass, field

import numpy as np

import draw_path
from chance import single
from draw_network import SMOOTH, act, bottleneck, linear, network, stack, weights

MIXED = {"plain": 5, "momentum": 3, "adam": 2}
LOSSES = {"squared_error": 3, "cross_entropy": 3, "logistic": 2, "poisson": 1}


@dataclass
class Plan:
    """A case before its files."""

    theme: str
    shape: list
    layers: list
    kinds: str
    loss: str
    outputs: int
    steps: int
    rate: float = 0.1
    mix: dict = field(default_factory=lambda: MIXED)
    gain: float = 1.5
    scale: float = 1.0
    path: object = None  # how a recorded path is drawn, or None for training
    jump: float = 1.0
    rule: dict = field(default_factory=dict)
    readouts: dict = field(default_factory=lambda: {"outputs": 6, "probabilities": 1, "loss": 1, "target": 1, "margin": 1})
    precision: str = "f64"
    training: dict = field(default_factory=dict)  # keys of [training] that the theme sets itself
    retraced: bool = False  # what was trained is then given as a recorded path
    factored: bool = False  # middle layers are contracted in factors
    tune_data: object = None  # changes examples and targets
    tune_path: object = None  # changes the recorded path


def outputs_of(chance, loss):
    """Classes need two."""
    return chance.whole(2, 5) if loss == "cross_entropy" else chance.one(1, 2, 3, 4)


def adaptive(tolerance):
    return {"rule": "adaptive", "tolerance": tolerance}


def loose_or_tight(chance):
    """From 1e-2 to 1e-12, a power of ten."""
    return 10.0 ** -chance.whole(2, 12)


def any_rule(chance, kinds):
    """Gauss, left, or adaptive."""
    kind = chance.weighted({"gauss": 4, "left": 1, "adaptive": 3})
    if kind == "adaptive":
        return adaptive(loose_or_tight(chance))
    return {"rule": "left"} if kind == "left" else {"rule": "gauss", "nodes": chance.whole(1, 6)}


def flips(chance):
    """A piecewise-linear network whose units flip by the dozen in each step."""
    loss = chance.weighted(LOSSES)
    c = outputs_of(chance, loss)
    path = chance.one(draw_path.wander, draw_path.wander, draw_path.there_and_back, draw_path.mirrored)
    return Plan("flips", *network(chance, "piecewise", c), "piecewise", loss, c, chance.one(1, 1, 2, 3, 5, 8, 15, 30),
                gain=chance.one(0.7, 1.5, 3.0), scale=chance.one(1.0, 1.0, 10.0), path=path,
                jump=chance.orders(0.3, 100), rule=adaptive(loose_or_tight(chance)),
                readouts={"outputs": 8, "target": 2, "loss": 1}, precision=chance.weighted({"f64": 9, "f32": 1}))  # fmt: skip


def large_rates(chance):
    """Training of a piecewise-linear network at rates where units flip and weights run away a little."""
    loss = chance.weighted({"cross_entropy": 3, "logistic": 3, "squared_error": 2})
    c = outputs_of(chance, loss)
    training = {"clip_norm": chance.orders(0.3, 10)} if chance.yes(0.5) or loss == "squared_error" else {}
    return Plan("large_rates", *network(chance, "piecewise", c), "piecewise", loss, c, chance.whole(1, 8),
                rate=chance.orders(0.1, 4), gain=chance.one(0.7, 1.5), rule=adaptive(loose_or_tight(chance)),
                readouts={"outputs": 8, "target": 2, "probabilities": 1}, training=training)  # fmt: skip


def training(chance):
    """Tame training of anything, with all that may be asked for."""
    kinds = chance.one("piecewise", "smooth", "smooth", "mixed")
    loss = chance.weighted(LOSSES)
    c = outputs_of(chance, loss)
    extra = {"clip_norm": chance.orders(0.1, 3)} if chance.yes(0.25) else {}
    precision = "f32" if kinds == "smooth" and chance.yes(0.2) else "f64"
    rule = any_rule(chance, kinds)
    return Plan("training", *network(chance, kinds, c), kinds, loss, c, chance.whole(1, 4 if precision == "f32" else 12),
                rate=chance.orders(0.02, 0.3 if precision == "f32" else 1.0), gain=chance.one(0.7, 1.0, 1.5),
                scale=1.0, rule=rule, training=extra, precision=precision, retraced=chance.yes(0.25))  # fmt: skip


def recorded(chance):
    """A recorded path of anything."""
    kinds = chance.one("piecewise", "smooth", "smooth", "mixed")
    loss = chance.weighted(LOSSES)
    c = outputs_of(chance, loss)
    path = chance.one(draw_path.wander, draw_path.wander, draw_path.there_and_back, draw_path.mirrored)
    return Plan("recorded", *network(chance, kinds, c), kinds, loss, c, chance.one(1, 2, 3, 5, 8, 12, 20, 30),
                gain=chance.one(0.7, 1.5), path=path, jump=chance.orders(0.05, 3), rule=any_rule(chance, kinds),
                precision=chance.weighted({"f64": 7, "f32": 3}))  # fmt: skip


def exponents(chance):
    """Large inside a segment or a block of steps, small at both ends: Poisson's e^f, or one bad checkpoint.

    Small rates leave the contributions small as well, so that nothing at the ends tells how large the sums inside were.
    """
    poisson, training = chance.yes(0.5), chance.yes(0.2)
    kinds = chance.weighted({"piecewise": 5, "smooth": 1, "mixed": 1}) if poisson else "piecewise"
    c, shape = chance.one(1, 1, 2, 3), chance.one(stack, stack, network)
    at, layers = shape(chance, kinds, c)
    depth = sum(l["type"] in ("linear", "conv2d") for l in layers)
    loss, readouts = ("poisson", {"loss": 3, "outputs": 1}) if poisson else ("squared_error", {"outputs": 1})
    gauss = {"rule": "gauss", "nodes": chance.whole(2, 8)}
    rule = chance.one(adaptive(10.0 ** -chance.whole(4, 12)), gauss) if poisson else gauss
    rest = {"gain": chance.one(1.0, 1.5), "mix": {"plain": 3, "momentum": 1}, "rule": rule, "readouts": readouts}
    if poisson and chance.yes(0.4):
        return bump(chance, rest)
    if poisson and training:
        return Plan("exponents", at, layers, kinds, loss, c, chance.whole(1, 2), rate=chance.orders(0.05, 1), **rest)
    # How much larger the outputs (or, with Poisson, their exponents) get at the bad checkpoint.
    grows = chance.orders(5, 12) if poisson else chance.orders(3e3, 2e5)
    inside = poisson and chance.yes(0.4)
    return Plan("exponents", at, layers, kinds, loss, c, 1 if inside else chance.whole(3, 12),
                rate=chance.one(0.1, 1e-6, 1e-12, 1e-24), path=draw_path.wander if inside else draw_path.there_and_back,
                jump=grows ** (1 / depth), **rest)  # fmt: skip


def bump(chance, rest):
    """Outputs that are low at both ends of each segment and high within: the first layer goes to its negative and back."""
    c, wide, high = chance.one(1, 1, 2), chance.whole(2, 8), chance.orders(6, 11)
    hidden = [linear(chance, wide), act("relu")] + ([linear(chance, wide), act("relu")] if chance.yes(0.3) else [])

    def mirror(net, path):
        """Units are 0 in the middle, where the last layer's bias alone is left; all that they add is negative."""
        tensors = list(net.tensors())
        last = tensors[-1][0].split(".")[0]
        for name, _, cut in tensors:
            if name.startswith("0."):
                path[1::2, cut] *= -1
            else:
                path[:, cut] = (-3 if name.startswith(last) else 1) * np.abs(path[:1, cut])
        path[:, tensors[-1][2]] = single(high)

    layers = hidden + [{"type": "linear", "features": c}]
    rest = rest | {"readouts": {"loss": 3, "outputs": 1}, "gain": chance.one(1.5, 2.5)}
    return Plan("exponents", [chance.whole(1, 4)], layers, "piecewise", "poisson", c, chance.whole(1, 3),
                rate=chance.one(0.1, 1e-3, 1e-6), path=draw_path.wander, jump=0.05, tune_path=mirror, **rest)  # fmt: skip


def momentum(chance):
    """Short momentum over rates that rise by many orders, after an example of large gradient: what was small is what counts."""
    kinds = chance.one("smooth", "smooth", "piecewise")
    c, wide = chance.whole(1, 3), chance.whole(2, 6)
    hidden = [linear(chance, wide), act(chance.one(*(SMOOTH if kinds == "smooth" else ("relu", "leaky_relu"))))]
    layers = hidden + [linear(chance, wide + 1), dict(hidden[1]), linear(chance, c)]
    precision = chance.one("f32", "f64")
    mu = chance.one(0.1, 0.3) if precision == "f64" else chance.one(0.1, 0.3, 0.5)
    window = int(np.ceil(np.log(2.0**-53 if precision == "f64" else 2.0**-24) / np.log(mu)))
    low, late = window + chance.whole(-2, 2), chance.whole(2, 8)
    small, high = chance.orders(1e-12, 1e-8), chance.one(0.05, 0.1)
    rates = [small] * low + [high] * late
    if chance.yes(0.3):
        rates = np.exp(np.linspace(np.log(small), np.log(high), low + late)).tolist()
    size = chance.orders(1e2, 1e4) if precision == "f32" else chance.orders(1e5, 1e8)
    m = chance.whole(2, 6)
    first = [[0]] + [[1 + s % (m - 1)] for s in range(low + late - 1)]

    def one_large(x, y):
        y[0] = single(size * np.sign(y[0] + 0.5))

    options = {"type": "sgd", "learning_rate": high, "momentum": mu}
    return Plan("momentum", [chance.whole(1, 4)], layers, kinds, "squared_error", c, low + late, gain=1.0,
                path=draw_path.wander if chance.yes(0.6) else None, jump=0.05,
                rule={"rule": "gauss", "nodes": chance.whole(1, 4)}, readouts={"outputs": 1}, precision=precision,
                training={"optimizer": options, "learning_rates": rates, "batches": first, "m": m},
                factored=chance.yes(0.8), tune_data=one_large)  # fmt: skip


def multiples(chance):
    """Three or more outputs that are multiples of each other, or nearly, or saturated: together they tell no more than one."""
    kinds, c = chance.weighted({"smooth": 6, "mixed": 1}), chance.whole(3, 5)
    saturated = chance.yes(0.2)
    loss = "cross_entropy" if saturated else chance.one("squared_error", "logistic")
    bare = [l | {"bias": False} if l["type"] in ("linear", "conv2d") else l
            for l in chance.one(stack, bottleneck)(chance, kinds, c)[1]]  # fmt: skip
    direction, off = chance.integers(1, 3, c) * chance.one(1.0, -0.5), chance.one(0.0, 0.0, 1e-9, 1e-6)

    def in_line(net, path):
        """The last layer's rows are multiples of one row, at every checkpoint."""
        shape, cut = list((shape, cut) for name, shape, cut in net.tensors())[-1]
        last = path[:, cut].reshape((-1,) + shape)
        path[:, cut] = (direction[:, None] * last[:, :1] + off * last).reshape(len(path), -1)
        if saturated:
            path[:, cut] *= 20

    path = chance.one(draw_path.wander, draw_path.mirrored)
    return Plan("multiples", [chance.whole(1, 3)], bare, kinds, loss, c, chance.one(1, 1, 1, 2, 3),
                gain=chance.one(1.0, 2.0), scale=chance.one(1.0, 2.0), path=path, jump=chance.orders(0.5, 4),
                rule=adaptive(chance.one(1e-1, 1e-2, 1e-2, 1e-3, 1e-6)), mix={"plain": 3, "momentum": 1},
                readouts={"probabilities": 1} if saturated else {"outputs": 5, "probabilities": 1}, tune_path=in_line)  # fmt: skip


THEMES = {flips: 24, large_rates: 14, training: 18, recorded: 16, exponents: 14, momentum: 8, multiples: 10}


def plan(chance):
    """-> Plan"""
    return chance.weighted(THEMES)(chance)


def start(chance, net, plan):
    """The first weights."""
    return single(weights(chance, net, plan.gain))
