#!/usr/bin/env bash
# A run in shards under Open MPI, then its end:
#
#     RANKS=2 MAX_TIME=3h examples/cluster/mpi.sh examples/digits.toml [KEY=VALUE ...]
#
# After MAX_TIME, if given, the ranks save their state, and the same command goes on.
set -euo pipefail

ranks=${RANKS:-2}
# Each rank takes its share of the cores. Unbound: Open MPI would hold all threads of a rank to one core.
share=$(($(nproc) / ranks))
export RAYON_NUM_THREADS=${RAYON_NUM_THREADS:-$((share > 0 ? share : 1))}
# Shards need not wait for each other: where one fails, the others go on, and `finish` says what is missing.
export OMPI_MCA_orte_abort_on_non_zero_status=0

mpirun -n "$ranks" --bind-to none pathkernel run "$@" --shard auto ${MAX_TIME:+--max-time "$MAX_TIME"}
pathkernel finish "$@"
