"""A run directory against the reference, array by array."""

import json
from dataclasses import dataclass

import numpy as np

from heads import LINEAR, SINGLE

# How far an entry may be off, relative to the array's largest true entry. In f32 the rule adaptive lets 16 roundings of the
# outputs pass at every step, and Adam divides by what may be rounding: the limits of tests/reference.rs.
F64, F64_ADAPTIVE, F32, F32_ADAPTIVE, F32_ADAM = 1e-10, 1e-12, 3e-6, 1e-4, 3e-4
# Where the rule adaptive isn't exact, the certificate of each query and step is within the tolerance: φ is right to that
# share of the change, along the step and along one random direction. An example's part of the step can lie across both, and a
# step's contributions can be larger than its change: `scales` has the larger of the two. Along a third direction an error can be
# larger than along a random one: a normal number is within a third of its deviation in one draw of four.
CERTIFICATE_ROOM = 3
# What an array's rounding is relative to beside its own entries.
BESIDE = {
    "residual": ("attribution", "prediction"),
    # What a recorded weight is rounded by is no step of the optimizer either.
    "unexplained": ("attribution", "prediction"),
    "regularizer": ("attribution",),
    "initial": ("prediction",),
    "prediction": ("initial",),
}
# Values at given weights, which no rule has a part in.
EXACT = ("initial", "prediction", "tangent_initial", "tangent_final")
# The rule adaptive takes a certificate of so many roundings of the outputs for none.
CERTIFICATE_ROUNDINGS = 16
# A kernel within this factor of the limit may count as zero or not: in f32 eight roundings of the largest.
UNDECIDED = 1.5


@dataclass
class Failure:
    """An array that is off, by how much, and how much is allowed, as shares of the scale."""

    array: str
    off: float
    allowed: float

    def __str__(self):
        return f"{self.array} is off by {self.off:.2e}, allowed {self.allowed:.0e}"


def tolerance(case):
    """For all arrays, as a share of the largest entry."""
    adaptive = case.kernel["rule"] == "adaptive"
    adam = case.training["optimizer"]["type"] != "sgd"
    if case.precision == "f32":
        return max(F32, F32_ADAM * adam, F32_ADAPTIVE * adaptive)
    return F64_ADAPTIVE if adaptive and exact_pieces(case) else F64


def exact_pieces(case):
    """Whether the rule adaptive is exact: polynomials between flips."""
    return case.network.piecewise_linear and case.readout in LINEAR


def scale(case, answer, name):
    """What an array's entries are compared with."""
    names = (name, *BESIDE.get(name, ()))
    size = max(largest(answer.arrays[other]) for other in names)
    # A loss or a margin is a small difference of outputs; its rounding is theirs.
    from_outputs = case.readout in SINGLE and name in ("initial", "prediction", "residual")
    return max(size, float(answer.outputs)) if from_outputs else size


def largest(array):
    """The largest size of an entry that is a number."""
    size = np.abs(array)
    return float(np.max(size[np.isfinite(size)], initial=0))


def deviation(case, answer, got, name):
    """[...] how far each entry is off, as a share of the scale."""
    want = answer.arrays[name]
    if name == "coefficients":
        return coefficient_deviation(case, answer, got)
    if got.shape != want.shape or not np.all(np.isfinite(got)):
        return np.full(want.shape, np.inf)
    size = scale(case, answer, name)
    return np.abs(got.astype(want.dtype) - want) / (size if size > 0 else 1)


def coefficient_deviation(case, answer, got):
    """Coefficients are quotients: a K is compared with what the example did, and NaN with where it has to be."""
    kernel = np.abs(answer.arrays["kernel"])
    limit = (1e-6 if case.precision == "f32" else 1e-12) * kernel.max()
    if got.shape != kernel.shape:
        return np.full(kernel.shape, np.inf)
    numbers = np.where(np.isnan(got), 0, got).astype(kernel.dtype)
    off = np.abs(numbers * answer.arrays["kernel"] - answer.moved) / (largest(answer.moved) or 1)
    wrong = np.isnan(got) != (kernel < limit)
    left = room(case, answer, "kernel").reshape((-1,) + (1,) * (kernel.ndim - 1)) * kernel.max()
    undecided = (kernel < limit * UNDECIDED + left) & (kernel > limit / UNDECIDED - left)
    return np.where(undecided | np.isnan(got) & ~wrong, 0, np.where(wrong, np.inf, off))


def room(case, answer, name):
    """[n] by query: what the certificate leaves open, as a share of the array's scale."""
    if case.kernel["rule"] != "adaptive" or exact_pieces(case) or name in EXACT:
        return np.zeros_like(answer.scales)
    rounding = 1.2e-7 if case.precision == "f32" else 2.3e-16
    least = CERTIFICATE_ROUNDINGS * rounding * answer.outputs * case.training["steps"]
    left = CERTIFICATE_ROOM * (case.kernel["tolerance"] * answer.scales + least)
    # A kernel's error is φ's, and so as large a share of it as of the contributions.
    of_kernel = name.startswith(("kernel", "coefficients"))
    return left / (largest(answer.arrays["attribution"]) if of_kernel else scale(case, answer, name) or 1)


def failures(case, answer, arrays, strictness):
    """arrays {name: array} of a run, or of the reference in plain floats -> [Failure], the worst first.

    What is allowed is the tolerance times the strictness.
    """
    found, allowed = [], strictness * tolerance(case)
    for name in answer.arrays:
        with np.errstate(all="ignore"):
            worst = beyond(case, answer, arrays[name], name) if name in arrays else np.inf
        if not worst <= allowed:
            found.append(Failure(name, worst, allowed))
    return sorted(found, key=lambda f: -f.off)


def beyond(case, answer, got, name):
    """The largest deviation beyond what the certificate leaves open."""
    off = deviation(case, answer, got, name)
    before = (1,) if name.endswith("_layers") else ()
    after = (1,) * (off.ndim - len(before) - 1)
    return float(np.max(off - room(case, answer, name).reshape(before + (-1,) + after), initial=0))


def different(one, other):
    """Of two runs of a case that shall give the same bits -> [Failure] for arrays that differ."""
    found = []
    for name, array in one.items():
        if array.tobytes() != other[name].tobytes():
            with np.errstate(all="ignore"):
                found.append(Failure(f"{name} in another way", largest(array - other[name]) / (largest(array) or 1), 0))
    return found


def written(directory, names):
    """{name: array} of a run directory."""
    return {name: np.load(directory / f"{name}.npy") for name in names if (directory / f"{name}.npy").exists()}


def summary(directory):
    """What a run says of itself."""
    return json.loads((directory / "summary.json").read_text())
