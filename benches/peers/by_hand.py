#!/usr/bin/env python3
"""pathkernel beside plain PyTorch that is written well for one case: the peer to beat.

    python benches/peers/by_hand.py
    python benches/peers/by_hand.py --case adamw

| case | what |
|---|---|
| kernel | the full tangent kernel of 784-512-512-10, tanh, 256 x 256 |
| sgd, momentum, adamw | a step's attributions of 64-512-10, tanh, on digits: 50 queries, 1,437 examples, full batch, 3 nodes, training included |
| tracin | one checkpoint's attributions of the loss of 784-512-10, tanh, 1,000 x 60,000, written to a file |

Each is some 30 lines in `written.py` that use all that is known of the case: gradients stay in factors, products are as few as
they can be. Both sides start from the same weights; the arrays of both are compared. pathkernel's time is what the run itself says
for training and integration, of `tracin` that of the whole process.
"""

import json
import shutil
import tempfile
import time
from pathlib import Path

import common

NODES = 3
CLASSES = 10
CASES = ("kernel", *common.OPTIMIZERS, "tracin")


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--case", choices=CASES, help="only this one")
    parser.add_argument("--steps", type=int, default=20, help="training steps of the runs (default: 20)")
    options = common.start(common.TORCH, parser)

    import numpy as np
    import torch

    import networks
    import written

    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)

    def tensors(weights):
        """Pairs of a weight and a bias, in order."""
        values = [torch.from_numpy(array) for array in weights.values()]
        return list(zip(values[::2], values[1::2]))

    def digits():
        """Inputs and targets of training, and the queries' inputs."""
        with np.load(common.REPOSITORY / "examples" / "data" / "digits.npz") as arrays:
            inputs = {name: arrays[name].astype(np.float32).reshape(-1, 64) for name in ("train_x", "query_x")}
            return inputs["train_x"], arrays["train_y"].astype(np.int64), inputs["query_x"][:50]

    def kernel(folder):
        case = networks.CASES[0]
        weights = networks.make_weights(case)
        queries, examples = networks.make_inputs(case, 256, 1), networks.make_inputs(case, 256, 2)
        sides = tensors(weights), torch.from_numpy(queries), torch.from_numpy(examples)

        def arrays():
            """Those of few: a bench keeps no kernel."""
            common.pathkernel(
                options, "run", networks.write_case(folder, case, weights, queries[:8], examples[:6])
            )
            few = written.kernel(sides[0], sides[1][:8], sides[2][:6])
            return np.load(folder / "run" / "tangent_initial.npy"), few.numpy()

        return (
            networks.bench(folder, case, weights, [], options),
            common.clocked(lambda: written.kernel(*sides)),
            arrays,
        )

    def path(name):
        def prepare(folder):
            layers = (networks.linear(512), networks.TANH, networks.linear(CLASSES))
            weights = networks.make_weights(networks.Case("digits", "", (64,), layers, 0, 0))
            inputs, targets, queries = digits()
            training = {"loss": "cross_entropy", "optimizer": common.OPTIMIZERS[name], "steps": options.steps}
            kernel = {"rule": "gauss", "nodes": NODES, "attribution": True, "kernel": "none", "accept": 1.0}
            networks.write_run(folder, (64,), layers, weights, (inputs, targets), queries, training, kernel)
            data = torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(queries)
            answers, runs = [], []

            def ours():
                runs.append(fresh(folder, runs))
                common.pathkernel(options, "run", folder / "run.toml", f"run.directory={runs[-1]}")
                seconds = json.loads((runs[-1] / "summary.json").read_text())["seconds"]
                return (seconds["train"] + seconds["integrate"]) / options.steps

            attribute = {"adamw": written.adamw}.get(name, written.sgd)
            numbers = {key: value for key, value in common.OPTIMIZERS[name].items() if key != "type"}
            clock = common.clocked(
                lambda: answers.append(attribute(tensors(weights), *data, steps=options.steps, nodes=NODES, **numbers))
            )
            return (
                ours,
                lambda: clock() / options.steps,
                lambda: (np.load(runs[-1] / "attribution.npy"), answers[-1].numpy()),
            )

        return prepare

    def tracin(folder):
        layers = (networks.linear(512), networks.TANH, networks.linear(CLASSES))
        case = networks.Case("tracin", "", (784,), layers, 0, 0)
        weights = networks.make_weights(case)
        random = np.random.default_rng(3)
        inputs, queries = networks.make_inputs(case, 60_000, 1), networks.make_inputs(case, 1_000, 2)
        targets, wanted = (random.integers(0, CLASSES, count) for count in (60_000, 1_000))
        training = {"loss": "cross_entropy", "optimizer": common.OPTIMIZERS["sgd"], "steps": 1}
        kernel = {"rule": "left", "attribution": True, "kernel": "none", "readout": "loss", "accept": 1.0}
        run = networks.write_run(folder, (784,), layers, weights, (inputs, targets), queries, training, kernel)
        np.save(folder / "query_y.npy", wanted)
        run.write_text(run.read_text().replace('"query_x.npy"', '"query_x.npy"\ntargets = "query_y.npy"'))
        runs = []

        def ours():
            runs.append(fresh(folder, runs))
            begin = time.perf_counter()
            common.pathkernel(options, "run", run, f"run.directory={runs[-1]}")
            return time.perf_counter() - begin

        def theirs():
            read = [torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("train_x", "train_y", "query_x", "query_y")]
            out = written.tracin(tensors(weights), *read, learning_rate=common.OPTIMIZERS["sgd"]["learning_rate"])
            np.save(folder / "by_hand.npy", out.numpy())

        return (
            ours,
            common.clocked(theirs),
            lambda: (np.load(runs[-1] / "attribution.npy")[..., 0], np.load(folder / "by_hand.npy")),
        )

    kinds = {"kernel": kernel, **{name: path(name) for name in common.OPTIMIZERS}, "tracin": tracin}
    result = common.heading("PyTorch by hand", {"torch": torch.__version__}, options) | {"cases": []}
    for name in [options.case] if options.case else CASES:
        common.note(name)
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs, arrays = kinds[name](Path(folder))
            candidates = {"by hand": theirs} if options.peer_only else {"pathkernel": ours, "by hand": theirs}
            times = common.in_turns(candidates, options.repeats)
            row = {"case": name, **times, "ratio": None, "difference": None}
            if all(side["seconds"] for side in times.values()) and not options.peer_only:
                row["ratio"] = times["by hand"]["seconds"] / times["pathkernel"]["seconds"]
                engine, hand = arrays()
                row["difference"] = float(np.abs(engine - hand).max() / np.abs(engine).max())
        result["cases"].append(row)
    if options.json:
        common.print_json(result)
    else:
        show(result)


def fresh(folder, runs):
    """A directory for the next run; that of the one before goes, since its arrays may be large."""
    for run in runs[-1:]:
        shutil.rmtree(run, ignore_errors=True)
    return folder / f"run{len(runs)}"


def show(result):
    common.print_heading(result)

    def seconds(side):
        return "" if side is None else f"{side['seconds']:.4g} s" if side["seconds"] else "failed"

    rows = [("", "pathkernel", "by hand", "ratio", "difference")]
    for case in result["cases"]:
        ratio, difference = case["ratio"], case["difference"]
        rows.append(
            (
                case["case"],
                seconds(case.get("pathkernel")),
                seconds(case["by hand"]),
                f"{ratio:.2f}" if ratio else "",
                f"{difference:.1e}" if ratio else "",
            )
        )
    common.table(rows)


main()
