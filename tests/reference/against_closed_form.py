"""Hold the reference's gradient flow against the closed form of a linear model with squared error.

    python against_closed_form.py

With G = x·x' + 1 among the training examples and g from a query to them, e(t) = f(t) - y obeys e' = -share G e, so
e(t) = exp(-share G t) e(0), K[q, i] = t g[q, i], and A[q, i] = -share g[q, i] ∫ e_i dt. Exits with 1 where the
fixture `flow_linear` expects anything that is more than 1e-11 from that.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.linalg import expm

from reference import Case, load_weights

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "flow_linear"


def main():
    case = Case(FOLDER)
    time, share = case.training["optimizer"]["time"], 1 / len(case.x)
    (weight, bias), final = case.unravel(case.w0).values(), load_weights(FOLDER / "expected_weights_final.safetensors")
    gram, query = case.x @ case.x.T + 1, case.xq @ case.x.T + 1
    start = case.x @ weight.T + bias - case.y

    # One exponential gives e(t) and its integral: d/dt (e, ∫e) = (-share G e, e).
    m = len(case.x)
    system = np.block([[-share * gram, np.zeros((m, m))], [np.eye(m), np.zeros((m, m))]])
    integral = (expm(time * system) @ np.concatenate([start, np.zeros_like(start)]))[m:]
    attribution = -share * query[:, :, None] * integral[None]
    wanted = {
        "attribution": attribution,
        "kernel": time * query[:, :, None, None] * np.eye(start.shape[1]),
        "prediction": case.xq @ weight.T + bias + attribution.sum(axis=1),
    }
    errors = {k: np.abs(v - np.load(FOLDER / f"expected_{k}.npy")).max() / np.abs(v).max() for k, v in wanted.items()}
    moved = weight - share * integral.T @ case.x
    errors["weights_final"] = np.abs(moved - final["0.weight"]).max() / np.abs(moved).max()
    for name, error in errors.items():
        print(f"{error:.1e}  {name}")
    sys.exit(1 if not max(errors.values()) <= 1e-11 else 0)


if __name__ == "__main__":
    main()
