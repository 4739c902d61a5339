"""Learning rates, clipping, and the optimizers' steps: whole, and as a sum over the examples.

NumPy alone, so that `against_torch.py` can hold it against torch.optim where there is no JAX.
"""

import math
from fnmatch import fnmatchcase

import numpy as np


def learning_rate(training, s):
    """The learning rate of step s, counted from 0."""
    schedule = training.get("schedule", {})
    base, steps, warmup = training["optimizer"]["learning_rate"], training["steps"], schedule.get("warmup", 0)
    if isinstance(base, list):
        return base[s]
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
        self.buffer, self.first, self.second, self.largest, self.product, self.t = None, 0.0, 0.0, 0.0, 1.0, 0

    def step(self, w, gradient, rate):
        """w_{s+1} - w_s, from the gradient at w_s, clipped where it is to be clipped."""
        self.t += 1
        return getattr(self, "_" + self.options["type"])(w, gradient, rate)

    def _sgd(self, w, gradient, rate):
        momentum, dampening = self.options.get("momentum", 0.0), self.options.get("dampening", 0.0)
        g = gradient + self.decay * w
        if momentum != 0:
            self.buffer = g if self.buffer is None else momentum * self.buffer + (1 - dampening) * g
            g = g + momentum * self.buffer if self.options.get("nesterov", False) else self.buffer
        return -rate * g

    def _adam(self, w, gradient, rate):
        beta1, beta2 = self.options.get("betas", [0.9, 0.999])
        g = gradient + self.decay * w
        self.first = beta1 * self.first + (1 - beta1) * g
        self.second = beta2 * self.second + (1 - beta2) * g**2
        self.largest = np.maximum(self.largest, self.second) if self.options.get("amsgrad", False) else self.second
        denominator = np.sqrt(self.largest) / math.sqrt(1 - beta2**self.t) + self.options.get("eps", 1e-8)
        return -rate / (1 - beta1**self.t) * self.first / denominator

    def _adamw(self, w, gradient, rate):
        decay, self.decay = self.decay, 0.0
        step = self._adam(w, gradient, rate) - rate * decay * w
        self.decay = decay
        return step

    def _rmsprop(self, w, gradient, rate):
        alpha, g = self.options.get("alpha", 0.99), gradient + self.decay * w
        self.second = alpha * self.second + (1 - alpha) * g**2
        self.first = alpha * self.first + (1 - alpha) * g
        variance = self.second - self.first**2 if self.options.get("centered", False) else self.second
        g = g / (np.sqrt(variance) + self.options.get("eps", 1e-8))
        self.buffer = g if self.buffer is None else self.options.get("momentum", 0.0) * self.buffer + g
        return -rate * self.buffer

    def _nadam(self, w, gradient, rate):
        decoupled = self.options.get("decoupled_weight_decay", False)
        beta1, beta2 = self.options.get("betas", [0.9, 0.999])
        mu, after = nadam_momenta(self.options, self.t)
        self.product = self.product * mu
        g = gradient if decoupled else gradient + self.decay * w
        self.first = beta1 * self.first + (1 - beta1) * g
        self.second = beta2 * self.second + (1 - beta2) * g**2
        denominator = np.sqrt(self.second / (1 - beta2**self.t)) + self.options.get("eps", 1e-8)
        step = -rate * (1 - mu) / (1 - self.product) * g / denominator
        step = step - rate * after / (1 - self.product * after) * self.first / denominator
        return step - rate * self.decay * w if decoupled else step

    def _lion(self, w, gradient, rate):
        beta1, beta2 = self.options.get("betas", [0.9, 0.99])
        sign = np.sign(beta1 * self.first + (1 - beta1) * gradient)
        self.first = beta2 * self.first + (1 - beta2) * gradient
        return -rate * (sign + self.decay * w)


def at_step(options, s):
    """The options of step s: a list holds one for each step, betas a list of pairs."""
    changes = lambda key, value: isinstance(value, list) and (key != "betas" or isinstance(value[0], list))
    return {key: value[s] if changes(key, value) else value for key, value in options.items()}


class Grouped:
    """`Whole` or `Parts`, with numbers of their own for each group of parameters and each step.

    `places` are the names of the tensors, each with its slice of the flat vector. A tensor belongs to the first group
    with a pattern that matches its name, and else to the optimizer itself.
    """

    def __init__(self, kind, training, places):
        options = {k: v for k, v in training["optimizer"].items() if k != "groups"}
        groups = training["optimizer"].get("groups", [])
        matches = lambda group, name: any(fnmatchcase(name, pattern) for pattern in group["parameters"])
        group_of = lambda name: next((i for i, group in enumerate(groups) if matches(group, name)), -1)
        self.training, self.s, self.members = training, 0, []
        for number, group in enumerate([*groups, {}]):
            number = -1 if number == len(groups) else number
            cuts = [np.arange(cut.start, cut.stop) for name, cut in places if group_of(name) == number]
            own = options | {k: v for k, v in group.items() if k != "parameters"}
            if cuts:
                self.members.append((own, kind(at_step(own, 0)), np.concatenate(cuts)))

    def rates(self, s, dtype):
        """Each weight's learning rate in step s."""
        out = np.zeros(sum(len(cut) for _, _, cut in self.members), dtype)
        for own, _, cut in self.members:
            out[cut] = learning_rate(self.training | {"optimizer": own}, s)
        return out

    def step(self, w, gradient):
        """As the kind's, of the next step: an array or two whose last axis is that of the weights."""
        rates, out = self.rates(self.s, w.dtype), None
        for own, one, cut in self.members:
            one.options = at_step(own, self.s)
            one.decay = one.options.get("weight_decay", 0.0)
            made = one.step(w[cut], gradient[..., cut], rates[cut[0]])
            made = made if isinstance(made, tuple) else (made,)
            out = out or tuple(np.zeros((*part.shape[:-1], len(w)), w.dtype) for part in made)
            for all, part in zip(out, made):
                all[..., cut] = part
        self.s += 1
        return out if len(out) > 1 else out[0]


def nadam_momenta(options, t):
    """NAdam's momentum of step t, counted from 1, and of the one after it."""
    beta, decay = options.get("betas", [0.9, 0.999])[0], options.get("momentum_decay", 4e-3)
    return [beta * (1 - 0.5 * 0.96 ** (at * decay)) for at in (t, t + 1)]


def is_decoupled(options):
    """Whether weight decay acts by itself, and not through the gradient."""
    return options["type"] in ("adamw", "lion") or options.get("decoupled_weight_decay", False)


class Parts:
    """The same steps as sums of rows: one for each example, and a last one for weight decay.

    Every row has a momentum buffer of its own, which only that row's gradients ever feed. What a step divides by
    is that of the whole step, as it came out.
    """

    def __init__(self, options):
        self.options, self.decay = options, options.get("weight_decay", 0.0)
        self.buffers, self.first, self.second, self.largest, self.product, self.t = None, 0.0, 0.0, 0.0, 1.0, 0

    def step(self, w, gradients, rate):
        """gradients [m, P], each example's share -> (examples' parts of the step [m, P], decay's part [P])."""
        self.t += 1
        decoupled = is_decoupled(self.options)
        decay = np.zeros_like(w) if decoupled else self.decay * w
        kind = {"adamw": "adam"}.get(self.options["type"], self.options["type"])
        rows = getattr(self, "_" + kind)(np.concatenate([gradients, decay[None]]), rate)
        if decoupled:
            rows[-1] = -rate * self.decay * w
        return rows[:-1], rows[-1]

    def _kept(self, keep, take, rows):
        """What each row's buffer keeps after a step: at first it is 0."""
        if self.buffers is None:
            self.buffers = np.zeros_like(rows)
        return np.stack([keep * b + take * g for b, g in zip(self.buffers, rows)])

    def _sgd(self, rows, rate):
        momentum, dampening = self.options.get("momentum", 0.0), self.options.get("dampening", 0.0)
        if momentum == 0:
            return -rate * rows
        self.buffers = self._kept(momentum, 1 if self.t == 1 else 1 - dampening, rows)
        if self.options.get("nesterov", False):
            return -rate * (rows + momentum * self.buffers)
        return -rate * self.buffers

    def _root(self, keep, total):
        """The root of the mean square of the whole gradient, from 0."""
        self.second = keep * self.second + (1 - keep) * total**2
        self.largest = np.maximum(self.largest, self.second) if self.options.get("amsgrad", False) else self.second
        return self.largest

    def _adam(self, rows, rate):
        beta1, beta2 = self.options.get("betas", [0.9, 0.999])
        self.buffers = self._kept(beta1, 1 - beta1, rows)
        corrected = np.sqrt(self._root(beta2, rows.sum(axis=0)) / (1 - beta2**self.t))
        return -rate * (self.buffers / (1 - beta1**self.t)) / (corrected + self.options.get("eps", 1e-8))

    def _rmsprop(self, rows, rate):
        alpha, total = self.options.get("alpha", 0.99), rows.sum(axis=0)
        square = self._root(alpha, total)
        self.first = alpha * self.first + (1 - alpha) * total
        variance = square - self.first**2 if self.options.get("centered", False) else square
        rows = rows / (np.sqrt(variance) + self.options.get("eps", 1e-8))
        self.buffers = self._kept(self.options.get("momentum", 0.0), 1, rows)
        return -rate * self.buffers

    def _nadam(self, rows, rate):
        beta1, beta2 = self.options.get("betas", [0.9, 0.999])
        mu, after = nadam_momenta(self.options, self.t)
        self.product = self.product * mu
        self.buffers = self._kept(beta1, 1 - beta1, rows)
        divisor = np.sqrt(self._root(beta2, rows.sum(axis=0)) / (1 - beta2**self.t)) + self.options.get("eps", 1e-8)
        own, kept = (1 - mu) / (1 - self.product), after / (1 - self.product * after)
        return -rate * (own * rows + kept * self.buffers) / divisor

    def _lion(self, rows, rate):
        beta1, beta2 = self.options.get("betas", [0.9, 0.99])
        mean = self._kept(beta1, 1 - beta1, rows)
        size = np.abs(mean.sum(axis=0))
        self.buffers = self._kept(beta2, 1 - beta2, rows)
        return -rate * mean / np.where(size > 0, size, np.inf)
