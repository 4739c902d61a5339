"""Learning rates, clipping, and the optimizers' steps: whole, and as a sum over the examples.

NumPy alone, so that `against_torch.py` can hold it against torch.optim where there is no JAX.
"""

import math

import numpy as np


def learning_rate(training, s):
    """The learning rate of step s, counted from 0."""
    schedule = training.get("schedule", {})
    base, steps, warmup = training["optimizer"]["learning_rate"], training["steps"], schedule.get("warmup", 0)
    if s < warmup:
        return base * (s + 1) / warmup
    s, steps = s - warmup, steps - warmup
    kind = schedule.get("type", "constant")
    if kind == "step":
        return base * schedule["factor"] ** (s // schedule["every"])
    if kind == "cosine":
        final = schedule.get("final", 0.0)
        return final + (base - final) * (1 + math.cos(math.pi * s / steps)) / 2
    assert kind == "constant", kind
    return base


def clip_factor(gradient, largest):
    """What torch.nn.utils.clip_grad_norm_ multiplies a gradient by; 1 where `largest` is 0, which is off."""
    if largest == 0:
        return gradient.dtype.type(1)
    return np.minimum(gradient.dtype.type(1), largest / (np.sqrt(np.sum(gradient**2)) + 1e-6))


class Whole:
    """The optimizer as PyTorch writes it: one gradient in, one step out."""

    def __init__(self, options):
        self.options, self.decay = options, options.get("weight_decay", 0.0)
        self.buffer, self.first, self.second, self.t = None, 0.0, 0.0, 0

    def step(self, w, gradient, rate):
        """w_{s+1} - w_s, from the gradient at w_s, clipped where it is to be clipped."""
        return (self._sgd if self.options["type"] == "sgd" else self._adam)(w, gradient, rate)

    def _sgd(self, w, gradient, rate):
        momentum, dampening = self.options.get("momentum", 0.0), self.options.get("dampening", 0.0)
        g = gradient + self.decay * w
        if momentum != 0:
            self.buffer = g if self.buffer is None else momentum * self.buffer + (1 - dampening) * g
            g = g + momentum * self.buffer if self.options.get("nesterov", False) else self.buffer
        return -rate * g

    def _adam(self, w, gradient, rate):
        beta1, beta2 = self.options.get("betas", [0.9, 0.999])
        coupled = self.options["type"] == "adam"
        g = gradient + self.decay * w if coupled else gradient
        self.t += 1
        self.first = beta1 * self.first + (1 - beta1) * g
        self.second = beta2 * self.second + (1 - beta2) * g**2
        denominator = np.sqrt(self.second) / math.sqrt(1 - beta2**self.t) + self.options.get("eps", 1e-8)
        step = -rate / (1 - beta1**self.t) * self.first / denominator
        return step if coupled else step - rate * self.decay * w


class Parts:
    """The same steps as sums of rows: one for each example, and a last one for weight decay.

    Every row has a momentum buffer of its own, which only that row's gradients ever feed. Adam's denominator
    is the one of the whole step, as it came out.
    """

    def __init__(self, options):
        self.options, self.decay = options, options.get("weight_decay", 0.0)
        self.buffers, self.second, self.t = None, 0.0, 0

    def step(self, w, gradients, rate):
        """gradients [m, P], each example's share -> (examples' parts of the step [m, P], decay's part [P])."""
        decoupled = self.options["type"] == "adamw"
        decay = np.zeros_like(w) if decoupled else self.decay * w
        rows = np.concatenate([gradients, decay[None]])
        rows = self._sgd(rows, rate) if self.options["type"] == "sgd" else self._adam(rows, rate)
        if decoupled:
            rows[-1] = -rate * self.decay * w
        return rows[:-1], rows[-1]

    def _sgd(self, rows, rate):
        momentum, dampening = self.options.get("momentum", 0.0), self.options.get("dampening", 0.0)
        if momentum == 0:
            return -rate * rows
        if self.buffers is None:
            self.buffers = rows
        else:
            self.buffers = np.stack([momentum * b + (1 - dampening) * g for b, g in zip(self.buffers, rows)])
        if self.options.get("nesterov", False):
            return -rate * (rows + momentum * self.buffers)
        return -rate * self.buffers

    def _adam(self, rows, rate):
        beta1, beta2 = self.options.get("betas", [0.9, 0.999])
        if self.buffers is None:
            self.buffers = np.zeros_like(rows)
        self.t += 1
        self.buffers = np.stack([beta1 * b + (1 - beta1) * g for b, g in zip(self.buffers, rows)])
        self.second = beta2 * self.second + (1 - beta2) * rows.sum(axis=0) ** 2
        corrected = np.sqrt(self.second / (1 - beta2**self.t))
        return -rate * (self.buffers / (1 - beta1**self.t)) / (corrected + self.options.get("eps", 1e-8))
