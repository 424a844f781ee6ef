# SPDX-License-Identifier: MIT
import sys
import time
from multiprocessing import Pool
from multiprocessing.pool import ThreadPool

N = int(sys.argv[1]) if len(sys.argv) > 1 else 25_000_000


def count_down(n):
    while n > 0:
        n -= 1
    return n


def pooled(kind):
    with kind(4) as pool:
        return pool.map(count_down, [N] * 4)


def measure(name, way):
    start = time.perf_counter()
    end = sum(way())
    print(f"{name}: down to {end} in {time.perf_counter() - start:.6f} seconds", flush=True)


if __name__ == "__main__":
    for _ in range(10):
        count_down(10)  # else the first part is slower: Python makes a function faster after some calls
    measure("serial", lambda: [count_down(N) for _ in range(4)])
    measure("four threads", lambda: pooled(ThreadPool))
    measure("four processes", lambda: pooled(Pool))
