"""Tables for people: pandas' where it is installed."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

#: The most rows that are shown.
_SHOWN = 20


class Table(Mapping[str, np.ndarray]):
    """Named columns of one length, where pandas is not installed.

    >>> Table({"example": [3, 1], "contribution": [0.5, -0.25]})
    example  contribution
          3           0.5
          1         -0.25
    """

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = {name: np.asarray(values) for name, values in columns.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(next(iter(self._columns.values()), ()))

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._columns)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Row after row."""
        return zip(*self._columns.values(), strict=True)

    def __repr__(self) -> str:
        cells = [[_text(value) for value in values[:_SHOWN]] for values in self._columns.values()]
        widths = [max(map(len, [name, *column])) for name, column in zip(self._columns, cells, strict=True)]
        lines = [self.columns, *zip(*cells, strict=True)]
        shown = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([*shown, *([f"… {len(self)} rows"] if len(self) > _SHOWN else [])])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self._columns)
        rows = (row for row, _ in zip(self.rows(), range(_SHOWN), strict=False))
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_text(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def frame(columns: Mapping[str, Any]) -> Any:
    """A `pandas.DataFrame`, or a Table where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        return Table(columns)
    return pandas.DataFrame(dict(columns))


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
