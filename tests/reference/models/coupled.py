"""The answer for a module whose examples meet it in training mode, as batch norm's: every row of a batch acts on every other.

The path is PyTorch's own, module and optimizer. The gradient of an example is that of its rows' terms in the batch's loss,
by autograd through the whole batch. Queries meet the module in evaluation mode, and along a step both the parameters and the
running statistics move from what they were to what PyTorch made of them; each has its own integral.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn


@dataclass
class Coupled:
    """How a module is trained through its batches."""

    # [training].optimizer of the run file: sgd with momentum, or adamw; both with weight_decay.
    optimizer: dict = field(default_factory=dict)
    clip_norm: float = 0.0
    # Nodes of the statistics' integral; those of the run without it.
    nodes: int = 0
    # Of a path that was recorded: the optimizer that made it, where it is not the run file's.
    made_by: dict | None = None
    # Recorded paths: {step: factor} by which the running means are multiplied after a step.
    tampered: dict = field(default_factory=dict)


NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class Buffers:
    """The running statistics as one flat vector that a gradient can be taken of."""

    def __init__(self, module):
        self.norms = [m for m in module.modules() if isinstance(m, NORMS)]
        for norm in self.norms:
            norm.register_forward_pre_hook(lambda norm, _: None)
            norm.forward = self.forward(norm, type(norm).forward)
        self.moved = {}

    def flat(self):
        return torch.cat([b.detach().reshape(-1) for m in self.norms for b in (m.running_mean, m.running_var)]).clone()

    def set(self, b):
        """Sets the buffers; those that a gradient is taken of are parts of `b` itself."""
        at, self.moved = 0, {}
        for m in self.norms:
            parts = []
            for buffer in (m.running_mean, m.running_var):
                part = b[at : at + buffer.numel()]
                buffer.copy_(part.detach())
                parts.append(part)
                at += buffer.numel()
            self.moved[m] = parts

    def forward(self, norm, own):
        def call(x):
            if norm.training:
                return own(norm, x)
            mean, variance = self.moved[norm]
            column = lambda v: v.reshape(1, -1, *[1] * (x.dim() - 2))
            out = (x - column(mean)) / torch.sqrt(column(variance) + norm.eps)
            out = out * column(norm.weight) + column(norm.bias) if norm.affine else out
            assert torch.allclose(out, own(norm, x), rtol=1e-12, atol=1e-12)
            return out

        return call


class Parts:
    """An optimizer's step as a sum over examples, and what weight decay adds: forwards in time, a state for each."""

    def __init__(self, said, m, size):
        self.said, self.t = said, 0
        self.of, self.decay, self.square = torch.zeros(m, size), torch.zeros(size), torch.zeros(size)

    def step(self, w, gradients):
        rate, decay = self.said["learning_rate"], self.said.get("weight_decay", 0.0)
        self.t += 1
        if self.said["type"] == "sgd":
            momentum = self.said.get("momentum", 0.0)
            self.of = momentum * self.of + gradients
            self.decay = momentum * self.decay + decay * w
            return -rate * self.of, -rate * self.decay
        b1, b2 = self.said["betas"]
        self.of = b1 * self.of + (1 - b1) * gradients
        self.square = b2 * self.square + (1 - b2) * gradients.sum(0) ** 2
        D = 1 / ((self.square / (1 - b2**self.t)).sqrt() + self.said["eps"])
        return -rate / (1 - b1**self.t) * D * self.of, -rate * decay * w


def optimizer_of(said, parameters):
    if said["type"] == "sgd":
        keys = {k: said[k] for k in ("momentum", "weight_decay") if k in said}
        return torch.optim.SGD(parameters, lr=said["learning_rate"], **keys)
    return torch.optim.AdamW(parameters, lr=said["learning_rate"], betas=tuple(said["betas"]), eps=said["eps"], weight_decay=said["weight_decay"])


def rule(nodes):
    at, shares = np.polynomial.legendre.leggauss(nodes)
    return list(zip((at + 1) / 2, shares / 2))


def compute(case, network, x, y, xq, yq):
    """Every array of the answer, and the path: {tensor: [steps + 1, ...]}."""
    train, module, m, n = case.coupled, network.module, case.m, case.n
    nodes = rule(case.kernel.get("nodes", 3))
    finer = rule(train.nodes) if train.nodes else nodes
    target = lambda targets, i: torch.as_tensor(targets[i])
    rows = lambda arrays, batch: [torch.as_tensor(a[batch], dtype=torch.float64) for a in arrays.values()]
    buffers = Buffers(module)
    parameters = [p for _, p in network.named]
    made = optimizer_of(train.made_by or train.optimizer, parameters)
    own = Parts(train.optimizer, m, len(network.flat()))

    def gradient(value, b):
        parts = torch.autograd.grad(value, [*parameters, b], retain_graph=True, allow_unused=True)
        flat = lambda g, p: (torch.zeros_like(p) if g is None else g).reshape(-1)
        parts = [flat(g, p) for g, p in zip(parts, [*parameters, b])]
        return torch.cat(parts[:-1]), parts[-1]

    def read(w, b):
        network.set(w)
        b = b.clone().requires_grad_()
        buffers.set(b)
        module.eval()
        outputs = [module(*rows(xq, [q])).reshape(-1) for q in range(n)]
        return b, torch.stack([case.readout(f, target(yq, q)) for q, f in enumerate(outputs)])

    record = lambda: {k: v.detach().clone() for k, v in (*module.named_parameters(), *module.named_buffers())}
    w, b = network.flat(), buffers.flat()
    initial = read(w, b)[1].detach()
    R = initial.shape[1]
    attribution = torch.zeros(n, m, R)
    regularizer, statistics, unexplained = (torch.zeros(n, R) for _ in range(3))
    path = [record()]
    for s in range(case.steps):
        batch = list(range(m)) if case.batches is None else case.batches[s]
        total = sum(case.weight(i, y[i]) for i in batch)
        network.set(w)
        with torch.no_grad():
            buffers.set(b)
        module.train()
        outputs = module(*rows(x, batch)).reshape(len(batch), -1)
        terms = [case.weight(i, y[i]) / total * case.loss(f, target(y, i)) for i, f in zip(batch, outputs)]
        gradients = torch.zeros(m, len(w))
        for i, term in zip(batch, terms):
            gradients[i] += network.gradient(term)
        made.zero_grad()
        sum(terms).backward()
        if train.clip_norm:
            norm = float(torch.nn.utils.clip_grad_norm_(parameters, train.clip_norm))
            gradients *= min(1.0, train.clip_norm / (norm + 1e-6))
        assert torch.allclose(gradients.sum(0), torch.cat([p.grad.reshape(-1) for p in parameters]), rtol=1e-11, atol=1e-14)
        made.step()
        for norm in buffers.norms if s in train.tampered else []:
            norm.running_mean *= train.tampered[s]
        path.append(record())
        w1, b1 = network.flat().clone(), buffers.flat()
        parts, decay = own.step(w, gradients)
        rest = w1 - w - parts.sum(0) - decay
        assert train.made_by or rest.abs().max() < 1e-12, (s, rest.abs().max())
        for rule_of, weights, moved in [(nodes, True, nodes is finer), *([] if nodes is finer else [(finer, False, True)])]:
            for tau, share in rule_of:
                b_tau, values = read(w + tau * (w1 - w), b + tau * (b1 - b))
                for q in range(n):
                    for r in range(R):
                        phi, of_b = gradient(values[q, r], b_tau)
                        if weights:
                            attribution[q, :, r] += share * parts @ phi
                            regularizer[q, r] += share * decay @ phi
                            unexplained[q, r] += share * rest @ phi
                        if moved:
                            statistics[q, r] += share * (b1 - b) @ of_b
        w, b = w1, b1
    prediction = read(w, b)[1].detach()
    network.set(w)
    if case.groups:
        columns = [[i for i in range(m) if case.groups[i] == number] for number in sorted(set(case.groups))]
        attribution = torch.stack([attribution[:, own].sum(1) for own in columns], 1)
    imported = train.made_by is not None or train.tampered
    residual = prediction - initial - attribution.sum(1) - regularizer - statistics - (unexplained if imported else 0)
    answers = dict(attribution=attribution, initial=initial, prediction=prediction, regularizer=regularizer,
                   statistics=statistics, residual=residual)  # fmt: skip
    if imported:
        answers["unexplained"] = unexplained
    names = [k for k in path[0] if not k.endswith("num_batches_tracked")]
    return answers, {k: torch.stack([at[k] for at in path]).numpy() for k in names}
