"""What every comparison shares: an environment of its own, the pathkernel binary, timing in turns, and the output."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import NamedTuple

NOT_EXACT = 3
REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = REPOSITORY / "target" / "release" / "pathkernel"
INSIDE = "PATHKERNEL_PEERS_ENVIRONMENT"
# A call that takes longer is timed as it is, once, without a warm-up.
PATIENCE = 20.0
# What steps of training are timed with, as in a run file; ExPLAIND calls the learning rate `lr`.
OPTIMIZERS = {
    "sgd": {"type": "sgd", "learning_rate": 0.1},
    "momentum": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    "adamw": {"type": "adamw", "learning_rate": 0.001, "weight_decay": 0.01},
}


class Environment(NamedTuple):
    """A virtual environment: pinned packages, and those to install without what they ask for."""

    name: str
    packages: tuple
    alone: tuple = ()
    oldest_python: tuple = (3, 9)
    newest_python: tuple = (3, 12)


TORCH = Environment(
    name="torch",
    packages=("torch==2.15.0", "numpy==2.2.6", "tqdm==4.67.1"),
    # It asks for plotting packages that its own code never imports, and for Python 3.12.
    alone=("explaind==0.0.2",),
    oldest_python=(3, 10),
)


def arguments(description):
    """A parser with the options that every comparison has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pathkernel",
        type=Path,
        metavar="PATH",
        help="the binary; without it, target/release/pathkernel, built if absent",
    )
    parser.add_argument("--threads", type=int, default=2, help="threads, and processors, for either side (default: 2)")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls of each candidate (default: %(default)s)")
    parser.add_argument("--peer-only", action="store_true", help="do not time pathkernel")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.set_defaults(check=False)
    return parser


def kernel_arguments(description):
    """The parser of a comparison of tangent kernels, for `networks.compare`."""
    parser = arguments(description)
    parser.add_argument("--case", choices=("mlp", "cnn"), help="only this network")
    parser.add_argument(
        "--only", default="", metavar="WORD", help="only the peer's implementations that have WORD in their names"
    )
    parser.add_argument("--check", action="store_true", help="time nothing; compare the kernels of a few examples")
    return parser


def start(environment, parser):
    """The options, once the script runs inside its environment; before that, makes the environment and starts again."""
    options = parser.parse_args()
    options.binary = (options.pathkernel or BINARY).resolve()
    if os.environ.get(INSIDE) != environment.name:
        python = prepare(environment)
        if options.check or not options.peer_only:
            build(options)
        pin(options.threads)
        os.execve(python, [str(python), *sys.argv], limited(environment.name, options.threads))
    # A script here may bear the name of the package that it measures: look here last.
    sys.path.append(sys.path.pop(0))
    return options


def prepare(environment):
    """The Python of the environment, which is made where it is absent or was made from other packages."""
    home = Path(__file__).resolve().parent / f".venv-{environment.name}"
    python = home / "bin" / "python"
    stamp = home / "installed.txt"
    wanted = "\n".join([platform.python_version(), *environment.packages, *environment.alone])
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    if not environment.oldest_python <= sys.version_info[:2] <= environment.newest_python:
        oldest, newest = (
            ".".join(map(str, version)) for version in (environment.oldest_python, environment.newest_python)
        )
        sys.exit(f"the pinned packages need Python {oldest} to {newest}: start this script with one of these")
    note(f"making {home.name}")
    venv.EnvBuilder(clear=True, with_pip=True).create(home)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, *environment.packages], check=True, stdout=sys.stderr)
    if environment.alone:
        subprocess.run(
            [*install, "--no-deps", "--ignore-requires-python", *environment.alone], check=True, stdout=sys.stderr
        )
    stamp.write_text(wanted)
    return python


def build(options):
    """Builds the binary if it is the repository's own and absent."""
    if options.binary.exists():
        return
    if options.pathkernel:
        sys.exit(f"{options.pathkernel} does not exist")
    subprocess.run(["cargo", "build", "--release"], cwd=REPOSITORY, check=True, stdout=sys.stderr)


def limited(name, threads):
    """This process's variables, with every library held to `threads`."""
    # OPENBLAS_ variables that choose a kernel would slow the peer.
    variables = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    for library in ("OMP", "MKL", "OPENBLAS", "RAYON"):
        variables[f"{library}_NUM_THREADS"] = str(threads)
    variables["XLA_FLAGS"] = (
        f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} intra_op_parallelism_threads={threads}"
    )
    variables |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    return variables | {INSIDE: name, "PYTHONWARNINGS": "ignore::FutureWarning"}


def pin(threads):
    """Holds this process and all that it starts to `threads` processors, of different cores where there are enough."""
    if not hasattr(os, "sched_setaffinity"):
        return
    available = sorted(os.sched_getaffinity(0))
    if len(available) < threads:
        sys.exit(f"{threads} threads asked for, {len(available)} processors available")
    taken, cores = [], set()
    for processor in available:
        core = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        core = core.read_text() if core.exists() else processor
        if core not in cores:
            cores.add(core)
            taken.append(processor)
    taken += [processor for processor in available if processor not in taken]
    os.sched_setaffinity(0, taken[:threads])


def pathkernel(options, *command):
    """What the binary prints for a command."""
    done = subprocess.run([options.binary, *map(str, command)], capture_output=True, text=True)
    # With 3 nodes a path is not always exact, and its times are the same.
    if done.returncode not in (0, NOT_EXACT):
        sys.exit(f"pathkernel {command[0]} failed:\n{done.stderr or done.stdout}")
    return done.stdout


def clocked(function):
    """A candidate that calls `function` and returns the seconds it took."""

    def measure():
        begin = time.perf_counter()
        function()
        return time.perf_counter() - begin

    return measure


def in_turns(candidates, repeats):
    """Times candidates, functions that return seconds, by name: all in turn, `repeats` rounds after one to warm up.

    Gives each one's median and single times, or the error that its first call ended in."""
    times, errors = {name: [] for name in candidates}, {}
    for turn in range(repeats + 1):
        for name, measure in candidates.items():
            if name in errors or turn and times[name][0] > PATIENCE:
                continue
            try:
                times[name].append(measure())
            except Exception as error:  # each library has its own for too little memory
                errors[name] = (str(error) or type(error).__name__).splitlines()[-1]
                note(f"{name} failed: {errors[name]}")
            else:
                note(f"{name}: {times[name][-1]:.4g} s")
    results = {}
    for name, taken in times.items():
        kept = taken[1:] or taken
        results[name] = (
            {"seconds": None, "error": errors[name]}
            if name in errors
            else {"seconds": statistics.median(kept), "times": kept}
        )
    return results


def machine():
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def heading(peer, versions, options):
    """What a result begins with. The load says whether the machine had other work just before."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"peer": peer, "versions": versions, "machine": machine(), "threads": options.threads, "load_before": load}


def print_heading(result):
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    print(f"{result['peer']} ({versions}), {result['threads']} threads, {result['machine']}")


def note(text):
    """Progress, for people only."""
    print(text, file=sys.stderr, flush=True)


def table(rows):
    """Prints rows of text, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for first, *others in rows:
        print(
            "  ".join(
                [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:]))]
            ).rstrip()
        )


def print_json(result):
    print(json.dumps(result, indent=2))
