"""Draws docs/digits_resnet.png from runs/digits_resnet: what made each margin, and the examples behind two of them (pip install
matplotlib)."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

SHOWN, FOR, AGAINST = 2, 5, 4
here = Path(__file__).parent
run = here.parent / "runs/digits_resnet"
data = np.load(here / "data/digits.npz")
contributions = np.load(run / "attribution.npy")[:, :, 0]
initial, prediction, regularizer, statistics, residual = (
    np.load(run / f"{name}.npy")[:, 0] for name in ("initial", "prediction", "regularizer", "statistics", "residual"))

same = data["query_y"][:, None] == data["train_y"][None]
parts = {
    "examples of\nthe same digit": (contributions * same).sum(1),
    "examples of\nother digits": (contributions * ~same).sum(1),
    "weight decay": regularizer,
    "running\nstatistics": statistics,
}
print("right:", (prediction > 0).sum(), "of", len(prediction), "largest residual:", abs(residual).max(),
      "largest change:", abs(prediction - initial).max())
for name, values in parts.items():
    print(f"{' '.join(name.split()):30} mean {values.mean():7.2f}, mean size {abs(values).mean():7.2f}")

columns = 1 + FOR + AGAINST
figure = plt.figure(figsize=(11.5, 3.2))
grid = figure.add_gridspec(1, 2, width_ratios=[0.34, 0.66], wspace=0.08)
axis = figure.add_subplot(grid[0])
axis.boxplot(list(parts.values()), orientation="horizontal", widths=0.6, showfliers=False, medianprops={"color": "#c05800"})
axis.set_yticks(range(1, len(parts) + 1), list(parts), fontsize=9)
axis.invert_yaxis()
axis.axvline(0, color="black", linewidth=0.6)
axis.set(xlabel="part of the change of the margin", title="360 margins, taken apart")
axis.spines[["top", "right"]].set_visible(False)

inner = grid[1].subgridspec(SHOWN, columns, wspace=0.15, hspace=0.35)


def picture(place, row, image, title, color):
    axis = figure.add_subplot(inner[row, place])
    axis.imshow(image[0], cmap="gray_r")
    axis.set_title(title, fontsize=8.5, color=color)
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set_color(color)


for row, query in enumerate(prediction.argsort()[:SHOWN]):
    order = contributions[query].argsort()
    picture(0, row, data["query_x"][query], f"a {data['query_y'][query]}\n{prediction[query]:+.1f}", "black")
    for place, example in enumerate([*order[::-1][:FOR], *order[:AGAINST]]):
        value = contributions[query, example]
        picture(place + 1, row, data["train_x"][example], f"{data['train_y'][example]}\n{value:+.1f}",
                "#2a7ab0" if value > 0 else "#c0504d")
figure.savefig(here.parent / "docs/digits_resnet.png", dpi=110, bbox_inches="tight")
