#!/usr/bin/env bash
# The examples of examples/cluster, and shards that are killed: every array must be that of one process, to the last bit.
#
#     tests/cluster/check.sh target/release/pathkernel PYTHON
#
# PYTHON has what examples/cluster/requirements.txt names. From Debian: openmpi-bin, munge, slurmctld, slurmd, slurm-client.
set -euo pipefail

binary=$(realpath "$1") python=$(realpath --no-symlinks "$2")
cd "$(dirname "$0")/../.."
source tests/cluster/slurm.sh
export PATH=${binary%/*}:$PATH

work=$(mktemp -d) daemons=()
end() {
    local code=$?
    [ $code = 0 ] || tail -n 20 "$work"/*.log || true
    # In the order that lets the last jobs go.
    [ ${#daemons[@]} = 0 ] || { scancel --user="$(id -un)"; sleep 1; kill "${daemons[@]}"; wait; } 2>/dev/null
    rm -rf "$work"
}
trap end EXIT

# Of the same contraction, so that bits can be compared: what is measured may choose another.
run=(examples/digits.toml training.steps=400 kernel.kernel=diagonal run.device=cpu run.tune=false)

# Fails where an array of one process is not that of a directory.
same() {
    local array
    for array in "$work"/one/*.npy "$work"/one/trajectory/*.npy "$work"/one/weights_final.safetensors; do
        cmp "$array" "$work/$1/${array#"$work"/one/}"
    done
    echo "  the same"
}

# The process that computes a shard, once a tile is under way.
process_of() {
    local lock=$work/$1/shard-$2-of-$3.lock process
    for _ in $(seq 1200); do
        process=$(sed -n 's/^process \([0-9]*\) .*/\1/p' "$lock" 2>/dev/null || true)
        if [ -n "$process" ] && compgen -G "$work/$1/state/piece-*.state" >/dev/null; then
            echo "$process"
            return
        fi
        sleep 0.05
    done
    echo "shard $2 of $3 does not come to its tiles" >&2
    return 1
}

# Fails where a command does not end with an exit code.
ends_with() {
    local code=0
    "${@:2}" || code=$?
    [ "$code" = "$1" ] || { echo "exit code $code, not $1: ${*:2}" >&2; return 1; }
}

echo "one process"
pathkernel --quiet run "${run[@]}" run.directory="$work/one"

echo "two shards by hand, one killed in the middle and started again; store zarr, then exported"
hand=("${run[@]}" run.directory="$work/hand" run.store=zarr)
export RAYON_NUM_THREADS=1
pathkernel --quiet run "${hand[@]}" --shard 0/2 &
first=$!
pathkernel --quiet run "${hand[@]}" --shard 1/2 &
second=$!
process=$(process_of hand 1 2)
kill -KILL "$process"
ends_with 137 wait $second
wait $first
ends_with 1 pathkernel --quiet finish "${hand[@]}" 2>"$work/incomplete.log"
grep "are not computed" "$work/incomplete.log"
pathkernel --quiet run "${hand[@]}" --shard 1/2
pathkernel --quiet finish "${hand[@]}"
pathkernel --quiet export "$work/hand"
same hand

echo "Open MPI"
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
OMPI_MCA_rmaps_base_oversubscribe=1 examples/cluster/mpi.sh "${run[@]}" run.directory="$work/mpi" >"$work/mpi.log" 2>&1
same mpi

echo "Dask; of three shards one is killed, one is told to stop, and one loses its worker"
export DASK_TEMPORARY_DIRECTORY=$work/dask.d
"$python" examples/cluster/dask_tiles.py "${run[@]}" run.directory="$work/dask" --shards 4 --threads 1 >"$work/dask.log" 2>&1 &
dask=$!
process=$(process_of dask 0 4)
kill -KILL "$process"
process=$(process_of dask 1 4)
kill -TERM "$process"
process=$(process_of dask 2 4)
kill -KILL "$(ps --format=ppid= "$process" | tr -d ' ')"
wait $dask
same dask

echo "Slurm: an array of two, one told to stop and put back, then the end"
start_slurm "$work/slurm.d"
slurm=("${run[@]}" run.directory="$work/slurm")
job=$(sbatch --parsable --array=0-1 --output="$work/slurm-%a.log" examples/cluster/slurm.sbatch "${slurm[@]}")
last=$(sbatch --parsable --dependency=afterok:"$job" --output="$work/slurm-end.log" --wrap "pathkernel finish ${slurm[*]}")
process_of slurm 1 2 >/dev/null
scancel --batch --signal=TERM "${job}_1"
for _ in $(seq 120); do
    state=$(squeue --noheader --states=all --jobs="$last" --format=%t)
    [ "$state" != CD ] || break
    sleep 1
done
grep -q "stopped before it was done" "$work/slurm-1.log"
same slurm
