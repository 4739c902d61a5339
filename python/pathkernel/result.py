"""Predictions taken apart."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import numpy as np

from . import engine, moved, notebook
from .engine import Outcome
from .errors import PathkernelError
from .frames import frame
from .legend import Legend
from .optional import needed

#: The axes of each array of a run.
_DIMENSIONS = {
    "attribution": ("query", "example", "output"),
    "attribution_layers": ("layer", "query", "example", "output"),
    "attribution_windows": ("window", "query", "example", "output"),
    "attribution_positions": ("query", "example", "output", "position"),
    "influence": ("query", "example", "output"),
    "kernel": ("query", "example", "output", "example_output"),
    "coefficients": ("query", "example", "output", "example_output"),
    "tangent_initial": ("query", "example", "output", "example_output"),
    "tangent_final": ("query", "example", "output", "example_output"),
}
#: How to ask for an array that a run may have.
_ASKED_WITH = {
    "kernel": 'kernel="trace", "diagonal" or "full"',
    "coefficients": 'kernel="diagonal" and coefficients=True',
    "attribution": "attribution=True and without top",
    "attribution_layers": "layers=True",
    "attribution_windows": "windows=10",
    "tangent_initial": 'kernel="trace" and tangent=True',
    "tangent_final": 'kernel="trace" and tangent=True',
    "own": "own=True",
    "influence": "influence=True and without top",
    "influence_rates": "influence=True",
}


class VerdictWarning(UserWarning):
    """The contributions do not add up to the prediction, or something else moved the weights."""


@dataclass(frozen=True)
class Check:
    """Whether the contributions account for the predictions.

    The numbers are of the largest change of the readout; `missed` are the queries and steps at which the adaptive rule missed its
    tolerance. `influence` is the verdict on the influences, exact, uncertain or inexact; None where the run has none.
    """

    verdict: str
    residual: float
    unexplained: float
    missed: int
    influence: str | None = None


class Result:
    """Predictions taken apart: initial + Σ attribution + regularizer + statistics + earlier + unexplained + residual =
    prediction.

    Arrays have the axes [query, example, output]; an array with a file behind it is a memory map.
    """

    def __init__(self, outcome: Outcome, legend: Legend) -> None:
        self._outcome, self._legend = outcome, legend

    @classmethod
    def of(cls, outcome: Outcome, names: Sequence[str] | None = None) -> Result:
        """What a run found, with a warning where its verdict is not exact.

        `names` are what the training examples are called.
        """
        columns = _columns(outcome.arrays, outcome.summary["shapes"]["examples"])
        found = cls(outcome, Legend.of(outcome.config, columns, names))
        if found.verdict != "exact":
            warnings.warn(f"{found.verdict}: {outcome.summary.get('because', '')}", VerdictWarning, stacklevel=3)
        certified = outcome.summary.get("influence")
        if certified is not None and certified["verdict"] != "exact":
            warnings.warn(f"influence {certified['verdict']}: {certified['because']}", VerdictWarning, stacklevel=3)
        return found

    @property
    def attribution(self) -> np.ndarray:
        """[query, example, output]: what each example contributed."""
        return self.array("attribution")

    @property
    def kernel(self) -> np.ndarray:
        """The path kernel."""
        return self.array("kernel")

    @property
    def coefficients(self) -> np.ndarray:
        """What the kernel is multiplied by to give the contributions."""
        return self.array("coefficients")

    @property
    def layers(self) -> np.ndarray:
        """[layer, query, example, output]: the contributions by the layer whose weights they went through."""
        return self.array("attribution_layers")

    @property
    def windows(self) -> np.ndarray:
        """[window, query, example, output]: the contributions by the stretch of training in which the example acted."""
        return self.array("attribution_windows")

    @property
    def own(self) -> np.ndarray:
        """[example, output]: what each example contributed to itself."""
        return self.array("own")

    @property
    def influence(self) -> np.ndarray:
        """[query, example, output]: the derivative of the readout at the last weights by the example's weight in the loss."""
        return self.array("influence")

    @property
    def influence_rates(self) -> np.ndarray:
        """[query, output, step]: the derivative of the readout at the last weights by the step's learning rate."""
        return self.array("influence_rates")

    @property
    def initial(self) -> np.ndarray:
        """[query, output]: the readout at the first weights."""
        return self.array("initial")

    @property
    def prediction(self) -> np.ndarray:
        """[query, output]: the readout at the last weights."""
        return self.array("prediction")

    @property
    def residual(self) -> np.ndarray:
        """[query, output]: what does not add up."""
        return self.array("residual")

    @property
    def regularizer(self) -> np.ndarray:
        """[query, output]: what weight decay added."""
        return self._term("regularizer")

    @property
    def statistics(self) -> np.ndarray:
        """[query, output]: what the running statistics of batch norm moved."""
        return self._term("statistics")

    @property
    def earlier(self) -> np.ndarray:
        """[query, output]: what gradients from before the first step still moved."""
        return self._term("earlier")

    @property
    def unexplained(self) -> np.ndarray:
        """[query, output]: what the steps of a recorded path hold beyond the optimizer's."""
        return self._term("unexplained")

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """All arrays, under the names of a run directory's files."""
        return self._outcome.arrays

    @property
    def config(self) -> dict[str, Any]:
        """The run file, with every default filled in."""
        return self._outcome.config

    @property
    def summary(self) -> dict[str, Any]:
        """What the run tells of itself: shapes, device, seconds, verdict."""
        return self._outcome.summary

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """A table for each step: loss, accuracy, time, residual."""
        return self._outcome.metrics

    @property
    def directory(self) -> File | None:
        """Where the run is kept; None: in memory."""
        return self._outcome.directory

    @property
    def legend(self) -> Legend:
        """What examples, queries and outputs are called."""
        return self._legend

    @property
    def verdict(self) -> str:
        """exact, inexact, unexplained or wrong_inputs."""
        return str(self._outcome.summary["verdict"])

    def array(self, name: str) -> np.ndarray:
        """An array by its name, or an error that says how to ask for it."""
        found = self._outcome.arrays.get(name)
        if found is None:
            how = (
                f"; ask with {_ASKED_WITH[name]}"
                if name in _ASKED_WITH
                else f"; it has {', '.join(self._outcome.arrays)}"
            )
            raise PathkernelError(f"the run has no {name}{how}")
        return found

    def _term(self, name: str) -> np.ndarray:
        """A term of the sum, which is 0 where the run has none."""
        found = self._outcome.arrays.get(name)
        return np.zeros_like(self.prediction) if found is None else found

    def check(self) -> Check:
        """The verdict with its numbers: of a run directory from its files, which are held against their checksums."""
        directory = self.directory
        verdict = self.verdict if directory is None else engine.check(directory)[0]
        influence = self.summary.get("influence")
        residual, unexplained = (self.summary.get(f"largest_relative_{name}") or 0.0 for name in ("residual", "unexplained"))
        missed = int(self.summary.get("missed_tolerance") or 0)
        return Check(verdict, float(residual), float(unexplained), missed, influence and influence["verdict"])

    def top(
        self,
        query: int | None = None,
        output: int | str | None = None,
        k: int = 10,
        *,
        example: int | None = None,
        of: str = "attribution",
    ) -> Any:
        """The k examples that raised a query most, then the k that lowered it most; or the queries that an example moved most.

        Where the readout is a loss, of which lowering helped, both stand by their size, the largest first.
        Without an output it is the predicted class, or the value that moved most. A share is of all that raised it, or of all
        that lowered it. With `of="influence"` the amounts are influences: what more weight of an example would raise and lower.
        """
        if (query is None) == (example is None):
            raise ValueError("give query=… for the examples that moved it, or example=… for the queries that it moved")
        if query is None:
            assert example is not None
            value = None if output is None else self._output(output)
            return moved.of_example(self.arrays, self._legend, example, value, k, of)
        return moved.of_query(self.arrays, self._legend, self._query(query), self.output_of(query, output), k, of)

    def self_influence(self, output: int | str | None = None, k: int | None = None) -> Any:
        """Examples by what they contributed to themselves, the largest first: wrong labels have to teach themselves."""
        return moved.by_itself(self.arrays, self._legend, None if output is None else self._output(output), k)

    def output_of(self, query: int, output: int | str | None = None) -> int:
        """The place of an output; without one that which is shown: the predicted class, or the value that moved
        most.
        """
        shown = moved.shown_output(self.arrays, self._legend, self._query(query))
        return shown if output is None else self._output(output)

    def frame(self, query: int | None = None, output: int | str | None = None) -> Any:
        """Contributions as a long frame: query, output, example, contribution, label."""
        queries = range(len(self.prediction)) if query is None else [self._query(query)]
        outputs = range(self.prediction.shape[1]) if output is None else [self._output(output)]
        pairs = [(one, value) for one in queries for value in outputs]
        parts = [moved.amounts(self.arrays, one, value) for one, value in pairs]
        lengths = [len(columns) for columns, _ in parts]
        columns = np.concatenate([columns for columns, _ in parts])
        table: dict[str, Any] = {
            "query": np.repeat([one for one, _ in pairs], lengths),
            "output": np.repeat([value for _, value in pairs], lengths),
            "example": self._legend.numbers[columns],
            "contribution": np.concatenate([values for _, values in parts]),
        }
        if self._legend.labels is not None:
            table["label"] = self._legend.shown(self._legend.labels[columns])
        return frame(table)

    def xarray(self, name: str = "attribution", *, coords: Mapping[str, Any] | None = None) -> Any:
        """An array as `xarray.DataArray`, with the examples' classes as the coordinate "label", and their names as
        "class".
        """
        values = self.array(name)
        dimensions = _DIMENSIONS.get(name, ("query", "output"))[: values.ndim]
        sizes = dict(zip(dimensions, values.shape, strict=True))
        places: dict[str, Any] = {"query": np.arange(len(self.prediction)), "example": self._legend.numbers}
        if self._legend.classes is not None and len(self._legend.classes) == sizes.get("output"):
            places["output"] = list(self._legend.classes)
        places = {**places, **(coords or {})}
        if self._legend.labels is not None and "example" in dimensions:
            places["label"] = ("example", self._legend.labels)
            if self._legend.classes is not None:
                places["class"] = ("example", self._legend.shown(self._legend.labels))
        kept = {key: value for key, value in places.items() if key in dimensions or isinstance(value, tuple)}
        return needed("xarray", "result.xarray()").DataArray(values, dims=dimensions, coords=kept, name=name)

    def torch(self) -> dict[str, Any]:
        """All arrays as tensors."""
        torch = needed("torch", "result.torch()")
        return {name: torch.from_numpy(np.array(values)) for name, values in self.arrays.items()}

    def plot(
        self,
        query: int,
        output: int | str | None = None,
        *,
        against: int | str | None = None,
        images: Any = None,
        query_images: Any = None,
        k: int = 8,
    ) -> Any:
        """Draws how a prediction came about, with matplotlib: from its initial value by contributions to what it is.

        `against` another output it shows which classes of examples spoke for one and which for the other. `images` are
        the training inputs, of which those of the examples that moved it most are shown; `query_images` are those of
        the queries.
        """
        from . import plot

        return plot.of_query(self, query, output, against=against, images=images, query_images=query_images, k=k)

    def report(self, directory: str | os.PathLike[str] | None = None, **settings: Any) -> File:
        """Makes the page of a run, with settings of `[report]`, such as class_names, and says where it is.

        A page is made of the files of a run directory. Of a result in memory the run is done once more in `directory`,
        or in a temporary one, which stays.
        """
        if self.directory is not None and directory is not None:
            raise ValueError(f"directory: the run is kept in {self.directory}, and so is its page; leave it out")
        place = self.directory or File(tempfile.mkdtemp(prefix="pathkernel-") if directory is None else directory)
        if self.directory is None:
            engine.explain(self.config, directory=place, progress=None)
        return File(engine.report(place, **settings))

    def _query(self, query: int) -> int:
        queries = len(self.prediction)
        if not 0 <= query < queries:
            raise IndexError(f"there is no query {query}; they are numbered from 0 to {queries - 1}")
        return int(query)

    def _output(self, output: int | str) -> int:
        return self._legend.output(output, self.prediction.shape[1])

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in self.arrays.items() if values.ndim > 2)
        return f"Result({self.verdict}; {shapes or 'no arrays of pairs'})"

    def _repr_html_(self) -> str:
        return notebook.of_result(self)


def open(directory: str | os.PathLike[str], *, names: Sequence[str] | None = None) -> Result:
    """A finished run. `names` are what the training examples are called."""
    return Result.of(engine.open(File(directory)), names)


def _columns(arrays: Mapping[str, np.ndarray], examples: int) -> int:
    """How many columns arrays of pairs have: examples, or groups of them."""
    named = [(name, dimensions.index("example")) for name, dimensions in _DIMENSIONS.items() if name in arrays]
    return next((arrays[name].shape[axis] for name, axis in named), examples)
