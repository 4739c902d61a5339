"""What a report has to show of a finished run, from its arrays alone."""

import json
import tomllib
from pathlib import Path

import numpy as np


def array(name: str) -> np.ndarray:
    """An array that a run file names."""
    path, _, key = name.partition(":")
    loaded = np.load(path)
    return loaded[key] if key else loaded


class Run:
    """A finished run, with what its arrays say of queries and examples."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.config = tomllib.loads((directory / "run.toml").read_text())
        self.summary = json.loads((directory / "summary.json").read_text())
        self.initial, self.prediction, self.residual, self.regularizer = (
            self.read(name) for name in ("initial", "prediction", "residual", "regularizer"))
        self.attribution, self.own = self.read("attribution"), self.read("own")
        self.queries, self.values = self.prediction.shape
        self.examples = self.summary["shapes"]["examples"]
        data, kernel = self.config["data"], self.config["kernel"]
        readout = kernel["readout"]
        self.readout = readout if isinstance(readout, str) else readout["type"]
        targets = array(data["train"]["targets"])
        classes = self.config["training"]["loss"] == "cross_entropy" and targets.ndim == 1
        self.compete = classes and self.readout in ("outputs", "probabilities", "log_probabilities")
        self.labels = targets if classes and "groups" not in data["train"] else None
        query = data.get("query", {})
        self.classes = (array(query["targets"]) if "targets" in query else targets) if classes else None
        self.targets = None if classes or targets.ndim != 2 or self.queries != len(targets) else targets

    def read(self, name: str) -> np.ndarray | None:
        path = self.directory / f"{name}.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None

    def predicted(self, query: int) -> int:
        return int(self.prediction[query].argmax())

    def is_wrong(self, query: int) -> bool:
        return self.compete and self.predicted(query) != self.classes[query]

    def first(self, query: int) -> tuple[int, int | None]:
        """What is asked of a query first."""
        if not self.compete:
            return int(np.abs(self.prediction[query].astype(float) - self.initial[query]).argmax()), None
        best = self.predicted(query)
        if self.attribution is None:
            return best, None
        if best != self.classes[query]:
            return best, int(self.classes[query])
        others = self.prediction[query].astype(float).copy()
        others[best] = -np.inf
        return best, int(others.argmax())

    def of(self, values: np.ndarray, question: tuple[int, int | None]) -> np.ndarray:
        """A question to an array whose last axis has the values."""
        a, b = question
        return values[..., a].astype(float) - (0 if b is None else values[..., b].astype(float))

    def amounts(self, query: int, question: tuple[int, int | None]) -> np.ndarray:
        return self.of(self.attribution[query], question)

    def right(self, query: int, question: tuple[int, int | None]) -> int:
        """1 where more is better, -1 where less is, 0 where neither is."""
        if self.readout in ("loss", "target", "margin"):
            return -1 if self.readout == "loss" else 1
        a, b = question
        if self.compete:
            way = lambda value: 1 if value == self.classes[query] else -1
            return way(a) if b is None else int(np.sign(way(a) - way(b)))
        if self.targets is None:
            return 0
        y, f = self.targets[query, a], self.initial[query, a]
        return int(np.sign(y - f)) if self.config["training"]["loss"] == "squared_error" else (1 if y > 0.5 else -1)
