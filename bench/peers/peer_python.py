# SPDX-License-Identifier: MIT
#
# peer_python.py -- what comes with Python: concurrent.futures with a pool of threads, which share one lock of the
# interpreter, and with a pool of processes; and multiprocessing.Pool. Speed-ups are over Python's own loop.
#
# The program takes the same words as those that measure.h describes, and prints the same line. The other
# programs in Python use its main().
import json
import multiprocessing
import resource
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import AsyncResult, Pool

import measure_processes
from measure_processes import empty

SIZES = {
    "flood": 10000, "flood2": 10000, "hot": 5000, "cold": 1000, "pending": 20000, "idle": 1000, "nap": 1000,
    "tick": 1000, "create": 20, "primes": 1,
}
PROCESS_SIZES = {"map": 1000000, "large": 64, "start1": 1, "start8": 8, "start64": 64, "kill": 20}
SOLO = {"solo": 1000}
LIST = [
    1116281, 1297337, 104395303, 472882027, 533000389, 817504243, 982451653, 112272535095293, 112582705942171,
    112272535095293, 115280095190773, 115797848077099, 1099726899285419,
]


class PoolExecutor:
    """multiprocessing.Pool as if it were an executor."""

    def __init__(self, workers, initializer=None, initargs=()):
        self.pool = Pool(workers, initializer, initargs)
        self._processes = [process.pid for process in self.pool._pool]
        AsyncResult.result = AsyncResult.get

    def submit(self, fn, *args):
        return self.pool.apply_async(fn, args)

    def map(self, fn, items, chunksize=1):
        return self.pool.map(fn, items, chunksize)

    def shutdown(self):
        self.pool.close()
        self.pool.join()

    def __enter__(self):
        return self

    def __exit__(self, *_how):
        self.shutdown()


# The long numbers with a fiftieth of their divisions: Python is about that much slower.
def is_prime(i):
    n = LIST[i % len(LIST)]
    d = 2
    while d <= n // d and d <= 200000:
        if n % d == 0:
            return False
        d += 1
    return True


def cpu_seconds(pool):
    """CPU of this process and of its workers, by the clock that each process has (see clock_getcpuclockid)."""
    return time.process_time() + sum(
        time.clock_gettime((~pid << 3) | 2) for pid in getattr(pool, "_processes", None) or ())


def rss():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def submit_many(pool, n):
    for future in [pool.submit(empty) for _ in range(n)]:
        future.result()


def flood(pool, n, producers):
    """As per_task in measure_tasks.c."""
    submit_many(pool, n)
    begun, done = time.perf_counter(), 0
    while done < 100000 and (done == 0 or time.perf_counter() - begun < 0.2):
        threads = [threading.Thread(target=submit_many, args=(pool, n // producers)) for _ in range(producers)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        done += n
    seconds = time.perf_counter() - begun
    return {"ns": seconds * 1e9 / done, "per_s": done / seconds}


def percentiles(laps):
    laps.sort()
    return {"p50_us": laps[len(laps) // 2] * 1e6, "p99_us": laps[len(laps) * 99 // 100] * 1e6}


def trips(pool, n, pause):
    laps = []
    submit_many(pool, 200)
    cpu, begun = -cpu_seconds(pool), time.perf_counter()
    while len(laps) < n and time.perf_counter() - begun < 1 + n * pause:
        if pause:
            time.sleep(pause)
        before = time.perf_counter()
        pool.submit(empty).result()
        laps.append(time.perf_counter() - before)
    cpu += cpu_seconds(pool)
    return percentiles(laps) | {"cpu_us": cpu * 1e6 / len(laps)}


def pending(pool, n, threads):
    gate = threading.Event()
    blockers = [pool.submit(gate.wait) for _ in range(threads)]
    before = rss()
    futures = [pool.submit(empty) for _ in range(n)]
    grown = rss() - before
    gate.set()
    for future in blockers + futures:
        future.result()
    return {"rss_bytes": grown / n}


def cpu(pool, n, each, task):
    submit_many(pool, 200)
    time.sleep(0.05)
    used, begun = -cpu_seconds(pool), time.perf_counter()
    for k in range(1, round(n / 1e3 / each) + 1):
        if task:
            pool.submit(*task).result()
        time.sleep(max(0, begun + k * each - time.perf_counter()))
    return {"cpu_ms_per_s": (used + cpu_seconds(pool)) * 1e3 / (time.perf_counter() - begun)}


def create(make, n, threads):
    laps = []
    for _ in range(n):
        begun = time.perf_counter()
        pool = make(threads)
        pool.submit(empty).result()  # the workers start with the first task
        pool.shutdown()
        laps.append(time.perf_counter() - begun)
    return percentiles(laps)


def solo(kind, n):
    laps = []
    for r in range(-20, n):
        begun = time.perf_counter()
        one = kind(target=empty)
        one.start()
        one.join()
        laps += [time.perf_counter() - begun] if r >= 0 else []
    return percentiles(laps)


def primes(pool, reps):
    ratios = []
    numbers = range(5 * len(LIST))
    for _ in range(reps):
        begun = time.perf_counter()
        once = [is_prime(i) for i in numbers]
        serial = time.perf_counter() - begun
        begun = time.perf_counter()
        if list(pool.map(is_prime, numbers)) != once:
            sys.exit("primes are wrong")
        ratios.append(serial / (time.perf_counter() - begun))
    return {"speed_ups": ratios, "worst": min(ratios), "speed_up": sorted(ratios)[reps // 2]}


def measure(make, workload, n, threads):
    pools = {  # these make them themselves
        "create": create, "start1": measure_processes.start, "start8": measure_processes.start,
        "start64": measure_processes.start, "kill": measure_processes.kill, "large": measure_processes.large,
    }
    if workload == "solo":
        return solo(threading.Thread if make is ThreadPoolExecutor else multiprocessing.Process, n)
    if workload in pools:
        return pools[workload](make, n, threads)
    with make(threads) as pool:
        if hasattr(pool, "submit"):
            submit_many(pool, 1)
        return {
            "flood": lambda: flood(pool, n, 1),
            "flood2": lambda: flood(pool, n, 2),
            "hot": lambda: trips(pool, n, 0),
            "cold": lambda: trips(pool, n, 0.001),
            "pending": lambda: pending(pool, n, threads),
            "idle": lambda: cpu(pool, n, n / 1e3, None),
            "nap": lambda: cpu(pool, n, n / 1e3, (time.sleep, n / 1e3)),
            "tick": lambda: cpu(pool, n, 0.001, (empty,)),
            "primes": lambda: primes(pool, n),
            "map": lambda: measure_processes.map_items(pool, n),
        }[workload]()


def main(argv, peers):
    """peers: name -> (what makes a pool of so many workers, its workloads)."""
    if len(argv) < 3:
        for name, (_make, workloads) in peers.items():
            print(name, *workloads)
        return 0
    name, workload = argv[1:3]
    make, workloads = peers[name]
    if workload not in workloads:
        return 77
    given = dict(arg.split("=") for arg in argv[3:])
    size = (SIZES | PROCESS_SIZES | SOLO)[workload]
    n, threads = int(given.get("n", size)), int(given.get("threads", 2))
    if workload in ("flood", "flood2", "primes"):
        n = min(n, size)  # more would take minutes
    figures = measure(make, workload, n, threads)
    with open("/proc/self/status") as status:  # not ru_maxrss: that remembers who called exec
        peak = next(int(text.split()[1]) for text in status if text.startswith("VmHWM:")) / 1024
    line = {"peer": name, "workload": workload, "threads": threads} | figures | {"peak_mb": peak, "n": n}
    print(json.dumps(line))
    return 0


# A gate between processes costs more than what is measured in "pending".
PROCESS_WORKLOADS = [w for w in SIZES | PROCESS_SIZES if w != "pending"]
PEERS = {
    "Python-threads": (ThreadPoolExecutor, SIZES | SOLO),
    "Python-processes": (ProcessPoolExecutor, PROCESS_WORKLOADS + [*SOLO]),
    # The task of a worker that was killed never ends there.
    "Python-Pool": (PoolExecutor, [w for w in PROCESS_WORKLOADS if w != "kill"]),
}

if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    sys.exit(main(sys.argv, PEERS))
