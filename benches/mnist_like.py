"""Stand-ins for MNIST where it cannot be fetched: 60,000 examples and 1,000 queries of 28 x 28 pixels, made from the digits in
examples/data by enlarging, shifting and blurring them. Sizes and times are those of MNIST; the pictures are not.

    python benches/mnist_like.py FOLDER        # needs numpy
"""

import sys
from pathlib import Path

import numpy as np


def enlarge(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """8 x 8 pixels of 0 to 1, three times as large, at a random place of 28 x 28, with noise: bytes."""
    count = len(images)
    large = images.reshape(count, 8, 8).repeat(3, 1).repeat(3, 2)
    out = np.zeros((count, 28, 28), np.float32)
    for row, (down, across) in enumerate(random.integers(0, 5, (count, 2))):
        out[row, down : down + 24, across : across + 24] = large[row]
    out += random.normal(0, 0.05, out.shape).astype(np.float32)
    return (np.clip(out, 0, 1) * 255).astype(np.uint8)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    digits = np.load(Path(__file__).parent.parent / "examples/data/digits.npz")
    random = np.random.default_rng(0)
    for name, inputs, targets, count in [
        ("train", digits["train_x"], digits["train_y"], 60_000),
        ("query", digits["query_x"], digits["query_y"], 1_000),
    ]:
        which = random.integers(0, len(inputs), count)
        pixels = enlarge(inputs[which].astype(np.float32), random)
        np.save(folder / f"{name}_x.npy", pixels.reshape(count, 784).astype(np.float32) / 255)
        np.save(folder / f"{name}_y.npy", targets[which].astype(np.int64))


main()
