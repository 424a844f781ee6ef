# SPDX-License-Identifier: MIT
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

PRIMES = [112272535095293, 112582705942171, 112272535095293,
          115280095190773, 115797848077099, 1099726899285419]


def is_prime(n):
    if n < 2:
        return False
    if n == 2:
        return True
    if n % 2 == 0:
        return False
    for i in range(3, math.isqrt(n) + 1, 2):
        if n % i == 0:
            return False
    return True


if __name__ == "__main__":
    spec = sys.argv[1] if len(sys.argv) > 1 else "threads:16"
    kind = ThreadPoolExecutor if spec == "threads:16" else ProcessPoolExecutor
    start = time.perf_counter()
    with kind(max_workers=16) as pool:
        for number, prime in zip(PRIMES, pool.map(is_prime, PRIMES)):
            print(f"{number} is prime: {prime}", flush=True)
    print(f"{spec}: {time.perf_counter() - start:.6f} seconds")
