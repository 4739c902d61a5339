"""Which labels are wrong: contributions, influence, losses, dattri's self-influences, on digits with 5% flipped labels.

    pip install ./python dattri==0.3.0 torch numpy
    python benches/influence/flipped.py [--seeds 0,1,2] [--json found.json]

400 examples, 20 of them with a wrong label, and 150 others with right ones. Each seed draws other digits, labels,
weights and batches. A loop of PyTorch trains 64-32-10 and keeps all weights: `early` stops before wrong labels are
learned, `by heart` goes on until they are. Precision is the share of wrong labels among the first 20 suspects. Where a
method has a number of its own (damping, the size of a projection), the best one afterwards is shown.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import peers
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import pathkernel as pk

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, FLIPPED, HELD_OUT, BATCH = 400, 20, 150, 50
#: Of the weights after each step, every so many are what TracIn and the loss over training take.
BETWEEN = 50


@dataclass(frozen=True)
class Training:
    """How a network is trained."""

    rate: float
    momentum: float
    steps: int


TRAININGS = {"early": Training(0.3, 0.0, 200), "by heart": Training(0.1, 0.9, 1000)}


@dataclass(frozen=True)
class Digits:
    """Examples with the labels that they are trained with, which of them are wrong, and others that are right."""

    examples: peers.Data
    wrong: np.ndarray
    held_out: peers.Data

    @classmethod
    def drawn(cls, seed: int) -> Digits:
        """Those of a seed."""
        with np.load(ROOT / "examples" / "data" / "digits.npz") as arrays:
            x = np.concatenate([arrays["train_x"], arrays["query_x"]]).astype(np.float32).reshape(-1, 1, 8, 8)
            y = np.concatenate([arrays["train_y"], arrays["query_y"]]).astype(np.int64)
        random = np.random.default_rng(seed)
        examples, held_out = np.split(random.permutation(len(y))[: EXAMPLES + HELD_OUT], [EXAMPLES])
        wrong = np.arange(EXAMPLES) < FLIPPED
        labels = (y[examples] + wrong * random.integers(1, 10, EXAMPLES)) % 10
        sets = ((x[examples], labels), (x[held_out], y[held_out]))
        first, second = ((torch.from_numpy(inputs), torch.from_numpy(classes)) for inputs, classes in sets)
        return cls(first, wrong, second)


def trained(data: Digits, training: Training, seed: int) -> tuple[nn.Module, pk.Path, list[dict[str, torch.Tensor]]]:
    """A loop as people write it: the network at its end, its path, and the weights before each step and at the end."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(network.parameters(), training.rate, momentum=training.momentum)
    x, y = data.examples
    batches = [torch.randperm(EXAMPLES)[:BATCH] for _ in range(training.steps)]
    states = [weights_of(network)]
    for batch in batches:
        optimizer.zero_grad()
        cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
        states.append(weights_of(network))
    fresh = torch.optim.SGD(network.parameters(), training.rate, momentum=training.momentum)
    path = pk.checkpoints(network, states, x, y, loss="cross_entropy", optimizer=fresh, batches=batches)
    return network, path, states


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in network.state_dict().items()}


def of_paths(path: pk.Path, data: Digits) -> peers.Scores:
    """Contributions and influences: what an example did to its own loss, and to those of others with right labels."""
    asked = {"readout": "loss", "influence": True, "rule": "gauss", "nodes": 1, "progress": False}
    own = pk.attribute(path, own=True, attribution=False, **asked)
    others = pk.attribute(path, *data.held_out, **asked)
    return {
        "contribution to its own loss": -own.own[:, 0],
        "influence on its own loss": -own.influence[:, :, 0].diagonal(),
        "contributions to held-out losses": others.attribution.sum(0)[:, 0],
        "influence on held-out losses": others.influence.sum(0)[:, 0],
    }


def of_losses(network: nn.Module, states: list[dict[str, torch.Tensor]], data: Digits) -> peers.Scores:
    """What needs forward passes alone."""
    x, y = data.examples
    with torch.no_grad():
        losses = np.stack(
            [
                cross_entropy(torch.func.functional_call(network, state, x), y, reduction="none").numpy()
                for state in states
            ]
        )
    return {"loss at the end": losses[-1], "loss, mean over training": losses.mean(0)}


def precision(score: np.ndarray, wrong: np.ndarray) -> tuple[float, float]:
    """The share of wrong labels among as many first suspects, and the mean precision at each wrong label."""
    found = wrong[np.argsort(-score, kind="stable")]
    shares = found.cumsum() / np.arange(1, len(found) + 1)
    return float(shares[found.sum() - 1]), float(shares[found].mean())


def rows(found: list[dict[str, tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    """For each method precision and average precision: the mean over seeds and its standard error."""
    variants: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for name in found[0]:
        variants[method(name)][name] = np.array([one[name] for one in found])
    best = {kind: max(own.values(), key=lambda values: float(values[:, 1].mean())) for kind, own in variants.items()}
    return {
        kind: list(zip(values.mean(0), values.std(0, ddof=min(1, len(values) - 1)) / len(values) ** 0.5, strict=True))
        for kind, values in best.items()
    }


def method(name: str) -> str:
    """A method's name without a number that it leaves open."""
    return name.partition(" = ")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--json", type=Path, help="write what was found to this file, too")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    tables: dict[str, Any] = {}
    for name, training in TRAININGS.items():
        found = []
        for seed in map(int, options.seeds.split(",")):
            data = Digits.drawn(seed)
            network, path, states = trained(data, training, seed)
            some = states[::BETWEEN]
            scores = of_paths(path, data) | of_losses(network, some, data)
            scores |= peers.suspicions(network, some, data.examples, data.held_out)
            found.append({kind: precision(score, data.wrong) for kind, score in scores.items()})
        tables[name] = rows(found)
        print(f"{name}\n\n| score | precision | average precision |\n|---|---|---|")
        for kind, values in tables[name].items():
            print(f"| {kind} | {' | '.join(f'{mean:.2f} ± {error:.2f}' for mean, error in values)} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(tables, indent=2) + "\n")


if __name__ == "__main__":
    main()
