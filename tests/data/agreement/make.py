"""Predicted and actual changes with what SciPy says of them: cases.json, which `src/run/validate/agreement.rs` is tested against.

    python tests/data/agreement/make.py

Standard errors are the jackknife's, with every correlation computed anew without one retraining.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats


def correlations(predicted: np.ndarray, actual: np.ndarray, kind: Any) -> np.ndarray:
    """Of each value over the retrainings; NaN where one of the two does not vary."""
    found = []
    for p, a in zip(predicted.T, actual.T, strict=True):
        varies = np.ptp(p) > 0 and np.ptp(a) > 0
        found.append(kind(p, a).statistic if varies else math.nan)
    return np.array(found)


def jackknife(predicted: np.ndarray, actual: np.ndarray) -> float:
    """The variance of the mean rank correlation."""
    count = len(actual)
    keep = [np.arange(count) != left_out for left_out in range(count)]
    without = [np.nanmean(correlations(predicted[own], actual[own], stats.spearmanr)) for own in keep]
    return (count - 1) / count * float(np.sum((np.array(without) - np.mean(without)) ** 2))


def case(samples: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Samples of several seeds, and what comes of them."""
    ranks = np.array([correlations(p, a, stats.spearmanr) for p, a in samples])
    linear = np.concatenate([correlations(p, a, stats.pearsonr) for p, a in samples])
    centred = [(p - p.mean(axis=0), a - a.mean(axis=0)) for p, a in samples]
    means = np.nanmean(ranks, axis=1)
    each = np.array([np.mean(own[~np.isnan(own)]) for own in ranks.T if not np.isnan(own).all()])
    return {
        "samples": [{"predicted": p.tolist(), "actual": a.tolist()} for p, a in samples],
        "rank": float(means.mean()),
        "standard_error": math.sqrt(sum(jackknife(p, a) for p, a in samples)) / len(samples),
        "over_queries": float(np.std(each, ddof=1)),
        "over_seeds": float(np.std(means, ddof=1)) if len(samples) > 1 else None,
        "linear": float(np.nanmean(linear)),
        "slope": sum(float((p * a).sum()) for p, a in centred) / sum(float((p * p).sum()) for p, _ in centred),
        "undefined": int(np.isnan(ranks).sum()),
    }


def main() -> None:
    random = np.random.default_rng(7)

    def sample(retrainings: int, values: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
        predicted = random.normal(size=(retrainings, values))
        return predicted, 0.5 * predicted + noise * random.normal(size=predicted.shape)

    def tied(retrainings: int, values: int) -> tuple[np.ndarray, np.ndarray]:
        predicted, actual = sample(retrainings, values, 1.0)
        return np.round(predicted), np.round(2 * actual) / 2

    still = sample(7, 4, 0.3)
    still[0][:, 1] = 0.25
    still[1][:, 3] = -1.0
    cases = [
        case([sample(12, 5, 0.4)]),
        case([tied(15, 6)]),
        case([sample(9, 3, 0.2), sample(9, 3, 0.2), tied(9, 3)]),
        case([still]),
    ]
    text = json.dumps(cases, indent=None, separators=(",", ":")).replace(',{"samples"', ',\n{"samples"')
    Path(__file__).with_name("cases.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
