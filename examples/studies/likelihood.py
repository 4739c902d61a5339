"""Makes docs/studies/likelihood.md's numbers and picture: Poisson and logistic models with structure as kernel
machines.

    python examples/studies/likelihood.py [--small]

Counts in a table whose rows and columns are independent, with a cell that nobody counted; and a ring of spins, each of
which sees its two neighbours, by pseudo-likelihood (Besag 1975). Their structure is all that their kernel knows. Needs
matplotlib and the package.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from study import Study, mean

import pathkernel as pk

ROWS, COLUMNS, MISSING = 5, 6, (1, 2)
SITES, COUPLING, FIELD = 10, 0.5, -0.2
QUERIES, STEPS = 400, 300
#: A logit for each site, of its neighbours' sum, with the same numbers for all; and of all other spins, with numbers of
#: its own.
SHARED = {"type": "conv1d", "channels": 1, "kernel": 1}
FREE = {"type": "conv1d", "channels": SITES, "kernel": 1, "groups": SITES}
QUIET: dict[str, Any] = {"precision": "f64", "progress": False}


def main() -> None:
    study = Study.begun(__file__, __doc__)
    seeds, steps, sizes = (1, 1500, (20, 200)) if study.small else (5, 2500, (10, 20, 40, 80, 160, 320))
    tables = [independent(seed, steps) for seed in range(seeds)]
    study.table(
        "table", ["independent rows and columns", "largest over seeds"],
        [["fitted counts less those of proportional fitting, of the largest count", f"{max(one.fit for one in tables):.0e}"],
         ["kernel less time × (same row + same column), of the largest", f"{max(one.kernel for one in tables):.0e}"],
         ["contributions of cells of another row and column, of the largest", f"{max(one.others for one in tables):.0e}"],
         ["contributions and first value less the logarithm of the rate", f"{max(one.sum for one in tables):.0e}"]],
    )  # fmt: skip
    assert all(one.fit < 1e-4 and one.kernel < 1e-12 and one.others == 0 and one.sum < 1e-8 for one in tables)

    rings = {size: [ring(seed, size) for seed in range(seeds)] for size in sizes}
    study.table(
        "ring", ["configurations", "one coupling for all", "all couplings free", "the law itself"],
        [[size, *(mean([run.loss[name] for run in all_]) for name in ("structure", "free", "law"))]
         for size, all_ in rings.items()],
    )  # fmt: skip
    few, many = [as_a_machine(run) for run in rings[20]], rings[sizes[-1]]
    study.table(
        "ring kernel", ["of the ring", ""],
        [["kernel less time × (1 + products of neighbours), of the largest: largest over seeds",
          f"{max(one.kernel for one in few):.0e}"],
         ["spins that tell all of the kernel", str(max(one.landmarks for one in few))],
         ["logistic machine on it less the model, of the largest logit: largest over seeds",
          f"{max(one.machine for one in few):.0e}"],
         [f"coupling found of {sizes[-1]} configurations, of {COUPLING}", mean([run.coupling for run in many])]],
    )  # fmt: skip
    assert all(one.kernel < 1e-12 and one.landmarks == 2 and one.machine < 1e-2 for one in few)
    assert all(abs(run.coupling - COUPLING) < 0.15 for run in many)
    for run in rings[sizes[0]]:
        assert run.loss["law"] - 0.02 < run.loss["structure"] < run.loss["free"], "structure should need fewer"
    study.publish(picture(tables[0], rings))


def independent(seed: int, steps: int) -> Any:
    """log rate = row + column, by gradient descent on the Poisson likelihood of all cells but one."""
    random = np.random.default_rng(seed)
    rates = np.exp(random.normal(1.5, 0.5, (ROWS, 1)) + random.normal(0, 0.5, (1, COLUMNS)))
    counts = random.poisson(rates)
    cells = np.array([(row, column) for row in range(ROWS) for column in range(COLUMNS)])
    x = np.concatenate([np.eye(ROWS)[cells[:, 0]], np.eye(COLUMNS)[cells[:, 1]]], axis=1)
    counted = ~(cells == MISSING).all(1)
    layers = [{"type": "linear", "features": 1, "bias": False}]
    rate = 0.05
    y = counts.reshape(-1, 1)[counted].astype(float)
    path = pk.train(layers, x[counted], y, loss="poisson", optimizer=pk.SGD(rate), steps=steps, seed=seed, **QUIET)
    result = pk.attribute(path, x, np.zeros((len(x), 1)), kernel="trace", nodes=2, progress=False)
    same = x @ x[counted].T  # how many of row and column two cells share
    fitted = np.exp(result.prediction[:, 0])
    expected = proportional(counts, counted.reshape(ROWS, COLUMNS)).ravel()
    given = result.attribution[:, :, 0]
    asked = np.flatnonzero(~counted)[0]
    whole = result.initial[:, 0] + given.sum(1) - result.prediction[:, 0]
    shown = np.full(len(x), np.nan)
    shown[counted] = given[asked]
    return SimpleNamespace(
        fit=abs(fitted - expected).max() / counts.max(),
        kernel=abs(result.kernel - steps * rate * same).max() / (steps * rate * 2),
        others=abs(given[same == 0]).max() / abs(given).max(),
        sum=abs(whole).max(),
        given=shown.reshape(ROWS, COLUMNS),
        counts=counts,
    )


def proportional(counts: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The maximum of the likelihood by iterative proportional fitting (Deming and Stephan 1940), without the cells not
    counted.
    """
    fitted = np.ones(counts.shape)
    observed = counts * counted
    for _ in range(500):
        for axis in (1, 0):
            fitted *= observed.sum(axis, keepdims=True) / (fitted * counted).sum(axis, keepdims=True)
    return fitted


def ring(seed: int, size: int) -> Any:
    """Spins of a ring, each told by its neighbours with one coupling and one field for all, or by all others with
    numbers of its own.
    """
    spins = drawn(seed, size + QUERIES)
    neighbours = (np.roll(spins, 1, 1) + np.roll(spins, -1, 1))[:, None]
    up = (spins + 1) / 2
    one = trained(SHARED, neighbours[:size], up[:size], 0.1)
    free = trained(FREE, others(spins)[:size], up[:size], 0.5)
    apart = others(spins)[size:, :, 0].reshape(-1, SITES, SITES - 1)
    logits = {
        "structure": neighbours[size:, 0] * one.final["0.weight"].item() + one.final["0.bias"].item(),
        "free": np.einsum("nsk,sk->ns", apart, free.final["0.weight"][:, :, 0])
        + free.final["0.bias"],
        "law": 2 * (COUPLING * neighbours[size:, 0] + FIELD),
    }
    return SimpleNamespace(
        loss={name: cross_entropy(values, up[size:]) for name, values in logits.items()},
        coupling=one.final["0.weight"].item() / 2,
        path=one,
        spins=spins[:size],
        neighbours=neighbours[:size],
        asked=neighbours[size : size + size],
    )


def as_a_machine(run: Any) -> Any:
    """A ring's path kernel against its formula, and the logistic machine on it against the model."""
    options = {"kernel": "full", "nodes": 2, "progress": False}
    known = pk.attribute(run.path, **options)
    asked = pk.attribute(run.path, run.asked, np.zeros((len(run.asked), SITES)), **options)
    formula = STEPS * 0.1 * (np.einsum("ia,jb->ijab", run.asked[:, 0], run.neighbours[:, 0]) + 1)
    # Each spin of each configuration is a row: a kernel of one output, as any machine takes it.
    pairs, across = (one.kernel.transpose(0, 2, 1, 3).reshape(len(one.kernel) * SITES, -1) for one in (known, asked))
    machine = pk.machine(pairs, "logistic", alpha=1e-4, landmarks=SITES, targets=run.spins.reshape(-1, 1) > 0)
    off = machine.outputs(across).reshape(-1, SITES) - asked.prediction
    return SimpleNamespace(
        kernel=abs(asked.kernel - formula).max() / abs(formula).max(),
        machine=abs(off).max() / abs(asked.prediction).max(),
        landmarks=len(machine.examples),
    )


def trained(layer: dict[str, Any], x: np.ndarray, up: np.ndarray, rate: float) -> pk.Path:
    return pk.train([layer, {"type": "flatten"}], x, up, loss="logistic", optimizer=pk.SGD(rate), steps=STEPS, **QUIET)


def others(spins: np.ndarray) -> np.ndarray:
    """[configurations, sites × others, 1]: for each site all other spins."""
    return np.stack([np.delete(spins, site, 1) for site in range(SITES)], axis=1).reshape(len(spins), -1, 1)


def drawn(seed: int, size: int) -> np.ndarray:
    """Configurations of P ∝ exp(Σ J s_i s_{i+1} + h s_i), each the end of Gibbs sampling of its own."""
    random = np.random.default_rng(seed)
    spins = random.choice([-1.0, 1.0], (size, SITES))
    for _ in range(60):
        for site in range(SITES):
            field = COUPLING * (spins[:, site - 1] + spins[:, (site + 1) % SITES]) + FIELD
            spins[:, site] = np.where(random.random(size) < 1 / (1 + np.exp(-2 * field)), 1.0, -1.0)
    return spins


def cross_entropy(logits: np.ndarray, up: np.ndarray) -> float:
    """The mean over sites."""
    return float(np.mean(np.logaddexp(0, logits) - up * logits))


def picture(table: Any, rings: dict[int, Any]) -> Any:
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.9))
    most = np.nanmax(abs(table.given))
    drawn = left.imshow(table.given, cmap="PuOr", vmin=-most, vmax=most)
    for (row, column), count in np.ndenumerate(table.counts):
        left.text(column, row, "?" if (row, column) == MISSING else str(count), ha="center", va="center")
    left.set(xlabel="counts; colour: what each gave the ?", xticks=[], yticks=[])
    figure.colorbar(drawn, ax=left, shrink=0.8)
    labels = {"structure": "one coupling for all", "free": "all couplings free", "law": "the law itself"}
    for name, label in labels.items():
        losses = [np.mean([run.loss[name] for run in all_]) for all_ in rings.values()]
        right.plot(list(rings), losses, ".-", label=label)
    right.set(xscale="log", xlabel="configurations", ylabel="cross-entropy of a spin")
    right.legend()
    return figure


if __name__ == "__main__":
    main()
