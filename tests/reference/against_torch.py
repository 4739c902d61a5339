"""Hold the reference's optimizers against torch.optim, step by step, in float64.

    python against_torch.py      needs PyTorch and NumPy, not JAX

Lion is in no torch.optim: it is held against the program of its paper.

Prints the largest difference of any weight, relative to the largest weight, for every optimizer with every
schedule, clipped and not; exits with 1 where one is above 1e-12. The whole step and the sum of its parts over
examples are both held against torch's weights. Gradients are those of a small least-squares problem that is not
a quadratic (a sine of a linear map), at the weights that the optimizer itself has reached.
"""

import sys

import numpy as np
import torch

from optimizers import Grouped, Parts, Whole, at_step, clip_factor, learning_rate

STEPS, EXAMPLES, WEIGHTS, RATE = 40, 6, 10, 0.05

OPTIMIZERS = [
    {"type": "sgd"},
    {"type": "sgd", "weight_decay": 0.1},
    {"type": "sgd", "momentum": 0.9},
    {"type": "sgd", "momentum": 0.9, "weight_decay": 0.1},
    {"type": "sgd", "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1},
    {"type": "sgd", "momentum": 0.8, "dampening": 1.0},
    {"type": "sgd", "momentum": 0.0, "dampening": 0.5},
    {"type": "sgd", "momentum": 0.9, "nesterov": True},
    {"type": "sgd", "momentum": 0.7, "nesterov": True, "weight_decay": 0.2},
    {"type": "adam"},
    {"type": "adam", "weight_decay": 0.1},
    {"type": "adam", "betas": [0.5, 0.8], "eps": 1e-3},
    {"type": "adam", "betas": [0.0, 0.0], "eps": 0.1},
    {"type": "adamw"},
    {"type": "adamw", "weight_decay": 0.2},
    {"type": "adamw", "betas": [0.8, 0.95], "eps": 1e-5, "weight_decay": 0.3},
    {"type": "adam", "amsgrad": True, "betas": [0.9, 0.5], "weight_decay": 0.1},
    {"type": "adamw", "amsgrad": True, "betas": [0.8, 0.7], "eps": 1e-5, "weight_decay": 0.3},
    {"type": "rmsprop"},
    {"type": "rmsprop", "alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1},
    {"type": "rmsprop", "centered": True, "alpha": 0.9, "eps": 1e-3},
    {"type": "rmsprop", "momentum": 0.5, "eps": 1e-2, "weight_decay": 0.1},
    {"type": "rmsprop", "momentum": 0.5, "centered": True, "alpha": 0.8, "eps": 1e-3, "weight_decay": 0.1},
    {"type": "nadam"},
    {"type": "nadam", "betas": [0.7, 0.9], "eps": 1e-5, "momentum_decay": 0.1, "weight_decay": 0.1},
    {"type": "nadam", "betas": [0.0, 0.5], "eps": 0.1},
    {"type": "nadam", "decoupled_weight_decay": True, "weight_decay": 0.2},
    {"type": "lion"},
    {"type": "lion", "betas": [0.5, 0.8], "weight_decay": 0.2},
]
SCHEDULES = [
    {"type": "constant"},
    {"type": "constant", "warmup": 5},
    {"type": "step", "every": 7, "factor": 0.5},
    {"type": "step", "every": 7, "factor": 0.5, "warmup": 5},
    {"type": "cosine"},
    {"type": "cosine", "final": 0.01, "warmup": 5},
]
CLIPS = [0.0, 0.5]


class Lion(torch.optim.Optimizer):
    """The program of the paper (X. Chen et al., 2023), which torch.optim lacks."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, (beta1, beta2) = group["lr"], group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["exp_avg"] = torch.zeros_like(p)
                p.mul_(1 - lr * group["weight_decay"])
                update = state["exp_avg"] * beta1 + p.grad * (1 - beta1)
                p.add_(update.sign(), alpha=-lr)
                state["exp_avg"].mul_(beta2).add_(p.grad, alpha=1 - beta2)


class NAdam(torch.optim.Optimizer):
    """The algorithm of torch.optim.NAdam's documentation. Before 2.0 torch multiplied the product of the next step's
    momenta by one of them twice, and before 2.1 it had no `decoupled_weight_decay`."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3,
                 decoupled_weight_decay=False):  # fmt: skip
        more = dict(weight_decay=weight_decay, momentum_decay=momentum_decay, decoupled=decoupled_weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, **more))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
            momentum = lambda t: beta1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"]))
            for p in group["params"]:
                state, g = self.state[p], p.grad
                if not state:
                    state |= dict(t=0, product=1.0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["t"] += 1
                mu, after = momentum(state["t"]), momentum(state["t"] + 1)
                state["product"] *= mu
                if group["decoupled"]:
                    p.mul_(1 - lr * decay)
                else:
                    g = g + decay * p
                state["m"].mul_(beta1).add_(g, alpha=1 - beta1)
                state["v"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
                divisor = state["v"].div(1 - beta2 ** state["t"]).sqrt().add_(group["eps"])
                p.addcdiv_(g, divisor, value=-lr * (1 - mu) / (1 - state["product"]))
                p.addcdiv_(state["m"], divisor, value=-lr * after / (1 - state["product"] * after))


TORCH = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "nadam": torch.optim.NAdam if tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 1) else NAdam,
    "lion": Lion,
}


def torch_optimizer(options, weights):
    """The optimizer that the options name."""
    more = {"weight_decay": 0.0} | {k: v for k, v in options.items() if k != "type"} | {"lr": RATE}
    return TORCH[options["type"]]([weights], **more)


def torch_schedule(schedule, optimizer):
    """torch's schedulers, one after the other where there is a warm-up."""
    warmup, kinds = schedule.get("warmup", 0), torch.optim.lr_scheduler
    if schedule["type"] == "step":
        after = kinds.StepLR(optimizer, schedule["every"], schedule["factor"])
    elif schedule["type"] == "cosine":
        after = kinds.CosineAnnealingLR(optimizer, STEPS - warmup, schedule.get("final", 0.0))
    else:
        after = kinds.ConstantLR(optimizer, factor=1.0)
    if not warmup:
        return after
    before = kinds.LinearLR(optimizer, 1 / warmup, 1.0, warmup - 1)
    return kinds.SequentialLR(optimizer, [before, after], [warmup])


def a_step(first, last):
    """STEPS numbers from one to another."""
    return np.linspace(first, last, STEPS).tolist()


# Two parameters, "a" and "b"; lists have a number for each step.
GROUPED = [
    {"type": "sgd", "momentum": a_step(0.5, 0.9), "weight_decay": 0.1, "groups": [{"parameters": ["b"], "momentum": 0.3}]},
    {"type": "sgd", "momentum": 0.9, "nesterov": True, "groups": [{"parameters": ["a"], "momentum": a_step(0.9, 0.4)}]},
    {"type": "sgd", "momentum": 0.8, "dampening": a_step(0.0, 0.9), "groups": [{"parameters": ["b"], "learning_rate": 0.01}]},
    {"type": "adamw", "betas": np.linspace([0.95, 0.999], [0.6, 0.9], STEPS).tolist(), "weight_decay": a_step(0.3, 0.0),
     "eps": 1e-3, "groups": [{"parameters": ["b"], "weight_decay": 0.0, "learning_rate": 0.02}]},
    {"type": "adam", "eps": 1e-3, "groups": [{"parameters": ["a"], "betas": [0.5, 0.9], "weight_decay": 0.2}]},
    {"type": "rmsprop", "eps": 1e-2, "alpha": a_step(0.8, 0.99), "momentum": a_step(0.6, 0.2), "groups": [{"parameters": ["a"], "alpha": 0.9}]},
    {"type": "lion", "betas": np.linspace([0.5, 0.8], [0.9, 0.99], STEPS).tolist(), "groups": [{"parameters": ["b"], "weight_decay": 0.1}]},
    {"type": "nadam", "eps": 1e-3, "weight_decay": a_step(0.0, 0.2), "groups": [{"parameters": ["b"], "learning_rate": 0.02}]},
]  # fmt: skip
CUT = WEIGHTS // 2
PLACES = [("a", slice(0, CUT)), ("b", slice(CUT, WEIGHTS))]


def torch_groups(options, schedule, start, x, y):
    """The weights of every step by torch, with parameter groups whose numbers are set before each step."""
    base = {k: v for k, v in options.items() if k not in ("type", "groups")}
    own = {g["parameters"][0]: {k: v for k, v in g.items() if k != "parameters"} for g in options["groups"]}
    weights = {name: torch.nn.Parameter(start[cut].clone()) for name, cut in PLACES}
    numbers = {name: {"lr": RATE} | base | own.get(name, {}) for name in weights}
    for group in numbers.values():
        group["lr"] = group.pop("learning_rate", group["lr"])
    groups = [{"params": [weights[name]]} | at_step(numbers[name], 0) for name in weights]
    optimizer = TORCH[options["type"]](groups, lr=RATE, **at_step(base, 0))
    rates, path = torch_schedule(schedule, optimizer), [start.numpy().copy()]
    for s in range(STEPS):
        for group, name in zip(optimizer.param_groups, weights):
            group.update({k: v for k, v in at_step(numbers[name], s).items() if k != "lr"})
        optimizer.zero_grad()
        each_loss(torch.cat(list(weights.values())), x, y).sum().backward()
        optimizer.step()
        rates.step()
        path.append(torch.cat(list(weights.values())).detach().numpy().copy())
    return np.stack(path)


def grouped_path(options, schedule, start, x, y, kind):
    """The same by the reference's formulas."""
    training = {"optimizer": {"learning_rate": RATE} | options, "schedule": schedule, "steps": STEPS}
    optimizer, path = Grouped(kind, training, PLACES), [start.numpy().copy()]
    for _ in range(STEPS):
        w = path[-1]
        each = torch.autograd.functional.jacobian(lambda v: each_loss(v, x, y), torch.from_numpy(w)).numpy()
        if kind is Whole:
            step = optimizer.step(w, each.sum(axis=0))
        else:
            examples, decay = optimizer.step(w, each)
            step = examples.sum(axis=0) + decay
        path.append(w + step)
    return np.stack(path)


def each_loss(weights, x, y):
    """The loss of every example, a share of their mean."""
    return (torch.sin(x @ weights) - y) ** 2 / (2 * len(y))


def torch_path(options, schedule, clip, start, x, y):
    """The weights of every step by torch alone."""
    weights = torch.nn.Parameter(start.clone())
    optimizer = torch_optimizer(options, weights)
    rates, path = torch_schedule(schedule, optimizer), [start.numpy().copy()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        each_loss(weights, x, y).sum().backward()
        if clip:
            torch.nn.utils.clip_grad_norm_([weights], clip)
        optimizer.step()
        rates.step()
        path.append(weights.detach().numpy().copy())
    return np.stack(path)


def reference_path(options, schedule, clip, start, x, y, parted):
    """The same by the reference's formulas; `parted`: each step as the sum of its parts."""
    training = {"optimizer": options | {"learning_rate": RATE}, "schedule": schedule, "steps": STEPS}
    optimizer, path = (Parts if parted else Whole)(training["optimizer"]), [start.numpy().copy()]
    for s in range(STEPS):
        w = path[-1]
        each = torch.autograd.functional.jacobian(lambda v: each_loss(v, x, y), torch.from_numpy(w)).numpy()
        total = each.sum(axis=0)
        factor, rate = clip_factor(total, clip), learning_rate(training, s)
        if parted:
            examples, decay = optimizer.step(w, factor * each, rate)
            step = examples.sum(axis=0) + decay
        else:
            step = optimizer.step(w, factor * total, rate)
        path.append(w + step)
    return np.stack(path)


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    x, y, start = torch.randn(EXAMPLES, WEIGHTS), 2 * torch.randn(EXAMPLES), torch.randn(WEIGHTS)
    worst = 0.0
    for options in OPTIMIZERS:
        largest = 0.0
        for schedule in SCHEDULES:
            for clip in CLIPS:
                want = torch_path(options, schedule, clip, start, x, y)
                for parted in (False, True):
                    have = reference_path(options, schedule, clip, start, x, y, parted)
                    largest = max(largest, np.abs(have - want).max() / np.abs(want).max())
        print(f"{largest:.1e}  {options}")
        worst = max(worst, largest)
    for options in GROUPED:
        largest = 0.0
        for schedule in SCHEDULES[3:]:
            want = torch_groups(options, schedule, start, x, y)
            for kind in (Whole, Parts):
                have = grouped_path(options, schedule, start, x, y, kind)
                largest = max(largest, np.abs(have - want).max() / np.abs(want).max())
        print(f"{largest:.1e}  {options['type']}, in groups and with numbers that change")
        worst = max(worst, largest)
    print(f"{worst:.1e}  the largest")
    sys.exit(1 if not worst <= 1e-12 else 0)


if __name__ == "__main__":
    main()
