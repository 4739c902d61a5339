#!/usr/bin/env python3
"""pathkernel beside ExPLAIND on ExPLAIND's two experiments: its ResNet9 and its transformer of modular addition.

    python benches/peers/explaind_experiments.py --case resnet9
    python benches/peers/explaind_experiments.py --case addition

The networks are ExPLAIND's own classes at their own sizes, trained with its experiments' optimizers: momentum with weight decay
and a rate that rises, and AdamW. There are fewer examples and steps, and images are noise with a mean of each class, as
CIFAR's cannot be fetched. ExPLAIND records the run; pathkernel imports the very checkpoints and batches. Both take the queries'
log-probabilities apart. The time is that of all steps divided by their number; pathkernel's has the gradients along the path.
Beside it stand seconds of processors, which other work on the machine moves less: pathkernel's are of its whole process.
"""

import json
import math
import resource
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import common


class Experiment(NamedTuple):
    title: str
    classes: int
    examples: int
    queries: int
    batch: int
    steps: int
    nodes: int
    # As in a run file.
    optimizer: dict


EXPERIMENTS = {
    "resnet9": Experiment(
        "ResNet9 of 2.27 million weights on 3x32x32, two classes", 2, 64, 4, 32, 3, 3,
        {"type": "sgd", "momentum": 0.9, "weight_decay": 0.005},
    ),
    "addition": Experiment(
        "transformer of modular addition, 115 tokens, 64 features, 4 heads, 512 in its MLP", 115, 500, 4, 500, 3, 3,
        {"type": "adamw", "learning_rate": 0.001, "betas": [0.9, 0.98], "weight_decay": 4.0},
    ),
}  # fmt: skip
# ResNet9's rates rise from 0 to the peak in five epochs of 39 steps; these are the first.
PEAK, RISE = 0.1, 195
MODULUS = 113


def rates(steps):
    return [PEAK * (step + 1) / RISE for step in range(steps)]


def resnet9():
    """ExPLAIND's ResNet9 in a run file, its convolutions under the names of its module."""
    def unit(name, before, channels, kernel=3, stride=1, padding=1):
        keys = {"channels": channels, "kernel": kernel, "stride": stride, "padding": padding, "bias": False}
        return [{"type": "conv2d", "name": f"{name}.0", "from": before} | keys, {"type": "relu", "name": f"relu.{name}"}]

    return [
        *unit("0", -1, 64),
        *unit("1", "relu.0", 128, 5, 2, 2),
        *unit("2.module.0", "relu.1", 128),
        *unit("2.module.1", "relu.2.module.0", 128),
        {"type": "add", "name": "first", "from": ["relu.1", "relu.2.module.1"]},
        *unit("3", "first", 256),
        {"type": "max_pool2d", "name": "pool", "kernel": 2},
        *unit("5.module.0", "pool", 256),
        *unit("5.module.1", "relu.5.module.0", 256),
        {"type": "add", "name": "second", "from": ["pool", "relu.5.module.1"]},
        *unit("6", "second", 128, padding=0),
        {"type": "global_max_pool"},
        {"type": "linear", "name": "head", "features": 2, "bias": False},
    ]


def addition():
    """ExPLAIND's transformer: each head's one layer makes queries, keys and values, and attention has no residual."""
    layers = [
        {"type": "embedding", "name": "input_emb", "count": MODULUS + 2, "features": 64},
        {"type": "scale", "name": "x", "by": math.sqrt(64)},
    ]
    for head in range(1, 5):
        layers += [
            {"type": "linear", "name": f"head{head}_encoder", "features": 16, "bias": False, "from": "x"},
            {"type": "attention", "from": [f"head{head}_encoder"] * 3},
            {"type": "linear", "name": f"head{head}_decoder", "features": 64, "bias": False},
        ]
    return layers + [
        {"type": "add", "name": "y", "from": [f"head{head}_decoder" for head in range(1, 5)]},
        {"type": "linear", "name": "linear1", "features": 512},
        {"type": "relu"},
        {"type": "linear", "name": "linear2", "features": 64},
        {"type": "relu", "name": "z"},
        {"type": "add", "from": ["y", "z"]},
        {"type": "slice", "axis": 0, "start": -1},
        {"type": "flatten"},
        {"type": "linear", "name": "decoder", "features": MODULUS + 2, "bias": False},
    ]


def main():
    parser = common.arguments(__doc__)
    parser.set_defaults(repeats=2)
    parser.add_argument("--case", choices=EXPERIMENTS, default="resnet9", help="which experiment (default: resnet9)")
    for name in ("examples", "queries", "batch", "steps", "nodes"):
        parser.add_argument(f"--{name}", type=int, help=f"in place of the experiment's {name}")
    parser.add_argument("--midpoints", type=int, default=100, help="of ExPLAIND, as in its README (default: 100)")
    options = common.start(common.TORCH, parser)
    experiment = EXPERIMENTS[options.case]
    asked = {name: getattr(options, name) for name in ("examples", "queries", "batch", "steps", "nodes")}
    experiment = experiment._replace(**{name: number for name, number in asked.items() if number})
    with tempfile.TemporaryDirectory() as folder:
        result = compare(Path(folder), experiment, options)
    if options.json:
        common.print_json(result)
    else:
        show(result)


def drawn(case, experiment):
    """Inputs and targets, of training and of queries."""
    import numpy as np

    random = np.random.default_rng(0)
    count = experiment.examples + experiment.queries
    if case == "resnet9":
        targets = random.integers(0, 2, count)
        means = random.normal(0, 1, (2, 3, 32, 32))
        inputs = (random.normal(0, 1, (count, 3, 32, 32)) + means[targets]).astype(np.float32)
    else:
        # Every pair with a <= b once, as in ExPLAIND.
        pairs = np.array([(b, a) for a in range(MODULUS) for b in range(a, MODULUS)])
        pairs = pairs[random.permutation(len(pairs))[:count]]
        targets = pairs.sum(1) % MODULUS
        signs = np.broadcast_to([MODULUS, MODULUS + 1], pairs.shape)
        inputs = np.stack([pairs[:, 0], signs[:, 0], pairs[:, 1], signs[:, 1]], 1)
    cut = experiment.examples
    return (inputs[:cut], targets[:cut]), (inputs[cut:], targets[cut:])


def trained(experiment, train, options):
    """ExPLAIND's explainer of a network that it watched in training."""
    import torch
    from explaind.cifar_model.model import construct_rn9
    from explaind.data_paths import DataPath
    from explaind.model_paths import ModelPath
    from explaind.modulo_model.model import SingleLayerTransformerClassifier
    from explaind.optimizer_paths import AdamWOptimizerPath, SGDOptimizerPath

    from paths import Examples, Explainer

    torch.manual_seed(0)
    case = options.case
    numbers = experiment.optimizer
    # An empty list of its own: the default is one list that all optimizers share.
    shared = {"checkpoints": [], "device": "cpu", "weight_decay": numbers["weight_decay"]}
    if case == "resnet9":
        model = ModelPath(construct_rn9(num_classes=2), device="cpu", output_dim=2)
        # The buffers that momentum needs of each example would by default be 16 bits wide.
        optimizer = SGDOptimizerPath(model, lr=PEAK, momentum=numbers["momentum"], buffer_float16=False, **shared)
        course = rates(experiment.steps)
    else:
        network = SingleLayerTransformerClassifier(MODULUS + 2, d_model=64, nhead=4, dim_mlp=512)
        model = ModelPath(network, device="cpu", output_dim=MODULUS + 2)
        optimizer = AdamWOptimizerPath(model, lr=numbers["learning_rate"], betas=tuple(numbers["betas"]), **shared)
        course = [numbers["learning_rate"]] * experiment.steps
    data = DataPath(torch.utils.data.DataLoader(Examples(*train), batch_size=experiment.batch), full_batch=False)
    loss, step = torch.nn.NLLLoss(), 0
    while step < experiment.steps:
        for batch in data.dataloader:
            if step == experiment.steps:
                break
            inputs, targets = data.get_batch(batch)
            optimizer.optimizer.param_groups[0]["lr"] = course[step]
            optimizer.zero_grad()
            loss(model.forward(inputs), targets).backward()
            optimizer.step()
            model.log_checkpoint()
            optimizer.log_checkpoint()
            step += 1
    return Explainer(model, optimizer, data, options.midpoints)


def write_run(folder, case, experiment, explainer, train, queries):
    """The run file that imports what ExPLAIND recorded."""
    import numpy as np
    import torch

    import networks

    for step, weights in enumerate(explainer.model.checkpoints):
        torch.save(weights, folder / f"step_{step}.pt")
    for name, array in (("train_x", train[0]), ("train_y", train[1]), ("query_x", queries[0])):
        np.save(folder / f"{name}.npy", array)
    batches = [checkpoint["indices"].tolist() for checkpoint in explainer.data_path.checkpoints]
    model = {
        "resnet9": {"input": [3, 32, 32], "layers": resnet9(), "parameters": {"head.weight": {"tensor": "9.weight"}}},
        "addition": {"input": [4], "layers": addition()},
    }[case]
    training = {"loss": "cross_entropy", "optimizer": experiment.optimizer, "steps": experiment.steps}
    if experiment.batch < experiment.examples:
        training["batches"] = batches
    if case == "resnet9":
        training["learning_rates"] = rates(experiment.steps)
    tables = {
        "run": {"directory": "run", "device": "cpu"},
        "data.train": {"inputs": "train_x.npy", "targets": "train_y.npy"},
        "data.query": {"inputs": "query_x.npy"},
        "model": model,
        "training": training,
        "trajectory": {"import": "step_*.pt"},
        "kernel": {"nodes": experiment.nodes, "readout": "log_probabilities"},
    }
    lines = (f"[{name}]\n" + "".join(f"{key} = {networks.toml(value)}\n" for key, value in keys.items()) for name, keys in tables.items())
    (folder / "run.toml").write_text("\n".join(lines))


def processor_seconds(of):
    used = resource.getrusage(of)
    return used.ru_utime + used.ru_stime


def compare(folder, experiment, options):
    import numpy as np
    import torch

    from paths import attributions

    torch.set_num_threads(options.threads)
    heading = common.heading(f"ExPLAIND {version('explaind')}", {"torch": torch.__version__}, options)
    train, queries = drawn(options.case, experiment)
    explainer = trained(experiment, train, options)
    write_run(folder, options.case, experiment, explainer, train, queries)
    answers, summaries, processors = [], [], {"pathkernel": [], "ExPLAIND": []}

    def ours():
        directory, before = folder / f"run{len(summaries)}", processor_seconds(resource.RUSAGE_CHILDREN)
        common.pathkernel(options, "run", folder / "run.toml", f"run.directory={directory}")
        processors["pathkernel"].append(processor_seconds(resource.RUSAGE_CHILDREN) - before)
        summaries.append(json.loads((directory / "summary.json").read_text()))
        return (summaries[-1]["seconds"]["train"] + summaries[-1]["seconds"]["integrate"]) / experiment.steps

    def theirs():
        before = processor_seconds(resource.RUSAGE_SELF)
        answers.append(explainer.explain(torch.from_numpy(queries[0])))
        processors["ExPLAIND"].append(processor_seconds(resource.RUSAGE_SELF) - before)

    clock = common.clocked(theirs)
    candidates = {"ExPLAIND": lambda: clock() / experiment.steps}
    if not options.peer_only:
        candidates = {"pathkernel": ours} | candidates
    times = common.in_turns(candidates, options.repeats)
    if not answers:
        sys.exit(f"ExPLAIND failed: {times['ExPLAIND']['error']}")
    for name, taken in processors.items():
        if taken:
            times[name]["processor_seconds"] = min(taken) / experiment.steps

    predicted, initial, kernels = answers[-1]
    with torch.no_grad():
        final = explainer.model.forward(torch.from_numpy(queries[0]), step=experiment.steps)
        change = (final - initial).abs().max()
        residual = (final - predicted).abs().max() / change
    result = heading | {
        "case": options.case,
        "title": experiment.title,
        "optimizer": experiment.optimizer,
        **{name: getattr(experiment, name) for name in ("queries", "examples", "batch", "steps")},
        "pathkernel": None,
        "explaind": times["ExPLAIND"] | {"midpoints": options.midpoints, "relative_residual": float(residual)},
        "ratio": None,
    }
    if not options.peer_only:
        run = folder / f"run{len(summaries) - 1}"
        same, other = np.load(run / "attribution.npy"), attributions(kernels, experiment.batch)
        unexplained = np.abs(np.load(run / "unexplained.npy")).max() / float(change)
        result["pathkernel"] = times["pathkernel"] | {
            "nodes": experiment.nodes,
            "relative_residual": summaries[-1]["largest_relative_residual"],
            "relative_unexplained": float(unexplained),
            "contraction": summaries[-1]["contraction"],
        }
        result["processor_ratio"] = times["ExPLAIND"]["processor_seconds"] / times["pathkernel"]["processor_seconds"]
        result["ratio"] = times["ExPLAIND"]["seconds"] / times["pathkernel"]["seconds"]
        result["difference"] = float(np.abs(other - same).max() / np.abs(same).max())
    return result


def show(result):
    common.print_heading(result)
    print(f"\n{result['title']}: {result['queries']} queries, {result['examples']} examples, {result['steps']} steps of {result['batch']}")
    print(", ".join(f"{key} {value}" for key, value in result["optimizer"].items()))
    ours, theirs = result["pathkernel"], result["explaind"]
    rows = [("", "seconds a step", "ratio", "of processors", "ratio", "residual")]

    def row(name, own, ratios):
        return (name, f"{own['seconds']:.4g}", ratios[0], f"{own['processor_seconds']:.4g}", ratios[1], f"{own['relative_residual']:.1e}")

    if ours:
        rows.append(row(f"pathkernel, {ours['nodes']} nodes", ours, ("1", "1")))
    ratios = [f"{result[name]:.0f}" if ours else "" for name in ("ratio", "processor_ratio")]
    rows.append(row(f"ExPLAIND, {theirs['midpoints']} midpoints", theirs, ratios))
    common.table(rows)
    if ours:
        print(f"The attributions agree to {result['difference']:.1e} of the largest; {ours['relative_unexplained']:.1e} is unexplained.")


main()
