#!/usr/bin/env python3
"""What predicts training without some examples: contributions, influence, TRAK, dattri; by `pathkernel validate`.

    pip install dattri==0.3.0 traker==0.3.2 torch numpy safetensors
    python benches/influence/table.py --pathkernel target/release/pathkernel
    python benches/influence/table.py --case sgd --seeds 0 --subsets 10      # a minute
    python benches/influence/table.py --json found.json
    python benches/influence/table.py --case "adam, 0.01" --alone            # without the other libraries

Digits, 500 examples, 300 steps, 40 queries, the readout margin. Each seed draws other examples, queries, first weights
and batches, and other subsets. All methods predict the same retrainings: the LDS at each share that is dropped, the
mean over seeds, and in brackets the standard error of that by the spread over seeds. Where a method has a number of its
own (damping, the size of a projection), the best one afterwards is shown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peers
import torch
from safetensors.numpy import load_file
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, QUERIES, STEPS, BATCH, HIDDEN = 500, 40, 300, 50, 32
DROPS = (0.01, 0.05, 0.1, 0.5)
NOT_EXACT = 3
SGD = '{ type = "sgd", learning_rate = 0.3 }'
MOMENTUM = '{ type = "sgd", learning_rate = 0.1, momentum = 0.9 }'
ADAM = '{ type = "adam", learning_rate = 0.003 }'
ADAMW = '{ type = "adamw", learning_rate = 0.003, weight_decay = 0.01 }'


class Case(NamedTuple):
    """The network, the optimizer, the batch (0: all examples), how many steps, and what else a run file says of
    training.
    """

    network: str
    optimizer: str
    batch: int = BATCH
    steps: int = STEPS
    more: str = ""


CASES = {
    "sgd": Case("tanh", SGD),
    "full batch": Case("tanh", SGD, batch=0),
    "momentum": Case("tanh", MOMENTUM),
    "adam": Case("tanh", ADAM),
    "adamw": Case("tanh", ADAMW),
    "sgd, relu": Case("relu", SGD),
    "adam, relu": Case("relu", ADAM),
    "sgd, cnn": Case("cnn", SGD),
    # How far the derivative of Adam's steps reaches is a matter of their size, of the first ones above all.
    "adam, 0.001": Case("tanh", ADAM.replace("0.003", "0.001")),
    "adam, 0.01": Case("tanh", ADAM.replace("0.003", "0.01")),
    "adam, 0.01, warmup": Case(
        "tanh", ADAM.replace("0.003", "0.01"), more='schedule.type = "constant"\nschedule.warmup = 50'
    ),
    "adam, 0.01, eps 0.01": Case("tanh", ADAM.replace("0.003 ", "0.01, eps = 0.01 ")),
    "adam, 1000 steps": Case("tanh", ADAM, steps=1000),
    "adam, full batch": Case("tanh", ADAM, batch=0),
}
METHODS = ("contributions", "influence", "influence_at_half", "dattri_tracin", "dattri_if", "dattri_trak", "trak")
FLATTEN, TANH, RELU = ('{ type = "%s" }' % kind for kind in ("flatten", "tanh", "relu"))
HEAD = '{ type = "linear", features = 10 }'
WIDE = '{ type = "linear", features = %d }' % HIDDEN
CONVOLUTION = ('{ type = "conv2d", channels = 8, kernel = 3 }', TANH, '{ type = "avg_pool2d", kernel = 2 }')
LAYERS = {
    "tanh": (FLATTEN, WIDE, TANH, HEAD),
    "relu": (FLATTEN, WIDE, RELU, HEAD),
    "cnn": (*CONVOLUTION, FLATTEN, HEAD),
}
NETWORKS = {
    "tanh": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 10)),
    "relu": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10)),
    "cnn": lambda: nn.Sequential(nn.Conv2d(1, 8, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(72, 10)),
}
RUN_FILE = """
[run]
directory = "run"
device = "cpu"
precision = "f64"
seed = {seed}
[data.train]
inputs = "x.npy"
targets = "y.npy"
[data.query]
inputs = "qx.npy"
targets = "qy.npy"
[model]
input = [1, 8, 8]
layers = [{layers}]
[training]
loss = "cross_entropy"
optimizer = {optimizer}
steps = {steps}
{more}
[kernel]
readout = "margin"
influence = true
"""


def data(seed: int) -> dict[str, np.ndarray]:
    """Other examples and queries for each seed."""
    with np.load(ROOT / "examples" / "data" / "digits.npz") as arrays:
        x = np.concatenate([arrays["train_x"], arrays["query_x"]]).astype(np.float64).reshape(-1, 1, 8, 8)
        y = np.concatenate([arrays["train_y"], arrays["query_y"]]).astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(y))
    train, queries = order[:EXAMPLES], order[EXAMPLES : EXAMPLES + QUERIES]
    return {"x": x[train], "y": y[train], "qx": x[queries], "qy": y[queries]}


def pathkernel(binary: Path, folder: Path, *words: str) -> None:
    """Runs the program, which must end well; a run of few nodes may be inexact."""
    done = subprocess.run([binary, *words, "--quiet"], cwd=folder, capture_output=True, text=True)
    if done.returncode not in (0, NOT_EXACT):
        sys.exit(f"pathkernel {' '.join(words)}: {done.stderr or done.stdout}")


def validation(
    binary: Path, case: str, seed: int, subsets: int, compared: Callable[..., peers.Scores], folder: Path
) -> dict[str, Any]:
    """What `pathkernel validate` says of one run, and of the scores that it is compared with."""
    kind, optimizer, size, steps, more = CASES[case]
    arrays = data(seed)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    more = f"batch_size = {size}\n{more}" if size else more
    text = RUN_FILE.format(seed=seed, layers=", ".join(LAYERS[kind]), optimizer=optimizer, steps=steps, more=more)
    (folder / "run.toml").write_text(text)
    pathkernel(binary, folder, "run", "run.toml")
    network = NETWORKS[kind]().double()
    weights = load_file(folder / "run" / "weights_final.safetensors")
    network.load_state_dict({name: torch.from_numpy(array).double() for name, array in weights.items()})
    x, y, qx, qy = (torch.from_numpy(array) for array in arrays.values())
    words: list[str] = []
    for name, array in compared(network, (x, y), (qx, qy)).items():
        np.save(folder / f"{name}.npy", array)
        words += ["--scores", f"{name}.npy"]
    if optimizer in (SGD, MOMENTUM):
        # The derivative half way to where every example is gone. Adam does not see the gradient's scale.
        half = ["kernel.influence={ weight = 0.5 }", "kernel.attribution=false", "run.directory=half"]
        pathkernel(binary, folder, "run", "run.toml", *half)
        (folder / "half" / "influence.npy").rename(folder / "influence_at_half.npy")
        words += ["--scores", "influence_at_half.npy"]
    shares = ",".join(map(str, DROPS))
    asked = ["--subsets", str(subsets), "--drop", shares, "--seed", str(seed)]
    pathkernel(binary, folder, "validate", "run", *asked, *words)
    found: dict[str, Any] = json.loads((folder / "run" / "validation.json").read_text())
    return found


def method(name: str) -> str:
    """A method's name without a number that it leaves open."""
    head, _, tail = name.rpartition("_")
    return head if tail[:1].isdigit() else name


def summary(found: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """For each method the mean LDS over seeds at each share, and its standard error; of its variants the best."""
    all_ranks: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        for name in (scores["name"] for scores in one["drops"][0]["scores"]):
            ranks = [next(own for own in drop["scores"] if own["name"] == name)["rank"] for drop in one["drops"]]
            all_ranks[method(name)][name].append(ranks)
    result = {}
    for kind, variants in all_ranks.items():
        best = max(variants.values(), key=lambda ranks: float(np.mean(ranks)))
        spread = np.std(best, axis=0, ddof=min(1, len(best) - 1))
        mean, error = np.mean(best, axis=0), spread / np.sqrt(len(best))
        result[kind] = list(zip(mean.tolist(), error.tolist(), strict=True))
    return result


def cell(values: list[tuple[float, float]]) -> str:
    """`.22 .31 .35 .45 (.03)`: the largest standard error in brackets."""
    ranks = [f"{rank:.2f}" for rank, _ in values]
    words = " ".join([*ranks, f"({max(error for _, error in values):.2f})"] if values else [])
    return words.replace("0.", ".")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pathkernel", type=Path, default=ROOT / "target" / "release" / "pathkernel")
    parser.add_argument("--case", choices=CASES, help="only this one")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--subsets", type=int, default=40)
    parser.add_argument("--alone", action="store_true", help="without the scores of other libraries")
    parser.add_argument("--json", type=Path, help="write what was found to this file, too")
    options = parser.parse_args()
    compared: Callable[..., peers.Scores] = (lambda *_: {}) if options.alone else peers.scores
    binary, seeds = options.pathkernel.resolve(), [int(seed) for seed in options.seeds.split(",")]
    results = {}
    print(f"| LDS | {' | '.join(METHODS)} |\n|{'---|' * (1 + len(METHODS))}", flush=True)
    for case in [options.case] if options.case else CASES:
        found = []
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                found.append(validation(binary, case, seed, options.subsets, compared, Path(folder)))
        results[case] = summary(found)
        cells = (cell(results[case].get(name, [])) for name in METHODS)
        print(f"| {case} | {' | '.join(cells)} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
