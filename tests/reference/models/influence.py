"""Write what influences and derivatives by learning rates fixtures have: `tests/influence/<fixture>_influence.npy`, [n, m, R], and
`_rates.npy`, [n, R, steps].

    python influence.py            all fixtures of `FIXTURES`
    python influence.py NAME...    these

A fixture's training is made again by PyTorch in float64, with a weight of 1 for each example in every loss that it occurs in and a factor
of 1 on each step's learning rates; autograd goes back through all of it. Modules are those of the cases of this folder, or, for fixtures of
the JAX reference, are made of the run file's layers. Optimizers are those of ../optimizers.py, with PyTorch's functions in NumPy's place.
"""

import sys
import tomllib
from fnmatch import fnmatchcase
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from safetensors.numpy import load_file
from torch.nn import functional as F

import generate

# By its path: beside it are modules of the names of this folder's.
specification = spec_from_file_location("optimizers", Path(__file__).resolve().parents[1] / "optimizers.py")
optimizers = module_from_spec(specification)
specification.loader.exec_module(optimizers)

OUT = generate.REPOSITORY / "tests" / "influence"
FIXTURES = """
    mlp_tanh mlp_gelu decay_batches_sum momentum_dampening_decay nesterov_decay adam_decay adamw_batches adam_amsgrad rmsprop_whole
    rmsprop_momentum nadam nadam_decoupled clip_momentum clip_adam clip_batches schedule_cosine_warmup schedule_step_warmup
    groups_dampening groups_nesterov groups_adamw numbers_rmsprop every_adam momentum_cnn_pool cnn_max_pool loss_logistic_mean
    loss_poisson_sum loss_squared_error_mean probabilities margin_two loss_of_training target_batches batch_never_seen_mean
    batch_norm_momentum batch_norm_adamw dropout_momentum dropout_adamw dropout_nanogpt models_transformer_block models_tied
    models_group_norm losses_class_weights losses_huber losses_l1 losses_mse losses_probabilities losses_logistic losses_positions
    losses_read_margin losses_read_loss losses_groups own_groups own_text all_of_it structures_padding_momentum import_tampered_momentum
    import_tampered_adam
""".split()

LOSSES = {
    "cross_entropy": lambda f, y: torch.logsumexp(f, -1) - f[y],
    "squared_error": lambda f, y: 0.5 * ((f - y) ** 2).sum(),
    "logistic": lambda f, y: (F.softplus(f) - y * f).sum(),
    "poisson": lambda f, y: (f.exp() - y * f).sum(),
}


def layer(said, width):
    """A layer of a run file, for inputs of a width, as PyTorch has it."""
    kind, number = said["type"], said.get
    if kind == "linear":
        return torch.nn.Linear(width, said["features"], number("bias", True))
    if kind == "conv2d":
        return torch.nn.Conv2d(width, said["channels"], said["kernel"], number("stride", 1), number("padding", 0), bias=number("bias", True))
    if kind in ("max_pool2d", "avg_pool2d"):
        return {"max_pool2d": torch.nn.MaxPool2d, "avg_pool2d": torch.nn.AvgPool2d}[kind](said["kernel"])
    names = {"tanh": "Tanh", "relu": "ReLU", "gelu": "GELU", "sigmoid": "Sigmoid", "silu": "SiLU", "flatten": "Flatten"}
    return getattr(torch.nn, names[kind])()


def sequential(model):
    """The module of a run file's layers, one after the other."""
    shape, layers = torch.zeros(1, *model["input"]), []
    for said in model["layers"]:
        layers.append(layer(said, shape.shape[-1] if said["type"] == "linear" else shape.shape[1]))
        shape = layers[-1](shape)
    return torch.nn.Sequential(*layers)


def readout(kind, loss):
    """[R] of a query's outputs and its target."""
    functions = {
        "outputs": lambda f, y: f,
        "probabilities": lambda f, y: torch.sigmoid(f) if loss == "logistic" else F.softmax(f, -1),
        "loss": lambda f, y: LOSSES[loss](f, y)[None],
        "target": lambda f, y: f[y][None],
        "margin": lambda f, y: (f[y] - torch.logsumexp(f[torch.arange(len(f)) != y], 0))[None],
    }
    return functions[kind]


def plain_case(said, folder):
    """The case of a fixture that has no file of this folder."""
    loss = said["training"]["loss"]
    return generate.Case(
        "", lambda: sequential(said["model"]), said["model"], None, loss=LOSSES[loss],
        readout=readout(said["kernel"].get("readout", "outputs"), loss),
    )  # fmt: skip


def arrays(folder, inputs):
    """The inputs of some rows: {name: array}."""
    files = inputs if isinstance(inputs, dict) else {"": inputs}
    return {name: np.load(folder / file) for name, file in files.items()}


def larger(a, b):
    """The larger of a number or tensor and a tensor."""
    return torch.maximum(torch.as_tensor(a).expand_as(b), b)


def root(x):
    """The square root, whose derivative is taken as 0 where x is 0: of a weight that never had a gradient."""
    return torch.where(x > 0, torch.where(x > 0, x, 1.0).sqrt(), 0.0)


class Unrolled:
    """The optimizer's steps, by groups of parameters: each a function of the gradients so far that autograd goes through."""

    def __init__(self, training, places):
        optimizers.np = SimpleNamespace(sqrt=root, maximum=larger)
        self.training, self.s, self.members = training, 0, []
        options = {key: value for key, value in training["optimizer"].items() if key != "groups"}
        groups = training["optimizer"].get("groups", [])
        matches = lambda group, name: any(fnmatchcase(name, pattern) for pattern in group["parameters"])
        of = [next((i for i, group in enumerate(groups) if matches(group, name)), len(groups)) for name, _ in places]
        for number, group in enumerate([*groups, {}]):
            cuts = [torch.arange(cut.start, cut.stop) for own, (_, cut) in zip(of, places) if own == number]
            own = options | {key: value for key, value in group.items() if key != "parameters"}
            if cuts:
                self.members.append((own, optimizers.Whole(optimizers.at_step(own, 0)), torch.cat(cuts)))

    def step(self, w, gradient, factor):
        """w_{s+1} - w_s, at the step's rates times a factor."""
        made = torch.zeros_like(w)
        for own, one, cut in self.members:
            one.options = optimizers.at_step(own, self.s)
            one.decay = one.options.get("weight_decay", 0.0)
            rate = optimizers.learning_rate(self.training | {"optimizer": own}, self.s)
            made = made.index_copy(0, cut, one.step(w[cut], gradient[cut], factor * rate))
        self.s += 1
        return made


class Function:
    """A module as a function of one flat vector of its trained parameters and of its running statistics."""

    def __init__(self, case, state):
        self.case, self.module = case, case.module()
        own = dict(self.module.named_parameters(remove_duplicate=False)) | dict(self.module.named_buffers())
        with torch.no_grad():
            for name, tensor in own.items():
                if (key := case.names.get(name, name)) in state:
                    tensor.copy_(torch.as_tensor(state[key]).reshape(tensor.shape))
        self.named = [(name, p) for name, p in self.module.named_parameters() if p.requires_grad]
        self.norms = [m for m in self.module.modules() if isinstance(m, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))]
        self.running = [(m.running_mean.clone(), m.running_var.clone()) for m in self.norms]
        for norm in self.norms:
            norm.forward = lambda x, norm=norm: self.normalize(norm, x)

    def places(self):
        """The tensors' names in the run file, each with its slice of the flat vector."""
        ends = np.cumsum([0] + [p.numel() for _, p in self.named])
        return [(self.case.names.get(name, name), slice(a, b)) for (name, _), a, b in zip(self.named, ends, ends[1:])]

    def flat(self):
        return torch.cat([p.detach().reshape(-1) for _, p in self.named])

    def normalize(self, norm, x):
        """Batch norm as PyTorch's documentation has it, so that autograd goes through the running statistics as well."""
        column = lambda v: v.reshape(1, -1, *[1] * (x.dim() - 2))
        number, axes = self.norms.index(norm), [0, *range(2, x.dim())]
        if norm.training:
            mean, variance, count = x.mean(axes), x.var(axes, unbiased=False), x.numel() // x.shape[1]
            old, p = self.running[number], norm.momentum
            now = (mean, variance * count / (count - 1))
            self.running[number] = tuple((1 - p) * a + p * b for a, b in zip(old, now))
        else:
            mean, variance = self.running[number]
        out = (x - column(mean)) / torch.sqrt(column(variance) + norm.eps)
        return out * column(self.parameters[norm, "weight"]) + column(self.parameters[norm, "bias"]) if norm.affine else out

    def __call__(self, w, rows, drawn=None):
        """The outputs of some rows, [rows, C]."""
        parameters = dict(zip([name for name, _ in self.named], self.parts(w)))
        owners = dict(self.module.named_modules())
        self.parameters = {}
        for name, value in parameters.items():
            owner, _, own = name.rpartition(".")
            self.parameters[owners[owner], own] = value
        generate.Dropout.drawn = drawn
        for part in self.module.modules():
            if isinstance(part, generate.Dropout):
                part.training = drawn is not None
        found = torch.func.functional_call(self.module, parameters, tuple(rows), tie_weights=True)
        return found.reshape(len(rows[0]), -1)

    def parts(self, w):
        parts = w.split([p.numel() for _, p in self.named])
        return [part.reshape(p.shape) for part, (_, p) in zip(parts, self.named)]


def steps_of(said, folder, m):
    """The batch of each step."""
    given, count = said["training"].get("batches"), said["training"]["steps"]
    if given is None:
        return [list(range(m))] * count
    found = np.load(folder / given).tolist() if isinstance(given, str) else given
    return found


def optimizer_numbers(said, folder):
    """[training] with the arrays that its optimizer names."""
    read = lambda value: np.load(folder / value).tolist() if isinstance(value, str) and value.endswith(".npy") else value
    optimizer = {key: read(value) for key, value in said["training"]["optimizer"].items()}
    return said["training"] | {"optimizer": optimizer}


def checkpoints(function, folder):
    """The weights of a recorded path, flat."""
    for file in sorted((folder / "checkpoints").glob("*.safetensors")):
        tensors = load_file(file)
        yield torch.cat([torch.as_tensor(tensors[name]).double().reshape(-1) for name, _ in function.places()])


def compute(case, folder):
    """[n, m, R] and [n, R, steps]."""
    said = tomllib.loads((folder / "run.toml").read_text())
    training = optimizer_numbers(said, folder)
    x, y = arrays(folder, said["data"]["train"]["inputs"]), np.load(folder / said["data"]["train"]["targets"])
    query = said["data"].get("query", said["data"]["train"])
    xq = arrays(folder, query["inputs"])
    yq = np.load(folder / query["targets"]) if "targets" in query else None
    m, n = len(y), len(next(iter(xq.values())))
    state = load_file(folder / said["model"]["weights"]) if "weights" in said["model"] else {}
    function = Function(case, state)
    recorded = list(checkpoints(function, folder)) if "trajectory" in said and "import" in said["trajectory"] else None
    rows = lambda of, which: [torch.as_tensor(a[which]) if a.dtype.kind in "iu" else torch.as_tensor(a[which]).double() for a in of.values()]
    # Small unsigned integers would be taken for masks.
    target = lambda of, i: None if of is None else torch.as_tensor(of[i].astype(np.int64) if of.dtype.kind in "iu" else of[i])
    unrolled = Unrolled(training, function.places())
    batches = steps_of(said, folder, m)
    u, factors = torch.ones(m, requires_grad=True), torch.ones(len(batches), requires_grad=True)
    w = recorded[0] if recorded else function.flat()
    mean = training.get("reduction", "mean") == "mean"
    seed = said["run"].get("seed") if getattr(case, "run_seed", None) is not None else None
    for s, batch in enumerate(batches):
        leaf = w if w.requires_grad else w.clone().requires_grad_()
        coupled = bool(function.norms)
        function.module.train(coupled)
        which = batch if coupled else sorted(set(batch))
        shares = [1.0] * len(which) if coupled else [float(batch.count(i)) for i in which]
        total = sum(case.weight(i, y[i]) for i in batch) if mean else 1.0
        drawn = None if seed is None else (seed, s, which)
        outputs = function(leaf, rows(x, which), drawn)
        of = lambda i, f: case.own_loss(i, f, target(y, i)) if case.own_loss else case.loss(f, target(y, i))
        loss = sum(share * u[i] * case.weight(i, y[i]) / total * of(i, f) for i, f, share in zip(which, outputs, shares))
        [gradient] = torch.autograd.grad(loss, leaf, create_graph=True)
        if training.get("clip_norm"):
            gradient = gradient * torch.clamp(training["clip_norm"] / (gradient.norm() + 1e-6), max=1.0)
        after = leaf + unrolled.step(leaf, gradient, factors[s])
        # What the optimizer does not explain of a recorded step is the same whatever the examples' weights.
        w = after if recorded is None else after + (recorded[s + 1] - after.detach())
    function.module.eval()
    tables = [own for own in function.module.modules() if isinstance(own, torch.nn.Embedding)]
    influence, rates = [], []
    with generate.unpadded(tables):
        values = [case.readout(function(w, rows(xq, [q]))[0], target(yq, q)) for q in range(n)]
    for value in values:
        for number in value:
            own = torch.autograd.grad(number, [u, factors], retain_graph=True, allow_unused=True)
            influence.append(own[0])
            rates.append(own[1])
    R = len(values[0])
    influence = torch.stack(influence).reshape(n, R, m).transpose(1, 2)
    if groups := said["data"]["train"].get("groups"):
        of = np.load(folder / groups)
        influence = torch.stack([influence[:, of == number].sum(1) for number in sorted(set(of.tolist()))], 1)
    first = {key: value for key, value in training["optimizer"].items()}
    epsilons = torch.tensor([optimizers.learning_rate(training | {"optimizer": first}, s) for s in range(len(batches))])
    return influence.numpy(), (torch.stack(rates).reshape(n, R, -1) / epsilons).numpy()


def main():
    for file in sorted((Path(__file__).parent / "cases").glob("*.py")):
        import_module(f"cases.{file.stem}")
    OUT.mkdir(exist_ok=True)
    for name in sys.argv[1:] or FIXTURES:
        folder = generate.FIXTURES / name
        said = tomllib.loads((folder / "run.toml").read_text())
        case = generate.CASES.get(name) or plain_case(said, folder)
        influence, rates = compute(case, folder)
        np.save(OUT / f"{name}_influence.npy", np.ascontiguousarray(influence))
        np.save(OUT / f"{name}_rates.npy", np.ascontiguousarray(rates))
        print(f"{name:32s} {np.abs(influence).max():.1e} {np.abs(rates).max():.1e}", flush=True)


if __name__ == "__main__":
    main()
