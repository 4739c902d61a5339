"""Write the reference fixtures: one folder a case under tests/fixtures.

    python generate.py                       write every case
    python generate.py mlp_tanh cnn_max_pool write these
    python generate.py optimizers            write a group
    python generate.py --check FOLDER...     recompute folders that hold expected_*.npy, and compare
    python generate.py --float32             how far plain float32 is from the float64 answers

Every number that goes in is rounded to float32 first, so that an f32 run starts from the same numbers.
"""

import argparse
import json
import shutil
import sys
import tomllib
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import load_file, save_file

from cases import CASES
from network import KINKS
from reference import Case, compute, path

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
# A case that is also run in f32 must not come nearer than this to a kink (ReLU's 0, ReLU6's 0 and 6, a max pool's flip).
KINK_MARGIN = 2e-5
# So many must be inside the segments of a case of the rule adaptive.
FEWEST_FLIPS = 8
# They divide by what may be a small sum of large terms.
PRECONDITIONED = ("adam", "adamw", "rmsprop", "nadam", "lion")
WEIGHT_TYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}


def toml_value(value):
    """A value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return json.dumps(value)


def run_toml(case, trajectory):
    """The run file's text, with a table [trajectory] unless that is empty."""
    layers = "".join(f"  {toml_value(layer)},\n" for layer in case["layers"])
    training = dict(loss=case["loss"], reduction=case["reduction"])
    if case["optimizer"].get("type") == "flow":
        training["optimizer"] = case["optimizer"]
    else:
        training["optimizer"] = {"type": "sgd", "learning_rate": case["lr"]} | case["optimizer"]
        training["steps"] = case["steps"]
    if case["decay"] is not None:
        training["optimizer"]["weight_decay"] = case["decay"]
    training["optimizer"] = training["optimizer"] | {key: f"{key}.npy" for key in case["filed"]}
    if case["schedule"]:
        training["schedule"] = case["schedule"]
    if case["clip"]:
        training["clip_norm"] = case["clip"]
    if case["batches"] is not None:
        training["batches"] = "batches.npy"
        if case["batch_size"]:
            training["batch_size"] = len(case["batches"][0])
    lines = ["[run]", 'directory = "out"', "[data.train]"]
    lines += ['inputs = "train.npz:inputs"' if case["npz"] else 'inputs = "train_x.npy"', 'targets = "train_y.npy"']
    if case["n"]:
        lines += ["[data.query]", 'inputs = "query_x.npy"']
        lines += ['targets = "query_y.npy"'] if case["query_targets"] else []
    lines += ["[model]", f"input = {case['input']}", f"layers = [\n{layers}]"]
    lines += [] if "import" in trajectory else ['weights = "w0.safetensors"']
    lines += ["[training]"] + [f"{k} = {toml_value(v)}" for k, v in training.items()]
    kernel = case["kernel"] if {"rule", "nodes"} & set(case["kernel"]) else {"rule": "gauss", **case["kernel"]}
    lines += ["[kernel]"] + [f"{k} = {toml_value(v)}" for k, v in kernel.items()]
    lines += ["[trajectory]"] if trajectory else []
    lines += [f"{k} = {toml_value(v)}" for k, v in trajectory.items()]
    return "\n".join(lines) + "\n"


def draw_inputs(case, rng, count):
    """[count, ...] in the case's data type; levels: few values, so that equal pixels occur."""
    shape = (count, *case["stored_as"]) if case["stored_as"] else (count, *case["input"])
    if case["levels"]:
        x = rng.integers(0, case["levels"], shape) - case["levels"] // 2
    elif case["x_type"] == "bool":
        x = rng.random(shape) < 0.5
    elif np.dtype(case["x_type"]).kind == "u":
        x = rng.integers(0, 4, shape)
    else:
        x = rng.standard_normal(shape).astype(np.float32)
    return x.astype(case["x_type"])


def draw_targets(case, rng, m):
    """[m] classes, or [m, C] reals; with one output [m] where the case says so."""
    c = case["outputs"]
    if case["loss"] == "cross_entropy":
        y = rng.integers(0, c, m)
    elif case["loss"] == "squared_error":
        y = rng.standard_normal((m, c)).astype(np.float32)
    elif case["loss"] == "logistic":
        y = rng.random((m, c)) < 0.5
    else:
        y = rng.poisson(1.5, (m, c))
    y = y.astype(case["y_type"])
    return y[:, 0] if case["flat_targets"] else y


def draw_weights(case, rng):
    """Weights of every layer; shapes come from running the shapes through the layers."""
    weights, shapes = {}, {-1: tuple(case["input"])}
    for i, layer in enumerate(case["layers"]):
        kind = layer["type"]
        shape = shapes[i - 1 if kind == "add" else layer.get("from", i - 1)]
        wshape, out = None, shape
        if kind == "linear":
            wshape, out = (layer["features"], shape[-1]), (*shape[:-1], layer["features"])
        elif kind == "conv2d":
            k, s, p = layer["kernel"], layer.get("stride", 1), layer.get("padding", 0)
            wshape = (layer["channels"], shape[0], k, k)
            out = (layer["channels"], *((d + 2 * p - k) // s + 1 for d in shape[1:]))
        elif kind.endswith("pool2d"):
            out = (shape[0], shape[1] // layer["kernel"], shape[2] // layer["kernel"])
        elif kind == "flatten":
            out = (int(np.prod(shape)),)
        elif kind == "layer_norm":
            weights[f"{i}.weight"] = 1 + 0.2 * rng.standard_normal(shape[-1])
            weights[f"{i}.bias"] = 0.2 * rng.standard_normal(shape[-1])
        elif kind == "rms_norm":
            weights[f"{i}.weight"] = 1 + 0.2 * rng.standard_normal(shape[-1])
        if wshape:
            bound = case["gain"] / np.sqrt(np.prod(wshape[1:]))
            weights[f"{i}.weight"] = rng.uniform(-bound, bound, wshape)
            if layer.get("bias", True):
                weights[f"{i}.bias"] = rng.uniform(-bound, bound, wshape[0])
        shapes[i] = out
    for name, unit in case["dead_units"]:
        weights[f"{name}.weight"][unit] = 0
        weights[f"{name}.bias"][unit] = 0
    kinds = [WEIGHT_TYPES[t] for t in case["w_types"]]
    return {k: v.astype(np.float32).astype(kinds[i % len(kinds)]) for i, (k, v) in enumerate(weights.items())}


def write_inputs(case, folder, seed):
    """run.toml and everything that it names."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    x = draw_inputs(case, rng, case["m"])
    if case["fortran"]:
        x = np.asfortranarray(x)
    if case["npz"]:
        np.savez_compressed(folder / "train.npz", inputs=x)
    else:
        np.save(folder / "train_x.npy", x)
    if case["n"]:
        np.save(folder / "query_x.npy", draw_inputs(case, rng, case["n"]))
    np.save(folder / "train_y.npy", draw_targets(case, rng, case["m"]))
    save_file(draw_weights(case, rng), folder / "w0.safetensors")
    if case["batches"] is not None:
        np.save(folder / "batches.npy", np.array(case["batches"], case["batch_type"]))
    for key, values in case["filed"].items():
        np.save(folder / f"{key}.npy", np.array(values))
    if case["query_targets"]:
        np.save(folder / "query_y.npy", draw_targets(case, rng, case["n"]))
    (folder / "run.toml").write_text(run_toml(case, {}))
    if case["recorded"]:
        name = write_path(case, folder, rng)
        (folder / "w0.safetensors").unlink()
        (folder / "run.toml").write_text(run_toml(case, case["trajectory"] | {"import": name}))
    elif case["trajectory"]:
        (folder / "run.toml").write_text(run_toml(case, case["trajectory"]))


def write_path(case, folder, rng):
    """Trains, and records the weights as someone else's training would; what run.toml is to import."""
    recorded = {"one_file": False, "type": np.float64, "tampered": {}, "rate": 1.0} | case["recorded"]
    trained = Case(folder)
    trained.training["optimizer"]["learning_rate"] *= recorded["rate"]
    weights = path(trained)
    for step, size in recorded["tampered"].items():
        weights[step] += size * rng.standard_normal(weights[step].shape)
    steps = [{k: v.astype(recorded["type"]) for k, v in trained.unravel(w).items()} for w in weights]
    if recorded["one_file"]:
        save_file({k: np.stack([step[k] for step in steps]) for k in steps[0]}, folder / "path.safetensors")
        return "path.safetensors"
    (folder / "checkpoints").mkdir()
    for s, step in enumerate(steps):
        save_file({k: np.ascontiguousarray(v) for k, v in step.items()}, folder / f"checkpoints/step_{s}.safetensors")
    return "checkpoints/*.safetensors"


def settled(case, folder, facts):
    """Whether a seed will do: rounding leaves the answers alone, and there is something to find.

    No kink nearby, no flip that was missed and, for the rule adaptive, some; no step that amplifies: what is
    preconditioned is tried in float32.
    """
    if case["kernel"].get("rule") == "adaptive":
        kinked = any(layer["type"] in (*KINKS, "max_pool2d") for layer in case["layers"])
        if facts["residual"] > 1e-9 or kinked and facts["flips"] < FEWEST_FLIPS:
            return False
    if case["f64_only"]:
        return True
    kind = case["optimizer"].get("type", "sgd")
    return facts["kink_margin"] > KINK_MARGIN and (
        kind not in PRECONDITIONED or max(differences(folder, np.float32, compute(Case(folder))).values()) < 3e-5
    )


def write_case(name, case):
    """One fixture. A case takes the first seed that rounding leaves alone."""
    folder = FIXTURES / name
    for seed in range(case["seed"], case["seed"] + 100):
        write_inputs(case, folder, seed)
        answers = arrays, tensors, facts = compute(Case(folder))
        if settled(case, folder, facts):
            break
    else:
        sys.exit(f"{name}: no seed is left alone by rounding")
    assert not case["clip"] or 0 < facts["clipped"] < case["steps"], f"{name}: {facts['clipped']} steps are clipped"
    for key, value in arrays.items():
        assert np.isfinite(value).all() or key == "coefficients", (name, key)
        np.save(folder / f"expected_{key}.npy", np.ascontiguousarray(value, dtype=np.float64))
    for key, value in tensors.items():
        save_file({k: np.ascontiguousarray(v) for k, v in value.items()}, folder / f"expected_{key}.safetensors")
    text = f"# {case['about']}\nf64_only = {toml_value(bool(case['f64_only']))}\n"
    if case["f64_only"]:
        text += f"reason = {toml_value(case['f64_only'])}\n"
    if case["group"] != "descent":
        text += f"group = {toml_value(case['group'])}\n"
    (folder / "case.toml").write_text(text)
    print(f"{name:28s} seed {seed:3d}  " + "  ".join(f"{k} {v:.1e}" for k, v in facts.items()), flush=True)


def stored_answers(folder):
    """What a folder expects, as `compute` gives it."""
    arrays = {p.stem.removeprefix("expected_"): np.load(p) for p in sorted(folder.glob("expected_*.npy"))}
    tensors = {p.stem.removeprefix("expected_"): load_file(p) for p in sorted(folder.glob("expected_*.safetensors"))}
    return arrays, tensors, {}


def differences(folder, dtype, expected):
    """{array: largest difference relative to its largest entry} between what is computed in `dtype` and `expected`."""
    arrays, tensors, _ = compute(Case(folder, dtype))
    stored, files, _ = expected
    change = np.abs(stored["prediction"] - stored["initial"]).max()
    out = {}
    for name, e in stored.items():
        if name == "coefficients":
            k = stored["kernel"]
            error = np.abs(arrays[name] - e) * np.abs(k) / (np.nanmax(np.abs(e * k)) + np.abs(e) * np.abs(k).max())
            out[name] = np.nanmax(error)
        else:
            scale = change if name in ("residual", "unexplained") else (np.abs(e).max() or 1.0)
            out[name] = np.abs(arrays[name] - e).max() / scale
    for name, file in files.items():
        out[f"{name}.safetensors"] = max(
            np.abs(tensors[name][k] - v).max() / (np.abs(v).max() or 1.0) for k, v in file.items()
        )
    return out


def tolerance(folder, dtype):
    """How near a folder's answers must be: those that were computed otherwise are as good as that was."""
    run = tomllib.loads((folder / "run.toml").read_text())
    optimizer, rule = run["training"]["optimizer"]["type"], run["kernel"].get("rule", "gauss")
    if dtype == np.float32:
        if optimizer in PRECONDITIONED:
            return 3e-4
        return 1e-4 if optimizer == "flow" or rule == "adaptive" else 3e-6
    if folder.parent == FIXTURES:
        return 1e-12
    if optimizer == "flow":
        return 1e-9
    return 2e-5 if rule == "adaptive" else 1e-12


def report(folders, dtype):
    """Print the differences of each folder; fail when one is above the tolerance."""
    bad = 0
    for folder in map(Path, folders):
        errors = differences(folder, dtype, stored_answers(folder))
        worst = max(errors, key=errors.get)
        good = errors[worst] <= tolerance(folder, dtype)
        bad += not good
        print(f"{'ok ' if good else 'BAD'} {folder.name:28s} {errors[worst]:.1e} {worst}", flush=True)
    sys.exit(1 if bad else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cases or groups (with --check: or folders); none means all cases")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--float32", action="store_true")
    args = parser.parse_args()
    named = [n for name in args.names for n in ([k for k, v in CASES.items() if v["group"] == name] or [name])]
    names = named or list(CASES)
    if args.check:
        report([FIXTURES / n if n in CASES else n for n in names], np.float64)
    if args.float32:
        report([FIXTURES / n for n in names if not CASES[n]["f64_only"]], np.float32)
    for name in names:
        write_case(name, CASES[name])


if __name__ == "__main__":
    main()
