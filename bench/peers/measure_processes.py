# SPDX-License-Identifier: MIT
#
# measure_processes.py -- what measure_processes.c measures, for pools in Python: a pool is whatever has submit, map
# and shutdown as an executor of concurrent.futures has them.
import os
import signal
import statistics
import sys
import time
from multiprocessing import resource_tracker, shared_memory

REPS = 5
CHUNK = 10000  # items of a map that a worker gets at a time
PAGE = 4096


def empty():
    pass


# ---- a map ------------------------------------------------------------------------------------------------


def twice(x):
    return 2 * x


def map_items(pool, n):
    laps, right = [], [2 * i for i in range(n)]
    for r in range(-1, REPS):
        begun = time.perf_counter()
        answer = list(pool.map(twice, range(n), chunksize=CHUNK))
        laps += [time.perf_counter() - begun] if r >= 0 else []
        if answer != right:
            sys.exit("map is wrong")
    return {"per_s": n / statistics.median(laps)}


# ---- large things -----------------------------------------------------------------------------------------


def look(data):
    return sum(data[::PAGE])


def fill(size):
    return b"\1" * size


def visit(name):
    block = shared_memory.SharedMemory(name)
    both = block.buf[0] + block.buf[block.size - 1]
    block.close()
    return both


def timed(times, call):
    laps = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        laps.append((time.perf_counter() - begun) * 1e3)
    return laps


def must(right):
    if not right:
        sys.exit("a large thing is wrong")


def large(make, mib, workers):
    resource_tracker.ensure_running()  # before the workers: else each has its own, and they complain
    with make(workers) as pool:
        return large_in(pool, mib << 20)


def large_in(pool, size):
    data = fill(size)
    pool.submit(empty).result()
    taken = timed(REPS, lambda: must(pool.submit(look, data).result() == size // PAGE))
    given = timed(REPS, lambda: must(len(pool.submit(fill, size).result()) == size))
    block = shared_memory.SharedMemory(create=True, size=size)
    block.buf[:] = data
    seen = timed(200, lambda: must(pool.submit(visit, block.name).result() == 2))
    block.close()
    block.unlink()
    return {
        "arg_first_ms": taken[0], "arg_ms": statistics.median(taken),
        "result_first_ms": given[0], "result_ms": statistics.median(given), "ref_us": statistics.median(seen) * 1e3,
    }


# ---- workers come and go ----------------------------------------------------------------------------------


class Here:
    """A pipe that workers, however they were started, find by its name in /proc."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        self.path = f"/proc/{os.getpid()}/fd/{self.writer}"

    def wait(self, n):
        pids = [int.from_bytes(os.read(self.reader, 4), "little") for _ in range(n)]
        return pids[-1]


def say_here(path):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, os.getpid().to_bytes(4, "little"))
    os.close(fd)


def stay(path):
    say_here(path)
    time.sleep(3600)


def begin(make, workers, here):
    """A pool whose workers are all there: they start with the first task."""
    pool = make(workers, initializer=say_here, initargs=(here.path,))
    pool.submit(empty)
    here.wait(workers)
    return pool


def start(make, workers, _threads):
    here, laps = Here(), []
    for _ in range(1 if workers > 20 else 5):
        begun = time.perf_counter()
        pool = begin(make, workers, here)
        laps.append(time.perf_counter() - begun)
        pool.shutdown()
    return {"up_ms": statistics.median(laps) * 1e3}


def kill(make, n, threads):
    """A pool that has lost a worker is lost: it is whole again when there is another."""
    here, done, whole = Here(), [], []
    pool = begin(make, threads, here)
    for _ in range(n):
        future = pool.submit(stay, here.path)
        pid = here.wait(1)
        begun = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        must(future.exception() is not None)
        done.append((time.perf_counter() - begun) * 1e3)
        lost, pool = pool, begin(make, threads, here)
        whole.append((time.perf_counter() - begun) * 1e3)
        lost.shutdown()
    pool.shutdown()
    done.sort()
    whole.sort()
    return {
        "done_p50_ms": done[n // 2], "done_p999_ms": done[n * 999 // 1000],
        "whole_p50_ms": whole[n // 2], "whole_p99_ms": whole[n * 99 // 100],
    }
