# SPDX-License-Identifier: MIT
#
# mpi_tasks.py -- what mpi_tasks.c does, by mpi4py.futures: mpirun -n 2 python3 -m mpi4py.futures mpi_tasks.py
import statistics
import time

from mpi4py.futures import MPIPoolExecutor

REPEATS, TASKS, TRIPS, LARGE = 7, 2000, 200, 64 << 20


def empty():
    return 0


def first(data):
    return data[0] + data[-1]


def many(ex):
    begun = time.perf_counter()
    for future in [ex.submit(empty) for _ in range(TASKS)]:
        future.result()
    return TASKS / (time.perf_counter() - begun)


def trips(ex):
    begun = time.perf_counter()
    for _ in range(TRIPS):
        ex.submit(empty).result()
    return (time.perf_counter() - begun) / TRIPS * 1e6


def large(ex, data):
    begun = time.perf_counter()
    assert ex.submit(first, data).result() == 2
    return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    data = b"\1" * LARGE
    with MPIPoolExecutor() as ex:
        many(ex)
        large(ex, data)
        figures = [(many(ex), trips(ex), large(ex, data)) for _ in range(REPEATS)]
    for name, column, unit in ("throughput", 0, "tasks/s"), ("round_trip", 1, "us"), ("64MiB", 2, "ms"):
        print(f"{name:<12} {statistics.median(f[column] for f in figures):12.1f} {unit}")
