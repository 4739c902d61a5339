"""Holds some attributions of the run of `run.toml` against float64 in PyTorch, by autograd, along the same segment.

    python benches/gpt2/check.py runs/gpt2
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from network import Gpt2, losses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", default="run", help="the run directory in the folder")
    parser.add_argument("--queries", type=int, nargs="*", default=[0, 5])
    parser.add_argument("--examples", type=int, nargs="*", default=[0, 1, 17, 63])
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_default_dtype(torch.float64)

    data = {name: torch.as_tensor(np.load(options.folder / f"{name}.npy")) for name in ("train_x", "train_y", "query_x", "query_y")}
    optimizer = json.loads((options.folder / "record.json").read_text())["optimizer"]
    network = Gpt2()
    parameters = list(network.parameters())

    def weights(step):
        network.load_state_dict(torch.load(options.folder / f"step_{step}.bin"))
        return torch.cat([parameter.detach().flatten() for parameter in parameters])

    def loss(at, kind, number):
        """Of one sequence: the sum over its positions."""
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(at, parameters)
        return losses(network, data[f"{kind}_x"][number : number + 1], data[f"{kind}_y"][number : number + 1]).sum()

    def gradient(at, kind, number):
        return torch.cat([part.flatten() for part in torch.autograd.grad(loss(at, kind, number), parameters)])

    start, end = weights(0), weights(1)
    rate, share = optimizer["learning_rate"], 1 / data["train_y"].numel()
    scale = rate
    if optimizer["type"] == "adamw":
        # After one step the mean of squares, corrected, is the square of the gradient, and so is the mean of gradients.
        total = sum(gradient(start, "train", number) for number in range(len(data["train_x"]))) * share
        scale = rate / (total.abs() + 1e-8)
    examples = [scale * share * gradient(start, "train", number) for number in options.examples]
    places, shares = np.polynomial.legendre.leggauss(options.nodes)
    run = options.folder / options.run
    ours = {name: np.load(run / f"{name}.npy") for name in ("attribution", "initial", "prediction", "unexplained", "residual", "regularizer")}
    worst = 0
    for query in options.queries:
        mean = sum(share / 2 * gradient(start + (1 + place) / 2 * (end - start), "query", query) for place, share in zip(places, shares))
        with torch.no_grad():
            before, after = (loss(at, "query", query).item() for at in (start, end))
        print(f"query {query}: loss {before:.6f} to {after:.6f}, along the step {float(mean @ (end - start)) - (after - before):.1e} off")
        print(f"  pathkernel's losses differ by {ours['initial'][query, 0] - before:.1e} and {ours['prediction'][query, 0] - after:.1e}")
        theirs = np.array([-float(mean @ example) for example in examples])
        mine = ours["attribution"][query, options.examples, 0]
        worst = max(worst, np.abs(mine - theirs).max() / np.abs(theirs).max())
        for example, a, b in zip(options.examples, mine, theirs):
            print(f"  sequence {example:2}: {a:.8g}, float64 {b:.10g}, relative {abs(a / b - 1):.1e}")
    change = np.abs(ours["prediction"] - ours["initial"])
    print(f"largest difference, of the largest attribution of its query: {worst:.1e}")
    print(f"change of the queries' losses: {change.min():.4g} to {change.max():.4g}")
    for name in ("residual", "unexplained", "regularizer"):
        print(f"{name}, of each query's change: {(np.abs(ours[name]) / change).max():.1e} at most")


if __name__ == "__main__":
    main()
