"""The losses of a run file as functions of a network's outputs: what each row counts, its value and its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Terms:
    """The losses of rows of outputs: of positions where targets are classes of positions, else of examples."""

    #: [rows].
    values: np.ndarray
    #: By the outputs, [rows, outputs].
    gradients: np.ndarray
    #: What each row counts in a mean, [rows].
    counts: np.ndarray


def terms(loss: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray) -> Terms:
    """The losses of outputs [rows, outputs]; targets are classes [rows], or reals of the outputs' shape.

    `loss` has the keys of `[training]` that say what the loss is.
    """
    outputs = outputs.astype(np.float64)
    if loss["loss"] == "cross_entropy":
        return _cross_entropy(loss, outputs, targets)
    values, gradients = _OF_REALS[loss["loss"]](loss, outputs, targets.reshape(outputs.shape).astype(np.float64))
    return Terms(values.sum(1), gradients, np.ones(len(outputs)))


def counts(loss: Mapping[str, Any], targets: np.ndarray) -> np.ndarray:
    """What each of some targets counts in a mean."""
    if loss["loss"] != "cross_entropy" or targets.dtype.kind not in "iu":
        return np.ones(len(targets))
    ignored = targets == loss["ignore"] if "ignore" in loss else np.zeros(len(targets), bool)
    weights = loss.get("class_weights")
    own = np.ones(len(targets)) if weights is None else np.asarray(weights, float)[np.where(ignored, 0, targets)]
    found: np.ndarray = np.where(ignored, 0.0, own)
    return found


def _cross_entropy(loss: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray) -> Terms:
    logarithms = outputs - outputs.max(1, keepdims=True)
    logarithms = logarithms - np.log(np.exp(logarithms).sum(1, keepdims=True))
    aims = _aims(loss, outputs.shape[1], targets)
    gradients = np.exp(logarithms) * aims.sum(1, keepdims=True) - aims
    return Terms(-(aims * logarithms).sum(1), gradients, counts(loss, targets))


def _aims(loss: Mapping[str, Any], classes: int, targets: np.ndarray) -> np.ndarray:
    """How much of each class's logarithm is in the loss, [rows, classes]."""
    smoothing = loss.get("smoothing", 0.0)
    weights = np.broadcast_to(np.asarray(loss.get("class_weights", 1.0), float), (classes,))
    if targets.dtype.kind not in "iu":
        given: np.ndarray = ((1 - smoothing) * targets.reshape(-1, classes) + smoothing / classes) * weights
        return given
    ignored = targets == loss["ignore"] if "ignore" in loss else np.zeros(len(targets), bool)
    aims = np.full((len(targets), classes), smoothing / classes)
    aims[np.arange(len(targets)), np.where(ignored, 0, targets)] += 1 - smoothing
    aims *= (~ignored)[:, None] * weights
    return aims


def _squared_error(_: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    away = outputs - targets
    return away**2 / 2, away


def _mse(_: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    away, count = outputs - targets, outputs.shape[1]
    return away**2 / count, 2 * away / count


def _huber(loss: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    away, count, delta = outputs - targets, outputs.shape[1], loss.get("delta", 1.0)
    near = np.clip(away, -delta, delta)
    return near * (away - near / 2) / count, near / count


def _l1(_: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    away, count = outputs - targets, outputs.shape[1]
    return np.abs(away) / count, np.sign(away) / count


def _logistic(loss: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positive = targets * np.asarray(loss.get("pos_weight", 1.0), float)
    chance = 1 / (1 + np.exp(-outputs))
    values = positive * np.logaddexp(0, -outputs) + (1 - targets) * np.logaddexp(0, outputs)
    return values, (1 - targets) * chance - positive * (1 - chance)


def _poisson(_: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rate = np.exp(outputs)
    return rate - targets * outputs, rate - targets


_OF_REALS: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "squared_error": _squared_error,
    "mse": _mse,
    "huber": _huber,
    "l1": _l1,
    "logistic": _logistic,
    "poisson": _poisson,
}
