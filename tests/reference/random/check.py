"""The reference held against itself, so that a reader can trust it: python check.py [--seed S].

- gradients against central differences, for every layer, activation, loss and readout;
- first roots against a fine grid, and polynomials that touch zero or have two roots close to each other;
- the walk from flip to flip: every output's change is the sum φ · Δw, and a brute composite rule of many cells agrees;
- parts of a step against the optimizer as a whole, written as PyTorch writes it;
- Gauss nodes against polynomials.

Every check raises at the first number that is off.
"""

import argparse

import numpy as np

import draw_path
from cells import bisected, walk
from chance import Chance
from draw_network import PIECEWISE, SMOOTH, network, normed, weights
from heads import loss, loss_slope, readout, readout_slope
from network import Network
from pieces import Line
from roots import first_falls
from segment import Queries, Segments, gauss
from training import Adam, Sgd

REAL = np.longdouble
# What central differences with this step leave: its square, and roundings divided by it.
STEP, DIFFERENCES = REAL(1e-7), 1e-9
# The walk is exact but for rounding; what brute force leaves is its own error.
SUMS, BRUTE = 3e-17, 1e-9
BRUTE_CELLS = 4000


def close(got, want, allowed, what):
    """Relative to the largest entry."""
    size = max(float(np.max(np.abs(want), initial=0)), 1e-300)
    off = float(np.max(np.abs(got - want), initial=0)) / size
    assert off <= allowed, f"{what}: off by {off:.1e}, allowed {allowed:.0e}"
    return off


def real(array):
    return np.asarray(array).astype(REAL)


def check_gradients(chance):
    """A random network of each kind: rows of the Jacobian against differences along a random direction."""
    for kinds in ("piecewise", "smooth", "mixed") * 8:
        shape, layers = network(chance, kinds, 3) if chance.yes(0.8) else normed(chance, kinds, 3)
        net = Network(shape, layers)
        w, x = real(chance.normal(2, net.size)), real(chance.normal(2, *net.shape))
        values = net.forward(w, x)
        rows = net.backward(w, values, np.broadcast_to(np.eye(3, dtype=REAL), (2, 3, 3)))
        v = real(chance.normal(net.size))
        slope = (net.outputs_at(w + STEP * v, x) - net.outputs_at(w - STEP * v, x)) / (2 * STEP)
        close(rows @ v, slope, DIFFERENCES, f"the gradient of {layers}")


def check_activations(chance):
    """One unit of each activation."""
    for kind in PIECEWISE + SMOOTH:
        net = Network([1], [{"type": "linear", "features": 1}, {"type": kind}])
        w, x = real(chance.normal(40, 2)), real(3 * chance.normal(40, 1))
        rows = net.backward(w, net.forward(w, x), np.ones((40, 1, 1), REAL))
        v = real(chance.normal(2))
        slope = (net.outputs_at(w + STEP * v, x) - net.outputs_at(w - STEP * v, x)) / (2 * STEP)
        close((rows @ v)[:, 0], slope[:, 0], DIFFERENCES, kind)


def check_heads(chance):
    """Derivatives of losses and readouts."""
    for kind in ("cross_entropy", "squared_error", "logistic", "poisson"):
        f, v = real(2 * chance.normal(6, 4)), real(chance.normal(6, 4))
        y = chance.random.integers(0, 4, 6) if kind == "cross_entropy" else real(chance.integers(0, 1, (6, 4)))
        slope = (loss(kind, f + STEP * v, y) - loss(kind, f - STEP * v, y)) / (2 * STEP)
        close((loss_slope(kind, f, y) * v).sum(axis=-1), slope, DIFFERENCES, kind)
        names = ["outputs", "loss"] + ["probabilities"] * (kind in ("cross_entropy", "logistic"))
        for name in names + ["target", "margin"] * (kind == "cross_entropy"):
            slope = (readout(name, kind, f + STEP * v, y) - readout(name, kind, f - STEP * v, y)) / (2 * STEP)
            close((readout_slope(name, kind, f, y) @ v[..., None])[..., 0], slope, DIFFERENCES, f"{name} of {kind}")


def check_roots(chance):
    """Products of known factors: the first simple root is found, a touching one is passed or met."""
    for _ in range(200):
        roots = np.sort(chance.random.random(3))
        if chance.yes(0.3):
            roots[1] = roots[0] + chance.orders(1e-9, 1e-3)
        powers = np.array([1], REAL)
        for root in real(roots):
            powers = np.convolve(powers, np.array([1, -1 / root], REAL))
        found = first_falls(powers[None], np.zeros(1, int), 1)
        close(found, real(roots[:1]), 1e-9 if roots[1] - roots[0] < 1e-3 else 1e-15, f"the first of {roots}")
    touching = np.convolve(np.convolve([1, -2], [1, -2]), [1, -1.25]).astype(REAL)
    assert first_falls(touching[None], np.zeros(1, int), 1)[0] in (REAL(0.5), REAL(0.8)), "a unit that touches zero"
    assert np.isinf(first_falls(np.array([[1, -2, 1.0001]], REAL), np.zeros(1, int), 1)[0]), "no root"


def segments(chance, path):
    """A random piecewise-linear network and a path -> (Segments, network)"""
    shape, layers = network(chance, "piecewise", 3)
    net = Network(shape, layers)
    w = real(path(chance, weights(chance, net, 1.5), 2, chance.orders(0.3, 30)))
    x = real(chance.integers(-2, 2, (2, *net.shape)) if chance.yes(0.3) else chance.normal(2, *net.shape))
    return Segments(Queries(net, "outputs", "squared_error", x, np.zeros((2, 3), REAL)), w), net


def check_walk(chance):
    """Sums to rounding, on many networks; and against halved cells of a grid, and against a plain composite rule."""
    flips = 0
    for number in range(60):
        path = chance.one(draw_path.wander, draw_path.there_and_back, draw_path.mirrored)
        every, net = segments(chance, path)
        phi = every.averaged({"rule": "adaptive"})
        ends = [net.outputs_at(w, every.x) for w in (every.w, every.w + every.step)]
        change = ends[1] - ends[0]
        added = (phi.reshape((-1,) + phi.shape[2:]) @ every.step[:, :, None])[..., 0]
        cells = walk(net, every.w, every.step, every.x)
        # An output's change is a difference of the ends, and a sum of terms.
        terms = (np.abs(phi.reshape((-1,) + phi.shape[2:])) @ np.abs(every.step)[:, :, None])[..., 0]
        sizes = [terms, *np.abs(ends), inside(every, cells), np.full(terms.shape, REAL(1e-300))]
        off = np.abs(added - change) / np.maximum.reduce(sizes)
        assert off.max() <= SUMS, f"network {number}: φ·Δw is off by {off.max():.1e}"
        flips += len(cells.segment) - len(every.x)
        if number < 12:
            check_brute(every, phi.reshape((-1,) + phi.shape[2:]), net)
    assert flips > 500, flips


def inside(every, cells):
    """[segments, C]: the largest sum of sizes on the way; a ReLU6 may hide that what it bounds was a difference of large terms."""
    rows = cells.segment
    sizes = Line(every.network, every.w[rows], every.step[rows], every.x[rows], cells.start).pieces().sizes
    largest = np.zeros((len(every.x), sizes.shape[1]), sizes.dtype)
    np.maximum.at(largest, rows, sizes)
    return largest


def check_brute(every, phi, net):
    """Halved cells agree to what the grid may miss, a composite rule without any thought of flips to its own error."""
    order = net.depth() // 2 + 1
    if net.patterns(net.forward(every.w, every.x)):
        by_halves = every.sums(bisected(net, every.w, every.step, every.x), *gauss(order, REAL))
        close(by_halves, phi, BRUTE, "halved cells")
    edges = np.arange(BRUTE_CELLS, dtype=REAL) / BRUTE_CELLS
    nodes, omega = gauss(2, REAL)
    total = np.zeros_like(phi)
    for s in range(len(phi)):
        for at in range(0, BRUTE_CELLS, 500):
            tau = (edges[at : at + 500, None] + nodes / BRUTE_CELLS).ravel()
            w, rows = every.w[s] + tau[:, None] * every.step[s], np.full(len(tau), s)
            values = net.forward(w, every.x[rows])
            seed = np.broadcast_to(np.eye(net.outputs, dtype=REAL), (len(tau), net.outputs, net.outputs))
            share = np.tile(omega, len(tau) // 2) / BRUTE_CELLS
            total[s] += np.tensordot(share, net.backward(w, values, seed), axes=1)
    # Each flip's cell is off by its width times the jump.
    close(total, phi, 30 / BRUTE_CELLS, "a plain composite rule")


def check_optimizers(chance):
    """Parts add up to the step that the optimizer makes of the summed gradient, in PyTorch's own form."""
    heavy = {"type": "sgd", "momentum": 0.9}
    tables = [{"type": "sgd"}, heavy | {"dampening": 0.3}, heavy | {"nesterov": True}]
    tables += [{"type": "adam", "betas": [0.8, 0.95]}, {"type": "adamw"}]
    for options in [t | {"weight_decay": d} for t in tables for d in (0.0, 0.2)]:
        parts, whole = (Sgd if options["type"] == "sgd" else Adam)(options, REAL), Whole(options)
        w = real(chance.normal(7))
        for _ in range(6):
            gradients = real(chance.normal(4, 7))
            step = parts.parts(w, gradients, REAL(0.1)).sum(axis=0)
            close(step, whole.step(w, gradients.sum(axis=0), REAL(0.1)), 1e-16, str(options))
            w = w + step


class Whole:
    """An optimizer as PyTorch's documentation states it, on the whole gradient."""

    def __init__(self, options):
        self.o, self.b, self.m, self.v, self.t = options, None, REAL(0), REAL(0), 0

    def step(self, w, g, rate):
        """w_{s+1} - w_s"""
        decay = REAL(self.o["weight_decay"])
        self.t += 1
        shrunk = self.o["type"] == "adamw"
        g = g if shrunk else g + decay * w
        if self.o["type"] != "sgd":
            return self.adam(g, rate) - (rate * decay * w if shrunk else 0)
        mu = REAL(self.o.get("momentum", 0))
        if mu == 0:
            return -rate * g
        self.b = g if self.b is None else mu * self.b + (1 - REAL(self.o.get("dampening", 0))) * g
        return -rate * (g + mu * self.b if self.o.get("nesterov") else self.b)

    def adam(self, g, rate):
        one, two = (REAL(b) for b in self.o.get("betas", [0.9, 0.999]))
        self.m, self.v = one * self.m + (1 - one) * g, two * self.v + (1 - two) * g * g
        mean, square = self.m / (1 - one**self.t), self.v / (1 - two**self.t)
        return -rate * mean / (np.sqrt(square) + REAL(1e-8))


def check_nodes(chance):
    """k nodes integrate z^(2k-1) exactly."""
    for count in range(1, 12):
        nodes, omega = gauss(count, REAL)
        for power in range(2 * count):
            close(omega @ nodes**power, 1 / REAL(power + 1), 1e-17, f"{count} nodes, power {power}")


CHECKS = (check_nodes, check_activations, check_heads, check_gradients, check_roots, check_optimizers, check_walk)


def main():
    """Every check, with a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    for at, check in enumerate(CHECKS):
        check(Chance(seed, at))
        print(f"{check.__name__[6:]}: good", flush=True)


if __name__ == "__main__":
    main()
