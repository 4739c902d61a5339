"""Ways to run a case: in one go, in shards, in little memory, with one or two threads, stopped and taken up again.

All must give the same numbers.
"""

import os
import subprocess
from dataclasses import dataclass

NOT_EXACT = 3
STOPPED = 75
MOST_STARTS, LONGEST = 60, 600
# The program itself counts 48 MiB; the next amount is taken where the one before doesn't suffice.
MEMORY = ("49 MiB", "52 MiB", "64 MiB", "128 MiB")


@dataclass
class Way:
    """How a case is run, and into which directory of its folder."""

    kind: str
    threads: int
    options: tuple
    directory: str


@dataclass
class Outcome:
    """The last exit code, and what was said."""

    code: int
    said: str

    def done(self):
        """Arrays are there, whatever the verdict on them."""
        return self.code in (0, NOT_EXACT)


def draw_ways(chance):
    """-> [Way]: one, now and then a second one that shall give the same bits."""
    directories = ("out", "again") if chance.yes(0.15) else ("out",)
    kinds = {"plain": 6, "shards": 2, "memory": 1, "stopped": 1}
    options = ("--no-tune",) if chance.yes(0.3) else ()
    return [Way(chance.weighted(kinds), chance.one(1, 2), options, directory) for directory in directories]


def run(program, folder, way):
    """Runs a case in its folder -> Outcome"""
    kinds = {"plain": plainly, "shards": in_shards, "memory": in_little_memory, "stopped": with_stops}
    return kinds[way.kind](program, folder, way)


def call(program, folder, way, words):
    """One process -> Outcome"""
    environment = os.environ | {"RAYON_NUM_THREADS": str(way.threads)}
    words = [program, *words, f"run.directory={way.directory}", "--quiet"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST)
    return Outcome(done.returncode, (done.stderr.strip() or done.stdout.strip())[-400:])


def plainly(program, folder, way):
    return call(program, folder, way, ["run", "run.toml", *way.options])


def in_shards(program, folder, way):
    """Two shards one after the other: the run is cut into tiles."""
    for shard in ("0/2", "1/2"):
        outcome = call(program, folder, way, ["run", "run.toml", "--shard", shard, *way.options])
        if outcome.code != 0:
            return outcome
    return call(program, folder, way, ["finish", "run.toml"])


def in_little_memory(program, folder, way):
    for amount in MEMORY:
        outcome = call(program, folder, way, ["run", "run.toml", f"run.memory={amount}", *way.options])
        if outcome.code != 2 or "memory" not in outcome.said:
            break
    return outcome


def with_stops(program, folder, way):
    """Stopped after moments, and started again until it is done."""
    for _ in range(MOST_STARTS):
        words = ["run", "run.toml", "--max-time", "0.01s", *way.options]
        outcome = call(program, folder, way, words)
        if outcome.code != STOPPED:
            return outcome
    return plainly(program, folder, way)
