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
        #: What the page calls each kind of amounts, the array of all or the lists of the largest, and the sign that it is shown with.
        self.kinds = {kind: known for kind, known in (("attribution", ("attribution", "top", 1)),
                                                      ("influence", ("influence", "influence_top", -1)))
                      if any((directory / f"{name}.npy").exists() for name in (known[0], f"{known[1]}_values"))}
        self.whole = self.attribution is not None or self.read("influence") is not None
        self.windows, self.borders = self.read("attribution_windows"), self.read("windows")
        self.queries, self.values = self.prediction.shape
        self.examples = self.summary["shapes"]["examples"]
        data, kernel = self.config["data"], self.config["kernel"]
        readout = kernel["readout"]
        self.readout = readout if isinstance(readout, str) else readout["type"]
        targets = array(data["train"]["targets"])
        classes = self.config["training"]["loss"] == "cross_entropy" and targets.ndim == 1
        self.compete = classes and self.readout in ("outputs", "probabilities", "log_probabilities")
        #: The class of each column, -1 of groups whose rows have several.
        self.labels = self.of_columns(targets, data["train"]) if classes else None
        query = data.get("query", {})
        self.classes = (array(query["targets"]) if "targets" in query else targets) if classes else None
        two = self.config["training"]["loss"] == "logistic" and self.summary["shapes"]["outputs"] == 1
        #: The classes 0 and 1 of the queries, where the only output stands for the probability of 1.
        self.two = (array(query["targets"]) if "targets" in query else targets).reshape(-1).astype(int) if two else None
        if two:
            self.labels = self.of_columns(targets.reshape(-1).astype(int), data["train"])
        self.targets = None if classes or targets.ndim != 2 or self.queries != len(targets) else targets

    @staticmethod
    def of_columns(labels: np.ndarray, train: dict) -> np.ndarray:
        if "groups" not in train:
            return labels
        rows = [labels[array(train["groups"]) == group] for group in np.unique(array(train["groups"]))]
        return np.array([own[0] if (own == own[0]).all() else -1 for own in rows])

    def read(self, name: str) -> np.ndarray | None:
        path = self.directory / f"{name}.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None

    def predicted(self, query: int) -> int:
        return int(self.prediction[query].argmax())

    def is_wrong(self, query: int) -> bool:
        if self.two is not None:
            half = {"outputs": 0.0, "probabilities": 0.5, "log_probabilities": np.log(0.5)}.get(self.readout)
            return half is not None and int(self.prediction[query, 0] > half) != self.two[query]
        return self.compete and self.predicted(query) != self.classes[query]

    def first(self, query: int) -> tuple[int, int | None]:
        """What is asked of a query first."""
        if not self.compete:
            return int(np.abs(self.prediction[query].astype(float) - self.initial[query]).argmax()), None
        best = self.predicted(query)
        if not self.whole:
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

    def amounts(self, query: int, question: tuple[int, int | None], kind: str = "attribution") -> np.ndarray:
        """What each example says to a question, as the page shows it: not a number where lists do not have it."""
        whole, lists, sign = self.kinds[kind]
        array = self.read(whole)
        if array is None:
            values, examples = self.read(f"{lists}_values")[query], self.read(f"{lists}_examples")[query]
            row = np.full((self.examples, self.values), np.nan)
            for value in range(self.values):
                listed = examples[value] >= 0
                row[examples[value][listed], value] = values[value][listed]
        else:
            row = array[query]
        return sign * self.of(row, question)

    def sums(self, query: int, question: tuple[int, int | None]) -> np.ndarray:
        """What all contributions above zero add up to, and all below."""
        own = self.amounts(query, question)
        of_sign = np.array([own[own > 0].sum(), own[own < 0].sum()])
        return of_sign if self.whole else of_sign + self.read("top_rest")[query, question[0]]

    def in_steps(self, query: int, question: tuple[int, int | None], example: int, steps: tuple[int, int]) -> float:
        """What an example contributed in the windows of training between two steps."""
        inside = (self.borders[:-1] >= steps[0]) & (self.borders[1:] - 1 <= steps[1])
        return float(self.of(self.windows[inside, query, example].astype(float).sum(0), question))

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
