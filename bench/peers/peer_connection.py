# SPDX-License-Identifier: MIT
#
# peer_connection.py -- Python's multiprocessing.Pipe, both ways, and its connections over sockets: what measure_queues.c measures,
# of one process with another.
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time
from multiprocessing.connection import Client, Listener

WARM = 16


def over_sockets(family, address):
    with Listener(address, family, authkey=b"benchmark") as listener:
        ends = []
        thread = threading.Thread(target=lambda: ends.append(Client(listener.address, authkey=b"benchmark")))
        thread.start()
        ends.append(listener.accept())
        thread.join()
    return ends


PEERS = {
    "Python-duplex": multiprocessing.Pipe,
    "Python-unix": lambda: over_sockets("AF_UNIX", f"\0python benchmark {os.getpid()}"),
    "Python-tcp": lambda: over_sockets("AF_INET", ("127.0.0.1", 0)),
}


def fork(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def stream(ends, size, n):
    """Seconds for n messages from one process to another."""
    out, back = ends
    rest = bytes(size - 8)
    pid = fork(lambda: (back.send_bytes(b"ready"), take(back, n), back.send_bytes(b"done")))
    out.recv_bytes()
    begun = time.perf_counter()
    for i in range(n):
        out.send_bytes(i.to_bytes(8, "little") + rest)
    out.recv_bytes()
    seconds = time.perf_counter() - begun
    os.waitpid(pid, 0)
    return seconds


def take(end, n):
    total = sum(int.from_bytes(end.recv_bytes()[:8], "little") for _ in range(n))
    if total != n * (n - 1) // 2:
        os._exit(1)


def echo(end):
    while True:
        end.send_bytes(end.recv_bytes())


def trips(ends, n, pause):
    pid, laps = fork(lambda: echo(ends[1])), []
    message = bytes(64)
    for i in range(n + WARM):
        if pause:
            time.sleep(pause)
        begun = time.perf_counter()
        ends[0].send_bytes(message)
        ends[0].recv_bytes()
        laps += [time.perf_counter() - begun] if i >= WARM else []
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    laps.sort()
    return {"p50_us": statistics.median(laps) * 1e6, "p99_us": laps[n * 99 // 100] * 1e6}


WORKLOADS = {  # how many, unless told; and what
    "one": (400000, lambda ends, n: {"per_s": n / stream(ends, 64, n)}),
    "page": (100000, lambda ends, n: {"gb_per_s": 4096e-9 * n / stream(ends, 4096, n)}),
    "mebibyte": (500, lambda ends, n: {"gb_per_s": 1048576e-9 * n / stream(ends, 1 << 20, n)}),
    "trip": (20000, lambda ends, n: trips(ends, n, 0)),
    "sleepy": (500, lambda ends, n: trips(ends, n, 0.001)),
}


def main(argv):
    if len(argv) < 3:
        for name in PEERS:
            print(name, *WORKLOADS)
        return 0
    name, workload = argv[1:3]
    most, measure = WORKLOADS[workload]
    given = dict(arg.split("=") for arg in argv[3:])
    n = min(int(given.get("n", most)), most)  # more would take minutes
    print(json.dumps({"peer": name, "workload": workload, "n": n} | measure(PEERS[name](), n)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
