# SPDX-License-Identifier: MIT
import sys
import time
from multiprocessing import Pool

MILLISECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000


def add_slowly(a, b):
    time.sleep(MILLISECONDS / 1000)
    return a + b


if __name__ == "__main__":
    with Pool(4) as pool:
        start = time.perf_counter()
        for i in range(4):
            print(f"apply: {i} + {i} = {pool.apply(add_slowly, (i, i))}")
        print(f"apply: {time.perf_counter() - start:.2f} seconds")

        start = time.perf_counter()
        results = [pool.apply_async(add_slowly, (i, i)) for i in range(4)]
        for i, r in enumerate(results):
            print(f"apply_async: {i} + {i} = {r.get()}")
        print(f"apply_async: {time.perf_counter() - start:.2f} seconds")
