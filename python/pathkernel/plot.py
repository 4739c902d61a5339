"""Pictures of contributions, with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import moved
from .arrays import array
from .errors import PathkernelError
from .legend import NO_CLASS
from .optional import needed

if TYPE_CHECKING:
    from .result import Result

#: What raised, what lowered, and what is neither: told apart by colour-blind people too.
RAISED, LOWERED, NEITHER = "#3b82d6", "#e0761b", "#8a8f98"
#: Colours of classes that colour-blind people tell apart (Okabe and Ito); the classes beyond share that which is
#: neither.
_CLASSES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
_OTHERS = "others"
#: A term that is a smaller share of the largest bar is not drawn: it is what rounding left.
_SEEN = 1e-4


def of_query(
    result: Result,
    query: int,
    output: int | str | None = None,
    *,
    against: int | str | None = None,
    images: Any = None,
    query_images: Any = None,
    k: int = 8,
) -> Any:
    """The panels that there are of a query, in one figure: how it came about, when, and by which images.

    Returns the main one.
    """
    over = "attribution_windows" in result.arrays
    heights = [0.34 * (k + 5), *([3.0] if over else []), *([1.5] if images is not None else [])]
    figure = _pyplot().figure(figsize=(7, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    main = figure.add_subplot(grid[0])
    if against is None:
        waterfall(result, query, output, k=k, ax=main)
    else:
        class_against_class(result, query, output, against, k=k, ax=main)
    if over:
        over_time(result, query, output, against, ax=figure.add_subplot(grid[1]))
    if images is not None:
        pictures(result, query, output, against, images=images, query_images=query_images, k=k, into=grid[-1])
    return main


def waterfall(result: Result, query: int, output: int | str | None = None, *, k: int = 8, ax: Any = None) -> Any:
    """From the initial value by contributions to the prediction: the k largest, all others, and what no example did."""
    place = result.output_of(query, output)
    columns, values = moved.amounts(result.arrays, query, place)
    order = np.argsort(-np.abs(values), kind="stable")[:k]
    steps = [(_example(result, int(columns[one])), float(values[one])) for one in order]
    raised, lowered = moved.sums(result.arrays, query, place)
    others = len(result.legend.numbers) - len(order)
    if others:
        steps.append((f"{others:,} others", raised + lowered - sum(value for _, value in steps)))
    terms = {
        "weight decay": result.regularizer,
        "running statistics": result.statistics,
        "earlier gradients": result.earlier,
        "unexplained": result.unexplained,
    }
    seen = _SEEN * max((abs(value) for _, value in steps), default=0.0)
    steps += [(name, float(values[query, place])) for name, values in terms.items() if abs(values[query, place]) > seen]
    first, last = float(result.initial[query, place]), float(result.prediction[query, place])
    ax = ax or _pyplot().subplots(figsize=(7, 0.34 * (len(steps) + 4)), layout="constrained")[1]
    _draw_waterfall(ax, first, steps, last)
    ax.set_title(f"query {query}: how {_value_words(result, place)} went from {first:.3g} to {last:.3g}", loc="left")
    return ax


def class_against_class(
    result: Result, query: int, output: int | str | None, against: int | str, *, k: int = 8, ax: Any = None
) -> Any:
    """Why one output rather than another: what the examples of each class added to their difference, or the k largest
    examples.
    """
    place, other = result.output_of(query, output), result.output_of(query, against)
    values = _difference(result, query, place, other)
    labels = result.legend.labels
    if labels is None:
        order = np.argsort(-np.abs(values), kind="stable")[:k]
        bars = [(_example(result, int(column)), float(values[column])) for column in order]
    else:
        bars = [
            (f"class {result.legend.class_name(one)}", float(values[labels == one].sum())) for one in _known(labels)
        ]
    ax = ax or _pyplot().subplots(figsize=(7, 0.34 * (len(bars) + 4)), layout="constrained")[1]
    _draw_bars(ax, bars)
    first, last = (float(array[query, place] - array[query, other]) for array in (result.initial, result.prediction))
    why, rather = (result.legend.class_name(one) for one in (place, other))
    ax.set_title(f"query {query}: why {why} rather than {rather}? {first:+.3g} → {last:+.3g}", loc="left")
    return ax


def over_time(
    result: Result, query: int, output: int | str | None = None, against: int | str | None = None, *, ax: Any = None
) -> Any:
    """When in training the examples acted, by their classes: what each stretch of it added."""
    place = result.output_of(query, output)
    values = np.asarray(result.windows[:, query, :, place], dtype=np.float64)
    if against is not None:
        values = values - result.windows[:, query, :, result.output_of(query, against)]
    borders = result.array("windows")
    ax = ax or _pyplot().subplots(figsize=(7, 3), layout="constrained")[1]
    _draw_stacks(ax, np.asarray(borders, dtype=float), _by_class(result, values))
    ax.axhline(0, color="0.5", linewidth=0.8)
    ax.set_xlabel("step")
    ax.set_title(f"query {query}: what moved {_value_words(result, place)}, over training", loc="left")
    return ax


def pictures(
    result: Result,
    query: int,
    output: int | str | None = None,
    against: int | str | None = None,
    *,
    images: Any,
    query_images: Any = None,
    k: int = 8,
    into: Any = None,
) -> Any:
    """The images of the k examples that moved a query most, after its own where it is given. Returns the axes."""
    place = result.output_of(query, output)
    if against is None:
        columns, values = moved.amounts(result.arrays, query, place)
    else:
        values = _difference(result, query, place, result.output_of(query, against))
        columns = np.arange(len(values))
    order = np.argsort(-np.abs(values), kind="stable")[:k]
    numbers = result.legend.numbers[columns[order]]
    shown = [
        (_picture(array(images[number])), str(number), float(value))
        for number, value in zip(numbers, values[order], strict=True)
    ]
    if query_images is not None:
        shown.insert(0, (_picture(array(query_images[query])), f"query {query}", 0.0))
    into = into or _pyplot().figure(figsize=(7, 1.4), layout="constrained").add_gridspec(1, 1)[0]
    row = into.subgridspec(1, len(shown)).subplots(squeeze=False)[0]
    for axes, (picture, words, amount) in zip(row, shown, strict=True):
        axes.imshow(picture, cmap="gray")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(words, fontsize=9)
        axes.set_xlabel(f"{amount:+.3g}" if amount else "", fontsize=9)
        for side in axes.spines.values():
            side.set_color(_colour(amount))
            side.set_linewidth(2)
    return row


def _draw_waterfall(ax: Any, first: float, steps: Sequence[tuple[str, float]], last: float) -> None:
    """Bars that each begin where the one above ends, between the two values."""
    at = first
    edges = [first]
    for line, (_, value) in enumerate(steps, start=1):
        ax.barh(line, value, left=at, color=_colour(value), height=0.7)
        ax.plot([at, at], [line - 1, line], color="0.6", linewidth=0.8)
        at += value
        edges.append(at)
    ax.plot([at, at], [len(steps), len(steps) + 1], color="0.6", linewidth=0.8)
    ax.plot([first], [0], "o", color=NEITHER)
    ax.plot([last], [len(steps) + 1], "o", color=NEITHER)
    span = (max(edges) - min(edges)) or 1.0
    numbers = [f"{first:.4g}", *(f"{value:+.3g}" for _, value in steps), f"{last:.4g}"]
    ends = [first, *(max(edge, after) for edge, after in zip(edges, edges[1:], strict=False)), last]
    for line, (end, number) in enumerate(zip(ends, numbers, strict=True)):
        ax.text(end + 0.02 * span, line, number, va="center", fontsize=9)
    ax.set_xlim(min(edges) - 0.05 * span, max(edges) + 0.2 * span)
    _label_lines(ax, ["initial", *(name for name, _ in steps), "prediction"])


def _draw_bars(ax: Any, bars: Sequence[tuple[str, float]]) -> None:
    """Bars from 0, to the right of what spoke for, to the left of what spoke against."""
    values = [value for _, value in bars]
    span = (max(0.0, *values) - min(0.0, *values)) or 1.0
    for line, value in enumerate(values):
        ax.barh(line, value, color=_colour(value), height=0.7)
        side = 1 if value >= 0 else -1
        ax.text(
            value + 0.02 * span * side,
            line,
            f"{value:+.3g}",
            va="center",
            ha="left" if side > 0 else "right",
            fontsize=9,
        )
    ax.axvline(0, color="0.5", linewidth=0.8)
    ax.set_xlim(min(0.0, *values) - 0.18 * span, max(0.0, *values) + 0.18 * span)
    _label_lines(ax, [name for name, _ in bars])


def _label_lines(ax: Any, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _draw_stacks(ax: Any, borders: np.ndarray, parts: Sequence[tuple[str, np.ndarray]]) -> None:
    """A column for each window, in which parts above 0 stand on it and parts below hang from it."""
    above, below = np.zeros(len(borders) - 1), np.zeros(len(borders) - 1)
    for place, (name, values) in enumerate(parts):
        bottom = np.where(values >= 0, above, below)
        colour = NEITHER if name == _OTHERS else _CLASSES[place]
        ax.bar(borders[:-1], values, np.diff(borders) * 0.94, bottom, align="edge", color=colour, label=name)
        above, below = above + np.maximum(values, 0), below + np.minimum(values, 0)
    if len(parts) > 1:
        ax.legend(fontsize=8, ncols=4, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.18))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _by_class(result: Result, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """[window, example] summed by class: those that did most by themselves, the others together."""
    labels = result.legend.labels
    if labels is None:
        return [("all examples", values.sum(axis=1))]
    sums = {int(one): values[:, labels == one].sum(axis=1) for one in _known(labels)}
    order = sorted(sums, key=lambda one: -float(np.abs(sums[one]).sum()))
    parts = [(result.legend.class_name(one), sums[one]) for one in sorted(order[: len(_CLASSES)])]
    others = values.sum(axis=1) - sum(part for _, part in parts)
    return [*parts, (_OTHERS, others)] if len(order) > len(_CLASSES) or (labels == NO_CLASS).any() else parts


def _difference(result: Result, query: int, place: int, other: int) -> np.ndarray:
    if "attribution" not in result.arrays:
        raise PathkernelError(
            "two outputs are compared by all contributions; ask with attribution=True and without top"
        )
    rows = np.asarray(result.attribution[query][:, [place, other]], dtype=np.float64)
    return rows[:, 0] - rows[:, 1]


def _known(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels[labels != NO_CLASS])


def _example(result: Result, column: int) -> str:
    """An example in words: its name or number, and its class."""
    legend = result.legend
    name = legend.names[column] if legend.names is not None else f"example {legend.numbers[column]}"
    if legend.labels is None or legend.labels[column] == NO_CLASS:
        return name
    return f"{name} ({legend.class_name(int(legend.labels[column]))})"


def _value_words(result: Result, place: int) -> str:
    """A value of the readout in words."""
    if result.legend.classes is not None:
        return result.legend.class_name(place)
    readout = result.config.get("kernel", {}).get("readout", "outputs")
    name = str(readout.get("type") if isinstance(readout, dict) else readout)
    return f"the {name}" if result.prediction.shape[1] == 1 else f"{name.removesuffix('s')} {place}"


def _picture(values: np.ndarray) -> np.ndarray:
    """An image as it is drawn: [h, w], or [h, w, 3] with numbers from 0 to 1; flat ones that make a square are taken
    for one.
    """
    values = np.squeeze(values)
    if values.ndim == 3 and values.shape[0] in (3, 4):
        values = np.moveaxis(values, 0, -1)
    if values.ndim == 1:
        side = int(np.sqrt(len(values)))
        values = values.reshape(side, side) if side * side == len(values) else values[None]
    if values.ndim not in (2, 3):
        raise ValueError(
            f"images: one has the shape {list(values.shape)}; give [height, width], with 3 colours first or last"
        )
    low, high = float(values.min()), float(values.max())
    return (values - low) / ((high - low) or 1.0) if values.ndim == 3 else values


def _colour(value: float) -> str:
    return RAISED if value > 0 else LOWERED if value < 0 else NEITHER


def _pyplot() -> Any:
    return needed("matplotlib.pyplot", "a picture")
