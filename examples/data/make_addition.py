"""Writes addition.npz: pairs (a, b) of numbers below 113, with (a + b) mod 113 as their class; and addition.safetensors: initial
weights of the network of addition.toml, PyTorch's but for an embedding that begins smaller.

A row is the tokens a, b and "=". A share of all pairs is for training; some of the others are queries. Every training pair stands
there once for each window of training, and a step takes rows of its window: so the contributions come apart by time.
"""

from pathlib import Path

import numpy as np
from half_tensors import save

PRIME, SHARE, STEPS, WINDOWS, QUERIES = 113, 0.3, 900, 18, 12
FEATURES, HIDDEN = 32, 128

pairs = np.stack(np.divmod(np.arange(PRIME**2), PRIME), 1)
rows = np.column_stack([pairs, np.full(len(pairs), PRIME)]).astype(np.uint8)
sums = (pairs.sum(1) % PRIME).astype(np.uint8)
order = np.random.default_rng(0).permutation(len(pairs))
examples = int(SHARE * len(pairs))
train, rest = order[:examples], order[examples:]

# Every step takes all pairs, as rows of its window.
batches = (np.arange(STEPS)[:, None] * WINDOWS // STEPS) * examples + np.arange(examples)


def initial_weights():
    random = np.random.default_rng(0)
    uniform = lambda *shape, reads: random.uniform(-1, 1, shape) / np.sqrt(reads)
    weights = {
        "embed.weight": random.normal(0, 1 / np.sqrt(FEATURES), (PRIME + 1, FEATURES)),
        "pos.weight": random.normal(0, 0.02, (3, FEATURES)),
    }
    weights |= {f"{name}.weight": uniform(FEATURES, FEATURES, reads=FEATURES) for name in "qkvo"}
    weights["up.weight"], weights["up.bias"] = uniform(HIDDEN, FEATURES, reads=FEATURES), uniform(HIDDEN, reads=FEATURES)
    weights["down.weight"], weights["down.bias"] = uniform(FEATURES, HIDDEN, reads=HIDDEN), uniform(FEATURES, reads=HIDDEN)
    weights["unembed.weight"] = uniform(PRIME, FEATURES, reads=FEATURES)
    return weights


if __name__ == "__main__":
    np.savez_compressed(
        Path(__file__).parent / "addition.npz",
        train_x=np.tile(rows[train], (WINDOWS, 1)), train_y=np.tile(sums[train], WINDOWS), batches=batches.astype(np.uint32),
        query_x=rows[rest[:QUERIES]], query_y=sums[rest[:QUERIES]],
    )
    save(Path(__file__).parent / "addition.safetensors", initial_weights())
