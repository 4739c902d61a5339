#!/usr/bin/env python3
"""Whether plans tell the truth: runs of drawn networks, sizes, optimizers and limits of memory, each planned and then made.

    python benches/plan_truth.py [--pathkernel PATH] [--runs 30] [--first 0] [--seed 1] [--folder FOLDER]

Prints a line a run: seconds as planned and as measured of training, integration and the whole process, and the peak of its resident
memory beside what was planned and what `run.memory` allows. Each run takes some 3 to 6 seconds on the CPU: its number of steps is
chosen by a short run of few. Where the rule is chosen on the way, the whole is also held against the plan that was made then.
A folder that is named keeps the runs, and the same command goes on with them. Needs NumPy and a machine that does nothing else.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

from linear import ROOT

NEAR = 0.25
PROBED = 6
OPTIMIZERS = {
    "sgd": 'type = "sgd", learning_rate = 0.01',
    "momentum": 'type = "sgd", learning_rate = 0.005, momentum = 0.9',
    "nesterov": 'type = "sgd", learning_rate = 0.005, momentum = 0.9, nesterov = true, weight_decay = 1e-3',
    "adam": 'type = "adam", learning_rate = 1e-3',
    "amsgrad": 'type = "adam", learning_rate = 1e-3, amsgrad = true, weight_decay = 1e-2',
    "adamw": 'type = "adamw", learning_rate = 1e-3, weight_decay = 1e-2',
    "nadam": 'type = "nadam", learning_rate = 1e-3',
    "rmsprop": 'type = "rmsprop", learning_rate = 1e-4',
    "lion": 'type = "lion", learning_rate = 1e-4',
}


class Draw(random.Random):
    """Draws of one run."""

    def size(self, least, most):
        """A whole number whose logarithm is even."""
        return round(least * (most / least) ** self.random())

    def among(self, **weights):
        """One of some words, by their weights."""
        return self.choices(list(weights), list(weights.values()))[0]


def layer(kind, **keys):
    values = [f"type = {json.dumps(kind)}"] + [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "{ " + ", ".join(values) + " }"


def mlp(draw, outputs):
    """A fully connected network, with or without norms: its input and layers."""
    activation, norm = draw.choice(["relu", "tanh", "gelu", "silu"]), draw.random() < 0.4
    layers = []
    for _ in range(draw.randint(1, 3)):
        layers += [layer("linear", features=draw.size(16, 512))] + [layer("layer_norm")] * norm + [layer(activation)]
    return f"input = [{draw.size(8, 512)}]", layers + [layer("linear", features=outputs)]


def conv(draw, outputs):
    """Convolutions with pools."""
    activation, side = draw.choice(["relu", "tanh", "gelu"]), draw.choice([8, 12, 16])
    layers = []
    for _ in range(draw.randint(1, 2)):
        layers += [layer("conv2d", channels=draw.size(4, 24), kernel=3, padding=1), layer(activation)]
        layers += [layer(draw.choice(["max_pool2d", "avg_pool2d"]), kernel=2)]
    return f"input = [{draw.choice([1, 3])}, {side}, {side}]", layers + [layer("flatten"), layer("linear", features=outputs)]


def tokens(draw, outputs):
    """A block of a transformer over tokens."""
    length, heads, norm = draw.choice([8, 16, 24]), draw.choice([1, 2, 4]), draw.random() < 0.5
    width = 8 * heads * draw.randint(1, 2)

    def linear(name, features, source):
        return layer("linear", name=name, features=features, **{"from": source})

    x, normed = ["x"], [layer("layer_norm", name="n", **{"from": "x"})] if norm else []
    source = "n" if norm else "x"
    layers = [
        layer("embedding", name="embed", count=VOCABULARY, features=width, **{"from": "tokens"}),
        layer("parameter", name="places", shape=[length, width]),
        layer("add", name="x", **{"from": ["embed", "places"]}),
        *normed,
        *(linear(name, width, source) for name in ("q", "k", "v")),
        layer("attention", heads=heads, **{"from": ["q", "k", "v"]}),
        layer("linear", name="o", features=width),
        layer("add", name="y", **{"from": x + ["o"]}),
        layer("linear", name="up", features=4 * width),
        layer(draw.choice(["relu", "gelu"])),
        layer("linear", name="down", features=width),
        layer("add", **{"from": ["y", "down"]}),
        layer("flatten"),
        layer("linear", name="head", features=outputs),
    ]
    return f'inputs = {{ tokens = {{ shape = [{length}], type = "integer" }} }}', layers


VOCABULARY = 50
NETWORKS = {"mlp": mlp, "conv": conv, "tokens": tokens}


def kernel_keys(draw, optimizer):
    """The section [kernel]."""
    rule = draw.among(gauss=6, left=1, adaptive=1, auto=2)
    lines = [f'rule = "{rule}"'] + ([f"nodes = {draw.randint(1, 4)}"] if rule == "gauss" else [])
    readouts = ["outputs", "outputs", "outputs", "loss", "margin", "target", "log_probabilities"]
    readout = draw.choice(readouts)
    lines.append(f'readout = "{readout}"')
    if optimizer == "sgd" and readout == "outputs" and draw.random() < 0.6:
        lines.append(f'kernel = "{draw.choice(["trace", "diagonal", "full"])}"')
        lines.append(f"tangent = {json.dumps(draw.random() < 0.3)}")
    lines.append(f"layers = {json.dumps(draw.random() < 0.2)}")
    return lines


def make(folder, number, seed):
    """Draws a run: writes its data, and returns the text of its run file, without steps, with what it is in short."""
    draw = Draw(f"{seed}-{number}")
    numbers = np.random.default_rng([seed, number])
    kind = draw.among(mlp=5, conv=3, tokens=2)
    outputs, examples, queries = draw.size(2, 20), draw.size(100, 4000), draw.size(4, 200)
    heading, layers = NETWORKS[kind](draw, outputs)
    shape = [int(side) for side in re.findall(r"\d+", heading)]
    for name, count in (("train", examples), ("query", queries)):
        if kind == "tokens":
            inputs = numbers.integers(0, VOCABULARY, (count, *shape)).astype(np.int32)
        else:
            inputs = numbers.standard_normal((count, *shape)).astype(np.float32)
        np.save(folder / f"{name}_x.npy", inputs)
        np.save(folder / f"{name}_y.npy", numbers.integers(0, outputs, count).astype(np.int32))
    optimizer, precision = draw.choice(list(OPTIMIZERS)), draw.among(f32=3, f64=1)
    batch = draw.choice([None, draw.size(8, 256)])
    store = draw.among(npy=4, zarr=1)
    kernel = kernel_keys(draw, optimizer)
    text = "\n".join(
        [
            f'run = {{ directory = "out", device = "cpu", precision = "{precision}", store = "{store}"MEMORY }}',
            'data.train = { inputs = "train_x.npy", targets = "train_y.npy" }',
            'data.query = { inputs = "query_x.npy", targets = "query_y.npy" }',
            "[model]",
            heading,
            "layers = [",
            *(f"  {line}," for line in layers),
            "]",
            "[training]",
            'loss = "cross_entropy"',
            f"optimizer = {{ {OPTIMIZERS[optimizer]} }}",
            "steps = STEPS",
            *([f"batch_size = {min(batch, examples)}"] if batch else []),
            "[kernel]",
            *kernel,
        ]
    )
    rule = kernel[0].split('"')[1] + (kernel[1].split("= ")[1] if kernel[0] == 'rule = "gauss"' else "")
    short = [kind, optimizer, precision, rule, f"{queries} × {batch or examples} of {examples}, {outputs} outputs"]
    return text, short, {"tight": draw.random() if draw.random() < 0.6 else None, "seconds": 3 + 3 * draw.random()}


def call(program, words):
    return subprocess.run([program, "--quiet", *words], capture_output=True, text=True)


def plan(program, path):
    """The plan's figures."""
    done = call(program, ["plan", path, "--json"])
    return json.loads(done.stdout) if done.stdout else sys.exit(f"{path}: {done.stderr}")


LEAST = re.compile(r'run.memory = "(\d+) MiB"')


class DoesNotFit(Exception):
    """A run that its limit of memory is too little for, once its rule is chosen: the MiB that it asks for."""


def run(program, path):
    """Makes a run; returns seconds of the process and the peak of its resident memory."""
    begun = time.perf_counter()
    process = subprocess.Popen([program, "--quiet", "run", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if least := LEAST.search(said):
        raise DoesNotFit(int(least[1]))
    if process.returncode not in (0, 3):
        sys.exit(f"{path}: exit code {process.returncode}: {said}")
    return {"seconds": time.perf_counter() - begun, "memory": used.ru_maxrss * 1024}


def choose(program, folder, text, wanted):
    """Writes run.toml: with a limit of memory that is less than the run would take, and steps that take as long as is wanted."""
    path = folder / "run.toml"

    def write(steps, memory=None):
        limit = "" if memory is None else f', memory = "{memory} MiB"'
        path.write_text(text.replace("STEPS", str(steps)).replace("MEMORY", limit))

    write(PROBED)
    memory = None
    if wanted["tight"] is not None:
        least, most = 1, plan(program, path)["memory"] >> 20
        write(PROBED, least)
        named = LEAST.search(call(program, ["plan", path]).stderr)
        least = int(named[1]) if named else most
        memory = least + 2 + int(wanted["tight"] * max(most - least, 0))
    write(PROBED, memory)
    try:
        run(program, path)
    except DoesNotFit as short:
        memory = short.args[0] + 2
        write(PROBED, memory)
        run(program, path)
    summary = json.loads((folder / "out/summary.json").read_text())
    step = (summary["seconds"]["train"] + summary["seconds"]["integrate"]) / PROBED
    shutil.rmtree(folder / "out")
    write(min(max(round(wanted["seconds"] / step), 2), 5000), memory)
    return memory


def one(program, folder, number, seed):
    """Plans and makes a run, if it is not kept; returns its row."""
    folder.mkdir(exist_ok=True)
    kept = folder / "measured.json"
    if not kept.exists():
        text, short, wanted = make(folder, number, seed)
        memory = choose(program, folder, text, wanted)
        plan(program, folder / "run.toml")
        measured = run(program, folder / "run.toml")
        kept.write_text(json.dumps({"short": short, "limit": memory and memory << 20, **measured}))
    summary = json.loads((folder / "out/summary.json").read_text())
    return {
        **json.loads(kept.read_text()),
        "parts": summary["seconds"],
        "disk": summary["disk"],
        "nodes": summary["nodes"]["per_query_and_step"],
        "steps": summary["shapes"]["steps"],
        "planned": plan(program, folder / "run.toml"),
        "chosen": plan(program, folder / "out/run.toml"),
    }


def total(figures):
    return sum(figures["seconds"].values())


def near(row, planned):
    return abs(total(row[planned]) / row["seconds"] - 1) <= NEAR


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pathkernel", default=ROOT / "target/release/pathkernel")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=pathlib.Path, help="where runs are kept; without it, nowhere")
    arguments = parser.parse_args()
    temporary = tempfile.TemporaryDirectory()
    folder = arguments.folder or pathlib.Path(temporary.name)
    folder.mkdir(parents=True, exist_ok=True)
    # Rates of this machine, and no other run's.
    os.environ["PATHKERNEL_CACHE"] = str(folder / "cache")
    program = str(arguments.pathkernel)
    mib = 1 << 20
    print("| run | network | optimizer | precision | rule | sizes | steps | tiles | training | integration | whole | of the measured "
          "| memory, MiB | allowed |")
    print("|---" * 14 + "|")
    rows = []
    for number in range(arguments.first, arguments.first + arguments.runs):
        row = one(program, folder / str(number), number, arguments.seed)
        rows.append(row)
        planned, parts = row["chosen"], row["parts"]
        both = [f"{planned['seconds'][part]:.2f}, {parts[part]:.2f}" for part in ("train", "integrate")]
        cells = [number, *row["short"], row["steps"], planned["tiles"], *both]
        cells += [f"{total(planned):.2f}, {row['seconds']:.2f}", f"{total(planned) / row['seconds']:.2f}"]
        if row["planned"]["assumed"]:
            cells[-1] += f" ({total(row['planned']) / row['seconds']:.2f})"
        cells += [f"{planned['memory'] / mib:.0f}, {row['memory'] / mib:.0f}", f"{row['limit'] / mib:.0f}" if row["limit"] else "-"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    above = [row for row in rows if row["limit"] and row["memory"] > row["limit"]]
    print(f"\n{sum(near(row, 'chosen') for row in rows)} of {len(rows)} within {NEAR:.0%} once the rule is chosen, "
          f"{sum(near(row, 'planned') for row in rows)} before; {len(above)} above their limit of memory, "
          f"{sum(row['memory'] > row['chosen']['memory'] for row in rows)} above the plan's")


if __name__ == "__main__":
    main()
