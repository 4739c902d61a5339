"""Losses and readouts of outputs f [B, C], with their derivatives."""

import numpy as np

from scalars import sigmoid, softplus

SINGLE = ("loss", "target", "margin")
LINEAR = ("outputs", "target")


def log_sum(f):
    """log Σ_c e^f, [B]; an output of -∞ takes no part."""
    top = f.max(axis=-1, keepdims=True)
    return (top + np.log(np.exp(f - top).sum(axis=-1, keepdims=True)))[..., 0]


def softmax(f):
    """[B, C]"""
    raised = np.exp(f - f.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def chosen(f, y):
    """1 at the class, else 0."""
    return (np.arange(f.shape[-1]) == y[:, None]).astype(f.dtype)


def loss(kind, f, y):
    """Of each row, [B]."""
    if kind == "cross_entropy":
        return log_sum(f - (f * chosen(f, y)).sum(axis=-1, keepdims=True))
    if kind == "squared_error":
        return ((f - y) ** 2).sum(axis=-1) / 2
    if kind == "logistic":
        return (softplus(f) - y * f).sum(axis=-1)
    assert kind == "poisson", kind
    return (np.exp(f) - y * f).sum(axis=-1)


def loss_slope(kind, f, y):
    """∂L/∂f, [B, C]."""
    if kind == "cross_entropy":
        return softmax(f) - chosen(f, y)
    if kind == "squared_error":
        return f - y
    return (sigmoid(f) if kind == "logistic" else np.exp(f)) - y


def others(f, y):
    """The outputs beside the class, which is set to -∞."""
    return np.where(chosen(f, y) > 0, -np.inf, f)


def readout(kind, of_loss, f, y):
    """[B, R]"""
    if kind == "outputs":
        return f
    if kind == "probabilities":
        return softmax(f) if of_loss == "cross_entropy" else sigmoid(f)
    if kind == "loss":
        return loss(of_loss, f, y)[:, None]
    target = (f * chosen(f, y)).sum(axis=-1)
    return (target if kind == "target" else target - log_sum(others(f, y)))[:, None]


def readout_slope(kind, of_loss, f, y):
    """∂R/∂f, [B, R, C]."""
    unit = np.eye(f.shape[-1], dtype=f.dtype)
    if kind == "outputs":
        return np.broadcast_to(unit, (len(f),) + unit.shape)
    if kind == "probabilities":
        if of_loss == "logistic":
            return unit * (sigmoid(f) * sigmoid(-f))[:, None]
        p = softmax(f)
        # p_k (δ - p_c), with 1 - p_k as the sum of the others, so that nothing cancels.
        rest = (p[:, None, :] * (1 - unit)).sum(axis=-1)
        return unit * (p * rest)[:, :, None] - (1 - unit) * p[:, :, None] * p[:, None, :]
    if kind == "loss":
        return loss_slope(of_loss, f, y)[:, None]
    at = chosen(f, y)
    return (at if kind == "target" else at - softmax(others(f, y)))[:, None]
