"""Full tangent kernels of two networks: what they are, their weights for either side, and the comparison itself."""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

import common

TANH = {"type": "tanh"}
# What `pathkernel bench kernel` says beside the seconds.
RATES = ("gflops", "gemm_gflops", "fraction_of_gemm")
# How far two f32 kernels may lie apart, relative to the largest entry.
TOLERANCE = 1e-4


class Case(NamedTuple):
    name: str
    title: str
    input: tuple
    layers: tuple  # as in a run file, whose layer indices are also those of torch.nn.Sequential
    queries: int
    examples: int


def convolution(channels):
    return {"type": "conv2d", "channels": channels, "kernel": 3, "stride": 1, "padding": 1}


def linear(features):
    return {"type": "linear", "features": features}


CASES = (
    Case("mlp", "784-512-512-10, tanh", (784,), (linear(512), TANH, linear(512), TANH, linear(10)), 256, 256),
    Case(
        "cnn",
        "three 3x3 convolutions of 32 channels, tanh, on 3x16x16, average, linear 10",
        (3, 16, 16),
        (
            *(layer for _ in range(3) for layer in (convolution(32), TANH)),
            {"type": "avg_pool2d", "kernel": 16},
            {"type": "flatten"},
            linear(10),
        ),
        32,
        32,
    ),
)


def make_weights(case, seed=0):
    """Weights and biases in PyTorch's layouts, by pathkernel's names."""
    random = np.random.default_rng(seed)
    width = case.input[0]
    weights = {}
    for index, layer in enumerate(case.layers):
        if layer["type"] == "linear":
            shape = (layer["features"], width)
        elif layer["type"] == "conv2d":
            shape = (layer["channels"], width, layer["kernel"], layer["kernel"])
        else:
            continue
        width = shape[0]
        weights[f"{index}.weight"] = random.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)
        weights[f"{index}.bias"] = random.normal(0, 0.1, width).astype(np.float32)
    return weights


def make_inputs(case, count, seed):
    return np.random.default_rng(seed).normal(size=(count, *case.input)).astype(np.float32)


def write_safetensors(path, arrays):
    """Writes f32 arrays: the header's length, the header, the numbers."""
    header, numbers = {}, b""
    for name, array in arrays.items():
        data = np.ascontiguousarray(array, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(numbers), len(numbers) + len(data)]}
        numbers += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + numbers)


def toml(value):
    """A value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def write_run(folder, input, layers, weights, train, query_inputs, training, kernel):
    """Writes a run file with all that it names, and returns its path. The run will write into `folder`/run."""
    write_safetensors(folder / "weights.safetensors", weights)
    for name, array in (("train_x", train[0]), ("train_y", train[1]), ("query_x", query_inputs)):
        np.save(folder / f"{name}.npy", array)
    tables = {
        "run": {"directory": "run", "device": "cpu"},
        "data.train": {"inputs": "train_x.npy", "targets": "train_y.npy"},
        "data.query": {"inputs": "query_x.npy"},
        "model": {"input": input, "layers": layers, "weights": "weights.safetensors"},
        "training": training,
        "kernel": kernel,
    }
    lines = (
        f"[{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())
        for name, keys in tables.items()
    )
    path = folder / "run.toml"
    path.write_text("\n".join(lines))
    return path


def write_case(folder, case, weights, queries, examples):
    """A run of one step that also writes the full tangent kernel at the first weights."""
    return write_run(
        folder,
        case.input,
        case.layers,
        weights,
        (examples, np.zeros(len(examples), np.int64)),
        queries,
        {"loss": "cross_entropy", "optimizer": {"type": "sgd", "learning_rate": 0.01}, "steps": 1},
        {"kernel": "full", "tangent": True},
    )


def compare(peer, versions, implementations, options):
    """Times or checks a peer. `implementations(case, weights, queries, examples)` gives, by name, functions that return
    the full kernel [n, m, C, C]."""
    cases = [case for case in CASES if options.case in (None, case.name)]
    if options.check:
        check(peer, implementations, cases, options)
        return
    heading = common.heading(peer, versions, options)
    result = heading | {"cases": [timed(case, implementations, options) for case in cases]}
    if options.json:
        common.print_json(result)
    else:
        show(result)


def timed(case, implementations, options):
    common.note(case.title)
    weights = make_weights(case)
    queries, examples = make_inputs(case, case.queries, 1), make_inputs(case, case.examples, 2)
    peers = implementations(case, weights, queries, examples)
    candidates = {name: common.clocked(function) for name, function in peers.items() if options.only in name}
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        if not options.peer_only:
            candidates = {"pathkernel": bench(Path(folder), case, weights, answers, options)} | candidates
        times = common.in_turns(candidates, options.repeats)
    ours = times.pop("pathkernel", None)
    if ours:
        ours |= {key: statistics.median(answer[key] for answer in answers[1:] or answers) for key in RATES}
    fastest = min(
        (name for name in times if times[name]["seconds"]), key=lambda name: times[name]["seconds"], default=None
    )
    return {
        "case": case.name,
        "title": case.title,
        "queries": case.queries,
        "examples": case.examples,
        "kernel": "full",
        "pathkernel": ours,
        "peers": times,
        "fastest_peer": fastest,
        "ratio": times[fastest]["seconds"] / ours["seconds"] if fastest and ours else None,
    }


def bench(folder, case, weights, answers, options):
    """A candidate that asks `pathkernel bench kernel`, and keeps its answers."""
    if case.name == "mlp":
        widths = [case.input[0], *(layer["features"] for layer in case.layers if layer["type"] == "linear")]
        network = ["--layers", ",".join(map(str, widths)), "--activation", "tanh"]
    else:
        network = ["--model", write_case(folder, case, weights, make_inputs(case, 1, 1), make_inputs(case, 1, 2))]
    shape = ["--queries", case.queries, "--examples", case.examples, "--kernel", "full"]

    def measure():
        text = common.pathkernel(
            options, "bench", "kernel", *network, *shape, "--device", "cpu", "--repeats", 3, "--json"
        )
        try:
            answer = json.loads(text)
            answers.append({key: answer[key] for key in ("seconds", *RATES)})
        except (ValueError, KeyError) as error:
            sys.exit(f"pathkernel bench did not print the object expected ({error!r}):\n{text}")
        return answer["seconds"]

    return measure


def show(result):
    common.print_heading(result)
    for case in result["cases"]:
        print(f"\n{case['title']}: full kernel of {case['queries']} x {case['examples']}")
        ours = case["pathkernel"]
        rows = [("", "seconds", "ratio")]
        if ours:
            rows.append(("pathkernel", f"{ours['seconds']:.4g}", "1"))
        for name, times in case["peers"].items():
            seconds = times["seconds"]
            ratio = f"{seconds / ours['seconds']:.3g}" if ours and seconds else ""
            rows.append((name, f"{seconds:.4g}" if seconds else "failed", ratio))
        common.table(rows)
        if ours:
            print(f"pathkernel: {ours['gflops']:.0f} GFLOP/s, {ours['fraction_of_gemm']:.0%} of its matrix product")


def check(peer, implementations, cases, options):
    """Compares every kernel with the tangent kernel that a run of pathkernel writes, from the same weights."""
    differences = {}
    for case in cases:
        weights = make_weights(case)
        queries, examples = make_inputs(case, 8, 1), make_inputs(case, 6, 2)
        with tempfile.TemporaryDirectory() as folder:
            common.pathkernel(options, "run", write_case(Path(folder), case, weights, queries, examples))
            ours = np.load(Path(folder) / "run" / "tangent_initial.npy")
        for name, function in implementations(case, weights, queries, examples).items():
            theirs = np.asarray(function())
            if theirs.shape != ours.shape:
                sys.exit(f"{case.name}, {name}: shape {theirs.shape}, pathkernel's is {ours.shape}")
            differences[f"{case.name}, {name}"] = float(np.abs(theirs - ours).max() / np.abs(ours).max())
    if options.json:
        common.print_json({"peer": peer, "differences": differences})
    else:
        common.table([("", "difference"), *((name, f"{value:.1e}") for name, value in differences.items())])
    if not max(differences.values()) <= TOLERANCE:
        sys.exit(f"kernels differ by more than {TOLERANCE:.0e} of the largest entry")
