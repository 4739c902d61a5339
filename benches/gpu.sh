#!/usr/bin/env bash
# What there is to measure on a machine with a GPU, in one call: the fused product and plain products of 4096 × 4096 × 2048,
# the attribution of a 784-512-512-10 network for 4,096 × 4,096 pairs, and torch.matmul in fp32 (TF32 off) on the same
# card where torch is installed. Prints a line for each and keeps the figures in OUT (default: target/gpu).
#
#   benches/gpu.sh [part of an adapter's name; default: gpu]
set -euo pipefail
cd "$(dirname "$0")/.."
device=${1:-gpu}
out=${OUT:-target/gpu}
mkdir -p "$out"
cargo build --release
pathkernel=target/release/pathkernel

"$pathkernel" devices | tee "$out/devices.txt"
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit --format=csv | tee "$out/card.csv"
fi

# The first call of each measures which tiles are fastest and keeps that; the second is the figure.
for _ in 1 2; do
    "$pathkernel" bench operations --device "$device" --size 4096,4096,2048 --json >"$out/operations.json"
    for kernel in attribution full; do
        # A full kernel has 100 entries a pair: fewer pairs, so that it fits.
        count=4096
        if [ "$kernel" = full ]; then count=1024; fi
        "$pathkernel" bench kernel --layers 784,512,512,10 --activation tanh --queries "$count" --examples "$count" \
            --kernel "$kernel" --device "$device" --repeats 7 --json >"$out/$kernel.json"
    done
done

if command -v python3 >/dev/null && python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    python3 - <<'PYTHON' >"$out/torch.json"
import json, statistics, torch
torch.backends.cuda.matmul.allow_tf32 = False
torch.set_float32_matmul_precision("highest")
rows, columns, depth = 4096, 4096, 2048
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
    echo "torch with CUDA is not installed: no figure of torch.matmul" >&2
fi
head -c 4000 "$out"/*.json
