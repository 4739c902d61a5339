"""Draws docs/addition.png from runs/addition: when the network found the rule, and by which pairs (pip install matplotlib)."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

here = Path(__file__).parent
sys.path.insert(0, str(here / "data"))
from make_addition import FEATURES, PRIME, QUERIES, STEPS, WINDOWS, examples, pairs, rest, rows, sums, train

EVERY, HEADS = 25, 4  # as in addition.toml
run = here.parent / "runs/addition"

# The network again, to read all pairs at the recorded weights.
layout = json.loads((run / "trajectory/layout.json").read_text())
recorded = np.load(run / "trajectory/weights.npy", mmap_mode="r")


def network(weights, x):
    """The outputs at some rows of tokens."""
    def tensor(name):
        shape, offset = layout[name]["shape"], layout[name]["offset"]
        return weights[offset:offset + np.prod(shape)].reshape(shape)

    x = tensor("embed.weight")[x] + tensor("pos.weight")
    last = x[:, 2]
    heads = lambda z: z.reshape(*z.shape[:-1], HEADS, -1)
    q, k, v = heads(last @ tensor("q.weight").T), heads(x @ tensor("k.weight").T), heads(x @ tensor("v.weight").T)
    scores = np.exp(np.einsum("nhd,nthd->nht", q, k) / np.sqrt(q.shape[-1]))
    mixed = np.einsum("nht,nthd->nhd", scores / scores.sum(-1, keepdims=True), v).reshape(len(x), -1)
    y = last + mixed @ tensor("o.weight").T
    hidden = np.maximum(y @ tensor("up.weight").T + tensor("up.bias"), 0)
    return (y + hidden @ tensor("down.weight").T + tensor("down.bias")) @ tensor("unembed.weight").T


at = np.append(np.arange(0, STEPS, EVERY), STEPS)
accuracy = np.array([
    [(network(weights, rows[part]).argmax(1) == sums[part]).mean() for part in (train, rest)] for weights in recorded
])

# [query, window, pair]
contributions = np.load(run / "attribution.npy")[:, :, 0].reshape(QUERIES, WINDOWS, examples)
asked, known = pairs[rest[:QUERIES]], pairs[train]
distance = (known.sum(1)[None] - asked.sum(1)[:, None]) % PRIME  # how far a pair's sum is from the query's
shares = (known[None, :, None, :] == asked[:, None, :, None]).any((2, 3))  # a pair that has one of the query's numbers
kinds = {"the same sum": distance == 0, "one number in common": shares & (distance != 0)}
kinds["any other pair"] = ~kinds["the same sum"] & ~kinds["one number in common"]
by_kind = {kind: np.array([[c[w][of].sum() for w in range(WINDOWS)] for c, of in zip(contributions, which)]).mean(0)
           for kind, which in kinds.items()}
totals = contributions.sum(2)

initial, prediction, regularizer, residual = (
    np.load(run / f"{name}.npy")[:, 0] for name in ("initial", "prediction", "regularizer", "residual"))
print("accuracy at the end (training, held out):", accuracy[-1])
print("steps to 99% of training:", at[np.argmax(accuracy[:, 0] > 0.99)], "to 95% held out:", at[np.argmax(accuracy[:, 1] > 0.95)])
print("margins:", initial.mean(), "->", prediction.mean(), "decay:", regularizer.mean(), "largest residual:", abs(residual).max())
print("pairs in all:", totals.sum(1).mean(), {kind: round(float(v.sum()), 2) for kind, v in by_kind.items()},
      {kind: round(float(w.sum(1).mean()), 1) for kind, w in kinds.items()})

# The waves by which the network knows numbers, and how alike two sums are to it that are so far apart.
numbers = recorded[-1][layout["embed.weight"]["offset"]:][:PRIME * FEATURES].reshape(PRIME, FEATURES)
power = (abs(np.fft.rfft(numbers, axis=0)) ** 2).sum(1)[1:]
waves = power.argsort()[::-1][:6] + 1
print("waves:", waves, "with", (power[waves - 1] / power.sum()).round(3), "of the power")
alike = sum(power[k - 1] * np.cos(2 * np.pi * k * np.arange(PRIME) / PRIME) for k in waves)
print("by window, all pairs:", totals.mean(0).round(1))
print("by window, the same sum:", by_kind["the same sum"].round(0))
strongest = contributions.sum(1).argsort(1)[:, ::-1]
print("of each query's strongest 33 pairs so many have its sum:",
      [int((distance[query][order[:33]] == 0).sum()) for query, order in enumerate(strongest)])
print("most alike to a sum are those", alike.argsort()[::-1][:7], "away")

figure, axes = plt.subplots(2, 2, figsize=(10.4, 6.6))
middle, width = (np.arange(WINDOWS) + 0.5) * STEPS / WINDOWS, STEPS / WINDOWS

axis = axes[0, 0]
axis.plot(at, accuracy[:, 0], color="#999", label="pairs of training")
axis.plot(at, accuracy[:, 1], color="#2a7ab0", label="pairs never seen")
axis.set(xlabel="step", ylabel="accuracy", title="it learns by heart, then the rule", ylim=(-0.02, 1.05))
axis.legend(frameon=False, loc="lower right", fontsize=9)

axis = axes[0, 1]
net = totals.mean(0)
axis.bar(middle, net, width * 0.8, color=np.where(net > 0, "#2a7ab0", "#c0504d"))
axis.set(xlabel="step", title="what all pairs together did to margins of pairs never seen")

axis = axes[1, 0]
for (kind, values), color, shift in zip(by_kind.items(), ("#c05800", "#2a7ab0", "#999"), (-1, 0, 1)):
    axis.bar(middle + shift * width * 0.28, values, width * 0.26, color=color, label=kind)
axis.set(xlabel="step", title="the same by kind of pair", ylim=(-400, 520))
axis.legend(frameon=False, fontsize=9, ncols=3, loc="upper center", columnspacing=1, handlelength=1.2)

axis = axes[1, 1]
whole = contributions.sum(1)
places = np.arange(-(PRIME // 2), PRIME // 2 + 1)
mean = np.array([whole[distance == place % PRIME].mean() for place in places])
for near in alike.argsort()[::-1][1:3]:
    axis.axvline((near + PRIME // 2) % PRIME - PRIME // 2, color="#ddd", linewidth=5, zorder=0)
axis.plot(places, mean, color="#2a7ab0", marker=".", markersize=4, linewidth=1)
axis.set(xlabel="a pair's sum less the query's (mod 113)", title="mean contribution of a pair, by its sum")
for axis in axes.flat[1:]:
    axis.axhline(0, color="black", linewidth=0.6)
for axis in axes.flat:
    axis.spines[["top", "right"]].set_visible(False)
    axis.title.set_fontsize(11)
figure.tight_layout(h_pad=2)
figure.savefig(here.parent / "docs/addition.png", dpi=100)
