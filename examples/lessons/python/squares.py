# SPDX-License-Identifier: MIT
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

N = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000


def sum_squares(n):
    return sum(i * i for i in range(n))


def pooled(kind):
    with kind(2) as pool:
        futures = [pool.submit(sum_squares, N) for _ in range(2)]
        return sum(f.result() for f in futures)


def measure(name, way):
    start = time.perf_counter()
    total = way()
    print(f"{name}: {total} in {time.perf_counter() - start:.6f} seconds", flush=True)


if __name__ == "__main__":
    measure("two processes", lambda: pooled(ProcessPoolExecutor))
    measure("two threads", lambda: pooled(ThreadPoolExecutor))
    measure("serial", lambda: sum_squares(N) + sum_squares(N))
