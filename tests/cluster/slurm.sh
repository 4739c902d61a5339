#!/usr/bin/env bash
# Slurm on this machine alone, its files in a folder, no systemd: to be sourced.
#
#     start_slurm FOLDER      sets SLURM_CONF, and adds the daemons to the array `daemons`

start_slurm() {
    local folder=$1 host user port
    host=$(hostname -s) user=$(id -un) port=$((20000 + $$ % 10000))
    mkdir -p "$folder/state" "$folder/spool"
    # munged wants its key to be its own, and everybody to reach its socket.
    mkdir -m 755 "$folder/munge"
    (umask 077 && head -c 1024 /dev/urandom >"$folder/munge/key")
    munged --foreground --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
        --pid-file="$folder/munge/pid" --seed-file="$folder/munge/seed" >"$folder/munged.log" 2>&1 &
    daemons+=($!)

    export SLURM_CONF=$folder/slurm.conf
    # A job that is put back waits as long as credentials live. CPUs are counted, whatever there is.
    cat >"$SLURM_CONF" <<END
ClusterName=check
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 10000))
SlurmUser=$user
SlurmdUser=$user
AuthInfo=socket=$folder/munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=$host Default=YES
END
    slurmctld -D >/dev/null 2>&1 &
    daemons+=($!)
    slurmd -D >/dev/null 2>&1 &
    daemons+=($!)
    for _ in $(seq 60); do
        [ "$(sinfo --noheader --format=%t 2>/dev/null)" != idle ] || return 0
        sleep 1
    done
    tail -n 20 "$folder"/*.log >&2
    return 1
}
