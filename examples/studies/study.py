"""What the studies share: their size, digits, means over seeds, and how tables and pictures get onto their pages."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/studies"
#: Colours that colour-blind people tell apart (Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")

plt.rcParams.update(
    {
        "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.constrained_layout.use": True,
        "font.size": 9,
        "legend.frameon": False,
        "savefig.facecolor": "white",  # a dark page would hide the letters
        "svg.fonttype": "none",
        "svg.hashsalt": "studies",
    }
)
torch.set_num_threads(1)


@dataclass
class Study:
    """A study of some size, with the tables that it has made."""

    name: str
    small: bool
    tables: dict[str, str]

    @classmethod
    def begun(cls, file: str, doc: str | None) -> Study:
        """The study of a script: whole, which writes its page, or with --small, which prints."""
        told = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        words = "in seconds: asserts what the page says, and writes nothing"
        told.add_argument("--small", action="store_true", help=words)
        return cls(Path(file).stem, told.parse_args().small, {})

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table of the page, by the title of its place there."""
        lines = [list(head), ["---"] * len(head), *[[str(cell) for cell in row] for row in rows]]
        self.tables[title] = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        print(f"{title}\n\n{self.tables[title]}\n", flush=True)

    def publish(self, figure: Any) -> None:
        """Puts the tables and the picture onto the page; a small study leaves it as it is."""
        if self.small:
            return
        figure.savefig(PAGES / f"{self.name}.svg", metadata={"Date": None})
        page = PAGES / f"{self.name}.md"
        text = page.read_text(encoding="utf-8")
        for title, table in self.tables.items():
            place = re.compile(rf"(<!-- numbers: {re.escape(title)} -->\n).*?(<!-- end of numbers -->)", re.DOTALL)
            text, found = place.subn(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)
            if found != 1:
                raise SystemExit(f"{page}: has {found} places for the numbers {title!r}; it needs one")
        page.write_text(text, encoding="utf-8")


def digits(seed: int, train: int, test: int) -> SimpleNamespace:
    """Digits of 8 by 8 pixels from 0 to 1, in an order of the seed's."""
    data = np.load(ROOT / "examples/data/digits.npz")
    x = np.concatenate([data["train_x"], data["query_x"]]).reshape(-1, 64).astype(np.float32)
    y = np.concatenate([data["train_y"], data["query_y"]]).astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(y))[: train + test]
    inside, outside = order[:train], order[train:]
    return SimpleNamespace(x=x[inside], y=y[inside], test_x=x[outside], test_y=y[outside])


def mean(values: Any, digits: int = 3) -> str:
    """The mean over seeds with its standard error."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return f"{values.mean():.{digits}f}"
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1) / len(values) ** 0.5:.{digits}f}"
