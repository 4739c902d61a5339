"""A piecewise-linear network along segments of weights, as polynomials that hold just after a place.

At w + (t + u (1 - t)) Δw every unit is a polynomial of u, until a unit flips. The pattern is found layer by layer from the
polynomials themselves: a unit's side is the sign of its lowest coefficient that is more than rounding. So units that lie on
zero at t, ties and units that are zero throughout take the side that they have just after t.
"""

from dataclasses import dataclass

import numpy as np

from affine import AvgPool, Flatten
from network import Activation, Add, MaxPool

# A coefficient counts as zero below so many roundings of the sum of its terms' sizes.
ROUNDINGS = 64


@dataclass
class Curve:
    """Coefficients [B, K, ...] of powers of u, and the sums of the sizes of what was added up in them."""

    powers: np.ndarray
    sizes: np.ndarray

    def each(self, function):
        """The same linear function with coefficients that aren't negative, of both."""
        return Curve(function(self.powers), function(self.sizes))

    def longer(self, count):
        """Zeros for the powers that are missing."""
        more = [(0, 0), (0, count - self.powers.shape[1])] + [(0, 0)] * (self.powers.ndim - 2)
        return self.each(lambda v: np.pad(v, more))

    def flat(self):
        """[B, K, units]"""
        return self.each(lambda v: v.reshape(v.shape[:2] + (-1,)))


def settled(curve):
    """The coefficients, with rounding before the first one that counts set to zero."""
    eps = np.finfo(curve.powers.dtype).eps
    counts = np.abs(curve.powers) > ROUNDINGS * eps * curve.sizes
    return np.where(np.logical_or.accumulate(counts, axis=1), curve.powers, 0)


def first_sign(powers):
    """-1, 0 or 1: the sign just after 0; powers [B, K, ...] as `settled` leaves them."""
    first = np.argmax(powers != 0, axis=1)
    return np.sign(np.take_along_axis(powers, first[:, None], axis=1)[:, 0])


@dataclass
class Pieces:
    """What holds just after t in each row."""

    patterns: dict  # layer -> as Network.patterns
    guards: np.ndarray  # [B, K, units]: positive just after t; the pattern holds until one falls below zero
    sizes: np.ndarray  # [B, C]: the sums of sizes at t that the outputs' rounding is relative to


class Line:
    """Rows on their segments: weights w [B, P], steps Δw [B, P], inputs x [B, *shape], places t [B]."""

    def __init__(self, network, w, step, x, t):
        left = (1 - t)[:, None]
        self.network, self.x = network, x
        self.at, self.along = w + t[:, None] * step, left * step
        self.at_size, self.along_size = np.abs(w) + t[:, None] * np.abs(step), left * np.abs(step)

    def pieces(self):
        """Goes through the layers once."""
        network, patterns, guards = self.network, {}, []
        curves = {-1: Curve(self.x[:, None], np.abs(self.x[:, None]))}
        for i, layer in enumerate(network.layers):
            curve = curves[network.reads[i][0]]
            if isinstance(layer, Add):
                curves[i] = added(curve, curves[network.reads[i][1]])
            elif isinstance(layer, MaxPool):
                curves[i], patterns[i], lead = pooled(layer, curve)
                guards.append(lead)
            elif isinstance(layer, Activation):
                curves[i] = curve
                if layer.straight:
                    curves[i], patterns[i], guard = bent(layer.straight, curve)
                    guards.append(guard)
            elif isinstance(layer, (AvgPool, Flatten)):
                curves[i] = curve.each(lambda v: layer.map(None, v))
            else:
                curves[i] = self._affine(i, layer, curve)
        outputs = curves[len(network.layers) - 1].flat()
        return Pieces(patterns, side_by_side(guards, len(self.x), self.x.dtype), outputs.sizes[:, 0])

    def _affine(self, i, layer, curve):
        """(W + u ΔW) a + b + u Δb"""
        powers = self._product(i, layer, curve.powers, self.at, self.along)
        return Curve(powers, self._product(i, layer, curve.sizes, self.at_size, self.along_size))

    def _product(self, i, layer, powers, at, along):
        network, count = self.network, powers.shape[1]
        out = np.zeros((len(powers), count + 1) + layer.out, powers.dtype)
        out[:, :count] = layer.map(network.weight(i, at), powers)
        out[:, 1:] += layer.map(network.weight(i, along), powers)
        if layer.bias:
            out[:, 0] += network.bias(i, at)
            out[:, 1] += network.bias(i, along)
        return out


def added(one, other):
    """The sum, of as many powers as the longer has."""
    count = max(one.powers.shape[1], other.powers.shape[1])
    one, other = one.longer(count), other.longer(count)
    return Curve(one.powers + other.powers, one.sizes + other.sizes)


def bent(straight, curve):
    """An activation of straight pieces -> (curve, pattern, guards [B, K, kinks * units])."""
    dtype = curve.powers.dtype
    from_kinks = [settled(raised(curve, -dtype.type(kink))) for kink in straight.kinks]
    sides = [first_sign(powers) for powers in from_kinks]
    pattern = straight.piece(sides)
    slope, offset = straight.slope(pattern, dtype)[:, None], straight.offset(pattern, dtype)
    guards = [powers * side[:, None] for powers, side in zip(from_kinks, sides)]
    flat = [guard.reshape(guard.shape[:2] + (-1,)) for guard in guards]
    return raised(curve.each(lambda v: v * slope), offset), pattern, np.concatenate(flat, axis=2)


def raised(curve, offset):
    """The curve plus a number for each unit, or one for all."""
    powers, sizes = curve.powers.copy(), curve.sizes.copy()
    powers[:, 0] += offset
    sizes[:, 0] += np.abs(offset)
    return Curve(powers, sizes)


def pooled(layer, curve):
    """Max pool -> (curve, winners [B, windows], leads of the winners [B, K, windows * k²])."""
    flat = curve.flat()
    places = np.broadcast_to(layer.members[:, 0], (len(flat.powers), len(layer.members))).copy()
    for member in layer.members.T[1:]:
        challenger = np.broadcast_to(member, places.shape)
        better = first_sign(settled(lead(flat, challenger, places))) > 0
        places = np.where(better, challenger, places)
    members = np.broadcast_to(layer.members.ravel(), (len(places), layer.members.size))
    leads = settled(lead(flat, np.repeat(places, layer.members.shape[1], axis=1), members))
    return curve.each(lambda v: layer.pick(places, v)), places, leads


def lead(flat, one, other):
    """By how much the units at some places are above those at others."""
    at = lambda v, places: np.take_along_axis(v, places[:, None], axis=2)
    difference = at(flat.powers, one) - at(flat.powers, other)
    return Curve(difference, np.where((one == other)[:, None], 0, at(flat.sizes, one) + at(flat.sizes, other)))


def side_by_side(guards, rows, dtype):
    """All layers' guards with as many powers as the longest."""
    count = max((g.shape[1] for g in guards), default=1)
    padded = [np.pad(g, [(0, 0), (0, count - g.shape[1]), (0, 0)]) for g in guards]
    return np.concatenate(padded, axis=2) if padded else np.zeros((rows, 1, 0), dtype)
