"""A run in shards as tasks of Dask, then its end.

    python examples/cluster/dask_tiles.py examples/digits.toml [KEY=VALUE ...]
    python examples/cluster/dask_tiles.py examples/digits.toml --cluster tcp://scheduler:8786 --shards 64 --threads 16

Without --cluster, two workers on this machine. The workers need `pathkernel` on their PATH, and the folder in which this is
started; they should take one task at a time (`dask worker --nthreads 1`). Linux.
"""

import argparse
import os
import subprocess
import sys
import time

import distributed

WORKERS = 2
# Of a failed task. The process of a worker that was killed keeps its shard until its state is saved: 20 seconds at the most.
RETRIES, PAUSE_SECONDS = 5, 5
# Exit codes: nothing helps but another run file, it is done but not exact, and it only wants to go on.
WRONG, NOT_EXACT, STOPPED = 2, 3, 75


def pathkernel(arguments, folder, threads):
    """Runs one command on a worker."""
    # A process ends with its worker, as another worker gets its task.
    command = ["setpriv", "--pdeathsig", "TERM", "pathkernel", *arguments]
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode == STOPPED:
        # No failure: it costs no retry, and any worker may go on.
        raise distributed.Reschedule
    if done.returncode not in (0, WRONG, NOT_EXACT):
        time.sleep(PAUSE_SECONDS)
        done.check_returncode()
    return done


def main():
    parser = argparse.ArgumentParser(description="A run in shards as tasks of Dask, then its end.")
    parser.add_argument("words", nargs="+", metavar="FILE|KEY=VALUE", help="as `pathkernel run` takes them")
    parser.add_argument("--cluster", help="address of a scheduler")
    parser.add_argument("--shards", type=int, default=2 * WORKERS, help="more than workers: less waits for the last")
    parser.add_argument("--threads", type=int, default=max(1, os.cpu_count() // WORKERS), help="threads of a shard")
    options = parser.parse_args()

    workers = {"address": options.cluster} if options.cluster else {"n_workers": WORKERS, "threads_per_worker": 1}
    with distributed.Client(**workers) as client:

        def submit(*arguments):
            return client.submit(pathkernel, arguments, os.getcwd(), options.threads, pure=False, retries=RETRIES)

        count = options.shards
        shards = [submit("run", *options.words, "--shard", f"{index}/{count}") for index in range(count)]
        # One that fails for good leaves the others at work.
        distributed.wait(shards)
        for done in [*client.gather(shards), submit("finish", *options.words).result()]:
            if done.returncode not in (0, NOT_EXACT):
                sys.exit(done.stderr)
        print(done.stdout, end="")
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
