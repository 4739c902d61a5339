"""One step of GPT-2 at its real width, recorded in PyTorch, for `run.toml`.

    python benches/gpt2/make.py runs/gpt2                     # a step of SGD
    python benches/gpt2/make.py runs/gpt2 --optimizer adamw

Writes sequences of tokens, the network in pathkernel's words, and the weights before and after the step. Needs PyTorch 1.13 or later.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from network import LENGTH, TOKENS, Gpt2, graph, losses

SEQUENCES, QUERIES = 64, 8
OPTIMIZERS = {
    "sgd": {"type": "sgd", "learning_rate": 0.02},
    "adamw": {"type": "adamw", "learning_rate": 3e-4, "weight_decay": 0.01},
}


def sequences(random, count):
    """Tokens by Zipf's law, every other one a follower of the one before: inputs and what comes next, [count, LENGTH] each."""
    odds = 1 / (np.arange(TOKENS) + 2.7)
    followers = np.random.default_rng(1).choice(TOKENS, (TOKENS, 4), p=odds / odds.sum())
    drawn = random.choice(TOKENS, (count, LENGTH + 1), p=odds / odds.sum())
    for place in range(1, LENGTH + 1):
        follows = random.random(count) < 0.5
        drawn[:, place] = np.where(follows, followers[drawn[:, place - 1], random.integers(0, 4, count)], drawn[:, place])
    return drawn[:, :-1], drawn[:, 1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="sgd")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)

    random = np.random.default_rng(0)
    data = {name: sequences(random, count) for name, count in (("train", SEQUENCES), ("query", QUERIES))}
    for name, (inputs, targets) in data.items():
        np.save(options.folder / f"{name}_x.npy", inputs)
        np.save(options.folder / f"{name}_y.npy", targets)
    (options.folder / "model.json").write_text(graph())

    torch.manual_seed(0)
    network = Gpt2()
    numbers = dict(OPTIMIZERS[options.optimizer])
    kind = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[numbers.pop("type")]
    optimizer = kind(network.parameters(), numbers.pop("learning_rate"), **numbers)
    torch.save(network.state_dict(), options.folder / "step_0.bin")
    tokens, targets = map(torch.as_tensor, data["train"])
    for part in torch.arange(SEQUENCES).split(8):
        (losses(network, tokens[part], targets[part]).sum() / targets.numel()).backward()
    optimizer.step()
    torch.save(network.state_dict(), options.folder / "step_1.bin")
    (options.folder / "record.json").write_text(json.dumps({"optimizer": OPTIMIZERS[options.optimizer]}))


if __name__ == "__main__":
    main()
