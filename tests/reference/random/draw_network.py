"""Networks at random: stacks, bottlenecks, convolutions, sums, positions."""

import numpy as np

from network import Network

PIECEWISE = ("relu", "leaky_relu", "relu6", "relu", "relu", "identity")
SMOOTH = ("tanh", "sigmoid", "softplus", "silu", "gelu", "sin")


def act(kind):
    return {"type": kind}


def linear(chance, features):
    """Now and then without a bias."""
    return {"type": "linear", "features": features} | ({} if chance.yes(0.75) else {"bias": False})


def conv(chance, channels, kernel, padding):
    layer = {"type": "conv2d", "channels": channels, "kernel": kernel, "stride": chance.one(1, 1, 2), "padding": padding}
    return layer | ({} if chance.yes(0.75) else {"bias": False})


def activation(chance, kinds):
    """One of the family: `piecewise`, `smooth` or `mixed`."""
    families = {"piecewise": PIECEWISE, "smooth": SMOOTH, "mixed": PIECEWISE + SMOOTH}
    return act(chance.one(*families[kinds]))


def width(chance):
    """1 to 16; seldom up to 64."""
    return chance.whole(17, 64) if chance.yes(0.03) else chance.one(1, 2, 3, 4, 5, 6, 8, 10, 12, 16)


def stack(chance, kinds, outputs):
    """Linear layers with one activation between, or with different ones."""
    depth = chance.weighted({2: 3, 3: 4, 4: 3, 5: 1, 6: 1})
    same = activation(chance, kinds) if chance.yes(0.6) else None
    layers = []
    for _ in range(depth - 1):
        layers += [linear(chance, width(chance)), dict(same) if same else activation(chance, kinds)]
    return [chance.whole(1, 6)], layers + [linear(chance, outputs)]


def bottleneck(chance, kinds, outputs):
    """One unit somewhere, or right before the outputs: all outputs then move together."""
    before = [linear(chance, width(chance)), activation(chance, kinds)] if chance.yes(0.6) else []
    after = [linear(chance, width(chance)), activation(chance, kinds)] if chance.yes(0.4) else []
    narrow = [linear(chance, 1), activation(chance, kinds)]
    return [chance.whole(1, 5)], before + narrow + after + [linear(chance, outputs)]


def residual(chance, kinds, outputs):
    """A stream that layers add to, or a branch from the input."""
    wide = chance.whole(2, 6)
    layers = [linear(chance, wide), activation(chance, kinds)]
    for _ in range(chance.whole(1, 2)):
        stream = len(layers) - 1
        layers += [linear(chance, wide), activation(chance, kinds), {"type": "add", "from": stream}]
        layers += [activation(chance, kinds)] if chance.yes(0.4) else []
    if chance.yes(0.3):
        side = len(layers)
        layers += [linear(chance, wide) | {"from": -1}, activation(chance, kinds), {"type": "add", "from": side - 1}]
    return [chance.whole(1, 5)], layers + [linear(chance, outputs)]


def image(chance, kinds, outputs):
    """A convolution or two, pools, and a linear layer."""
    shape = [chance.whole(1, 2), chance.whole(4, 6), chance.whole(4, 6)]
    layers = [conv(chance, chance.whole(1, 3), chance.whole(1, 3), chance.whole(0, 1)), activation(chance, kinds)]
    pool = chance.weighted({"max_pool2d": 4, "avg_pool2d": 2, "": 2})
    if pool and min(sides(shape, layers)) >= 2:
        layers.append({"type": pool, "kernel": 2})
    if chance.yes(0.35) and min(sides(shape, layers)) >= 2:
        layers += [conv(chance, chance.whole(1, 3), 2, 0), activation(chance, kinds)]
    return shape, layers + [act("flatten"), linear(chance, outputs)]


def sides(shape, layers):
    """Height and width at the end of some layers."""
    return Network(shape, layers).layers[-1].out[1:]


def pooled_input(chance, kinds, outputs):
    """A max pool of a convolution without an activation, or of the data."""
    shape = [1, chance.whole(4, 6), chance.whole(4, 6)]
    before = [] if chance.yes(0.3) else [conv(chance, 2, 2, 0) | {"stride": 1}]
    pool = {"type": "max_pool2d", "kernel": chance.whole(2, 3)}
    hidden = [linear(chance, chance.whole(2, 6)), activation(chance, kinds)]
    return shape, before + [pool, act("flatten")] + hidden + [linear(chance, outputs)]


def positions(chance, kinds, outputs):
    """Linear layers on the rows of a small table, flattened at the end."""
    wide = chance.whole(2, 5)
    layers = [linear(chance, wide), activation(chance, kinds)]
    layers += [linear(chance, wide), {"type": "add", "from": 1}, activation(chance, kinds)] if chance.yes(0.5) else []
    return [chance.whole(2, 4), chance.whole(2, 4)], layers + [act("flatten"), linear(chance, outputs)]


def normed(chance, kinds, outputs):
    """A norm inside a stack; no polynomial whatever the activation is."""
    layers = [linear(chance, chance.whole(3, 8)), act(chance.one("layer_norm", "rms_norm")), activation(chance, kinds)]
    return [chance.whole(2, 6)], layers + [linear(chance, outputs)]


SHAPES = {stack: 10, bottleneck: 3, residual: 3, image: 4, pooled_input: 1, positions: 1}


def network(chance, kinds, outputs):
    """-> (input shape, layers)"""
    shapes = SHAPES | ({} if kinds == "piecewise" else {normed: 2})
    return chance.weighted(shapes)(chance, kinds, outputs)


def weights(chance, net, gain):
    """One flat vector: normal, or small integers, which make ties and exact zeros."""
    parts, whole = [], chance.yes(0.12)
    for name, shape, _ in net.tensors():
        inside = int(np.prod(shape[1:])) or 1
        spread = gain / np.sqrt(inside) if name.endswith("weight") else 0.4 * gain
        norm = name.endswith("weight") and len(shape) == 1
        drawn = chance.integers(-2, 2, shape) if whole else spread * chance.normal(*shape)
        parts.append((drawn + norm).ravel())
    return np.concatenate(parts)
