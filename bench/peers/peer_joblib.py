# SPDX-License-Identifier: MIT
#
# peer_joblib.py -- joblib: loky, its executor of processes, by itself; and Parallel over it, which is given all
# of a workload at once.
import itertools
import sys

import joblib
from joblib.externals.loky import ProcessPoolExecutor

import peer_python



def all_of(fn, items):
    return [fn(item) for item in items]


class Parallel:
    """joblib.Parallel with the one call of an executor that it has. Chunks are made by its user, as ever."""

    def __init__(self, workers):
        self.parallel = joblib.Parallel(workers, batch_size=1)

    def map(self, fn, items, chunksize=1):
        chunks = (items[at:at + chunksize] for at in range(0, len(items), chunksize))
        return itertools.chain(*self.parallel(joblib.delayed(all_of)(fn, chunk) for chunk in chunks))

    def __enter__(self):
        self.parallel.__enter__()
        list(self.map(abs, range(100)))  # the workers start with the first call
        return self

    def __exit__(self, *how):
        self.parallel.__exit__(*how)


PEERS = {
    "loky": (ProcessPoolExecutor, peer_python.PROCESS_WORKLOADS),
    "joblib": (Parallel, ["map", "primes"]),
}

if __name__ == "__main__":
    sys.exit(peer_python.main(sys.argv, PEERS))
