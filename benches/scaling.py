#!/usr/bin/env python3
"""What a second process brings: shards of one run beside each other on this machine, one thread each.

    python benches/scaling.py [--pathkernel PATH] [--queries 512] [--examples 1024] [--steps 64] [--repeats 3]

Strong scaling gives two shards the run of one, weak scaling twice the queries. As a control, two runs that share nothing go
beside each other: what they lose is the machine's (memory, caches, clock), not the shards'. The least of the repeats counts.
Digits, repeated as often as needed. Needs nothing but Python, the binary and two idle cores.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from linear import ROOT, run_file

ONE_THREAD = os.environ | {"RAYON_NUM_THREADS": "1"}


def at_once(commands):
    """Seconds until all of some commands, started together, have ended."""
    begun = time.perf_counter()
    processes = [subprocess.Popen(command, env=ONE_THREAD) for command in commands]
    codes = [process.wait() for process in processes]
    seconds = time.perf_counter() - begun
    if any(codes):
        sys.exit(f"exit codes {codes} of {commands}")
    return seconds


def run(program, sizes, processes, copies=1):
    """Seconds of the shards, and of finishing; the phases that the first run's summary names, over all shards."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for copy in range(copies):
            own = pathlib.Path(folder) / str(copy)
            own.mkdir()
            paths.append(run_file(own, sizes))
        parts = [f"{index}/{processes}" for index in range(processes)]
        shards = at_once([program, "--quiet", "run", path, "--shard", part] for path in paths for part in parts)
        finish = at_once([program, "--quiet", "finish", path] for path in paths)
        summary = json.loads((paths[0].parent / "out" / "summary.json").read_text())
        return {"shards": shards, "finish": finish, "tiles": summary["tiles"], **summary["seconds"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pathkernel", default=ROOT / "target/release/pathkernel")
    parser.add_argument("--queries", type=int, default=512)
    parser.add_argument("--examples", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    program = str(arguments.pathkernel)
    sizes = {"queries": arguments.queries, "examples": arguments.examples, "steps": arguments.steps}
    twice = sizes | {"queries": 2 * arguments.queries}
    # Work for each process, as a share of what the first row does.
    cases = {
        "one shard": (1.0, lambda: run(program, sizes, 1)),
        "strong: two shards": (0.5, lambda: run(program, sizes, 2)),
        "weak: two shards, twice the queries": (1.0, lambda: run(program, twice, 2)),
        "control: two runs at once": (1.0, lambda: run(program, sizes, 1, copies=2)),
    }
    # The first measures the device, if that was not done before.
    run(program, sizes | {"steps": 1}, 1)
    taken = {name: [] for name in cases}
    for _ in range(arguments.repeats):
        for name, (_, measure) in cases.items():
            taken[name].append(measure())
    best = {name: min(rows, key=lambda row: row["shards"] + row["finish"]) for name, rows in taken.items()}

    print(", ".join(f"{size} {name}" for name, size in sizes.items()) + f"; seconds, the least of {arguments.repeats}\n")
    print("| | tiles | shards | finish | efficiency of the shards | with finish | training | integration, all shards |")
    print("|---|---|---|---|---|---|---|---|")
    base = best["one shard"]
    for name, (work, _) in cases.items():
        row = best[name]
        shards = work * base["shards"] / row["shards"]
        whole = work * (base["shards"] + base["finish"]) / (row["shards"] + row["finish"])
        print(
            f"| {name} | {row['tiles']} | {row['shards']:.2f} | {row['finish']:.2f} | {shards:.0%} | {whole:.0%} "
            f"| {row['train']:.2f} | {row['integrate']:.2f} |"
        )


if __name__ == "__main__":
    main()
