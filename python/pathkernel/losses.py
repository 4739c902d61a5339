"""Losses of PyTorch, and by name, as a run file has them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from .arrays import array
from .errors import UnsupportedError

#: A name, a table in a run file's words, or a loss of PyTorch: a module, or a function of `torch.nn.functional`.
LossLike = Any

#: The module that each function of torch.nn.functional stands for.
_FUNCTIONS = {
    "cross_entropy": "CrossEntropyLoss",
    "nll_loss": "NLLLoss",
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "huber_loss": "HuberLoss",
    "smooth_l1_loss": "SmoothL1Loss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "poisson_nll_loss": "PoissonNLLLoss",
}
#: What a network may end with that belongs to the loss.
_ENDINGS = {
    "cross_entropy": "log_softmax",
    "CrossEntropyLoss": "log_softmax",
    "NLLLoss": "log_softmax",
    "BCELoss": "sigmoid",
}


def loss_table(loss: LossLike, targets: np.ndarray | None = None, ending: str | None = None) -> dict[str, Any]:
    """The keys of `[training]` that say what the loss is.

    `targets` tell which of PyTorch's options matter; `ending` is what the network ends with: "log_softmax", "sigmoid"
    or None.

    >>> loss_table("mse")
    {'loss': 'mse'}
    >>> loss_table({"type": "huber", "delta": 0.5})
    {'loss': 'huber', 'delta': 0.5}
    """
    if isinstance(loss, str):
        return {"loss": loss}
    if isinstance(loss, Mapping):
        rest = dict(loss)
        return {"loss": rest.pop("type", rest.pop("loss", None)), **rest}
    name, options = _torch_loss(loss)
    if options.get("reduction", "mean") not in ("mean", "sum"):
        raise UnsupportedError(
            f'{name}: reduction="none" leaves no loss of a batch; give the one with which it was reduced'
        )
    keys = _KINDS[name](_Asked(name, options, targets, ending))
    return {**keys, "reduction": options.get("reduction", "mean")}


def ending_of(loss: LossLike) -> str | None:
    """What a network may end with that the loss takes in: of logarithms of probabilities, or of probabilities.

    >>> ending_of("cross_entropy"), ending_of("mse")
    ('log_softmax', None)
    """
    name = loss_table(loss)["loss"] if isinstance(loss, (str, Mapping)) else _torch_loss(loss)[0]
    return _ENDINGS.get(name)


class _Asked:
    """A loss of PyTorch, with what it is applied to."""

    def __init__(self, name: str, options: dict[str, Any], targets: np.ndarray | None, ending: str | None) -> None:
        self.name, self.options, self.targets, self.ending = name, options, targets, ending

    def option(self, name: str, default: Any) -> Any:
        return self.options.get(name, default)

    def refuse(self, why: str) -> UnsupportedError:
        return UnsupportedError(f"{self.name}: {why}")

    def needs_default(self, **defaults: Any) -> None:
        for name, default in defaults.items():
            if self.option(name, default) != default:
                raise self.refuse(f"{name}={self.option(name, default)!r} has no counterpart here")

    def needs_ending(self, ending: str) -> None:
        if self.ending != ending:
            raise self.refuse(f"is taken where the network ends with {ending}, which this one does not")

    def is_of_one_output(self) -> bool:
        return self.targets is not None and (self.targets.ndim == 1 or self.targets.shape[1:] == (1,))

    def numbers(self, name: str) -> dict[str, list[float]]:
        """An option that is a tensor, as a list."""
        values = self.option(name, None)
        return {} if values is None else {name: array(values, name).astype(float).reshape(-1).tolist()}


def _torch_loss(loss: Any) -> tuple[str, dict[str, Any]]:
    """The name of the module, and its options."""
    options: dict[str, Any] = {}
    if isinstance(loss, functools.partial):
        loss, options = loss.func, dict(loss.keywords)
    for kind in type(loss).__mro__:  # a subclass may compute something else, and says so by a forward of its own
        is_torch = kind.__module__.startswith("torch.") and kind.__name__ in _KINDS
        if is_torch and type(loss).forward is kind.forward:  # type: ignore[attr-defined]
            return kind.__name__, {**_attributes(loss), **options}
    name = _FUNCTIONS.get(getattr(loss, "__name__", ""), "")
    if name and (getattr(loss, "__module__", "") or "").startswith("torch"):
        return name, options
    known = ", ".join(sorted(_KINDS))
    raise UnsupportedError(
        f"loss: {loss!r} is not known. Give a name (cross_entropy, squared_error, mse, huber, l1, logistic, poisson), "
        f"a module of torch.nn ({known}), or its function in torch.nn.functional"
    )


def _attributes(module: Any) -> dict[str, Any]:
    """Options of a loss module: what it was made with, under the names of its arguments."""
    names = (
        "weight",
        "pos_weight",
        "ignore_index",
        "label_smoothing",
        "delta",
        "beta",
        "log_input",
        "full",
        "reduction",
    )
    return {name: getattr(module, name) for name in names if hasattr(module, name)}


def _cross_entropy(asked: _Asked) -> dict[str, Any]:
    """A network that ends with log_softmax has the same loss without it: log_softmax of it is itself."""
    keys: dict[str, Any] = {"loss": "cross_entropy"}
    weights = asked.numbers("weight")
    if weights:
        keys["class_weights"] = weights["weight"]
    if asked.option("label_smoothing", 0.0):
        keys["smoothing"] = asked.option("label_smoothing", 0.0)
    ignore = asked.option("ignore_index", -100)
    if asked.targets is not None and asked.targets.dtype.kind in "iu" and (asked.targets == ignore).any():
        keys["ignore"] = ignore
    return keys


def _nll(asked: _Asked) -> dict[str, Any]:
    asked.needs_ending("log_softmax")
    return _cross_entropy(asked)


def _mse(asked: _Asked) -> dict[str, Any]:
    return {"loss": "mse", **_sums_of_means(asked)}


def _l1(asked: _Asked) -> dict[str, Any]:
    return {"loss": "l1", **_sums_of_means(asked)}


def _huber(asked: _Asked) -> dict[str, Any]:
    return {"loss": "huber", "delta": asked.option("delta", 1.0), **_sums_of_means(asked)}


def _smooth_l1(asked: _Asked) -> dict[str, Any]:
    """Huber's, divided by beta; with beta = 0 it is l1."""
    beta = asked.option("beta", 1.0)
    if beta == 0:
        return _l1(asked)
    if beta != 1.0:
        raise asked.refuse(f"beta={beta} is HuberLoss(delta={beta}) divided by {beta}; train with that, or with beta=1")
    return {"loss": "huber", "delta": 1.0, **_sums_of_means(asked)}


def _sums_of_means(asked: _Asked) -> dict[str, Any]:
    """A loss that is a mean over an example's outputs here is their sum where PyTorch sums over a batch: the same for
    one output.
    """
    asked.needs_default(weight=None)
    if asked.option("reduction", "mean") == "sum" and not asked.is_of_one_output():
        raise asked.refuse('reduction="sum" adds up the outputs, whose mean is taken here; train with reduction="mean"')
    return {}


def _logistic(asked: _Asked) -> dict[str, Any]:
    asked.needs_default(weight=None)
    _means_of_sums(asked)
    return {"loss": "logistic", **asked.numbers("pos_weight")}


def _after_sigmoid(asked: _Asked) -> dict[str, Any]:
    asked.needs_ending("sigmoid")
    return _logistic(asked)


def _poisson(asked: _Asked) -> dict[str, Any]:
    asked.needs_default(log_input=True, full=False)
    _means_of_sums(asked)
    return {"loss": "poisson"}


def _means_of_sums(asked: _Asked) -> None:
    """A loss that is a sum over an example's outputs here is their mean where PyTorch takes one: the same for one
    output.
    """
    if asked.option("reduction", "mean") == "mean" and not asked.is_of_one_output():
        raise asked.refuse(
            'reduction="mean" takes the mean over the outputs, whose sum is taken here; '
            'train with reduction="none" and .sum(1).mean(), which is called "logistic" (and "poisson") here'
        )


_KINDS = {
    "CrossEntropyLoss": _cross_entropy,
    "NLLLoss": _nll,
    "MSELoss": _mse,
    "L1Loss": _l1,
    "HuberLoss": _huber,
    "SmoothL1Loss": _smooth_l1,
    "BCELoss": _after_sigmoid,
    "BCEWithLogitsLoss": _logistic,
    "PoissonNLLLoss": _poisson,
}
