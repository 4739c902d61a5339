"""A query's gradient, averaged along the segment from w to w + step: φ = ∫₀¹ ∇R(w + τ step) dτ."""

import numpy as np

# For the rule `adaptive`: the segment is cut into so many cells, each cell across which a unit flips is halved so
# often, and every cell gets so many Gauss nodes. Halved to 2^-40 of a cell, what is left of a flip doesn't count.
CELLS, HALVINGS, CELL_NODES = 256, 40, 3
# Gradients are taken so many at a time: one shape, so that JAX compiles once.
BLOCK = 512


def gauss(nodes):
    """Gauss-Legendre nodes in [0, 1] and their weights."""
    t, omega = np.polynomial.legendre.leggauss(nodes)
    return (t + 1) / 2, omega / 2


def average_gradient(case, w, step):
    """-> (φ [n, R, P], distance of the evaluated points from the nearest kink, flips that were split at)."""
    if case.kernel.get("rule", "gauss") == "adaptive":
        phi, flips = split_at_flips(case, w, step)
        return phi, np.inf, flips
    left = case.kernel.get("rule", "gauss") == "left"
    taus, omegas = (np.array([0.0]), np.array([1.0])) if left else gauss(case.kernel.get("nodes", 3))
    phi, margin = 0.0, np.inf
    for tau, omega in zip(taus, omegas):
        gradients, near = case.query_gradient((w + tau * step).astype(case.dtype), case.xq, case.yq)
        margin = min(margin, near.min())
        phi = phi + omega * np.asarray(gradients)
    return phi, margin, 0


def split_at_flips(case, w, step):
    """φ by a composite Gauss rule whose cells end where a unit flips, found by halving.

    -> (φ [n, R, P], how many cells have a flip).     A unit that flips twice within one cell goes unseen; the residual of the step shows it.
    """
    n = len(case.xq)
    edges = np.linspace(0.0, 1.0, CELLS + 1)
    q = np.repeat(np.arange(n), CELLS)
    start, end = np.tile(edges[:-1], n), np.tile(edges[1:], n)
    before, after = patterns(case, w, step, q, start), patterns(case, w, step, q, end)
    done, flips = [], int((before != after).any(axis=1).sum())
    for _ in range(HALVINGS):
        flipped = (before != after).any(axis=1)
        done.append((q[~flipped], start[~flipped], end[~flipped]))
        q, start, end, before, after = (v[flipped] for v in (q, start, end, before, after))
        if len(q) == 0:
            break
        middle = (start + end) / 2
        between = patterns(case, w, step, q, middle)
        q, start, end = np.tile(q, 2), np.concatenate([start, middle]), np.concatenate([middle, end])
        before, after = np.concatenate([before, between]), np.concatenate([between, after])
    q, start, end = (np.concatenate(v) for v in zip(*done, (q, start, end)))
    phi = 0.0
    for tau, omega in zip(*gauss(CELL_NODES)):
        phi = phi + weighted_gradients(case, w, step, q, start + tau * (end - start), omega * (end - start))
    return phi, flips


def blocks(q, tau, omega):
    """The rows in blocks of one size, filled up with rows of weight 0."""
    for at in range(0, len(q), BLOCK):
        part = [v[at : at + BLOCK] for v in (q, tau, omega)]
        yield [np.pad(v, (0, BLOCK - len(v))) for v in part], len(part[0])


def patterns(case, w, step, q, tau):
    """On which side query q[r]'s units are at w + tau[r] step: [rows, units]."""
    out = [
        np.asarray(case.pattern_along(w, step, tau, case.xq[q]))[:count]
        for (q, tau, _), count in blocks(q, tau, np.zeros_like(tau))
    ]
    return np.concatenate(out)


def weighted_gradients(case, w, step, q, tau, omega):
    """Σ_r omega[r] ∇R(w + tau[r] step, query q[r]), by query: [n, R, P]."""
    return sum(
        np.asarray(case.gradient_along(w, step, q, tau, omega, case.xq[q], case.yq[q]), np.float64)
        for (q, tau, omega), _ in blocks(q, tau, omega)
    )
