"""Paths recorded in PyTorch, taken apart by pathkernel: the loop and the run file of docs/pytorch.md as they stand.

    python tests/pytorch/check.py target/release/pathkernel

For each optimizer, PyTorch trains a network on digits and pathkernel imports the path; then pathkernel trains by itself
from the same weights on the same batches. Both must attribute the same. Then a checkpoint is changed, and `unexplained`
must show it. `requirements.txt` names what this needs.
"""

import argparse
import math
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file

REPOSITORY = Path(__file__).resolve().parents[2]
GUIDE = (REPOSITORY / "docs" / "pytorch.md").read_text()
EXAMPLES, QUERIES = 300, 20
STEPS, BATCH = 30, 32
NOT_EXACT = 3
NODES = 6  # enough for float64
INPUTS, HIDDEN, CLASSES = 64, 32, 10  # as in the guide's run file
WEIGHTS = HIDDEN * (INPUTS + 1) + CLASSES * (HIDDEN + 1)
ARRAYS = ("attribution", "initial", "prediction", "regularizer", "residual")


class Case(NamedTuple):
    name: str
    precision: str
    optimizer: dict  # as in a run file
    make: callable  # PyTorch's optimizer, from parameters


SGD, ADAMW = torch.optim.SGD, torch.optim.AdamW
CASES = (
    Case(
        "SGD with momentum",
        "f32",
        {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9},
        lambda parameters: SGD(parameters, lr=0.05, momentum=0.9),
    ),
    Case(
        "AdamW",
        "f32",
        {"type": "adamw", "learning_rate": 0.001, "weight_decay": 0.01},
        lambda parameters: ADAMW(parameters, lr=0.001, weight_decay=0.01),
    ),
    Case("SGD", "f64", {"type": "sgd", "learning_rate": 0.1}, lambda parameters: SGD(parameters, lr=0.1)),
)


def unit(case):
    """A rounding of the case's numbers, relative."""
    return {"f32": 2.0**-24, "f64": 2.0**-53}[case.precision]


def bound(case):
    """How far two runs of one path may lie apart, relative to the largest number.

    Independent roundings in a sum of n terms leave an error of about √n; the longest sum of a gradient has
    max(INPUTS, BATCH) terms. A step is that far off, and the errors of the steps add up, at worst all in one direction.

    Adam divides each entry of the gradient by its own size, and rounding doesn't shrink with an entry that cancels: the
    relative error is 1/|g|. Averaged over entries that are spread evenly down to 1/WEIGHTS of the largest, that is
    ln(WEIGHTS) times as much.
    """
    roundings = STEPS * math.sqrt(max(INPUTS, BATCH))
    return roundings * unit(case) * (math.log(WEIGHTS) if case.optimizer["type"] == "adamw" else 1.0)


def block(language):
    """The guide's first block in a language."""
    return re.search(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL).group(1)


def record(case):
    """Runs the guide's loop in the current folder; the outputs at the queries before and after."""
    torch.manual_seed(0)
    dtype = {"f32": torch.float32, "f64": torch.float64}[case.precision]
    net = torch.nn.Sequential(torch.nn.Linear(INPUTS, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, CLASSES))
    net = net.to(dtype)
    with np.load(REPOSITORY / "examples" / "data" / "digits.npz") as digits:
        pixels = {name: torch.from_numpy(digits[name]).to(dtype).reshape(-1, INPUTS) for name in ("train_x", "query_x")}
        classes = torch.from_numpy(digits["train_y"]).long()
    queries = pixels["query_x"][:QUERIES]
    initial = net(queries).detach().numpy()
    variables = {
        "net": net,
        "loss": torch.nn.CrossEntropyLoss(),
        "optimizer": case.make(net.parameters()),
        "x": pixels["train_x"][:EXAMPLES],
        "y": classes[:EXAMPLES],
        "queries": queries,
        "steps": STEPS,
        "batch_size": BATCH,
    }
    exec(compile(block("python"), "docs/pytorch.md", "exec"), variables)
    return initial, net(queries).detach().numpy()


def write_run_files():
    """The guide's run file, and the same without its last table: a run that trains by itself."""
    text = block("toml")
    Path("import.toml").write_text(text)
    Path("train.toml").write_text(text[: text.index("[trajectory]")] + "\n")


def toml(table):
    items = (f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in table.items())
    return "{ " + ", ".join(items) + " }"


def run(binary, case, file, directory, *overrides, code=0):
    """What a run of pathkernel that ends with a code writes, in float64, by name."""
    settings = {
        "run.directory": directory,
        "run.precision": case.precision,
        "training.optimizer": toml(case.optimizer),
        "training.steps": STEPS,
        "kernel.nodes": NODES,
    }
    command = [binary, "run", file, *(f"{key}={value}" for key, value in settings.items()), *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, f"{case.name}: {' '.join(map(str, command))}\n{done.stderr or done.stdout}"
    names = [*ARRAYS, *(["unexplained"] if file == "import.toml" else [])]
    return {name: np.load(Path(directory) / f"{name}.npy").astype(np.float64) for name in names}


def largest(array):
    return float(np.abs(array).max())


def hold(what, value, limit):
    """Fails where `value` is above `limit`. NaN is."""
    print(f"  {what}: {value:.1e}, at most {limit:.1e}")
    assert value <= limit, f"{what} is {value:.2e}, above {limit:.2e}"


def check_sum(case, arrays):
    """The identity. The sum is over arrays that were rounded when they were stored, each by half a unit at most."""
    attribution, change = arrays["attribution"], arrays["prediction"] - arrays["initial"]
    parts = attribution.sum(1) + arrays["regularizer"] + arrays["unexplained"] + arrays["residual"]
    size = np.abs(attribution).sum(1).max() + sum(largest(arrays[name]) for name in ARRAYS[1:])
    hold("what is left over", largest(change - parts), 4 * unit(case) * size)
    # The residual is defined by this sum. That it is small says that the rest adds up: `bound` of the outputs' size.
    hold("residual", largest(arrays["residual"]), bound(case) * largest(arrays["prediction"]))


def check_import(case, imported, trained, outputs):
    """An imported path against the network's own outputs, and against pathkernel's own training."""
    for name, output in zip(("initial", "prediction"), outputs):
        hold(f"{name} beside PyTorch's", largest(imported[name] - output), bound(case) * largest(output))
    for name in ("attribution", "prediction"):
        difference = largest(imported[name] - trained[name])
        hold(f"{name}, imported - trained", difference, bound(case) * largest(trained[name]))
    hold("unexplained", largest(imported["unexplained"]), bound(case) * largest(imported["prediction"]))
    check_sum(case, imported)


def check_tampered(binary, case, clean):
    """One checkpoint is moved by a twentieth: its step goes too far, the next comes back, at other gradients."""
    path = Path(f"checkpoints/{STEPS // 2:05}.safetensors")
    weights = load_file(path)
    save_file({name: tensor * 1.05 for name, tensor in weights.items()}, path)
    tampered = run(binary, case, "import.toml", "tampered", code=NOT_EXACT)
    save_file(weights, path)
    change = largest(tampered["unexplained"] - clean["unexplained"])
    least = 10 * bound(case) * largest(clean["prediction"])
    print(f"  unexplained, one checkpoint changed: {change:.1e}, at least {least:.1e}")
    assert change >= least, f"a changed checkpoint moves unexplained by {change:.2e} only"
    check_sum(case, tampered)


def check_formats(binary, case, expected):
    """The same path as .pt files, and as one file of stacked tensors: the same bits."""
    steps = [load_file(path) for path in sorted(Path("checkpoints").glob("*.safetensors"))]
    for step, weights in enumerate(steps):
        torch.save(weights, f"checkpoints/{step:05}.pt")
    save_file({name: torch.stack([weights[name] for weights in steps]) for name in steps[0]}, "stacked.safetensors")
    for pattern in ("checkpoints/*.pt", "stacked.safetensors"):
        found = run(binary, case, "import.toml", f"from_{Path(pattern).suffix[1:]}", f"trajectory.import={pattern}")
        for name, array in expected.items():
            assert np.array_equal(found[name], array), f"{pattern}: {name} differs"
        print(f"  {pattern}: the same bits")


def check(binary, case):
    print(f"{case.name}, {case.precision}")
    outputs = record(case)
    write_run_files()
    imported = run(binary, case, "import.toml", "imported")
    trained = run(binary, case, "train.toml", "trained", "model.weights=checkpoints/00000.safetensors")
    check_import(case, imported, trained, outputs)
    check_tampered(binary, case, imported)
    check_formats(binary, case, imported)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path, help="pathkernel")
    binary = parser.parse_args().binary.resolve()
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            check(binary, case)
            os.chdir(REPOSITORY)


main()
