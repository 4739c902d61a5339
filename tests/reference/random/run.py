"""Holds a program against the reference on random cases.

    python run.py PROGRAM [--cases N] [--seed S] [--first NUMBER] [--only NUMBER] [--keep FOLDER]
    python run.py --folder PATH        # the reference of a folder that holds run.toml, against its expected_*.npy

A case is drawn again where plain floats, in the reference's own sums, are already off by a good part of what is allowed:
then the case is ill-conditioned, and no program could answer it. How often that happens is printed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from case import Case
from cells import Tangled
from compare import different, exact_pieces, failures, largest, summary, written
from draw import draw
from exact import answer
from ways import run

assert np.finfo(np.longdouble).nmant >= 63, "this machine's long double has no 64 bits"

MOST_DRAWS = 40
# Plain floats may take so much of what is allowed. f32 is allowed some fifty roundings, so a tenth would be five.
PLAIN = {"f64": (np.float64, 0.1), "f32": (np.float32, 1 / 3)}


class IllConditioned(Exception):
    """Plain floats don't do; the case is drawn again."""


def compute(folder, dtype):
    """-> (Case, Answer)"""
    with np.errstate(all="ignore"):
        case = Case(folder, dtype)
        return case, answer(case)


def sound(folder):
    """-> (Case, Answer) of a case that plain floats can compute; IllConditioned or Tangled otherwise."""
    case, truth = compute(folder, np.longdouble)
    if not all(np.all(np.isfinite(a)) for name, a in truth.arrays.items() if name != "coefficients"):
        raise IllConditioned("not finite")
    if largest(truth.arrays["attribution"]) == 0:
        raise IllConditioned("nothing happens")
    dtype, strictness = PLAIN[case.precision]
    _, plain = compute(folder, dtype)
    off = failures(case, truth, plain.arrays, strictness)
    if off:
        raise IllConditioned(f"plain floats: {off[0]}")
    return case, truth


def drawn(folder, seed, number, redraws):
    """Draws until a case is sound -> (what it is, ways, Case, Answer)."""
    for attempt in range(MOST_DRAWS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        about, ways = draw(folder, seed, number, attempt)
        try:
            return about, ways, *sound(folder)
        except (Tangled, IllConditioned) as problem:
            redraws[about.split()[0]] += 1
            redraws["because " + str(problem).split(" is off")[0]] += 1
    raise SystemExit(f"case {number}: no sound case in {MOST_DRAWS} draws")


def judge(case, truth, folder, outcomes, counts):
    """-> what is wrong, or an empty text."""
    for outcome in outcomes:
        if not outcome.done():
            return f"exit code {outcome.code}: {outcome.said}"
    said = summary(folder / "out")
    if said["repeated_values"]:
        return f"right numbers are taken for wrong ones: {said['largest_rounding_share']:.1e} of the bound on rounding"
    first = written(folder / "out", truth.arrays)
    off = failures(case, truth, first, 1)
    if said.get("missed_tolerance"):
        counts["reported misses"] += 1
        # An honest miss: what is off is off by more than the tolerance. Exact pieces are right all the same: a query misses by its
        # own roundings, where its values are small and those that they are made of are not.
        off = off if exact_pieces(case) else []
    if len(outcomes) > 1:
        counts["run twice"] += 1
        off += different(first, written(folder / "again", truth.arrays))
    return "; ".join(str(f) for f in off[:3])


def keep(where, folder, number, truth):
    """The folder with its expected arrays."""
    at = where / f"case_{number}"
    shutil.rmtree(at, ignore_errors=True)
    shutil.copytree(folder, at)
    for name, array in truth.arrays.items():
        np.save(at / f"expected_{name}.npy", array.astype(np.float64))


def check_folder(folder):
    """The reference of a folder against its expected arrays: prints how far each is off."""
    _, truth = compute(folder, np.longdouble)
    for name, array in truth.arrays.items():
        path = folder / f"expected_{name}.npy"
        if path.exists():
            want = np.load(path)
            size = max(largest(want), largest(truth.arrays["attribution"]) if name == "residual" else 0)
            off = np.nanmax(np.abs(array - want), initial=0)
            print(f"{name}: off by {float(off):.2e}, {float(off / (size or 1)):.2e} of the largest entry")


def words():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", type=Path)
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--folder", type=Path)
    return parser.parse_args()


def main():
    """Draws, runs, compares -> the exit code."""
    asked = words()
    if asked.folder:
        check_folder(asked.folder)
        return 0
    program = asked.program.resolve()
    numbers = range(asked.first, asked.first + asked.cases) if asked.only is None else [asked.only]
    redraws, counts, began = Counter(), Counter(), time.time()
    with tempfile.TemporaryDirectory() as place:
        for number in numbers:
            folder = Path(place) / "case"
            about, ways, case, truth = drawn(folder, asked.seed, number, redraws)
            wrong = judge(case, truth, folder, [run(program, folder, way) for way in ways], counts)
            counts["failed" if wrong else "passed"] += 1
            if wrong:
                print(f"case {number}: {about}, {' and '.join(way.kind for way in ways)}: {wrong}", flush=True)
                if asked.keep:
                    keep(asked.keep, folder, number, truth)
    for reason, count in sorted(redraws.items()):
        print(f"redrawn {reason}: {count}")
    print(f"{counts['reported misses']} missed their tolerance and said so; {counts['run twice']} run in two ways")
    print(f"{time.time() - began:.0f} s")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    # More than one miss in a hundred hides what the cases are for.
    return 1 if counts["failed"] or 100 * counts["reported misses"] > max(asked.cases, 100) else 0


if __name__ == "__main__":
    sys.exit(main())
