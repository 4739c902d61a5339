"""Kernel logistic regression by scikit-learn, on features: Σ cross-entropy + alpha/2 ‖f‖²."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import PathkernelError
from ..optional import needed
from . import chosen
from .fit import Fit, Part, Weights
from .targets import Targets

#: The most iterations of a fit.
_ITERATIONS = 10_000


def fit(parts: Sequence[Part], targets: Targets, alpha: float | None) -> Fit:
    """Without alpha it is chosen by cross-validation."""
    if len(parts) > 1 and targets.kind == "classes":
        raise PathkernelError(
            "the logistic machine of several classes has one kernel for all outputs, and this is one for each; "
            'take kernel="trace", or kind "ridge" or "svm"'
        )
    best = chosen.alpha(_weights, parts, targets) if alpha is None else alpha
    return Fit(_weights(parts, targets, best), best)


def _weights(parts: Sequence[Part], targets: Targets, alpha: float) -> list[Weights]:
    return [_of_classes(part, alpha) if targets.kind == "classes" else _of_signs(part, alpha) for part in parts]


def _of_signs(part: Part, alpha: float) -> Weights:
    """Each output by itself; one that all examples agree on has the logit of one more of each kind."""
    found = [_logit(part.features, values > 0, alpha) for values in part.values.T]
    return Weights(np.stack([values for values, _ in found], axis=1), np.array([offset for _, offset in found]))


def _of_classes(part: Part, alpha: float) -> Weights:
    """The softmax of all outputs; a class without examples is never the answer."""
    labels = part.values.argmax(1)
    seen = np.unique(labels)
    values, offset = np.zeros((part.features.shape[1], part.values.shape[1])), np.full(part.values.shape[1], -np.inf)
    if len(seen) == 1:
        offset[seen] = 0
    elif len(seen) == 2:
        weights, constant = _logit(part.features, labels == seen[1], alpha)
        values[:, seen] = np.stack([-weights, weights], axis=1) / 2
        offset[seen] = -constant / 2, constant / 2
    else:
        fitted = _machine(alpha).fit(part.features, labels)
        values[:, seen], offset[seen] = fitted.coef_.T, fitted.intercept_
    return Weights(values, offset)


def _logit(features: np.ndarray, yes: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    if yes.all() or not yes.any():
        return np.zeros(features.shape[1]), float(np.log((yes.sum() + 1) / ((~yes).sum() + 1)))
    fitted = _machine(alpha).fit(features, yes)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _machine(alpha: float) -> Any:
    linear = needed("sklearn.linear_model", 'a machine of the kind "logistic"')
    return linear.LogisticRegression(C=1 / alpha, max_iter=_ITERATIONS)
