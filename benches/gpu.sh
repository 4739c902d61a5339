#!/usr/bin/env bash
# What there is to measure on a machine with a GPU, in one call: the fused product and plain products of 4096 × 4096 × 2048,
# the attribution and the full kernel of a 784-512-512-10 network, and torch.matmul in fp32 (TF32 off) on the same card where
# torch is installed. Prints one table to share, with what is missing, and keeps the figures in OUT (default: target/gpu).
#
#   benches/gpu.sh [part of an adapter's name; default: gpu]
#
# The sizes are those of a real card; others by the environment:
#
#   SIZE=64,64,32 LAYERS=16,8,4 COUNT=16 FULL=8 REPEATS=1 ROUNDS=1 benches/gpu.sh
set -euo pipefail
cd "$(dirname "$0")/.."
device=${1:-gpu}
out=${OUT:-target/gpu}
size=${SIZE:-4096,4096,2048} layers=${LAYERS:-784,512,512,10}
# Queries, and as many examples. A full kernel has an entry for each pair of outputs: fewer, so that it fits.
count=${COUNT:-4096} full=${FULL:-1024}
repeats=${REPEATS:-7}
pathkernel=${PATHKERNEL:-target/release/pathkernel}
mkdir -p "$out"
rm -f "$out"/*.json "$out"/card.csv
if [ -z "${PATHKERNEL:-}" ]; then cargo build --release; fi
missing=()

"$pathkernel" devices >"$out/devices.txt"
if ! command -v nvidia-smi >/dev/null ||
    ! nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit --format=csv >"$out/card.csv"; then
    missing+=("nvidia-smi: clocks and power are not told")
fi

# The first call of each measures which tiles are fastest and keeps that; the second is the figure.
for _ in $(seq "${ROUNDS:-2}"); do
    "$pathkernel" bench operations --device "$device" --size "$size" --repeats "$repeats" --json >"$out/operations.json"
    "$pathkernel" bench kernel --layers "$layers" --activation tanh --queries "$count" --examples "$count" \
        --kernel attribution --device "$device" --repeats "$repeats" --json >"$out/attribution.json"
    "$pathkernel" bench kernel --layers "$layers" --activation tanh --queries "$full" --examples "$full" \
        --kernel full --device "$device" --repeats "$repeats" --json >"$out/full.json"
done

if ! command -v python3 >/dev/null; then
    echo "python3 is missing, and with it the table; the figures are in $out"
    exit 0
fi
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    python3 - "$size" <<'PYTHON' >"$out/torch.json"
import json, statistics, sys, torch
torch.backends.cuda.matmul.allow_tf32 = False
torch.set_float32_matmul_precision("highest")
rows, columns, depth = (int(side) for side in sys.argv[1].split(","))
a = torch.randn(rows, depth, device="cuda")
b = torch.randn(columns, depth, device="cuda")
times = []
for repeat in range(25):
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(10):
        a @ b.T
    end.record()
    torch.cuda.synchronize()
    times.append(start.elapsed_time(end) / 1e4)
seconds = statistics.median(times[5:])
print(json.dumps({"device": torch.cuda.get_device_name(), "torch": torch.__version__, "seconds": seconds,
                  "gflops": 2e-9 * rows * columns * depth / seconds}))
PYTHON
else
    missing+=("torch with CUDA: no figure of torch.matmul")
fi

python3 - "$out" "$size" "$layers" "$count" "$full" <<'PYTHON' | tee "$out/table.md"
import json, pathlib, sys
out, size, layers, count, full = pathlib.Path(sys.argv[1]), *sys.argv[2:]
read = lambda name: json.loads((out / f"{name}.json").read_text())
operations = read("operations")
print(f"## {operations['device']}\n\n| what | milliseconds | GFLOP/s |\n|---|---|---|")
line = lambda what, seconds, gflops: print(f"| {what} | {1e3 * seconds:.3f} | {gflops:,.1f} |")
for one in operations["operations"]:
    if one["gflops"]:
        sized = one["operation"].startswith(("matmul", "gram"))
        line(f"{one['operation']}, {size}" if sized else one["operation"], one["seconds"], one["gflops"])
for kernel, pairs in ("attribution", count), ("full", full):
    one = read(kernel)
    line(f"{kernel} of {layers}, {pairs} × {pairs}", one["seconds"], one["gflops"])
if (out / "torch.json").exists():
    one = read("torch")
    line(f"torch.matmul {one['torch']} on {one['device']}, {size}", one["seconds"], one["gflops"])
card = out / "card.csv"
if card.exists() and card.stat().st_size:
    print("\n" + card.read_text().strip())
PYTHON
for what in "${missing[@]}"; do echo "missing: $what" | tee -a "$out/table.md"; done
