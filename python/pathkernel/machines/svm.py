"""Support vector machines, each output against the others, by scikit-learn: Σ hinge + alpha/2 ‖f‖²."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..optional import needed
from . import chosen
from .fit import Fit, Part, Weights
from .targets import Targets

#: The Gram matrix of features is computed where it is at most so many times larger than they are.
_LARGER = 4


def fit(parts: Sequence[Part], targets: Targets, alpha: float | None) -> Fit:
    """Without alpha it is chosen by cross-validation."""
    best = chosen.alpha(_weights, parts, targets) if alpha is None else alpha
    return Fit(_weights(parts, targets, best), best)


def _weights(parts: Sequence[Part], targets: Targets, alpha: float) -> list[Weights]:
    return [_of_part(part, alpha) for part in parts]


def _of_part(part: Part, alpha: float) -> Weights:
    features = part.features
    whole = len(features) <= _LARGER * features.shape[1]
    gram = features @ features.T if whole else features
    machine = needed("sklearn.svm", 'a machine of the kind "svm"').SVC(
        C=1 / alpha, kernel="precomputed" if whole else "linear"
    )
    found = [_of_output(machine, gram, features, values > 0) for values in part.values.T]
    return Weights(np.stack([values for values, _ in found], axis=1), np.array([offset for _, offset in found]))


def _of_output(machine: Any, gram: np.ndarray, features: np.ndarray, yes: np.ndarray) -> tuple[np.ndarray, float]:
    """The weights of one output; one that all examples agree on is a constant."""
    if yes.all() or not yes.any():
        return np.zeros(features.shape[1]), 1.0 if yes.all() else -1.0
    fitted = machine.fit(gram, yes)
    return fitted.dual_coef_[0] @ features[fitted.support_], float(fitted.intercept_[0])
