"""Makes finished runs of every kind that a report has to show.

    python tests/page/runs.py PATHKERNEL FOLDER

PATHKERNEL is the program; a run directory for each kind is made in FOLDER.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
DIGITS, GPT = REPOSITORY / "examples/digits.toml", REPOSITORY / "examples/nanogpt.toml"
TABLE = """
[run]
directory = "unused"
[data.train]
inputs = "x.npy"
targets = "y.npy"
[model]
input = [5]
layers = [{ type = "linear", features = 16 }, { type = "tanh" }, { type = "linear", features = 2 }]
[training]
loss = "squared_error"
optimizer = { type = "sgd", learning_rate = 0.05, momentum = 0.9, weight_decay = 1e-3 }
steps = 60
"""
BINARY = TABLE.replace("y.npy", "b.npy").replace("features = 2 }", "features = 1 }").replace("squared_error", "logistic")
# A class of 40, so that neither all classes nor all outputs are in a page.
MANY = TABLE.replace("y.npy", "c.npy").replace("features = 2 }", "features = 40 }").replace("squared_error", "cross_entropy")
# Three classes, in batches and with momentum, so that examples act in some steps and for a while.
CLASSES = TABLE.replace("y.npy", "k.npy").replace("features = 2 }", "features = 3 }").replace("squared_error", "cross_entropy")


def tables(folder: Path) -> None:
    """Small data whose rules are known, with names that look like markup."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(160, 5))
    y = np.stack([x[:, 0] * x[:, 1], x[:, 2] - 0.5 * x[:, 3]], 1)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.save(folder / "b.npy", (y[:, :1] > 0).astype(float))
    np.save(folder / "c.npy", np.arange(160) % 40)
    np.save(folder / "k.npy", np.digitize(y[:, 0], [-0.3, 0.3]))
    np.save(folder / "g.npy", np.arange(160) // 4)
    (folder / "names.txt").write_text("".join(f"row {row} </script><b>\n" for row in range(160)))
    for name, text in ("table", TABLE), ("binary", BINARY), ("many", MANY), ("classes", CLASSES):
        (folder / f"{name}.toml").write_text(text)


def vocabulary(folder: Path) -> str:
    """The letters of the book that the small GPT reads."""
    sys.path.insert(0, str(REPOSITORY / "examples/data"))
    from make_alice import alphabet

    path = folder / "letters.json"
    path.write_text(json.dumps(list(alphabet)))
    return f"report.vocabulary={path}"


def kinds(folder: Path) -> dict[str, tuple[Path, list[str]]]:
    """The run file of each kind, and what stands otherwise in it."""
    table, binary, many, classes = (folder / f"{name}.toml" for name in ("table", "binary", "many", "classes"))
    few, plain, batches, influence = "training.steps=60", "kernel.kernel=none", "training.batch_size=16", "kernel.influence=true"
    named = [f"report.names={folder / 'names.txt'}"]
    return {
        "digits": (DIGITS, ["kernel.own=true", "kernel.superposition=true"]),
        "flat": (DIGITS, [few, "kernel.readout=probabilities", "kernel.kernel=diagonal", "data.train.reshape=true", "data.query.reshape=true",
                          "model.input=[64]", "report.shape=[8, 8]",
                          'report.class_names=["zero","one","two","three","four","five","six","seven","eight","nine"]']),
        "lists": (DIGITS, [few, "kernel.top=12"]),
        "margin": (DIGITS, [few, plain, "kernel.readout=margin", "run.store=zarr"]),
        "loss": (DIGITS, [few, plain, "kernel.readout=loss", "kernel.layers=true"]),
        "gpt": (GPT, ["training.steps=8", "trajectory.every=1", "kernel.rule=gauss", "kernel.nodes=1", "kernel.positions=true",
                      "kernel.accept=10", vocabulary(folder)]),
        "table": (table, ["kernel.layers=true", *named, 'report.class_names=["product", "<b>line"]']),
        "binary": (binary, []),
        "groups": (binary, [f"data.train.groups={folder / 'g.npy'}", batches]),
        "many": (many, []),
        "influence": (classes, [influence, batches, "kernel.windows=5", *named]),
        "influence_lists": (classes, [influence, batches, "kernel.top=12"]),
        "influence_alone": (classes, [influence, batches, "kernel.attribution=false"]),
        # A derivative that is not that of training, along another path, and more windows than a page has.
        "influence_smooth": (DIGITS, [few, plain, "kernel.readout=margin", "kernel.windows=30", "kernel.influence={ weight = 0.5, smooth = 0.5 }",
                                      'model.layers=[{ type = "flatten" }, { type = "linear", features = 12 }, { type = "relu" }, '
                                      '{ type = "linear", features = 10 }]']),
        "kernel": (binary, ["kernel.attribution=false", "training.optimizer.momentum=0", "kernel.kernel=trace"]),
    }


def make(program: Path, folder: Path) -> list[Path]:
    """Makes a run of every kind."""
    folder.mkdir(parents=True, exist_ok=True)
    tables(folder)
    made = []
    for name, (file, overrides) in kinds(folder).items():
        directory = folder / name
        command = [program, "--quiet", "run", file, f"run.directory={directory}", "run.device=cpu", *overrides]
        subprocess.run(command, check=True)
        made.append(directory)
    return made


if __name__ == "__main__":
    print(*make(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()), sep="\n")
