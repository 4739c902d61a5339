"""Steps of the optimizers as sums of parts: one for each example, and a last one for weight decay.

Forwards in time, every part with a momentum buffer of its own that only its own gradients feed. A whole step is the sum of
its parts; Adam's denominator is the whole step's.
"""

from dataclasses import dataclass

import numpy as np

from heads import loss_slope


@dataclass
class Path:
    """A path with what moved it; S steps, m examples, C outputs, P weights."""

    weights: np.ndarray  # [S + 1, P]
    parts: np.ndarray  # [S, m, P]: what each example added to the step
    decay: np.ndarray  # [S, P]
    jacobians: list  # of each step, where there is a kernel: [m, C, P] at its start
    slopes: np.ndarray  # [S, m, C]: the losses' derivatives, clipped and with the examples' shares
    rates: np.ndarray  # [S]


class Sgd:
    """Heavy ball and Nesterov as PyTorch has them: the first buffer is the gradient, not dampened."""

    def __init__(self, options, dtype):
        number = lambda key: dtype(options.get(key, 0.0))
        self.momentum, self.dampening, self.decay = number("momentum"), number("dampening"), number("weight_decay")
        self.nesterov, self.buffers = options.get("nesterov", False), None

    def parts(self, w, gradients, rate):
        """gradients [m, P], with shares and clipping -> [m + 1, P]"""
        rows = np.concatenate([gradients, (self.decay * w)[None]])
        if self.momentum == 0:
            return -rate * rows
        first = self.buffers is None
        self.buffers = rows if first else self.momentum * self.buffers + (1 - self.dampening) * rows
        return -rate * (rows + self.momentum * self.buffers if self.nesterov else self.buffers)


class Adam:
    """Adam and AdamW; the denominator is held as the whole step had it."""

    def __init__(self, options, dtype):
        self.beta1, self.beta2 = (dtype(b) for b in options.get("betas", [0.9, 0.999]))
        self.eps, self.decay = dtype(options.get("eps", 1e-8)), dtype(options.get("weight_decay", 0.0))
        self.decoupled, self.t = options["type"] == "adamw", 0
        self.buffers, self.second = dtype(0), dtype(0)

    def parts(self, w, gradients, rate):
        """gradients [m, P], with shares and clipping -> [m + 1, P]"""
        coupled = 0 * w if self.decoupled else self.decay * w
        rows = np.concatenate([gradients, coupled[None]])
        self.t += 1
        self.buffers = self.beta1 * self.buffers + (1 - self.beta1) * rows
        self.second = self.beta2 * self.second + (1 - self.beta2) * rows.sum(axis=0) ** 2
        root = np.sqrt(self.second / (1 - self.beta2**self.t))
        parts = -rate / (1 - self.beta1**self.t) * self.buffers / (root + self.eps)
        if self.decoupled:
            parts[-1] = -rate * self.decay * w
        return parts


def follow(case):
    """Trains, or goes along the recorded weights -> Path."""
    network, options = case.network, case.training["optimizer"]
    optimizer = (Sgd if options["type"] == "sgd" else Adam)(options, case.dtype)
    weights, found = [case.recorded[0]], []
    for s in range(case.training["steps"]):
        w = weights[-1]
        rows = np.broadcast_to(w, (len(case.x), len(w)))
        values = network.forward(rows, case.x)
        slope = loss_slope(case.loss, network.final(values), case.y) * case.shares(s)[:, None]
        gradients = network.backward(rows, values, slope[:, None])[:, 0]
        factor = clip_factor(gradients.sum(axis=0), case.training.get("clip_norm", 0.0))
        parts = optimizer.parts(w, factor * gradients, case.rate(s))
        found.append((parts, factor * slope, jacobian(case, w) if case.plain() else None))
        weights.append(case.recorded[s + 1] if case.imported else w + parts.sum(axis=0))
    parts, slopes, jacobians = zip(*found)
    parts = np.stack(parts)
    rates = np.array([case.rate(s) for s in range(len(parts))])
    return Path(np.stack(weights), parts[:, :-1], parts[:, -1], list(jacobians), np.stack(slopes), rates)


def clip_factor(gradient, largest):
    """What PyTorch multiplies a gradient by; 1 where `largest` is 0, which is off."""
    dtype = gradient.dtype.type
    if largest == 0:
        return dtype(1)
    return min(dtype(1), dtype(largest) / (np.sqrt(np.sum(gradient**2)) + dtype(1e-6)))


def jacobian(case, w):
    """Of the training examples' outputs, [m, C, P]."""
    rows = np.broadcast_to(w, (len(case.x), len(w)))
    values = case.network.forward(rows, case.x)
    unit = np.eye(case.network.outputs, dtype=case.dtype)
    return case.network.backward(rows, values, np.broadcast_to(unit, (len(case.x),) + unit.shape))
