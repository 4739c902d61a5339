"""Kernel ridge regression: Σ (y - f)² + alpha ‖f‖², whose leave-one-out is known in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .fit import Fit, Part, Weights
from .targets import Targets

#: What alpha is chosen of; the kernel's mean diagonal is 1.
ALPHAS = np.logspace(-8, 3, 45)


def fit(parts: Sequence[Part], targets: Targets, alpha: float | None) -> Fit:
    """Without alpha it is the one of the smallest error of leaving each example out."""
    solved = [_Solved(part, len(targets.values), targets.offset) for part in parts]
    errors = [sum(one.errors(value) for one in solved) for value in ALPHAS] if alpha is None else []
    best = float(ALPHAS[int(np.argmin(errors))]) if alpha is None else alpha
    offset = np.full(parts[0].values.shape[1], targets.offset)
    left_out = np.concatenate([one.left_out(best) for one in solved], axis=1)
    return Fit([Weights(one.weights(best), offset) for one in solved], best, left_out + targets.offset)


class _Solved:
    """The regressions of one part for every alpha, by the eigenvectors of its features' products."""

    def __init__(self, part: Part, examples: int, offset: float) -> None:
        self._examples = examples
        self._eigenvalues, self._vectors = np.linalg.eigh(part.features.T @ part.features)
        self._turned = part.features @ self._vectors
        self._values = part.values - offset
        self._products = self._turned.T @ self._values

    def _inverse(self, alpha: float) -> np.ndarray:
        return np.asarray(1 / (np.maximum(self._eigenvalues, 0) + alpha))

    def weights(self, alpha: float) -> np.ndarray:
        """[rank, outputs]."""
        return np.asarray(self._vectors @ (self._inverse(alpha)[:, None] * self._products))

    def errors(self, alpha: float) -> float:
        """The sum of the squares of what each example's outputs are off without it."""
        return float(np.sum((self.left_out(alpha) - self._values.reshape(self._examples, -1)) ** 2))

    def left_out(self, alpha: float) -> np.ndarray:
        """[examples, outputs]: with H, which makes outputs of targets, y - (1 - H_ii)⁻¹ (y - H y)_i.

        An example has one row, or, where the kernel pairs outputs, one for each of these: H_ii is a matrix then.
        """
        inverse = self._inverse(alpha)
        residual = self._values - self._turned @ (inverse[:, None] * self._products)
        rows = self._turned.reshape(self._examples, -1, self._turned.shape[1])
        own = np.eye(rows.shape[1]) - np.einsum("iar,r,ibr->iab", rows, inverse, rows, optimize=True)
        off = np.linalg.solve(own, residual.reshape(self._examples, rows.shape[1], -1))
        return np.asarray((self._values.reshape(off.shape) - off).reshape(self._examples, -1))
