"""Draws docs/nanogpt.png from runs/nanogpt: words of a chapter, and the sentences that taught them (pip install matplotlib)."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

here = Path(__file__).parent
sys.path.insert(0, str(here / "data"))
from make_alice import ASKED, train  # the texts of queries and columns

SHOWN, TAUGHT, AGAINST, WIDTH = ["Dormouse", "King", "asleep"], 7, 2, 90

run = here.parent / "runs/nanogpt"
# The readout is a loss: what lowered it taught the word.
taught = -np.load(run / "attribution.npy")[:, :, 0]
initial, prediction = (np.load(run / f"{name}.npy")[:, 0] for name in ("initial", "prediction"))

for number, (before, word) in enumerate(ASKED):
    best = taught[number].argsort()[::-1][:10]
    holds = np.array([word in text for text in train])
    print(f"{word:>11}: -log p {initial[number]:5.1f} -> {prediction[number]:5.2f}; the word is in {holds.sum():3} of {len(train)} "
          f"sentences, in {holds[best].sum():2} of the strongest 10; those that have it: {taught[number][holds].sum():6.2f}, "
          f"others: {taught[number][~holds].sum():6.2f}")


def line(text, word):
    """A part of a sentence that fits, around the word where it is there."""
    at = max(0, text.find(word))
    start = 0 if len(text) <= WIDTH or at + len(word) < WIDTH - 10 else max(0, min(at - WIDTH // 2, len(text) - WIDTH + 1))
    cut = text[start:start + WIDTH]
    return ("…" + cut[1:] if start else cut)[:WIDTH - 1] + ("…" if start + WIDTH < len(text) else cut[WIDTH - 1:])


lines = TAUGHT + AGAINST
figure, axes = plt.subplots(len(SHOWN), 1, figsize=(9.4, 2.6 * len(SHOWN)))
for axis, word in zip(axes, SHOWN):
    number = next(n for n, (_, w) in enumerate(ASKED) if w == word)
    order = taught[number].argsort()[::-1]
    largest = abs(taught[number]).max()
    for place, column in enumerate([*order[:TAUGHT], *order[-AGAINST:]]):
        value, text = taught[number][column], line(train[column], word)
        y = -place - (0.35 if place >= TAUGHT else 0)
        axis.barh(y, 16 * abs(value) / largest, left=-18, height=0.7, color="#2a7ab0" if value > 0 else "#c0504d")
        axis.text(-18.7, y, f"{value:+.2f}", ha="right", va="center", fontsize=8)
        axis.text(0, y, text, family="monospace", fontsize=8, va="center", color="#444")
        at = text.find(word)
        if at >= 0:
            axis.text(0, y, " " * at + word, family="monospace", fontsize=8, va="center", color="#c05800", weight="bold")
    before = ASKED[number][0]
    style = {"family": "monospace", "fontsize": 9.5, "va": "center"}
    axis.text(-24, 1.2, f"“{before}", **style)
    axis.text(-24, 1.2, " " * (len(before) + 1) + f"{word}”", weight="bold", color="#c05800", **style)
    axis.text(66, 1.2, f"−log p {initial[number]:.1f} → {prediction[number]:.2f}", fontsize=9, ha="right", va="center")
    axis.set_xlim(-24, 66)
    axis.set_ylim(-lines - 0.4, 1.7)
    axis.axis("off")
figure.tight_layout(h_pad=1.4)
figure.savefig(here.parent / "docs/nanogpt.png", dpi=105)
