"""Machines against scikit-learn's, systems of equations written out, and machines fitted without each example."""

from __future__ import annotations

import tracemalloc
from pathlib import Path as File

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import pathkernel as pk

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

KERNELS = {"path": "kernel", "tangent_initial": "tangent_initial", "tangent_final": "tangent_final"}


def scaled(values: np.ndarray) -> tuple[np.ndarray, float]:
    """A kernel's symmetric part of the mean diagonal 1, and that mean."""
    mean = float(np.diagonal(values).mean())
    return (values + values.T) / 2 / mean, mean


@pytest.mark.parametrize("kernel", KERNELS)
def test_ridge_is_scikit_learns(
    known: dict[str, pk.Result], asked: dict[str, pk.Result], onehot: np.ndarray, kernel: str
) -> None:
    gram, mean = scaled(known["trace"].array(KERNELS[kernel]))
    rows = asked["trace"].array(KERNELS[kernel])
    expected = KernelRidge(kernel="precomputed", alpha=0.03).fit(gram, onehot).predict(rows / mean)
    machine = pk.machine(known["trace"], kernel=kernel, alpha=0.03)
    # A system of condition m / alpha, in double precision; the engine's symmetric kernels are so but for roundings.
    np.testing.assert_allclose(machine.outputs(asked["trace"]), expected + 1 / 3, atol=1e-10)
    np.testing.assert_array_equal(machine.outputs(rows), machine.outputs(asked["trace"]))
    assert machine.negative < 1e-3 and machine.alpha == 0.03 and machine.entries == "trace"


def test_leaving_an_example_out_is_fitting_without_it(known: dict[str, pk.Result], onehot: np.ndarray) -> None:
    machine = pk.machine(known["trace"], alpha=0.1)
    gram, _ = scaled(known["trace"].kernel)
    for one in (0, 7, 39):
        rest = np.delete(np.arange(40), one)
        fitted = KernelRidge(kernel="precomputed", alpha=0.1).fit(gram[np.ix_(rest, rest)], onehot[rest])
        assert machine.left_out is not None
        np.testing.assert_allclose(
            machine.left_out[one], fitted.predict(gram[one : one + 1, rest])[0] + 1 / 3, atol=1e-10
        )


def test_alpha_is_that_of_the_smallest_left_out_error(known: dict[str, pk.Result], data: Data) -> None:
    target = np.eye(3)[data[1]]

    def off(machine: pk.Machine) -> float:
        assert machine.left_out is not None
        return float(((machine.left_out - target) ** 2).sum())

    best = pk.machine(known["trace"])
    others = [off(pk.machine(known["trace"], alpha=best.alpha * factor)) for factor in (0.1, 0.5, 2, 10)]
    assert off(best) < min(others)


def test_ridge_of_each_output(known: dict[str, pk.Result], asked: dict[str, pk.Result], onehot: np.ndarray) -> None:
    values, rows = known["diagonal"].kernel, asked["diagonal"].kernel
    mean = np.diagonal(values).mean()
    found = pk.machine(known["diagonal"], alpha=0.03).outputs(asked["diagonal"])
    for output in range(3):
        gram = (values[:, :, output] + values[:, :, output].T) / 2 / mean
        expected = rows[:, :, output] / mean @ np.linalg.solve(gram + 0.03 * np.eye(40), onehot[:, output])
        np.testing.assert_allclose(found[:, output], expected + 1 / 3, atol=1e-9)


def test_ridge_between_outputs(known: dict[str, pk.Result], asked: dict[str, pk.Result], onehot: np.ndarray) -> None:
    values = known["full"].kernel
    mean = np.mean([values[i, i, c, c] for i in range(40) for c in range(3)])
    big = values.transpose(0, 2, 1, 3).reshape(120, 120) / mean
    big = (big + big.T) / 2
    rows = asked["full"].kernel.transpose(0, 2, 1, 3).reshape(45, 120) / mean
    expected = rows @ np.linalg.solve(big + 0.03 * np.eye(120), onehot.reshape(-1))
    machine = pk.machine(known["full"], alpha=0.03)
    np.testing.assert_allclose(machine.outputs(asked["full"]), expected.reshape(15, 3) + 1 / 3, atol=1e-8)
    rest = np.delete(np.arange(40), 11)
    inside = (rest[:, None] * 3 + np.arange(3)).reshape(-1)
    without = np.linalg.solve(big[np.ix_(inside, inside)] + 0.03 * np.eye(117), onehot[rest].reshape(-1))
    assert machine.left_out is not None
    np.testing.assert_allclose(machine.left_out[11], big[33:36][:, inside] @ without + 1 / 3, atol=1e-8)


def test_svm_is_scikit_learns(known: dict[str, pk.Result], asked: dict[str, pk.Result], data: Data) -> None:
    gram, mean = scaled(known["trace"].array("tangent_final"))
    rows = asked["trace"].array("tangent_final") / mean
    machine = pk.machine(known["trace"], "svm", kernel="tangent_final", alpha=0.5)
    outputs = machine.outputs(asked["trace"])
    for output in range(3):
        fitted = SVC(C=2, kernel="precomputed").fit(gram, data[1] == output)
        # libsvm stops at a violation of 1e-3.
        np.testing.assert_allclose(outputs[:, output], fitted.decision_function(rows), atol=5e-3)
    np.testing.assert_array_equal(machine.predict(asked["trace"]), outputs.argmax(1))


def test_svm_of_each_output(known: dict[str, pk.Result], asked: dict[str, pk.Result], data: Data) -> None:
    values, rows = known["diagonal"].kernel, asked["diagonal"].kernel
    mean = np.diagonal(values).mean()
    outputs = pk.machine(known["diagonal"], "svm", alpha=1.0).outputs(asked["diagonal"])
    for output in range(3):
        gram = (values[:, :, output] + values[:, :, output].T) / 2 / mean
        fitted = SVC(C=1, kernel="precomputed").fit(gram, data[1] == output)
        np.testing.assert_allclose(outputs[:, output], fitted.decision_function(rows[:, :, output] / mean), atol=5e-3)


def test_logistic_is_where_its_gradient_is_zero(known: dict[str, pk.Result], data: Data) -> None:
    """Of Σ cross-entropy + alpha/2 ‖f‖² the coefficients are (y - p) / alpha: softmax regression of kernels."""
    machine = pk.machine(known["trace"], "logistic", kernel="tangent_final", alpha=0.2)
    outputs = machine.outputs(known["trace"])
    p = np.exp(outputs - outputs.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    gram, mean = scaled(known["trace"].array("tangent_final"))
    wanted = (np.eye(3)[data[1]] - p) / 0.2
    # Equal as functions: the kernel has directions in which it is nearly 0. L-BFGS stops at gradients of 1e-4.
    np.testing.assert_allclose(gram @ machine.coefficients * mean, gram @ wanted, atol=2e-2)


def test_choice_by_cross_validation(known: dict[str, pk.Result], asked: dict[str, pk.Result]) -> None:
    for kind in ("svm", "logistic"):
        machine = pk.machine(known["trace"], kind)
        assert machine.alpha in np.logspace(-3, 2, 6)
        score = machine.score(asked["trace"])
        assert score.measure == "accuracy" and score.queries == 15 and score.machine > 1 / 3


def test_scores_are_shares_of_right_answers(
    known: dict[str, pk.Result], asked: dict[str, pk.Result], data: Data
) -> None:
    score = pk.machine(known["trace"]).score(asked["trace"])
    assert score.network == np.mean(asked["trace"].prediction.argmax(1) == data[3])
    assert score.machine == np.mean(pk.machine(known["trace"]).predict(asked["trace"]) == data[3])
    assert pk.machine(known["trace"]).score(known["trace"]).queries == 40


def test_queries_that_hold_the_training_set(path: pk.Path, known: dict[str, pk.Result], data: Data) -> None:
    both = pk.attribute(
        path, np.concatenate([data[2], data[0]]), np.concatenate(data[3::-2]), kernel="trace", nodes=3, progress=False
    )
    machine = pk.machine(both, rows=np.arange(15, 55), alpha=0.1)
    np.testing.assert_allclose(
        machine.coefficients, pk.machine(known["trace"], alpha=0.1).coefficients, rtol=1e-9, atol=1e-12
    )


def test_a_run_directory(path: pk.Path, known: dict[str, pk.Result], data: Data, tmp_path: File) -> None:
    options = {"kernel": "trace", "nodes": 3, "progress": False}
    train = pk.attribute(path, directory=tmp_path / "known", **options)
    asked = pk.attribute(path, *data[2:], directory=tmp_path / "asked", **options)
    assert isinstance(train.kernel, np.memmap)
    machine = pk.machine(pk.open(tmp_path / "known"))
    np.testing.assert_array_equal(machine.coefficients, pk.machine(known["trace"]).coefficients)
    assert machine.score(pk.open(tmp_path / "asked")) == pk.machine(known["trace"]).score(asked)


def test_nystroem_is_its_formula(known: dict[str, pk.Result], asked: dict[str, pk.Result], onehot: np.ndarray) -> None:
    machine = pk.machine(known["trace"], alpha=0.05, landmarks=[4, 30, 9, 17])
    gram, mean = scaled(known["trace"].kernel)
    some = np.array([4, 30, 9, 17])
    beside, own = gram[:, some], gram[np.ix_(some, some)]
    weights = np.linalg.solve(beside.T @ beside + 0.05 * own, beside.T @ onehot)
    np.testing.assert_allclose(
        machine.outputs(asked["trace"]), asked["trace"].kernel[:, some] / mean @ weights + 1 / 3, atol=1e-9
    )
    np.testing.assert_array_equal(machine.examples, some)
    assert machine.coefficients.shape == (4, 3)


def test_all_landmarks_are_no_landmarks(known: dict[str, pk.Result], asked: dict[str, pk.Result]) -> None:
    for kind in ("trace", "diagonal", "full"):
        whole = pk.machine(known[kind], alpha=0.1).outputs(asked[kind])
        np.testing.assert_allclose(
            pk.machine(known[kind], alpha=0.1, landmarks=40).outputs(asked[kind]), whole, atol=1e-9
        )
    few = pk.machine(known["full"], alpha=0.1, landmarks=5)
    assert few.coefficients.shape == (5, 3) and few.score(asked["full"]).machine > 1 / 3


def test_numbers_and_yes_or_no(data: Data) -> None:
    layers = [{"type": "linear", "features": 4}, {"type": "tanh"}, {"type": "linear", "features": 2}]
    numbers = data[0][:, :2] ** 2
    path = pk.train(
        layers, data[0], numbers, loss="mse", optimizer=pk.SGD(0.1), steps=40, precision="f64", progress=False
    )
    result = pk.attribute(path, kernel="trace", progress=False)
    score = pk.machine(result).score(result)
    assert score.measure == "rmse"
    np.testing.assert_allclose(score.network, np.sqrt(np.mean((result.prediction - numbers) ** 2)), rtol=1e-12)
    with pytest.raises(pk.PathkernelError, match='"ridge" fits numbers'):
        pk.machine(result, "svm")

    yes = (data[0][:, :2] > 0).astype(int)
    path = pk.train(
        layers, data[0], yes, loss="logistic", optimizer=pk.SGD(0.3), steps=40, precision="f64", progress=False
    )
    for entries in ("trace", "diagonal"):
        result = pk.attribute(path, kernel=entries, tangent=True, progress=False)
        for kind in ("ridge", "svm", "logistic"):
            machine = pk.machine(result, kind, alpha=0.1)
            assert machine.predict(result).dtype == bool
            score = machine.score(result)
            assert score.machine == np.mean(machine.predict(result) == yes) and score.machine > 0.8
            assert score.network == np.mean((result.prediction > 0) == yes)
    gram, mean = scaled(result.array("tangent_final")[:, :, 0])
    features = np.linalg.cholesky(gram + 1e-13 * np.eye(40))
    whole = np.diagonal(result.array("tangent_final")).mean()
    fitted = LogisticRegression(C=10, max_iter=5000, tol=1e-8).fit(features * np.sqrt(mean / whole), yes[:, 0])
    ours = pk.machine(result, "logistic", kernel="tangent_final", alpha=0.1).outputs(result)[:, 0]
    np.testing.assert_allclose(ours, fitted.decision_function(features * np.sqrt(mean / whole)), atol=1e-2)


def test_examples_without_a_class_and_those_left_out(data: Data) -> None:
    labels = data[1].copy()
    labels[[3, 20]] = -1
    layers = [{"type": "linear", "features": 3}]
    options = {
        "loss": {"type": "cross_entropy"},
        "optimizer": pk.SGD(0.2),
        "steps": 10,
        "precision": "f64",
        "progress": False,
    }
    path = pk.train(layers, data[0], labels, ignore=-1, exclude=[0, 5], **options)
    result = pk.attribute(path, kernel="trace", progress=False)
    machine = pk.machine(result, alpha=0.1)
    np.testing.assert_array_equal(machine.examples, np.delete(np.arange(40), [0, 3, 5, 20]))
    kept = np.flatnonzero(np.isin(result.legend.numbers, machine.examples))
    gram, mean = scaled(result.kernel)
    expected = (
        np.linalg.solve(gram[np.ix_(kept, kept)] + 0.1 * np.eye(36), np.eye(3)[labels[machine.examples]] - 1 / 3) / mean
    )
    np.testing.assert_allclose(
        gram[np.ix_(kept, kept)] @ machine.coefficients, gram[np.ix_(kept, kept)] @ expected, atol=1e-9
    )
    assert machine.score(result).queries == 36
    assert pk.machine(result, landmarks=[39, 1]).examples.tolist() == [39, 1]
    with pytest.raises(ValueError, match=r"\[3\] are not"):
        pk.machine(result, landmarks=[1, 3])


def test_a_class_without_examples(known: dict[str, pk.Result]) -> None:
    for labels in (np.arange(40) % 2, np.full(40, 2), np.arange(40) % 2 * 2):
        for kind in ("ridge", "svm", "logistic"):
            machine = pk.machine(known["trace"], kind, alpha=0.01, targets=labels)
            if kind != "ridge":
                assert set(machine.predict(known["trace"]).tolist()) <= set(labels.tolist())


def test_landmarks_of_a_file_take_no_matrix(tmp_path: File) -> None:
    """A kernel of 2000 examples of 32 MB: fitting and choosing take less than a quarter of it."""
    draws = np.random.default_rng(0)
    features = draws.normal(size=(2000, 30)) / np.arange(1, 31)
    np.save(tmp_path / "kernel.npy", features @ features.T)
    kernel = np.load(tmp_path / "kernel.npy", mmap_mode="r")
    labels = (features[:, 0] > 0).astype(int)
    from pathkernel.machines import kernels

    original, kernels._BLOCK = kernels._BLOCK, 100_000
    tracemalloc.start()
    try:
        chosen = pk.landmarks(kernel, 25, by="targets", targets=labels)
        machine = pk.machine(kernel, landmarks=25, targets=labels)
        right = np.mean(machine.predict(kernel) == labels)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        kernels._BLOCK = original
    assert peak < 8e6, f"{peak / 1e6:.1f} MB"
    assert right > 0.95 and len(chosen.examples) == 25


def test_what_is_refused(known: dict[str, pk.Result], asked: dict[str, pk.Result], path: pk.Path, data: Data) -> None:
    with pytest.raises(ValueError, match="without queries"):
        pk.machine(asked["trace"])
    with pytest.raises(ValueError, match="'tree' is none"):
        pk.machine(known["trace"], "tree")
    with pytest.raises(ValueError, match="above 0"):
        pk.machine(known["trace"], alpha=0)
    with pytest.raises(pk.PathkernelError, match='kernel="trace" or "diagonal"'):
        pk.machine(known["full"], "svm")
    with pytest.raises(pk.PathkernelError, match="one kernel for all outputs"):
        pk.machine(known["diagonal"], "logistic")
    with pytest.raises(pk.PathkernelError, match='readout={"type": "outputs"}'):
        pk.machine(pk.attribute(path, kernel="trace", readout="log_probabilities", progress=False))
    with pytest.raises(pk.PathkernelError, match="ask with kernel="):
        pk.machine(pk.attribute(path, progress=False))
    with pytest.raises(ValueError, match="rows of the machine's kernel"):
        pk.machine(known["trace"]).outputs(asked["full"])
    with pytest.raises(ValueError, match="give targets"):
        pk.machine(known["trace"].kernel)
    with pytest.raises(ValueError, match="for 40 rows"):
        pk.machine(known["trace"], targets=[1, 2])
    grouped = pk.train(
        [{"type": "linear", "features": 3}], data[0], data[1], groups=np.arange(40) // 2, loss="cross_entropy", optimizer=pk.SGD(0.1),
        steps=3, progress=False,
    )  # fmt: skip
    with pytest.raises(pk.PathkernelError, match="groups of examples"):
        pk.machine(pk.attribute(grouped, kernel="trace", progress=False))
    counts = pk.train(
        [{"type": "linear", "features": 1}],
        data[0],
        np.arange(40) % 4,
        loss="poisson",
        optimizer=pk.SGD(0.01),
        steps=3,
        progress=False,
    )
    with pytest.raises(pk.PathkernelError, match="of the loss poisson"):
        pk.machine(pk.attribute(counts, kernel="trace", progress=False))
