#!/usr/bin/env python3
"""How the cost of a run grows with queries, examples and steps, each over a 16-fold range.

    python benches/linear.py [--pathkernel PATH] [--out docs/linear.svg]

Runs `pathkernel bench run` on digits that are repeated as often as needed, prints seconds of integration and the peak of
anonymous memory beside the plan's number, and draws them. Needs nothing but Python and the binary; Linux, for the memory.
"""

import argparse
import ast
import json
import math
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FACTORS = (1, 2, 4, 8, 16)
BASE = {"queries": 64, "examples": 512, "steps": 16}


def read_npy(bytes_):
    """Header and data of an .npy."""
    length = struct.unpack("<H", bytes_[8:10])[0]
    header = ast.literal_eval(bytes_[10:10 + length].decode().strip())
    return header, bytes_[10 + length:]


def write_npy(path, descr, shape, data):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape})
    text += " " * (-(len(text) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data)


def digits(folder, key, rows):
    """The first `rows` rows of an array of the digits, repeated as needed."""
    with zipfile.ZipFile(ROOT / "examples/data/digits.npz") as file:
        header, data = read_npy(file.read(f"{key}.npy"))
    row = len(data) // header["shape"][0]
    data = (data * -(-rows * row // len(data)))[: rows * row]
    path = folder / f"{key}{rows}.npy"
    write_npy(path, header["descr"], (rows, *header["shape"][1:]), data)
    return path


def run_file(folder, sizes):
    text = f"""
[run]
directory = "{folder / 'out'}"
device = "cpu"
[data.train]
inputs = "{digits(folder, 'train_x', sizes['examples'])}"
targets = "{digits(folder, 'train_y', sizes['examples'])}"
[data.query]
inputs = "{digits(folder, 'query_x', sizes['queries'])}"
[model]
input = [64]
layers = [{{ type = "linear", features = 256 }}, {{ type = "tanh" }}, {{ type = "linear", features = 10 }}]
[training]
loss = "cross_entropy"
optimizer = {{ type = "sgd", learning_rate = 0.1 }}
steps = {sizes['steps']}
[kernel]
kernel = "diagonal"
"""
    path = folder / "run.toml"
    path.write_text(text)
    return path


def plan_bytes(program, path):
    """The plan's memory: a tile, its results and the data."""
    text = subprocess.run([program, "plan", path], check=True, capture_output=True, text=True).stdout
    line = next(line for line in text.splitlines() if line.startswith("memory"))
    units = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+) ([KMG]?i?B)", line))


def bench(program, path):
    """Seconds of integration, and the peak of anonymous memory in bytes."""
    process = subprocess.Popen([program, "bench", "run", path, "--json"], stdout=subprocess.PIPE, text=True)
    peak = 0

    def watch():
        nonlocal peak
        while process.poll() is None:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
                peak = max(peak, int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024)
            except (OSError, TypeError):
                pass
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    watcher.join()
    if process.returncode:
        sys.exit(f"bench run failed with {process.returncode}")
    return json.loads(out)["integrate"], peak


def measure(program, repeats):
    rows = []
    for axis in BASE:
        for factor in FACTORS:
            sizes = {**BASE, axis: BASE[axis] * factor}
            with tempfile.TemporaryDirectory() as folder:
                path = run_file(pathlib.Path(folder), sizes)
                planned = plan_bytes(program, path)
                taken = sorted(bench(program, path) for _ in range(repeats))
            seconds, peak = taken[len(taken) // 2][0], max(peak for _, peak in taken)
            rows.append({"axis": axis, "factor": factor, "seconds": seconds, "peak": peak, "planned": planned})
            print(f"{axis:9} x {factor:2}: {seconds:8.4f} s, {peak / 2**20:7.1f} MiB of {planned / 2**20:7.1f} planned", flush=True)
    return rows


def draw(rows):
    """Seconds over the factor, both logarithmic, with a line of slope 1 for each axis."""
    width, height, margin = 560, 360, 56
    seconds = [row["seconds"] for row in rows]
    low, high = math.log10(min(seconds)) - 0.15, math.log10(max(seconds)) + 0.15
    x = lambda factor: margin + (width - 2 * margin) * math.log2(factor) / 4
    y = lambda value: height - margin - (height - 2 * margin) * (math.log10(value) - low) / (high - low)
    colours = {"queries": "#1b6ca8", "examples": "#c0561f", "steps": "#3a7d44"}
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for factor in FACTORS:
        parts.append(f'<text x="{x(factor):.1f}" y="{height - margin + 20}" text-anchor="middle">{factor} x</text>')
        parts.append(f'<line x1="{x(factor):.1f}" x2="{x(factor):.1f}" y1="{margin}" y2="{height - margin}" stroke="#ddd"/>')
    tick = 10 ** math.ceil(low)
    for value in sorted({tick * 10**k * m for k in range(-1, 4) for m in (1, 2, 5)}):
        if low < math.log10(value) < high:
            parts.append(f'<text x="{margin - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g} s</text>')
            parts.append(f'<line x1="{margin}" x2="{width - margin}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>')
    for place, (axis, colour) in enumerate(colours.items()):
        own = [row for row in rows if row["axis"] == axis]
        last = own[-1]
        first = last["seconds"] / FACTORS[-1]
        if math.log10(first) > low:
            parts.append(f'<line x1="{x(1):.1f}" y1="{y(first):.1f}" x2="{x(16):.1f}" y2="{y(last["seconds"]):.1f}" '
                         f'stroke="{colour}" stroke-dasharray="3 4" opacity="0.6"/>')
        points = " ".join(f'{x(row["factor"]):.1f},{y(row["seconds"]):.1f}' for row in own)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(row["factor"]):.1f}" cy="{y(row["seconds"]):.1f}" r="3.5" fill="{colour}"/>' for row in own]
        parts.append(f'<text x="{margin + 12}" y="{margin + 18 + 18 * place}" fill="{colour}">{axis}, from {BASE[axis]}</text>')
    parts.append(f'<text x="{width / 2}" y="24" text-anchor="middle">Seconds of integration; dashed: proportional</text></svg>')
    return "\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pathkernel", default=ROOT / "target/release/pathkernel")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rows = measure(str(arguments.pathkernel), arguments.repeats)
    if arguments.out:
        arguments.out.write_text(draw(rows))


if __name__ == "__main__":
    main()
