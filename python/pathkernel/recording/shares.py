"""How much of each example's loss a step was made of, as it was measured, in the run file's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .step import Seen, Step
from .terms import Terms, counts, terms

#: What torch.nn.utils.clip_grad_norm_ adds to a norm, and the engine too.
_CLIP_EPS = 1e-6
#: Roundings that a measured share may be off by, relative.
_ROUNDINGS = 1e4


@dataclass
class Measured:
    """A step, measured."""

    #: For each part the factor of each loss in the gradient, [examples, positions].
    factors: list[np.ndarray]
    #: For each part what each loss counts in a mean, [examples, positions].
    counts: list[np.ndarray]
    #: What the gradient was multiplied by after the backward pass.
    shrunk: float
    #: The norm of the gradient of the step.
    norm: float
    #: How far factors may be off, relative.
    off: float
    #: Whether anything was done to the gradients after the backward pass.
    is_changed: bool
    #: The value of each loss, [examples, positions]; None where not all outputs were seen.
    values: list[np.ndarray] | None


@dataclass
class Shares:
    """The measured shares as keys of `[training]`."""

    #: `reduction`, and `clip_norm` where gradients were clipped.
    keys: dict[str, Any]
    #: Where no such keys say it: what each loss counts, by step and part, [examples, positions].
    weights: list[list[np.ndarray]] | None = None
    #: The loss of each step's batch; None where not all outputs were seen.
    losses: np.ndarray | None = None
    #: What is not explained, in words.
    remarks: list[str] = field(default_factory=list)


def find(steps: Sequence[Step], targets: np.ndarray, loss: Mapping[str, Any], ending: str | None) -> Shares:
    """The simplest keys that say what was measured; `targets` are those of all rows."""
    remarks: list[str] = []
    measured = [_measure(number, step, targets, loss, ending, remarks) for number, step in enumerate(steps)]
    keys, weights = _simple(measured) or _clipped_sums(measured) or _sums(measured)
    return Shares(keys, weights, _losses(measured, keys, weights), remarks)


Weights = list[list[np.ndarray]]
Keys = tuple[dict[str, Any], Weights | None]


def _losses(steps: Sequence[Measured], keys: Mapping[str, Any], weights: Weights | None) -> np.ndarray | None:
    """The loss of each step's batch, as these keys reduce it."""
    losses = []
    for number, step in enumerate(steps):
        if step.values is None:
            return None
        own = step.values if weights is None else [a * b for a, b in zip(step.values, weights[number], strict=True)]
        whole = sum(float(part.sum()) for part in own)
        losses.append(whole / sum(float(one.sum()) for one in step.counts) if keys["reduction"] == "mean" else whole)
    return np.array(losses)


def _simple(steps: Sequence[Measured]) -> Keys | None:
    """A mean or a sum over each step's batch, clipped or not."""
    for reduction in ("mean", "sum"):
        clips = [_one_factor(step, reduction) for step in steps]
        clip = _clip_norm(steps, clips)
        if clip is not None:
            return {"reduction": reduction, **clip}, None
    return None


def _clipped_sums(steps: Sequence[Measured]) -> Keys | None:
    """Weights of the examples, and clipping by one norm."""
    clip = _clip_norm(steps, [step.shrunk for step in steps])
    return None if clip is None else ({"reduction": "sum", **clip}, [step.factors for step in steps])


def _sums(steps: Sequence[Measured]) -> Keys:
    """Weights of the examples in each step, which say everything."""
    return {"reduction": "sum"}, [[factors * step.shrunk for factors in step.factors] for step in steps]


def _one_factor(step: Measured, reduction: str) -> float | None:
    """By what the mean, or the sum, of a step's losses was multiplied; None where they have different factors."""
    size = sum(float(own.sum()) for own in step.counts) if reduction == "mean" else 1.0
    factors = np.concatenate([own[counted > 0] for own, counted in zip(step.factors, step.counts, strict=True)])
    whole = factors * step.shrunk * size
    if not len(whole):
        return 1.0
    middle = float(np.median(whole))
    return middle if np.abs(whole - middle).max() <= step.off * abs(middle) else None


def _clip_norm(steps: Sequence[Measured], factors: Sequence[float | None]) -> dict[str, float] | None:
    """The norm by which the factors are clipping; None where they are not, and nothing where none is below 1."""
    short: list[tuple[Measured, float]] = []
    long: list[tuple[Measured, float]] = []
    for step, factor in zip(steps, factors, strict=True):
        is_short = factor is not None and factor < 1 - step.off
        if factor is None or factor > 1 + step.off or (is_short and not step.is_changed):
            return None
        (short if is_short else long).append((step, factor))
    if not short:
        return {}
    norms = np.array([step.norm + factor * _CLIP_EPS for step, factor in short])
    off = np.array([step.off for step, _ in short])
    best = float(norms[off.argmin()])
    is_one = (np.abs(norms - best) <= off * best).all() and all(step.norm <= best * (1 + step.off) for step, _ in long)
    return {"clip_norm": _round(best, off.min())} if is_one else None


def _round(value: float, off: float) -> float:
    """The number of the fewest digits that is as near as the measurement."""
    for digits in range(1, 16):
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded - value) <= off * value:
            return rounded
    return value


def _measure(
    number: int, step: Step, targets: np.ndarray, loss: Mapping[str, Any], ending: str | None, remarks: list[str]
) -> Measured:
    counted = [_of_losses(loss, targets[part.rows]) for part in step.parts]
    fits: list[_Fit] = []
    for part, losses in zip(step.parts, counted, strict=True):
        fit = None if part.seen is None else _fit(part.seen, targets[part.rows], loss, ending)
        if isinstance(fit, str):
            remarks.append(f"step {number}: {fit}")
        fits.append(fit if isinstance(fit, _Fit) else _declared(loss, losses))
    shrunk, remark = _shrunk(step)
    remarks.extend([f"step {number}: {remark}"] if remark else [])
    factors = [np.broadcast_to(fit.factors, losses.shape) for fit, losses in zip(fits, counted, strict=True)]
    values = [
        fit.values.reshape(losses.shape) for fit, losses in zip(fits, counted, strict=True) if fit.values is not None
    ]
    precision = _ROUNDINGS * float(np.finfo(step.before.dtype).eps) if step.after is not None else 0.0
    off = max([precision, *(fit.off for fit in fits)])
    return Measured(
        factors, counted, shrunk, step.norm, off, step.after is not None, values if len(values) == len(fits) else None
    )


@dataclass
class _Fit:
    """What was found of a part's losses."""

    #: Their factors, [examples, positions], or one for all.
    factors: np.ndarray
    #: How far these may be off, relative.
    off: float
    #: The value of each; None where not all outputs were seen.
    values: np.ndarray | None


def _of_losses(loss: Mapping[str, Any], targets: np.ndarray) -> np.ndarray:
    """What each loss counts, [examples, positions]."""
    if loss["loss"] == "cross_entropy" and targets.dtype.kind in "iu" and targets.ndim > 1:
        return counts(loss, targets.reshape(-1)).reshape(len(targets), -1)
    own = targets.reshape(-1) if loss["loss"] == "cross_entropy" and targets.ndim == 1 else targets
    return counts(loss, own).reshape(-1, 1)


def _declared(loss: Mapping[str, Any], losses: np.ndarray) -> _Fit:
    """What holds where the outputs were not seen: the loss as it is declared."""
    factor = 1.0 if loss.get("reduction", "mean") == "sum" else 1 / max(losses.sum(), np.finfo(float).tiny)
    return _Fit(np.full((1, 1), factor), _ROUNDINGS * float(np.finfo(np.float64).eps), None)


def _fit(seen: Seen, targets: np.ndarray, loss: Mapping[str, Any], ending: str | None) -> _Fit | str:
    """The factors of a part's losses; or why there are none."""
    by_position = loss["loss"] == "cross_entropy" and seen.positions > 1
    outputs, gradients = _THROUGH[ending](seen.outputs.astype(float), seen.gradients.astype(float))
    if by_position:
        targets = targets.reshape((-1,) if targets.dtype.kind in "iu" else (-1, outputs.shape[1]))
    elif seen.positions > 1:
        if seen.stride > 1:
            return "only a part of each example's outputs is kept, so that the loss was not compared"
        outputs, gradients = (values.reshape(len(targets), -1) for values in (outputs, gradients))
    try:
        own = terms(loss, outputs, targets[:: seen.stride])
    except (ValueError, IndexError) as problem:
        return f"the targets do not fit the loss {loss['loss']}: {problem}"
    return _factors(seen, gradients, own, (len(targets) // seen.positions if by_position else len(targets), -1))


def _factors(seen: Seen, gradients: np.ndarray, own: Terms, shape: tuple[int, int]) -> _Fit | str:
    values = own.values if seen.stride == 1 else None
    sizes = (own.gradients**2).sum(1)
    if not sizes.any():
        return "the loss has no gradient, so that its share could not be measured"
    products = (gradients * own.gradients).sum(1)
    common = products.sum() / sizes.sum()
    # A gradient is off by roundings of numbers near 1, as probabilities are; where it is small, that is much of it.
    rounding = _rounding(seen)
    off = rounding * max(_ROUNDINGS, 16 / np.abs(own.gradients).max())
    allowed = off * np.abs(gradients).max()
    if np.abs(gradients - common * own.gradients).max() <= allowed:
        return _Fit(np.full((1, 1), common), off, values)
    single = np.divide(products, sizes, out=np.full_like(products, common), where=sizes > sizes.max() * rounding)
    away = np.abs(gradients - single[:, None] * own.gradients).max()
    if away > allowed:
        return "the gradient by the outputs is not that of the loss that is named"
    if seen.stride > 1:
        return "the losses have different factors, and only some of them were looked at"
    return _Fit(single.reshape(shape), off, values)


def _rounding(seen: Seen) -> float:
    """One rounding of the gradient, relative: a loss may be taken in single precision of a network in double."""
    is_single = np.array_equal(seen.gradients.astype(np.float32), seen.gradients)
    return max(seen.rounding, float(np.finfo(np.float32).eps)) if is_single else seen.rounding


def _shrunk(step: Step) -> tuple[float, str]:
    """What the gradients were multiplied by after the backward pass, and what else was done to them."""
    if step.after is None:
        return 1 / step.scale, ""
    before, after = step.before.astype(float), step.after.astype(float)
    whole = np.sqrt((after[0] ** 2).sum()) / max(np.sqrt((before[0] ** 2).sum()), np.finfo(float).tiny)
    off = _ROUNDINGS * np.finfo(step.before.dtype).eps
    if (np.abs(after - whole * before) <= off * (whole * np.abs(before) + np.abs(after))).all():
        return whole / step.scale, ""
    largest = float(after[1].max())
    cut = before[1].max() > largest > 0
    how = (
        f"gradients were clipped by value at {_round(largest, off)}, entry by entry, as the engine cannot; "
        "clip_grad_norm_ can be followed"
        if cut
        else "gradients were changed between the backward pass and the step by more than one factor"
    )
    return 1 / step.scale, how


def _unchanged(outputs: np.ndarray, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return outputs, gradients


def _log_softmax(outputs: np.ndarray, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradient by what the logarithms of probabilities were made of, for which they can stand themselves."""
    return outputs, gradients - np.exp(outputs) * gradients.sum(1, keepdims=True)


def _sigmoid(outputs: np.ndarray, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore"):
        return np.log(outputs) - np.log1p(-outputs), gradients * outputs * (1 - outputs)


_THROUGH: dict[str | None, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    None: _unchanged,
    "log_softmax": _log_softmax,
    "sigmoid": _sigmoid,
}
