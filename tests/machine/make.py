"""What machines and spectra have to be, by NumPy and scikit-learn in double precision: tests/machine/expected.json.

    pip install -r tests/machine/requirements.txt
    python3 tests/machine/make.py

Ridges are fitted again without each example, support vector machines and logistic regressions by scikit-learn.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

M, CLASSES, OUTPUTS = 16, 3, 2
# What the ridge chooses of, and the others.
RIDGE_ALPHAS = np.logspace(-8, 3, 45)
ALPHAS = [1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2]
TRIED = [1e-2, 0.3]
# The parts into which the program deals out these classes; its test compares them.
FOLDS = json.loads((Path(__file__).parent / "folds.json").read_text())


def scaled(kernel: np.ndarray) -> np.ndarray:
    return kernel / np.diag(kernel).mean()


def spectrum(kernel: np.ndarray) -> dict:
    values = np.linalg.eigvalsh(kernel)[::-1]
    shares = values[values > 0] / values[values > 0].sum()
    return {
        "eigenvalues": values.tolist(),
        "effective_rank": float(np.exp(-(shares * np.log(shares)).sum())),
        "participation_ratio": float(shares.sum() ** 2 / (shares**2).sum()),
        "negative": float(-values[values < 0].sum() / np.abs(values).sum()),
    }


def alignment(one: np.ndarray, other: np.ndarray) -> float:
    centre = np.eye(M) - np.ones((M, M)) / M
    one, other = centre @ one @ centre, centre @ other @ centre
    return float(np.trace(one @ other) / np.sqrt(np.trace(one @ one) * np.trace(other @ other)))


def positive(kernel: np.ndarray) -> np.ndarray:
    """The part of a symmetric matrix that is a kernel."""
    values, vectors = np.linalg.eigh(kernel)
    return (vectors * np.maximum(values, 0)) @ vectors.T


def ridge(kernel: np.ndarray, wanted: np.ndarray, offset: float) -> dict:
    """Of a kernel [m C, m C] with C rows an example, or [m, m] with one."""
    width = len(kernel) // M
    values = wanted.reshape(len(kernel), -1) - offset

    def outputs(rows: np.ndarray, asked: np.ndarray, alpha: float) -> np.ndarray:
        machine = KernelRidge(alpha=alpha, kernel="precomputed").fit(kernel[np.ix_(rows, rows)], values[rows])
        return machine.predict(kernel[np.ix_(asked, rows)]).reshape(len(asked), -1) + offset

    def left_out(alpha: float) -> np.ndarray:
        rows = np.arange(len(kernel))
        of_example = [rows[rows // width == example] for example in range(M)]
        parts = [outputs(np.setdiff1d(rows, own), own, alpha) for own in of_example]
        return np.concatenate(parts).reshape(M, -1)

    rows = np.arange(len(kernel))
    errors = [float(((left_out(alpha) - wanted) ** 2).sum()) for alpha in RIDGE_ALPHAS]
    return {
        "chosen": float(RIDGE_ALPHAS[int(np.argmin(errors))]),
        "tried": [
            {
                "alpha": alpha,
                "outputs": outputs(rows, rows, alpha).reshape(M, -1).tolist(),
                "left_out": left_out(alpha).tolist(),
            }
            for alpha in TRIED
        ],
    }


def svm(kernel: np.ndarray, signs: np.ndarray, rows: np.ndarray, asked: np.ndarray, alpha: float) -> tuple:
    """Decisions of each output, and who carries any of them."""
    decisions, support = [], set()
    for own in signs.T:
        machine = SVC(C=1 / alpha, kernel="precomputed", tol=1e-12).fit(kernel[np.ix_(rows, rows)], own[rows] > 0)
        decisions.append(machine.decision_function(kernel[np.ix_(asked, rows)]))
        support |= set(rows[machine.support_].tolist())
    return np.stack(decisions, 1), sorted(support)


def logistic(kernel: np.ndarray, wanted: np.ndarray, rows: np.ndarray, asked: np.ndarray, alpha: float) -> np.ndarray:
    """Logits: of classes less their mean, since a constant for all is nothing; of signs each by itself."""
    # Products of these are the kernel, whichever they are.
    features = np.linalg.cholesky(kernel)

    def one(labels: np.ndarray) -> np.ndarray:
        machine = LogisticRegression(C=1 / alpha, solver="newton-cholesky", tol=1e-13, max_iter=1000)
        return machine.fit(features[rows], labels[rows]).decision_function(features[asked])

    if wanted.ndim == 1:
        found = one(wanted)
        found = np.stack([-found / 2, found / 2], 1) if found.ndim == 1 else found
        return found - found.mean(1, keepdims=True)
    return np.stack([one(own > 0) for own in wanted.T], 1)


def crossed(fitted, answers_right) -> dict:
    """Outputs of each part by a machine of the others, and the alpha with the most right answers."""
    folds = np.array(FOLDS)
    found = []
    for alpha in ALPHAS:
        outputs = None
        for fold in range(folds.max() + 1):
            rows, asked = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            own = fitted(rows, asked, alpha)
            outputs = np.zeros((M, own.shape[1])) if outputs is None else outputs
            outputs[asked] = own
        found.append(outputs)
    right = [answers_right(outputs) for outputs in found]
    best = max(range(len(ALPHAS)), key=lambda place: (right[place], place))
    return {"chosen": ALPHAS[best], "left_out": found[best].tolist()}


def main() -> None:
    random = np.random.default_rng(4)
    labels = np.arange(M) * 7 % CLASSES
    points = random.normal(size=(M, 6)) + 0.7 * np.eye(6)[labels]
    kernel = scaled(points @ points.T + 0.3 * np.eye(M))
    one_hot = np.eye(CLASSES)[labels]
    signs = np.where(points[:, :OUTPUTS] + 0.5 * random.normal(size=(M, OUTPUTS)) > 0, 1.0, -1.0)
    numbers = points[:, :OUTPUTS] + 0.1 * random.normal(size=(M, OUTPUTS))
    other = random.normal(size=(M, M))
    indefinite = scaled(kernel + 0.1 * (other + other.T))
    pairs = random.normal(size=(M * OUTPUTS, 12))
    pairs = scaled(pairs @ pairs.T + 0.2 * np.eye(M * OUTPUTS))
    everyone = np.arange(M)
    classes_svm = np.where(one_hot > 0, 1.0, -1.0)
    two = (labels == 1).astype(int)
    right = lambda outputs: int((outputs.argmax(1) == labels).sum())

    def at(alpha: float) -> dict:
        decisions, support = svm(kernel, classes_svm, everyone, everyone, alpha)
        return {
            "alpha": alpha,
            "svm": decisions.tolist(),
            "support": support,
            "svm_signs": svm(kernel, signs, everyone, everyone, alpha)[0].tolist(),
            "logistic": logistic(kernel, labels, everyone, everyone, alpha).tolist(),
            "logistic_two": logistic(kernel, two, everyone, everyone, alpha).tolist(),
            "logistic_signs": logistic(kernel, signs, everyone, everyone, alpha).tolist(),
        }

    expected = {
        "labels": labels.tolist(),
        "two": two.tolist(),
        "signs": signs.tolist(),
        "numbers": numbers.tolist(),
        "folds": FOLDS,
        "kernels": {"positive": kernel.tolist(), "indefinite": indefinite.tolist(), "pairs": pairs.tolist()},
        "spectra": {"positive": spectrum(kernel), "indefinite": spectrum(indefinite)},
        "alignments": {
            "with_labels": alignment(kernel, one_hot @ one_hot.T),
            "with_indefinite": alignment(kernel, indefinite),
        },
        "ridge": {
            "classes": ridge(kernel, one_hot, 1 / CLASSES),
            "indefinite": ridge(positive(indefinite), numbers, 0.0),
            "pairs": ridge(pairs, numbers, 0.0),
        },
        "tried": [at(alpha) for alpha in TRIED],
        "crossed": {
            "svm": crossed(lambda rows, asked, alpha: svm(kernel, classes_svm, rows, asked, alpha)[0], right),
            "logistic": crossed(lambda rows, asked, alpha: logistic(kernel, labels, rows, asked, alpha), right),
        },
    }
    path = Path(__file__).parent / "expected.json"
    path.write_text(json.dumps(expected, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
