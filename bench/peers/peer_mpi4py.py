# SPDX-License-Identifier: MIT
#
# peer_mpi4py.py -- mpi4py.futures. Its workers are ranks that are there before the program, so this starts itself
# again by mpirun: one rank for the program, the others wait for tasks. A start is counted from there.
#
# A worker that is killed takes all of the job with it, so there is nothing to measure in "kill". Neither is the
# CPU of ranks, which are no children of the program.
import importlib.util
import os
import shutil
import sys
import time

import measure_processes
import peer_python

BEGUN = "WEFT_BENCH_BEGUN"  # by the clock that perf_counter reads
MPIRUN = ["mpirun", "--oversubscribe", "--allow-run-as-root", "-n"]
WITHOUT = ("idle", "nap", "tick", "create", "kill")


def make(workers, **options):
    from mpi4py.futures import MPIPoolExecutor  # not before mpirun: MPI does not start twice in one process
    return MPIPoolExecutor(workers, **options)


def start(_make, workers, _threads):
    here = measure_processes.Here()
    pool = measure_processes.begin(make, workers, here)
    up = time.perf_counter() - float(os.environ[BEGUN])
    pool.shutdown()
    return {"up_ms": up * 1e3}


def ranks(argv):
    given = dict(arg.split("=") for arg in argv[3:])
    workload = argv[2]
    if workload.startswith("start"):
        return int(given.get("n", peer_python.PROCESS_SIZES[workload]))
    return int(given.get("threads", 2))


def main(argv):
    if not importlib.util.find_spec("mpi4py") or not shutil.which(MPIRUN[0]):
        return 1
    if len(argv) >= 3 and BEGUN not in os.environ:
        os.environ[BEGUN] = repr(time.perf_counter())
        os.execvp(MPIRUN[0], MPIRUN + [str(ranks(argv) + 1), sys.executable, "-m", "mpi4py.futures"] + argv)
    measure_processes.start = start
    trips = peer_python.trips
    peer_python.trips = lambda *args: {name: v for name, v in trips(*args).items() if name != "cpu_us"}
    workloads = [w for w in peer_python.PROCESS_WORKLOADS if w not in WITHOUT]
    return peer_python.main(argv, {"mpi4py": (make, workloads)})


if __name__ == "__main__":
    sys.exit(main(sys.argv))
