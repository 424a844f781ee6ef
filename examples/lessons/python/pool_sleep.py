# SPDX-License-Identifier: MIT
import os
import sys
import time
from multiprocessing import Pool

TASKS, MILLISECONDS = [int(a) for a in sys.argv[1:3]] or [5, 1000]


def sleep_for(number):
    start = time.perf_counter()
    print(f"task {number} begins in process {os.getpid()}", flush=True)
    time.sleep(MILLISECONDS / 1000)
    print(f"task {number} has run {time.perf_counter() - start:.2f} seconds", flush=True)


if __name__ == "__main__":
    start = time.perf_counter()
    pool = Pool(4)
    for i in range(TASKS):
        pool.apply_async(sleep_for, (i,))
    print(f"waiting for {TASKS} tasks", flush=True)
    pool.close()
    pool.join()
    print(f"all tasks done: {time.perf_counter() - start:.2f} seconds")
