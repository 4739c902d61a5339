#!/usr/bin/env python3
"""pathkernel beside ExPLAIND: exact attributions of a 64-512-10 tanh network that was trained on digits.

    python benches/peers/explaind.py
    python benches/peers/explaind.py --optimizer momentum
    python benches/peers/explaind.py --optimizer adamw

Both start from the same weights and train on 1,437 digits, full batch, on the cross-entropy. The time is that of one
training step for 50 queries. pathkernel's includes the training, ExPLAIND's does not. ExPLAIND's model must end
in a log-softmax, so it attributes log-probabilities, pathkernel outputs; differences between two classes are the same
in both, and the script compares them.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import common

QUERIES = 50
NODES = 3
CLASSES = 10
# With one step alone, momentum and AdamW have no past to get wrong.
PEER_STEPS = {"sgd": 1, "momentum": 3, "adamw": 3}


def main():
    parser = common.arguments(__doc__)
    parser.set_defaults(repeats=3)
    parser.add_argument("--steps", type=int, default=50, help="training steps of pathkernel's runs (default: 50)")
    parser.add_argument(
        "--optimizer", choices=common.OPTIMIZERS, default="sgd", help="what both train with (default: sgd)"
    )
    parser.add_argument(
        "--peer-steps", type=int, help="training steps that ExPLAIND takes apart (default: 1, for sgd; 3, for the others)"
    )
    options = common.start(common.TORCH, parser)
    options.peer_steps = options.peer_steps or PEER_STEPS[options.optimizer]

    import numpy as np
    import torch
    from explaind.data_paths import DataPath
    from explaind.model_paths import ModelPath
    from explaind.optimizer_paths import AdamWOptimizerPath, SGDOptimizerPath

    import networks
    from paths import MIDPOINTS, Examples, Explainer, attributions

    torch.set_num_threads(options.threads)

    def optimizer_path(model):
        """ExPLAIND's optimizer, which keeps what it needs of every step."""
        optimizer = common.OPTIMIZERS[options.optimizer]
        # An empty list of its own: the default is one list that all optimizers share.
        shared = {"lr": optimizer["learning_rate"], "checkpoints": [], "device": "cpu"}
        decay = optimizer.get("weight_decay", 0.0)
        if optimizer["type"] == "adamw":
            return AdamWOptimizerPath(model, weight_decay=decay, **shared)
        # The buffers that momentum needs of each example would by default be 16 bits wide.
        momentum = optimizer.get("momentum", 0.0)
        return SGDOptimizerPath(model, momentum=momentum, weight_decay=decay, buffer_float16=False, **shared)

    def trained(weights, train):
        """ExPLAIND's explainer of a network that it watched in training."""
        network = torch.nn.Sequential(
            torch.nn.Linear(64, 512), torch.nn.Tanh(), torch.nn.Linear(512, CLASSES), torch.nn.LogSoftmax(dim=-1)
        )
        network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        model = ModelPath(network, device="cpu", output_dim=CLASSES)
        optimizer = optimizer_path(model)
        data = DataPath(torch.utils.data.DataLoader(Examples(*train), batch_size=len(train[0])), full_batch=False)
        loss = torch.nn.NLLLoss()
        for _ in range(options.peer_steps):
            for batch in data.dataloader:
                inputs, targets = data.get_batch(batch)
                optimizer.zero_grad()
                loss(model.forward(inputs), targets).backward()
                optimizer.step()
                model.log_checkpoint()
                optimizer.log_checkpoint()
        return Explainer(model, optimizer, data)

    def run(folder, name, steps):
        """One run of pathkernel: its summary and its attributions."""
        directory = folder / name
        common.pathkernel(options, "run", folder / "run.toml", f"run.directory={directory}", f"training.steps={steps}")
        return json.loads((directory / "summary.json").read_text()), np.load(
            directory / "attribution.npy", mmap_mode="r"
        )

    def centred(attribution):
        """Attributions less their mean over the classes: what softmax leaves as it is."""
        return attribution - attribution.mean(-1, keepdims=True)

    def compare(folder):
        layers = (networks.linear(512), networks.TANH, networks.linear(CLASSES))
        weights = networks.make_weights(networks.Case("digits", "", (64,), layers, 0, 0))
        with np.load(common.REPOSITORY / "examples" / "data" / "digits.npz") as digits:
            inputs = {name: digits[name].astype(np.float32).reshape(-1, 64) for name in ("train_x", "query_x")}
            train, queries = (inputs["train_x"], digits["train_y"].astype(np.int64)), inputs["query_x"][:QUERIES]
        training = {
            "loss": "cross_entropy",
            "optimizer": common.OPTIMIZERS[options.optimizer],
            "steps": options.steps,
        }
        kernel = {"rule": "gauss", "nodes": NODES, "attribution": True, "kernel": "none"}
        networks.write_run(folder, (64,), layers, weights, train, queries, training, kernel)
        heading = common.heading(f"ExPLAIND {version('explaind')}", {"torch": torch.__version__}, options)
        explainer = trained(weights, train)
        summaries, answers = [], []

        def ours():
            summaries.append(run(folder, f"run{len(summaries)}", options.steps)[0])
            return (summaries[-1]["seconds"]["train"] + summaries[-1]["seconds"]["integrate"]) / options.steps

        clock = common.clocked(lambda: answers.append(explainer.explain(torch.from_numpy(queries))))
        candidates = {"ExPLAIND": lambda: clock() / options.peer_steps}
        if not options.peer_only:
            candidates = {"pathkernel": ours} | candidates
        times = common.in_turns(candidates, options.repeats)

        if not answers:
            sys.exit(f"ExPLAIND failed: {times['ExPLAIND']['error']}")
        predicted, initial, kernels = answers[-1]
        with torch.no_grad():
            final = explainer.model.forward(torch.from_numpy(queries), step=options.peer_steps)
            residual = (final - predicted).abs().max() / (final - initial).abs().max()
        result = heading | {
            "optimizer": common.OPTIMIZERS[options.optimizer],
            "queries": QUERIES,
            "examples": len(train[0]),
            "pathkernel": None,
            "explaind": times["ExPLAIND"]
            | {"midpoints": MIDPOINTS, "steps": options.peer_steps, "relative_residual": float(residual)},
            "ratio": None,
        }
        if not options.peer_only:
            theirs = attributions(kernels, len(train[0]))
            same = centred(run(folder, "same", options.peer_steps)[1])
            result["pathkernel"] = times["pathkernel"] | {
                "nodes": NODES,
                "steps": options.steps,
                "relative_residual": summaries[-1]["largest_relative_residual"],
            }
            result["ratio"] = times["ExPLAIND"]["seconds"] / times["pathkernel"]["seconds"]
            result["difference"] = float(np.abs(centred(theirs) - same).max() / np.abs(same).max())
        return result

    with tempfile.TemporaryDirectory() as folder:
        result = compare(Path(folder))
    if options.json:
        common.print_json(result)
    else:
        show(result)


def show(result):
    common.print_heading(result)
    print(f"\n64-512-10, tanh, on digits: attributions of {result['queries']} queries to {result['examples']} examples")
    print(", ".join(f"{key} {value}" for key, value in result["optimizer"].items()))
    ours, theirs = result["pathkernel"], result["explaind"]
    rows = [("", "seconds a step", "ratio", "residual")]
    if ours:
        rows.append(
            (f"pathkernel, {ours['nodes']} nodes", f"{ours['seconds']:.4g}", "1", f"{ours['relative_residual']:.1e}")
        )
    ratio = f"{result['ratio']:.0f}" if ours else ""
    rows.append(
        (
            f"ExPLAIND, {theirs['midpoints']} midpoints",
            f"{theirs['seconds']:.4g}",
            ratio,
            f"{theirs['relative_residual']:.1e}",
        )
    )
    common.table(rows)
    if ours:
        print(
            f"The attributions, less their mean over the classes, agree to {result['difference']:.1e} of the largest."
        )


main()
