"""The answer for a path that starts in the middle of a training: the optimizer's state before its first step is given.

PyTorch trains some steps, the weights and the state it has then are rounded to single precision, and its own optimizer makes the
path from there. Each of its steps is taken apart forwards in time: a momentum of its own for each example, one for weight decay,
and one that starts as the state's and gets nothing, whose part of the steps is `earlier`.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from safetensors.numpy import save_file


@dataclass
class Resumed:
    """How a module is trained before the path, and along it."""

    # [training].optimizer of the run file.
    optimizer: dict
    # The file of the state: optimizer.pt has `optimizer.state_dict()` alone, checkpoint.pt the model's beside it, and
    # optimizer.safetensors and optimizer.npz have tensors by name.
    state: str = "optimizer.pt"
    # Steps that PyTorch takes before, of all examples.
    before: int = 5
    clip_norm: float = 0.0
    # Whether the run follows the path that PyTorch took.
    imported: bool = False
    # Numbers of the optimizer in each step, in place of its own: {key: [steps]}.
    changing: dict = field(default_factory=dict)


class Lion(torch.optim.Optimizer):
    """The program of the paper."""

    def __init__(self, params, lr, betas, weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                m = state.setdefault("exp_avg", torch.zeros_like(p))
                first, second = group["betas"]
                sign = (first * m + (1 - first) * p.grad).sign()
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(sign, alpha=-group["lr"])
                m.mul_(second).add_(p.grad, alpha=1 - second)


class NAdam(torch.optim.Optimizer):
    """As PyTorch has it since 2.0; before, it multiplied a momentum too many into a product."""

    def __init__(self, params, lr, betas, eps, momentum_decay, weight_decay=0.0):
        keys = dict(lr=lr, betas=betas, eps=eps, momentum_decay=momentum_decay, weight_decay=weight_decay)
        super().__init__(params, keys)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (b1, b2), decay = group["betas"], group["momentum_decay"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state |= {"step": torch.tensor(0.0), "mu_product": torch.ones((), dtype=torch.float32)}
                    state |= {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
                state["step"] += 1
                t = state["step"].item()
                mu = lambda at: b1 * (1 - 0.5 * 0.96 ** (at * decay))
                state["mu_product"] *= mu(t)
                # The file has it in single precision, and a step here in double.
                product = float(np.prod([mu(at) for at in range(1, int(t) + 1)]))
                gradient = p.grad + group["weight_decay"] * p
                state["exp_avg"].mul_(b1).add_(gradient, alpha=1 - b1)
                state["exp_avg_sq"].mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
                size = (state["exp_avg_sq"] / (1 - b2**t)).sqrt().add_(group["eps"])
                p.addcdiv_(gradient, size, value=-group["lr"] * (1 - mu(t)) / (1 - product))
                p.addcdiv_(state["exp_avg"], size, value=-group["lr"] * mu(t + 1) / (1 - product * mu(t + 1)))


KINDS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": NAdam,
    "rmsprop": torch.optim.RMSprop,
    "lion": Lion,
}


def optimizer_of(said, named, own_numbers):
    """PyTorch's; parameters with numbers of their own are groups of it, the others its first group."""
    keys = {"learning_rate": "lr"}
    numbers = {keys.get(k, k): v for k, v in said.items() if k not in ("type", "groups")}
    renamed = [{keys.get(k, k): v for k, v in own.items()} for own in own_numbers]
    groups = [own for i, own in enumerate(renamed) if own not in renamed[:i]]
    groups.sort(key=bool)
    members = [{"params": [p for own, (_, p) in zip(renamed, named) if own == group], **group} for group in groups]
    return KINDS[said["type"]](members, **numbers)


class Parts:
    """A step as a sum over examples, decay, and what was before: a momentum for each, [m + 2, size] in this order."""

    def __init__(self, case, network, made, own_numbers):
        self.said, self.network, self.made, self.own = case.resumed.optimizer, network, made, own_numbers
        self.changing = case.resumed.changing
        name = {"sgd": "momentum_buffer", "rmsprop": "momentum_buffer"}.get(self.said["type"], "exp_avg")
        self.of = torch.zeros(case.m + 2, len(network.flat()))
        self.of[-1] = self.state(name)
        self.s = 0

    def state(self, name):
        parts = [self.made.state[p].get(name) for _, p in self.network.named]
        flat = [torch.zeros(p.numel()) if part is None else part.reshape(-1) for part, (_, p) in zip(parts, self.network.named)]
        return torch.cat(flat).detach().clone()

    def number(self, key, default):
        """A number of each weight, in this step."""
        if key in self.changing:
            default = self.changing[key][self.s]
        of = [own.get(key, self.said.get(key, default)) if key not in self.changing else own.get(key, default) for own in self.own]
        return torch.cat([torch.full((p.numel(),), float(value)) for value, (_, p) in zip(of, self.network.named)])

    def step(self, w, gradients):
        """The parts of the step that PyTorch has just made of the gradients [m, size], from its state after it."""
        kind, said = self.said["type"], self.said
        rate, decay = self.number("learning_rate", 0.0), self.number("weight_decay", 0.0)
        coupled = kind in ("sgd", "adam", "rmsprop", "nadam")
        rows = torch.cat([gradients, (decay * w)[None] if coupled else torch.zeros_like(w)[None], torch.zeros_like(w)[None]])
        t = self.steps()
        if kind == "sgd":
            momentum = self.number("momentum", 0.0)
            self.of = momentum * self.of + (1 - said.get("dampening", 0.0)) * rows
            parts = -rate * (rows + momentum * self.of if said.get("nesterov") else self.of)
        elif kind in ("adam", "adamw"):
            b1, b2 = said["betas"]
            self.of = b1 * self.of + (1 - b1) * rows
            square = self.state("max_exp_avg_sq" if said.get("amsgrad") else "exp_avg_sq")
            parts = -rate / (1 - b1**t) * self.of / ((square / (1 - b2**t)).sqrt() + said["eps"])
        elif kind == "nadam":
            b1, b2 = said["betas"]
            mu = lambda at: b1 * (1 - 0.5 * 0.96 ** (at * said["momentum_decay"]))
            product = float(np.prod([mu(at) for at in range(1, t + 1)]))
            self.of = b1 * self.of + (1 - b1) * rows
            size = (self.state("exp_avg_sq") / (1 - b2**t)).sqrt() + said["eps"]
            parts = -rate * ((1 - mu(t)) / (1 - product) * rows + mu(t + 1) / (1 - product * mu(t + 1)) * self.of) / size
        elif kind == "rmsprop":
            square = self.state("square_avg")
            square = square - self.state("grad_avg") ** 2 if said.get("centered") else square
            self.of = said["momentum"] * self.of + rows / (square.sqrt() + said["eps"])
            parts = -rate * self.of
        else:
            first, second = said["betas"]
            mean = first * self.of + (1 - first) * rows
            parts = -rate * mean / mean.sum(0).abs()
            self.of = second * self.of + (1 - second) * rows
        if not coupled:
            parts[-2] = -rate * decay * w
        self.s += 1
        return parts

    def steps(self):
        """The number of steps that the optimizer has made, where it counts them."""
        found = {int(state["step"]) for state in self.made.state.values() if "step" in state}
        assert len(found) <= 1, found
        return found.pop() if found else 0


def rounded(made):
    """Rounds a state to single precision, in place."""
    for state in made.state.values():
        for name, value in state.items():
            if torch.is_tensor(value) and value.dim():
                value.copy_(value.float().double())


def save(case, network, made, folder):
    """Writes the state."""
    path = folder / case.resumed.state
    if path.suffix == ".pt":
        own = made.state_dict()
        torch.save(own if path.stem == "optimizer" else {"epoch": 3, "model": network.module.state_dict(), "optimizer": own}, path)
        return
    arrays = {}
    for name, p in network.named:
        for what, value in made.state[p].items():
            if value is not None:
                value = np.asarray(value.detach() if torch.is_tensor(value) else value)
                arrays[f"{case.names.get(name, name)}.{what}"] = value.copy()
    save_file(arrays, path) if path.suffix == ".safetensors" else np.savez(path, **arrays)


class Training:
    """PyTorch's training of a case."""

    def __init__(self, case, network, x, y, own_numbers, example):
        self.case, self.network, self.x, self.y, self.example = case, network, x, y, example
        self.made = optimizer_of(case.resumed.optimizer, network.named, own_numbers)

    def gradients(self, batch):
        """Of each example its part of the batch's gradient, [m, size]."""
        case, network = self.case, self.network
        found = torch.zeros(case.m, len(network.flat()))
        total = sum(case.weight(i, self.y[i]) for i in batch)
        for i in batch:
            outputs = network.outputs(self.example(self.x, i))
            found[i] += network.gradient(case.weight(i, self.y[i]) / total * case.loss(outputs, torch.as_tensor(self.y[i])))
        return found

    def step(self, gradients):
        """Makes a step of a gradient that is clipped; returns the factor."""
        for part, (_, p) in zip(self.network.tensors(gradients.sum(0)), self.network.named):
            p.grad = part.clone()
        factor, largest = 1.0, self.case.resumed.clip_norm
        if largest:
            norm = float(torch.nn.utils.clip_grad_norm_([p for _, p in self.network.named], largest))
            factor = min(1.0, largest / (norm + 1e-6))
        self.made.step()
        return factor


def start(case, network, x, y, own_numbers, example):
    """Trains up to where the path starts."""
    training = Training(case, network, x, y, own_numbers, example)
    for _ in range(case.resumed.before):
        training.step(training.gradients(range(case.m)))
    rounded(training.made)
    network.set(network.flat().float().double())
    return training


def compute(case, training, xq, yq, own_numbers, record):
    """Every array of the answer, and the weights of the path; `record` gives the named weights as they are."""
    network, example, m, n = training.network, training.example, case.m, case.n
    nodes, shares = np.polynomial.legendre.leggauss(case.kernel.get("nodes", 3))
    target = lambda q: torch.as_tensor(yq[q])
    parts_of = Parts(case, network, training.made, own_numbers)

    def read(w):
        network.set(w)
        return torch.stack([case.readout(network.outputs(example(xq, q)), target(q)).detach() for q in range(n)])

    w = network.flat().clone()
    first, initial, path = w, read(w), [record()]
    R = initial.shape[1]
    sums = torch.zeros(n, m + 2, R)
    moved = torch.zeros(m + 2, len(w))
    for s in range(case.steps):
        batch = list(range(m)) if case.batches is None else case.batches[s]
        for key, values in case.resumed.changing.items():
            for group in training.made.param_groups:
                group[{"learning_rate": "lr"}.get(key, key)] = values[s]
        network.set(w)
        gradients = training.gradients(batch)
        gradients *= training.step(gradients)
        after = network.flat().clone()
        path.append(record())
        parts = parts_of.step(w, gradients)
        step = after - w
        torch.testing.assert_close(parts.sum(0), step, rtol=1e-9, atol=1e-12)
        moved += parts
        for q in range(n):
            for tau, share in zip((nodes + 1) / 2, shares / 2):
                network.set(w + tau * step)
                values = case.readout(network.outputs(example(xq, q)), target(q))
                for r in range(R):
                    sums[q, :, r] += share * parts @ network.gradient(values[r])
        w = after
    prediction = read(w)
    network.set(w)
    attribution, regularizer, earlier = sums[:, :m], sums[:, m], sums[:, m + 1]
    assert earlier.abs().max() > 0.02 * (prediction - initial).abs().max(), "what was before plays no part"
    answers = dict(attribution=attribution, initial=initial, prediction=prediction, regularizer=regularizer, earlier=earlier)
    answers["residual"] = prediction - initial - sums.sum(1)
    if case.resumed.imported:
        answers["unexplained"] = torch.zeros(n, R)
    if case.kernel.get("superposition"):
        answers["superposition"], answers["superposition_earlier"] = superposition(case, network, moved, w - first)
    return answers, path


def superposition(case, network, moved, change):
    """[m, layers, 2] and [layers, 2]: norm of each part of the weights' change, and its share along that change."""
    layers, at = {}, 0
    for name, p in network.named:
        layers.setdefault(name.rpartition(".")[0], []).append(slice(at, at + p.numel()))
        at += p.numel()

    def size(vector):
        of = [(torch.cat([vector[cut] for cut in cuts]), torch.cat([change[cut] for cut in cuts])) for cuts in layers.values()]
        return torch.stack([torch.stack([part.norm(), part @ whole / (whole @ whole)]) for part, whole in of])

    return torch.stack([size(moved[i]) for i in range(case.m)]), size(moved[-1])
