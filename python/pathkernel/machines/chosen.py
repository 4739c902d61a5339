"""How a machine of scikit-learn gets its alpha: by its answers to examples that it is not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..optional import needed
from .fit import Part, Weights
from .targets import Targets

#: What alpha is chosen of; the kernel's mean diagonal is 1.
ALPHAS = np.logspace(-3, 2, 6)
#: Into how many parts examples are split; of fewer of a class, into as many.
_FOLDS = 5

#: Fits the weights of each part to examples, with alpha.
Fitted = Callable[[Sequence[Part], Targets, float], list[Weights]]


def alpha(fitted: Fitted, parts: Sequence[Part], targets: Targets) -> float:
    """The alpha with the most right answers in cross-validation; of equal ones the largest, which is the smoothest."""
    splits = _splits(targets)
    right = [sum(_right(fitted, parts, targets, value, *split) for split in splits) for value in ALPHAS]
    return float(ALPHAS[len(ALPHAS) - 1 - int(np.argmax(right[::-1]))])


def _right(
    fitted: Fitted, parts: Sequence[Part], targets: Targets, value: float, inside: np.ndarray, outside: np.ndarray
) -> float:
    """How many of the examples outside are answered right by a machine of those inside."""
    kept = [Part(part.features[inside], part.values[inside]) for part in parts]
    weights = fitted(kept, targets.kept(inside), value)
    outputs = [part.features[outside] @ one.values + one.offset for part, one in zip(parts, weights, strict=True)]
    return targets.kept(outside).score(np.concatenate(outputs, axis=1)) * len(outside)


def _splits(targets: Targets) -> list[tuple[np.ndarray, np.ndarray]]:
    model_selection = needed("sklearn.model_selection", "choosing alpha")
    # Several yes-or-no outputs have no strata of their own; the first is as good as another.
    strata = targets.values.argmax(1) if targets.kind == "classes" else targets.values[:, 0] > 0
    fewest = int(np.unique(strata, return_counts=True)[1].min())
    kind = model_selection.KFold if fewest < 2 else model_selection.StratifiedKFold
    folds = min(_FOLDS, len(strata) if fewest < 2 else fewest)
    return list(kind(max(2, folds), shuffle=True, random_state=0).split(strata, strata))
