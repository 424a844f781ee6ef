# SPDX-License-Identifier: MIT
import sys
import time
from queue import Queue
from threading import Thread

N = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000


def put_sum(items, sums):
    sums.put(sum(items))


def in_threads(items):
    sums = Queue()
    threads = [Thread(target=put_sum, args=(items, sums)) for _ in range(4)]
    for t in threads:
        t.start()
    total = sum(sums.get() for _ in threads)
    for t in threads:
        t.join()
    return total


items = list(range(N))
start = time.perf_counter()
total = sum(sum(items) for _ in range(4))
print(f"serial: {total} in {time.perf_counter() - start:.6f} seconds")
start = time.perf_counter()
total = in_threads(items)
print(f"four threads: {total} in {time.perf_counter() - start:.6f} seconds")
