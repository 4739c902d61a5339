"""Segments of weights cut into cells on which no unit flips.

`walk` is for piecewise-linear networks and exact: it goes from flip to flip. `bisected` is for networks that also have smooth
parts: it halves the cells of a grid across which the pattern changes. The grid may miss a unit that flips twice within a
cell; `segment.py` finds that out, because numbers of panels then don't agree.
"""

from dataclasses import dataclass

import numpy as np

from pieces import Line
from roots import first_falls

MOST_EVENTS = 4000
# Where two units of a pool are equal but for rounding the pattern changes everywhere, and cells would never end.
GRID, MOST_FLIPS = 96, 3000


class Tangled(Exception):
    """A segment that the reference can't integrate well enough; the case is drawn again."""


@dataclass
class Cells:
    """Cells of many segments: which segment, from where to where, and the pattern by layer."""

    segment: np.ndarray
    start: np.ndarray
    end: np.ndarray
    patterns: dict

    def take(self, which):
        """Some of them."""
        patterns = {i: p[which] for i, p in self.patterns.items()}
        return Cells(self.segment[which], self.start[which], self.end[which], patterns)


def joined(parts):
    """One list, ordered by segment."""
    patterns = {i: np.concatenate([p.patterns[i] for p in parts]) for i in parts[0].patterns}
    ends = [np.concatenate([getattr(p, name) for p in parts]) for name in ("segment", "start", "end")]
    cells = Cells(*ends, patterns)
    return cells.take(np.argsort(cells.segment, kind="stable"))


def walk(network, w, step, x):
    """w, Δw [B, P] and inputs [B, *shape] of B segments -> Cells, by going from flip to flip."""
    rows, t = np.arange(len(x)), np.zeros(len(x), x.dtype)
    parts = []
    for _ in range(MOST_EVENTS):
        pieces = Line(network, w[rows], step[rows], x[rows], t).pieces()
        after = t + (1 - t) * next_event(pieces.guards)
        after = np.minimum(np.maximum(after, np.nextafter(t, 2)), 1)
        parts.append(Cells(rows, t, after, pieces.patterns))
        on = after < 1
        rows, t = rows[on], after[on]
        if len(rows) == 0:
            return joined(parts)
    raise Tangled("more flips than expected")


def next_event(guards):
    """[B, K, units] -> the first u in (0, 1] of each row where one falls, or 1."""
    b, count, units = guards.shape
    if units == 0:
        return np.ones(b, guards.dtype)
    flat = guards.swapaxes(1, 2).reshape(-1, count)
    # What is zero for its first powers is divided by them: the next coefficient is then positive.
    lowest = np.argmax(flat != 0, axis=1)
    places = np.minimum(np.arange(count) + lowest[:, None], count - 1)
    reduced = np.where(np.arange(count) + lowest[:, None] < count, np.take_along_axis(flat, places, axis=1), 0)
    return np.minimum(first_falls(reduced, np.repeat(np.arange(b), units), b), 1)


def whole(network, w, step, x):
    """One cell a segment, for networks without kinks."""
    zeros, ones = np.zeros(len(x), x.dtype), np.ones(len(x), x.dtype)
    return Cells(np.arange(len(x)), zeros, ones, {})


def flat_patterns(network, w, step, x, segment, t):
    """The patterns at places of segments: [N, units]."""
    found = network.patterns(network.forward(w[segment] + t[:, None] * step[segment], x[segment]))
    return np.concatenate([p.reshape(len(t), -1).astype(np.int64) for p in found.values()], axis=1)


def bisected(network, w, step, x):
    """Cells that end at flips, to the rounding of τ; a cell that is left of a flip has the pattern of its middle."""
    edges = np.arange(GRID + 1, dtype=x.dtype) / GRID
    segment = np.repeat(np.arange(len(x)), GRID)
    start, end = np.tile(edges[:-1], len(x)), np.tile(edges[1:], len(x))
    patterns = lambda s, t: flat_patterns(network, w, step, x, s, t)
    before, after = patterns(segment, start), patterns(segment, end)
    done = []
    for _ in range(np.finfo(x.dtype).nmant + 8):
        flipped = (before != after).any(axis=1)
        done.append((segment[~flipped], start[~flipped], end[~flipped]))
        segment, start, end, before, after = (v[flipped] for v in (segment, start, end, before, after))
        if len(segment) == 0:
            break
        if len(segment) > MOST_FLIPS:
            raise Tangled("a pattern of rounding")
        middle = (start + end) / 2
        between = patterns(segment, middle)
        segment, start, end = np.tile(segment, 2), np.concatenate([start, middle]), np.concatenate([middle, end])
        before, after = np.concatenate([before, between]), np.concatenate([between, after])
    segment, start, end = (np.concatenate(v) for v in zip(*done, (segment, start, end)))
    order = np.lexsort((start, segment))
    segment, start, end = segment[order], start[order], end[order]
    middle = (start + end) / 2
    found = network.patterns(network.forward(w[segment] + middle[:, None] * step[segment], x[segment]))
    return merged(Cells(segment, start, end, found))


def merged(cells):
    """Neighbours of one pattern as one cell; the cells are in order."""
    flat = np.concatenate([p.reshape(len(cells.start), -1) for p in cells.patterns.values()], axis=1)
    first = np.ones(len(cells.start), bool)
    first[1:] = (cells.segment[1:] != cells.segment[:-1]) | (flat[1:] != flat[:-1]).any(axis=1)
    whole = cells.take(first)
    whole.end = cells.end[np.append(np.flatnonzero(first)[1:], len(first)) - 1]
    return whole
