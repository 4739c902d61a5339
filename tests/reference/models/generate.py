"""Write fixtures of models that people have: PyTorch modules in float64, one folder a case under tests/fixtures.

    python generate.py                  write every case
    python generate.py attention tied   write these, or the cases of these files of cases/

The module is PyTorch's own wherever PyTorch has one; the run file says the same network in its own words. Everything else is
spelled out: gradients of single examples by autograd, the steps, and every term of the sum over queries, examples and steps,
forwards in time. It shares no code with the engine, nor with the JAX reference beside it.

A file of cases/ calls `case` (see `Case` for what one is made of). Masks of dropout are made by the code of docs/pytorch.md.
"""

import argparse
import contextlib
import fnmatch
import importlib
import json
import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable

import numpy as np
import coupled
import resumed
import torch
from safetensors.numpy import save_file

REPOSITORY = Path(__file__).resolve().parents[3]
FIXTURES = REPOSITORY / "tests" / "fixtures"
CASES: dict[str, "Case"] = {}
torch.set_default_dtype(torch.float64)


def documented(name):
    """What the block of docs/pytorch.md that defines a name defines."""
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "pytorch.md").read_text(), re.S)
    [block] = [block for block in blocks if re.search(rf"^(def|class) {name}\b", block, re.M)]
    defined = {}
    exec(block, defined)
    return defined


DRAWN = documented("Dropout")
mask, Dropout = DRAWN["mask"], DRAWN["Dropout"]


def normal(*shape):
    """Inputs of standard normal numbers, [count, *shape]."""
    return lambda rng, count: rng.standard_normal((count, *shape)).astype(np.float32).astype(np.float64)


def integers(below, *shape):
    """Inputs of integers, such as tokens, [count, *shape]."""
    return lambda rng, count: rng.integers(0, below, (count, *shape))


def cross_entropy(outputs, target):
    """-log softmax(f)_y of one example: outputs [C], target a class."""
    return torch.logsumexp(outputs, -1) - outputs[target]


def squared_error(outputs, target):
    """½ Σ (f - y)² of one example: outputs [C], target [C]."""
    return 0.5 * ((outputs - target) ** 2).sum()


@dataclass
class Case:
    """A case: a module and the same network in the words of a run file."""

    about: str
    # Makes the module; called after torch.manual_seed(seed). It takes one array, or one for each of `inputs` in their order.
    module: Callable[[], torch.nn.Module]
    # [model] of the run file beside `weights`: `layers`, and `input` or `inputs`.
    model: dict[str, Any]
    # Draws inputs: one function of (rng, count), or a dictionary of them by the inputs' names.
    inputs: Any
    # The tensor of the run file that holds each parameter or buffer of the module; those that are not here keep their names.
    names: dict[str, str] = field(default_factory=dict)
    # What the file of weights holds, made of the tensors under the run file's names; those themselves without it.
    file: Callable = lambda state: state
    # What `model.json` holds, for a model with `graph = "model.json"`.
    graph: dict[str, Any] | None = None
    # Numbers of outputs of an example, all axes together.
    outputs: int = 3
    # Draws targets [count, ...]; without it, classes.
    targets: Callable | None = None
    # [training] of the run file beside `steps`, `batches` and the optimizer.
    training: dict[str, Any] = field(default_factory=lambda: {"loss": "cross_entropy"})
    # The loss of one example: (outputs, flat; target) -> a number. It has to be what `training` says.
    loss: Callable = cross_entropy
    # What an example counts: (its number, its target) -> ω. Its loss is multiplied by ω, and a batch's mean divides by their sum.
    weight: Callable = lambda number, target: 1.0
    # The loss of an example that depends on which one it is, in place of `loss`: (its number, outputs, target) -> a number.
    own_loss: Callable | None = None
    # The loss of an example taken apart by the positions of its target: (its number, outputs, target) -> [T], ω times the loss.
    terms: Callable | None = None
    # More arrays that the run file names: {file: array}, and keys of [data.train] that name them.
    files: dict[str, np.ndarray] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    rate: float = 0.1
    # The group of each example: the arrays have a column a group, in the order of their numbers.
    groups: list | None = None
    # Momentum of SGD.
    momentum: float = 0.0
    # Weight decay of SGD.
    decay: float = 0.0
    # AdamW in place of SGD: its `betas`, `eps` and `weight_decay`.
    adamw: dict[str, Any] | None = None
    # Groups of parameters, as the optimizer of a run file has them: `parameters`, and numbers that `Steps` takes by group.
    parameter_groups: list[dict[str, Any]] = field(default_factory=list)
    # The seed of the run, for masks of dropout.
    run_seed: int | None = None
    steps: int = 6
    m: int = 6
    n: int = 3
    # [steps, batch] numbers of examples; full batches without it.
    batches: list | None = None
    # [kernel] of the run file.
    kernel: dict[str, Any] = field(default_factory=dict)
    # What is explained of a query: (outputs, flat; target) -> [R].
    readout: Callable = lambda outputs, target: outputs
    # Whether the queries have targets.
    query_targets: bool = False
    seed: int = 1
    # How the module is trained in training mode, by coupled.py; without it examples meet it in evaluation mode.
    coupled: Any = None
    # How the module was trained before the path starts, by resumed.py; without it the optimizer is new.
    resumed: Any = None
    # [trajectory] of the run file.
    trajectory: dict[str, Any] = field(default_factory=dict)
    # Its module of tests.
    group: str = "models"
    # Why the case is run in f64 alone; f32 as well without it.
    f64_only: str = ""


def case(name, about, **parts):
    """Adds a case."""
    assert name not in CASES, name
    CASES[name] = Case(about, **parts)


@contextlib.contextmanager
def unpadded(tables):
    """Within it, gradients have the rows of padding like any other: PyTorch leaves them out of those of losses alone."""
    rows = [table.padding_idx for table in tables]
    for table in tables:
        table.padding_idx = None
    yield
    for table, row in zip(tables, rows):
        table.padding_idx = row


class Network:
    """A module as a function of one flat vector of its trained parameters (tied ones once)."""

    def __init__(self, module):
        self.module = module.eval()
        self.named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]

    def flat(self):
        return torch.cat([p.detach().reshape(-1) for _, p in self.named])

    def tensors(self, w):
        """A flat vector's parts, each with the shape of its parameter."""
        parts = w.split([p.numel() for _, p in self.named])
        return [part.reshape(p.shape) for part, (_, p) in zip(parts, self.named)]

    def set(self, w):
        for part, (_, p) in zip(self.tensors(w), self.named):
            p.data.copy_(part)

    def outputs(self, x, drawn=None):
        """Of one example, flat, with a graph for autograd; in training with what dropout draws by."""
        Dropout.drawn = drawn
        for part in self.module.modules():
            if isinstance(part, Dropout):
                part.training = drawn is not None
        return self.module(*(array[None] for array in x)).reshape(-1)

    def gradient(self, value):
        """The flat gradient of a number."""
        parts = torch.autograd.grad(value, [p for _, p in self.named], retain_graph=True, allow_unused=True)
        return torch.cat([(torch.zeros_like(p) if g is None else g).reshape(-1) for (_, p), g in zip(self.named, parts)])


def arrays_of(case, rng, count):
    """The inputs of `count` examples: {name: array}; the name of a single one is empty."""
    draws = case.inputs if isinstance(case.inputs, dict) else {"": case.inputs}
    return {name: draw(rng, count) for name, draw in draws.items()}


def example(arrays, i):
    """One example as the module takes it."""
    tensor = lambda a: torch.as_tensor(a) if a.dtype.kind in "iu" else torch.as_tensor(a, dtype=torch.float64)
    return [tensor(a[i]) for a in arrays.values()]


def own_numbers(case, network):
    """Of each trained tensor the numbers of the first group of parameters that names it; none without one."""
    found = []
    for name, _ in network.named:
        named = lambda group: any(fnmatch.fnmatchcase(case.names.get(name, name), of) for of in group["parameters"])
        group = next(filter(named, case.parameter_groups), {})
        found.append({key: value for key, value in group.items() if key != "parameters"})
    return found


class Steps:
    """The optimizer's steps, each a factor times the sum of moments, and what decay makes of the weights.

    A moment is `keep` times itself, and `add` times the step's gradient: those of the examples add up to the optimizer's own.
    With groups of parameters the rate, the decay and SGD's momentum are vectors, an entry for each of the weights.
    """

    def __init__(self, case, network):
        own = own_numbers(case, network)

        def spread(key, number):
            """A number as the groups have it."""
            parts = [torch.full((p.numel(),), numbers.get(key, number)) for numbers, (_, p) in zip(own, network.named)]
            return torch.cat(parts) if any(key in numbers for numbers in own) else number

        self.adamw, self.number, self.squares, self.decayed = case.adamw, 0, 0.0, 0.0
        self.rate = spread("learning_rate", case.rate)
        self.decay = spread("weight_decay", case.adamw["weight_decay"] if case.adamw else case.decay)
        self.keep, self.add = spread("momentum", case.momentum), 1.0
        if case.adamw:
            self.keep, self.add = case.adamw["betas"][0], 1 - case.adamw["betas"][0]

    def step(self, gradient, w):
        """The factor of the next step, and the step's part that decay makes."""
        self.number += 1
        if not self.adamw:
            self.decayed = self.keep * self.decayed + self.decay * w
            return self.rate, -self.rate * self.decayed
        (first, second), t = self.adamw["betas"], self.number
        self.squares = second * self.squares + (1 - second) * gradient**2
        size = (self.squares / (1 - second**t)).sqrt() + self.adamw["eps"]
        return self.rate / (1 - first**t) / size, -self.rate * self.decay * w


class Theirs:
    """The steps of PyTorch's own optimizer, which has to end at the same weights."""

    def __init__(self, case, network):
        self.network, self.tensors = network, [p.detach().clone() for _, p in network.named]
        named = lambda own: {"lr" if key == "learning_rate" else key: value for key, value in own.items()}
        groups = [{"params": [tensor]} | named(own) for tensor, own in zip(self.tensors, own_numbers(case, network))]
        decay = {"weight_decay": case.decay, "momentum": case.momentum}
        self.own = torch.optim.AdamW(groups, case.rate, **case.adamw) if case.adamw else torch.optim.SGD(groups, case.rate, **decay)

    def step(self, gradient):
        for tensor, part in zip(self.tensors, self.network.tensors(gradient)):
            tensor.grad = part.clone()
        self.own.step()

    def flat(self):
        return torch.cat([tensor.reshape(-1) for tensor in self.tensors])


def compute(case, network, x, y, xq, yq):
    """Every array of the answer."""
    kernel = {"rule": "gauss", "nodes": 3} | case.kernel
    nodes, shares = np.polynomial.legendre.leggauss(kernel["nodes"])
    nodes, shares = (nodes + 1) / 2, shares / 2
    if kernel["rule"] == "left":
        nodes, shares = np.array([0.0]), np.array([1.0])
    m, n = case.m, case.n or case.m
    target = lambda targets, i: torch.as_tensor(targets[i])

    def read(w):
        network.set(w)
        return torch.stack([case.readout(network.outputs(example(xq, q)), target(yq, q)).detach() for q in range(n)])

    def loss(i, outputs):
        return case.own_loss(i, outputs, target(y, i)) if case.own_loss else case.loss(outputs, target(y, i))

    w = network.flat()
    steps, theirs = Steps(case, network), Theirs(case, network)
    initial = read(w)
    attribution = torch.zeros(n, m, initial.shape[1])
    full = kernel.get("kernel") == "full"
    K, numerator = (torch.zeros(n, m, initial.shape[1], case.outputs if full else 0) for _ in range(2))
    regularizer = torch.zeros_like(initial)
    velocity = torch.zeros(m, len(w))
    split = kernel.get("positions", False)
    positions = len(y[0]) if split else 0
    by_position, velocities = torch.zeros(n, m, initial.shape[1], positions), torch.zeros(m, positions, len(w))
    for s in range(case.steps):
        batch = list(range(m)) if case.batches is None else case.batches[s]
        total = sum(case.weight(i, y[i]) for i in batch)
        mean = case.training.get("reduction", "mean") == "mean"
        network.set(w)
        velocity *= steps.keep
        velocities *= steps.keep
        gradient = torch.zeros_like(w)
        jacobians, slopes = {}, {}
        for i in sorted(set(batch)):
            outputs = network.outputs(example(x, i), None if case.run_seed is None else (case.run_seed, s, [i]))
            counts = batch.count(i) * case.weight(i, y[i]) / (total if mean else 1.0)
            value = loss(i, outputs)
            own = network.gradient(value)
            velocity[i] += steps.add * counts * own
            gradient += counts * own
            if split:
                # Each term alone; they make up the loss.
                terms, share = case.terms(i, outputs, target(y, i)), batch.count(i) / (total if mean else 1.0)
                assert torch.allclose(terms.sum(), case.weight(i, y[i]) * value, rtol=1e-13, atol=1e-15), "the terms of a loss"
                for t, term in enumerate(terms):
                    velocities[i, t] += steps.add * share * network.gradient(term)
            if full:
                slopes[i] = counts * torch.autograd.grad(value, outputs, retain_graph=True)[0]
                jacobians[i] = torch.stack([network.gradient(f) for f in outputs])
        theirs.step(gradient)
        factor, decay = steps.step(gradient, w)
        step = -factor * velocity.sum(0) + decay
        for q in range(n):
            for tau, share in zip(nodes, shares):
                network.set(w + tau * step)
                with unpadded([own for own in network.module.modules() if isinstance(own, torch.nn.Embedding)]):
                    rows = [network.gradient(value) for value in case.readout(network.outputs(example(xq, q)), target(yq, q))]
                for r, phi in enumerate(rows):
                    attribution[q, :, r] -= factor * share * velocity @ phi
                    by_position[q, :, r] -= factor * share * velocities @ phi
                    regularizer[q, r] += share * decay @ phi
                    for i, jacobian in jacobians.items():
                        products = steps.rate * share * jacobian @ phi
                        K[q, i, r] += products
                        numerator[q, i, r] -= products * slopes[i]
        w = w + step
    prediction = read(w)
    network.set(w)
    torch.testing.assert_close(theirs.flat(), w, rtol=1e-9, atol=1e-12)
    if case.groups:
        columns = [[i for i in range(m) if case.groups[i] == number] for number in sorted(set(case.groups))]
        merged = lambda array: torch.stack([array[:, rows].sum(1) for rows in columns], 1)
        attribution, K, numerator, by_position = merged(attribution), merged(K), merged(numerator), merged(by_position)
    residual = prediction - initial - attribution.sum(1) - regularizer
    answers = dict(attribution=attribution, initial=initial, prediction=prediction, regularizer=regularizer,
                   residual=residual)  # fmt: skip
    if split:
        answers["attribution_positions"] = by_position
    if full:
        answers["kernel"] = K
    if kernel.get("coefficients"):
        vanishing = K.abs() < 1e-12 * K.abs().max()
        answers["coefficients"] = torch.where(vanishing, torch.full_like(K, torch.nan), numerator / K)
    return answers


def compute_own(case, network, x, y):
    """[m, R]: what each example contributed to its own readout, or its group did: the examples as queries, and their own columns."""
    alone = replace(case, n=0, kernel={key: case.kernel[key] for key in ("rule", "nodes") if key in case.kernel})
    attribution = compute(alone, network, x, y, x, y)["attribution"]
    column = lambda i: sorted(set(case.groups)).index(case.groups[i]) if case.groups else i
    return torch.stack([attribution[i, column(i)] for i in range(case.m)])


def batches(case):
    """`batches` of the run file: those of one size are a file."""
    return "batches.npy" if len({len(batch) for batch in case.batches}) == 1 else case.batches


def imported(case):
    """Whether the run follows the path that PyTorch took."""
    return bool(case.coupled and (case.coupled.made_by or case.coupled.tampered) or case.resumed and case.resumed.imported)


def toml_value(value):
    """A value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return json.dumps(value)


def run_toml(case):
    """The run file's text."""
    def inputs(part):
        if isinstance(case.inputs, dict):
            return {name: f"{part}_{name}.npy" for name in case.inputs}
        return f"{part}_x.npy"

    def table(name, keys):
        return [f"[{name}]"] + [f"{k} = {toml_value(v)}" for k, v in keys.items()]

    lines = table("run", {"directory": "out"} | ({} if case.run_seed is None else {"seed": case.run_seed}))
    lines += table("data.train", {"inputs": inputs("train"), "targets": "train_y.npy"} | ({"groups": "groups.npy"} if case.groups else {}) | case.data)
    if case.n:
        lines += table("data.query", {"inputs": inputs("query")} | ({"targets": "query_y.npy"} if case.query_targets else {}))
    model = {k: v for k, v in case.model.items() if k != "layers"}
    lines += table("model", model | ({} if imported(case) else {"weights": "w0.safetensors"}))
    if "layers" in case.model:
        lines += ["layers = ["] + [f"  {toml_value(layer)}," for layer in case.model["layers"]] + ["]"]
    numbers = {"momentum": case.momentum, "weight_decay": case.decay}
    optimizer = {"type": "sgd", "learning_rate": case.rate} | {key: value for key, value in numbers.items() if value}
    if case.adamw:
        optimizer = {"type": "adamw", "learning_rate": case.rate} | case.adamw
    if case.resumed:
        optimizer = case.resumed.optimizer | case.resumed.changing
    optimizer |= {"groups": case.parameter_groups} if case.parameter_groups else {}
    optimizer = case.coupled.optimizer if case.coupled else optimizer
    training = {"optimizer": optimizer, "steps": case.steps} | case.training
    training |= {"clip_norm": case.coupled.clip_norm} if case.coupled and case.coupled.clip_norm else {}
    if case.resumed:
        training |= {"optimizer_state": case.resumed.state}
        training |= {"clip_norm": case.resumed.clip_norm} if case.resumed.clip_norm else {}
    lines += table("training", training | ({"batches": batches(case)} if case.batches else {}))
    given = {"rule", "nodes"} & set(case.kernel)
    lines += table("kernel", case.kernel if given else {"rule": "gauss"} | case.kernel)
    trajectory = case.trajectory | ({"import": "checkpoints/*.safetensors"} if imported(case) else {})
    if trajectory:
        lines += table("trajectory", trajectory)
    return "\n".join(lines) + "\n"


def state(case, network):
    """The module's parameters and buffers under the run file's names; tied ones once."""
    named = dict(network.module.named_parameters()) | dict(network.module.named_buffers())
    found = {case.names.get(k, k): v.detach().numpy().copy() for k, v in named.items() if not k.endswith("num_batches_tracked")}
    return {k: np.ascontiguousarray(v) for k, v in found.items() if k}


def write_case(name, case):
    """One fixture."""
    folder = FIXTURES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(case.seed)
    torch.manual_seed(case.seed)
    network = Network(case.module())
    # Numbers that single precision holds, so that a run in f32 starts from the same.
    network.set(network.flat().float().double())
    targets = case.targets or (lambda rng, count: rng.integers(0, case.outputs, count))
    x, y = arrays_of(case, rng, case.m), targets(rng, case.m)
    xq, yq = (arrays_of(case, rng, case.n), targets(rng, case.n)) if case.n else (x, y)
    sets = [("train", x, y)] + ([("query", xq, yq)] if case.n else [])
    for part, arrays, own in sets:
        for key, array in arrays.items():
            np.save(folder / (f"{part}_{key}.npy" if key else f"{part}_x.npy"), array)
        if part == "train" or case.query_targets:
            np.save(folder / f"{part}_y.npy", own)
    for file, array in case.files.items():
        np.save(folder / file, array)
    if case.groups:
        np.save(folder / "groups.npy", np.array(case.groups))
    if case.batches is not None and batches(case) == "batches.npy":
        np.save(folder / "batches.npy", np.array(case.batches))
    own = own_numbers(case, network)
    training = resumed.start(case, network, x, y, own, example) if case.resumed else None
    if training:
        resumed.save(case, network, training.made, folder)
    if not imported(case):
        save_file(case.file(state(case, network)), folder / "w0.safetensors")
    if case.graph is not None:
        (folder / "model.json").write_text(json.dumps(case.graph, indent=1) + "\n")
    (folder / "run.toml").write_text(run_toml(case))
    if case.coupled:
        answers, path = coupled.compute(case, network, x, y, xq, yq)
        path = {case.names.get(k, k): v for k, v in path.items()}
        save_file(path, folder / "path.safetensors")
        for s in range(case.steps + 1) if imported(case) else []:
            (folder / "checkpoints").mkdir(exist_ok=True)
            save_file({k: np.ascontiguousarray(v[s]) for k, v in path.items()}, folder / f"checkpoints/{s:02}.safetensors")
    elif case.resumed:
        answers, path = resumed.compute(case, training, xq, yq, own, lambda: state(case, network))
        for s, weights in enumerate(path if imported(case) else []):
            (folder / "checkpoints").mkdir(exist_ok=True)
            save_file(weights, folder / f"checkpoints/{s:02}.safetensors")
    else:
        first = network.flat()
        answers = compute(case, network, x, y, xq, yq)
        if case.kernel.get("own"):
            network.set(first)
            answers["own"] = compute_own(case, network, x, y)
    for key, value in answers.items():
        assert key == "coefficients" or torch.isfinite(value).all(), (name, key)
        np.save(folder / f"expected_{key}.npy", value.numpy())
    save_file(state(case, network), folder / "expected_weights_final.safetensors")
    text = f'# {case.about}\nf64_only = {json.dumps(bool(case.f64_only))}\ngroup = {json.dumps(case.group)}\n'
    text += f"reason = {json.dumps(case.f64_only)}\n" if case.f64_only else ""
    (folder / "case.toml").write_text(text)
    change = (answers["prediction"] - answers["initial"]).abs().max()
    print(f"{name:28s} change {change:.1e}  residual {answers['residual'].abs().max() / change:.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cases, or files of cases/; none means all")
    named = parser.parse_args().names
    files = sorted(path.stem for path in (Path(__file__).parent / "cases").glob("*.py"))
    of_file = {}
    for file in files:
        before = set(CASES)
        importlib.import_module(f"cases.{file}")
        of_file[file] = [name for name in CASES if name not in before]
    for name in [n for name in named for n in of_file.get(name, [name])] or CASES:
        write_case(name, CASES[name])


if __name__ == "__main__":
    # The files of cases/ import this module by its name.
    import generate

    generate.main()
