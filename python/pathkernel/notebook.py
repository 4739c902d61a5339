"""How things look in a notebook, by light and by dark."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import moved
from .errors import PathkernelError

if TYPE_CHECKING:
    from .path import Path
    from .plans import Plan
    from .result import Result

#: What raised and what lowered a value: told apart by colour-blind people too, and seen on white and on black.
RAISED, LOWERED = "#3b82d6", "#e0761b"
#: How many queries a picture shows.
_QUERIES = 8
#: Sizes of pictures: the whole width, the height of a line, the longest bar to either side.
_WIDTH, _LINE, _BAR = 520, 20, 140


def of_result(result: Result) -> str:
    """The verdict, what there is, and the sums of what raised and what lowered the first queries."""
    shapes = result.summary["shapes"]
    words = f"{shapes['queries']:,} queries, {shapes['examples']:,} examples, {shapes['outputs']:,} outputs"
    arrays = [(name, " × ".join(map(str, values.shape))) for name, values in result.arrays.items()]
    details = f"<details><summary>{len(arrays)} arrays</summary>{_table(arrays)}</details>"
    head = f"<b>{_escape(result.verdict)}</b>: {_escape(result.summary.get('because', ''))}"
    return _box(f"{head}<br>{words}{_picture(result)}{details}")


def of_plan(plan: Plan) -> str:
    """A table of what it takes."""
    return _box(_table(plan.lines()))


def of_path(path: Path) -> str:
    """What was trained, how, and its losses."""
    losses = "" if path.losses is None or len(path.losses) < 2 else _curve([float(loss) for loss in path.losses])
    return _box(f"{_table(path.lines())}{losses}")


def _picture(result: Result) -> str:
    """A line for each of the first queries: what raised the shown value to the right, what lowered it to the left."""
    try:
        lines = [_of_query(result, query) for query in range(min(_QUERIES, len(result.prediction)))]
    except PathkernelError:  # a run without contributions
        return ""
    most = max((max(raised, -lowered) for _, raised, lowered in lines), default=0.0) or 1.0
    drawn = []
    for place, (words, raised, lowered) in enumerate(lines):
        top = place * _LINE
        left, right = _BAR * -lowered / most, _BAR * raised / most
        drawn.append(
            f'<text x="0" y="{top + 14}" fill="currentColor" font-size="12">{_escape(words)}</text>'
            f'<rect x="{_WIDTH - _BAR - left:.1f}" y="{top + 4}" width="{left:.1f}" height="12" fill="{LOWERED}"/>'
            f'<rect x="{_WIDTH - _BAR:.1f}" y="{top + 4}" width="{right:.1f}" height="12" fill="{RAISED}"/>'
        )
    size = f'width="{_WIDTH}" height="{len(lines) * _LINE}" viewBox="0 0 {_WIDTH} {len(lines) * _LINE}"'
    key = f'<span style="color:{LOWERED}">■</span> lowered <span style="color:{RAISED}">■</span> raised by examples'
    return f'<svg {size} role="img" style="display:block;margin:.5em 0">{"".join(drawn)}</svg><small>{key}</small>'


def _of_query(result: Result, query: int) -> tuple[str, float, float]:
    """A query in words, and what raised and lowered its shown value."""
    legend, output = result.legend, result.output_of(query)
    raised, lowered = moved.sums(result.arrays, query, output)
    first, last = (float(values[query, output]) for values in (result.initial, result.prediction))
    name = "" if result.prediction.shape[1] == 1 else f", output {legend.class_name(output)}"
    return f"query {query}{name}: {first:.3g} → {last:.3g}", raised, lowered


def _curve(values: list[float]) -> str:
    """The course of a number as a line."""
    every = -(-len(values) // _WIDTH)
    values = [*values[:-1:every], values[-1]]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    points = [
        (_WIDTH * place / (len(values) - 1), 60 - 56 * (value - low) / span) for place, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawn = f'<polyline points="{line}" fill="none" stroke="{RAISED}" stroke-width="1.5"/>'
    size = f'width="{_WIDTH}" height="64" viewBox="0 0 {_WIDTH} 64"'
    style = 'role="img" style="display:block;margin:.5em 0"'
    return f"<svg {size} {style}>{drawn}</svg><small>loss {values[0]:.4g} → {values[-1]:.4g}</small>"


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    left = "text-align:left;padding:0 .8em .2em 0"
    cells = (
        f'<tr><th style="{left}">{_escape(name)}</th><td style="{left}">{_escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table style="color:inherit">{"".join(cells)}</table>'


def _box(content: str) -> str:
    return f'<div style="color:inherit;background:transparent">{content}</div>'


def _escape(value: Any) -> str:
    return html.escape(str(value))
