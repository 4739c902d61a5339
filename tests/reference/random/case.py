"""A case folder, read: run.toml and the files that it names, as arrays of one floating type."""

import tomllib
from pathlib import Path

import numpy as np

from formats import read_array, read_path, read_tensors
from network import Network

RULE = {"rule": "gauss", "nodes": 3, "tolerance": 1e-6}


class Case:
    """What a run file says; numbers of `dtype`."""

    def __init__(self, folder, dtype=np.longdouble):
        self.folder, self.dtype = Path(folder), dtype
        self.run = tomllib.loads((self.folder / "run.toml").read_text())
        model, self.training = self.run["model"], self.run["training"]
        self.kernel = {**RULE, **self.run.get("kernel", {})}
        self.precision = self.run["run"].get("precision", "f32")
        self.network = Network(model["input"], model["layers"], self.precision)
        self.loss, self.readout = self.training["loss"], self.kernel.get("readout", "outputs")
        train, query = self.run["data"]["train"], self.run["data"].get("query")
        self.x, self.y = self._inputs(train["inputs"]), self._targets(train["targets"])
        self.xq = self._inputs(query["inputs"]) if query else self.x
        self.yq = self.y if not query else np.zeros((len(self.xq),) + self.y.shape[1:], self.y.dtype)
        if query and "targets" in query:
            self.yq = self._targets(query["targets"])
        self.batches = self._batches()
        self.imported = "import" in self.run.get("trajectory", {})
        if self.imported:
            path = read_path(self.folder, self.run["trajectory"]["import"])
            self.recorded = self._flat(path, (self.training["steps"] + 1,))
        else:
            self.recorded = self._flat(read_tensors(self.folder / model["weights"]), ())[None]

    def _inputs(self, name):
        data = self._numbers(read_array(self.folder, name))
        return data.reshape((len(data),) + self.network.shape)

    def _targets(self, name):
        data = read_array(self.folder, name)
        if self.loss == "cross_entropy":
            return data.astype(np.int64).reshape(-1)
        return self._numbers(data).reshape(len(data), -1)

    def _numbers(self, array):
        """As the engine reads them: in the run's precision at first."""
        run = np.float32 if self.precision == "f32" else np.float64
        return array.astype(run).astype(self.dtype)

    def _batches(self):
        """Examples of each step, or None for all of them."""
        batches = self.training.get("batches")
        if isinstance(batches, str):
            batches = read_array(self.folder, batches)
        return None if batches is None else [np.asarray(b, np.int64) for b in batches]

    def _flat(self, tensors, before):
        """Flat weight vectors, with the axes `before`."""
        parts = [self._numbers(tensors[name]).reshape(before + (-1,)) for name, _, _ in self.network.tensors()]
        return np.concatenate(parts, axis=-1)

    def counts(self, s):
        """How often each example is in step s's batch -> (counts [m], entries of the batch)."""
        if self.batches is None:
            return np.ones(len(self.x), np.int64), len(self.x)
        return np.bincount(self.batches[s], minlength=len(self.x)), len(self.batches[s])

    def shares(self, s):
        """What the reduction multiplies each example's loss by."""
        counts, size = self.counts(s)
        shares = counts.astype(self.dtype)
        return shares / self.dtype(size) if self.training.get("reduction", "mean") == "mean" else shares

    def rate(self, s):
        """The learning rate of step s, counted from 0."""
        if "learning_rates" in self.training:
            return self.dtype(self.training["learning_rates"][s])
        schedule = self.training.get("schedule", {"type": "constant"})
        base, warmup = self.training["optimizer"]["learning_rate"], schedule.get("warmup", 0)
        if s < warmup:
            return self.dtype(base) * self.dtype(s + 1) / self.dtype(warmup)
        return self._course(schedule, base, s - warmup, warmup)

    def _course(self, schedule, base, s, warmup):
        if schedule["type"] == "step":
            return self.dtype(base) * self.dtype(schedule["factor"]) ** (s // schedule["every"])
        if schedule["type"] == "cosine":
            final = schedule.get("final", 0.0)
            long = max(self.training["steps"] - warmup, 1)
            return self.dtype(final + 0.5 * (base - final) * (1 + np.cos(np.pi * s / long)))
        return self.dtype(base)

    def plain(self):
        """Without momentum, where alone there is a kernel."""
        optimizer = self.training["optimizer"]
        return optimizer["type"] == "sgd" and optimizer.get("momentum", 0.0) == 0
