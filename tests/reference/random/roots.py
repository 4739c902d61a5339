"""The first place in (0, 1] where one of a group of polynomials falls below zero, for many groups at once.

In Bernstein form on an interval a polynomial stays within the hull of its coefficients, and has no more roots there than its
coefficients change sign. Without a change there is none; with one change there is one, which Newton's method finds between
bounds; with more the interval is halved. No root can be passed. A double root that only touches zero is either met, which
does no harm, or not, and then nothing is lost.
"""

from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np

MOST_ROUNDS, MOST_NEWTON = 300, 120


@cache
def to_bernstein(degree, dtype):
    """[degree + 1, degree + 1]: rows are Bernstein coefficients, columns those of powers."""
    matrix = np.zeros((degree + 1, degree + 1), dtype)
    for k in range(degree + 1):
        for j in range(k + 1):
            matrix[k, j] = dtype(comb(k, j)) / dtype(comb(degree, j))
    return matrix


@dataclass
class Boxes:
    """Polynomials on intervals from `at` over `width`; `group` says to which result they belong."""

    shape: np.ndarray
    at: np.ndarray
    width: np.ndarray
    group: np.ndarray

    def take(self, which):
        """Some of them."""
        return Boxes(self.shape[which], self.at[which], self.width[which], self.group[which])

    def cut(self, place):
        """The parts left and right of a place [N] of each interval."""
        left, right = cut(self.shape, place)
        return (
            Boxes(left, self.at, self.width * place, self.group),
            Boxes(right, self.at + self.width * place, self.width * (1 - place), self.group),
        )


def first_falls(powers, group, groups):
    """powers [N, D + 1], each positive just after 0; group [N] -> u [groups], infinite where nothing falls."""
    dtype = powers.dtype.type
    found = np.full(groups, np.inf, dtype)
    degree = powers.shape[1] - 1
    if degree == 0 or len(powers) == 0:
        return found
    shape = powers @ to_bernstein(degree, dtype).T
    boxes = Boxes(shape, np.zeros(len(shape), dtype), np.ones(len(shape), dtype), group)
    for _ in range(MOST_ROUNDS):
        boxes = boxes.take((boxes.shape < 0).any(axis=1))
        boxes = boxes.take(boxes.at + boxes.width * lower_crossing(boxes.shape) < found[boxes.group])
        if len(boxes.at) == 0:
            return found
        small = (boxes.width <= np.finfo(dtype).eps * boxes.at) | (boxes.shape[:, 0] <= 0)
        np.minimum.at(found, boxes.group[small], boxes.at[small])
        boxes = boxes.take(~small)
        once = changes(boxes.shape) == 1
        single = boxes.take(once)
        np.minimum.at(found, single.group, single.at + single.width * between(single.shape))
        left, right = boxes.take(~once).cut(np.full((~once).sum(), 0.5, dtype))
        boxes = Boxes(*(np.concatenate([getattr(b, n) for b in (left, right)]) for n in ("shape", "at", "width", "group")))
    return found


def lower_crossing(shape):
    """Where the lower hull of coefficients meets zero: no root is before it. Infinite without a negative coefficient.

    A side of the hull leads from a coefficient that isn't negative to a later one that is; of all such lines one that
    meets zero first is the hull's.
    """
    count = shape.shape[1]
    places = np.arange(count, dtype=shape.dtype) / shape.dtype.type(count - 1)
    below = shape < 0
    crossing = np.full(len(shape), np.inf, shape.dtype)
    for i in range(count - 1):
        high = np.maximum(shape[:, i : i + 1], 0)
        part = high / np.where(below, high - shape, 1)[:, i + 1 :]
        meets = places[i] + (places[i + 1 :] - places[i]) * part
        crossing = np.minimum(crossing, np.where(below[:, i + 1 :], meets, np.inf).min(axis=1))
    return crossing


def changes(shape):
    """How often the coefficients change sign; zeros don't count."""
    sign = np.sign(shape)
    for k in range(1, sign.shape[1]):
        sign[:, k] = np.where(sign[:, k] == 0, sign[:, k - 1], sign[:, k])
    return (sign[:, 1:] != sign[:, :-1]).sum(axis=1)


def between(shape):
    """The one root of each, by Newton's method kept between bounds."""
    dtype = shape.dtype.type
    low, high = np.zeros(len(shape), dtype), np.ones(len(shape), dtype)
    x, met = lower_crossing(shape), np.zeros(len(shape), bool)
    for _ in range(MOST_NEWTON):
        value, slope = value_and_slope(shape, x)
        low, high = np.where(value > 0, x, low), np.where(value > 0, high, x)
        ahead = x - value / np.where(slope == 0, -1, slope)
        # A place that is met stays, even where rounding would take the next step out of the bounds.
        met |= (np.abs(ahead - x) <= np.finfo(dtype).eps * x) | (value == 0) | (high - low <= np.finfo(dtype).eps * high)
        if met.all():
            break
        inside = (ahead > low) & (ahead < high)
        x = np.where(met, x, np.where(inside, ahead, (low + high) / 2))
    return x


def value_and_slope(shape, x):
    """A polynomial and its derivative in Bernstein form, by de Casteljau."""
    degree = shape.shape[1] - 1
    rest, left, right = shape, (1 - x)[:, None], x[:, None]
    for _ in range(degree - 1):
        rest = left * rest[:, :-1] + right * rest[:, 1:]
    return (left * rest[:, :1] + right * rest[:, 1:])[:, 0], degree * (rest[:, 1] - rest[:, 0])


def cut(shape, place):
    """The coefficients of what is left and what is right of a place of each, by de Casteljau."""
    rest, count = shape.copy(), shape.shape[1]
    left, keep, move = np.empty_like(shape), (1 - place)[:, None], place[:, None]
    for k in range(count):
        left[:, k] = rest[:, 0]
        last = count - 1 - k
        rest[:, :last] = keep * rest[:, :last] + move * rest[:, 1 : last + 1]
    return left, rest
