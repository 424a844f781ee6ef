# SPDX-License-Identifier: MIT
import sys
import time
from multiprocessing import Process, SimpleQueue
from threading import Thread

N = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000


def count(results):
    i = 0
    for _ in range(N):
        i += 1
    results.put(i)


def serial(results):
    count(results)
    count(results)


def together(kind, results):
    workers = [kind(target=count, args=(results,)) for _ in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()


def measure(name, way, *args):
    results = SimpleQueue()
    start = time.perf_counter()
    way(*args, results)
    total = results.get() + results.get()
    print(f"{name}: {total} in {time.perf_counter() - start:.6f} seconds", flush=True)


if __name__ == "__main__":
    measure("serial", serial)
    measure("two threads", together, Thread)
    measure("two processes", together, Process)
