"""The queries' gradients averaged along every segment of a path: φ = ∫₀¹ ∇R(w + τ Δw) dτ."""

from dataclasses import dataclass

import numpy as np

from cells import Tangled, bisected, walk, whole
from heads import LINEAR, readout_slope

# Numbers of a block of gradients; larger ones leave the processor's caches.
BLOCK = 300_000
# For what isn't a polynomial: nodes of a panel, panels of a cell at the most, and when two numbers of panels agree.
PANEL_NODES, MOST_PANELS, AGREE = 10, 64, 1e-15
# Numbers of all gradients of one pass at the most: some seconds.
MOST_NUMBERS = 2e7


def gauss(count, dtype):
    """Gauss-Legendre nodes in [0, 1] and weights: float64's, then Newton steps in the type itself."""
    z = np.polynomial.legendre.leggauss(count)[0].astype(dtype)
    for _ in range(3):
        low, value = np.ones_like(z), z
        for k in range(2, count + 1):
            low, value = value, ((2 * k - 1) * z * value - (k - 1) * low) / k
        slope = count * (z * value - low) / (z * z - 1)
        z = z - value / slope
    return (z + 1) / 2, 1 / ((1 - z * z) * slope * slope)


@dataclass
class Queries:
    """What is read of which inputs."""

    network: object
    kind: str
    loss: str
    x: np.ndarray
    y: np.ndarray

    def gradients(self, w, x, y, patterns):
        """[B, R, P]; without patterns they are those at w."""
        values = self.network.forward(w, x)
        seed = readout_slope(self.kind, self.loss, self.network.final(values), y)
        return self.network.backward_on(w, values, seed, patterns or self.network.patterns(values))

    def rows(self):
        """R"""
        return self.network.outputs if self.kind in ("outputs", "probabilities") else 1


class Segments:
    """All segments of a path with all queries: segment s n + q is step s, query q."""

    def __init__(self, queries, path):
        self.queries, self.network, self.steps, n = queries, queries.network, len(path) - 1, len(queries.x)
        self.n, self.dtype = n, path.dtype
        self.w, self.step = np.repeat(path[:-1], n, axis=0), np.repeat(path[1:] - path[:-1], n, axis=0)
        tiled = lambda v: np.tile(v, (self.steps,) + (1,) * (v.ndim - 1))
        self.x, self.y = tiled(queries.x), tiled(queries.y)

    def averaged(self, rule):
        """φ [steps, n, R, P]."""
        phi = self._adaptive() if rule["rule"] == "adaptive" else self._nodes(rule)
        return phi.reshape((self.steps, self.n) + phi.shape[1:])

    def _nodes(self, rule):
        one = np.array([0], self.dtype), np.array([1], self.dtype)
        nodes = one if rule["rule"] == "left" else gauss(rule["nodes"], self.dtype)
        cells = whole(self.network, self.w, self.step, self.x)
        return self.sums(cells, *nodes)

    def _adaptive(self):
        network = self.network
        if network.piecewise_linear:
            cells = walk(network, self.w, self.step, self.x)
            if self.queries.kind in LINEAR:
                return self.sums(cells, *gauss(network.depth() // 2 + 1, self.dtype))
        else:
            kinked = network.patterns(network.forward(self.w, self.x))
            cells = (bisected if kinked else whole)(network, self.w, self.step, self.x)
        return self._converged(cells)

    def sums(self, cells, nodes, weights):
        """Each cell by the same rule -> [segments, R, P]."""
        out = np.zeros((len(self.x), self.queries.rows(), self.network.size), self.dtype)
        count = len(nodes)
        block = max(1, BLOCK // (out.shape[1] * out.shape[2] * count))
        for at in range(0, len(cells.segment), block):
            part = cells.take(slice(at, at + block))
            long = part.end - part.start
            tau = (part.start[:, None] + long[:, None] * nodes).ravel()
            omega = (long[:, None] * weights).ravel()
            segment = np.repeat(part.segment, count)
            patterns = {i: np.repeat(p, count, axis=0) for i, p in part.patterns.items()}
            w = self.w[segment] + tau[:, None] * self.step[segment]
            rows = omega[:, None, None] * self.queries.gradients(w, self.x[segment], self.y[segment], patterns)
            first = np.flatnonzero(np.diff(segment, prepend=-1))
            out[segment[first]] += np.add.reduceat(rows, first, axis=0)
        return out

    def _converged(self, cells):
        """More and more panels a cell, until two numbers of panels agree."""
        nodes = gauss(PANEL_NODES, self.dtype)
        agree = max(AGREE, 64 * np.finfo(self.dtype).eps)
        best, panels = self.sums(cells, *nodes), 1
        while len(cells.segment):
            size = len(cells.segment) * 2 * PANEL_NODES * self.queries.rows() * self.network.size
            if panels == MOST_PANELS or size > MOST_NUMBERS:
                raise Tangled("not even many nodes agree")
            cells, panels = halved(cells), 2 * panels
            open_ones = np.unique(cells.segment)
            finer = self.sums(cells, *nodes)
            off = np.abs(finer - best)[open_ones].max(axis=(1, 2))
            size = np.abs(finer)[open_ones].max(axis=(1, 2))
            best[open_ones] = finer[open_ones]
            cells = cells.take(np.isin(cells.segment, open_ones[off > agree * size]))
        return best


def halved(cells):
    """Each cell as two, side by side."""
    twice = cells.take(np.repeat(np.arange(len(cells.segment)), 2))
    middle = (cells.start + cells.end) / 2
    twice.end[0::2], twice.start[1::2] = middle, middle
    return twice
