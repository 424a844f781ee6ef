# SPDX-License-Identifier: MIT
#
# peer_python_queue.py -- Queue, SimpleQueue and Pipe of Python's multiprocessing, with bytes as messages. It measures
# as measure_queues.c does, with fewer messages.
import json
import multiprocessing
import os
import sys
import time

FORK = multiprocessing.get_context("fork")


class Pipe:
    """Of one producer and one consumer."""

    def __init__(self, room):
        self.reader, self.writer = FORK.Pipe(duplex=False)
        self.put, self.get = self.writer.send_bytes, self.reader.recv_bytes


class SimpleQueue:
    def __init__(self, room):
        queue = FORK.SimpleQueue()
        self.put, self.get = queue.put, queue.get


class Queue:
    def __init__(self, room):
        queue = FORK.Queue(room)
        self.put, self.get = queue.put, queue.get


PEERS = {"Python-Queue": Queue, "Python-SimpleQueue": SimpleQueue, "Python-Pipe": Pipe}
# messages, bytes of each, room, producers and as many consumers
STREAMS = {"one": (200000, 64, 1024, 1), "two": (200000, 64, 1024, 2), "page": (20000, 4096, 64, 1),
           "mebibyte": (400, 1048576, 4, 1)}
TRIPS = {"trip": (5000, 0), "sleepy": (500, 0.001)}


def start(fn, *args):
    process = FORK.Process(target=fn, args=args, daemon=True)
    process.start()
    return process


def put_all(channel, message, n):
    for _ in range(n):
        channel.put(message)


def get_all(channel, n, done):
    for _ in range(n):
        channel.get()
    done.release()


def stream(make, n, size, room, pairs):
    channel, done = make(room), FORK.Semaphore(0)
    for _ in range(pairs):
        start(get_all, channel, n // pairs, done)
    begun = time.monotonic()
    putters = [start(put_all, channel, bytes(size), n // pairs) for _ in range(pairs)]
    for _ in range(pairs):
        done.acquire()
    seconds = time.monotonic() - begun
    for putter in putters:
        putter.join()
    return {"per_s": n / seconds} if size == 64 else {"gb_per_s": n * size * 1e-9 / seconds}


def pin(cpu):
    if os.cpu_count() > 1:
        os.sched_setaffinity(0, {cpu})


def echo(there, back, pause):
    if pause:
        pin(1)
    while True:
        back.put(there.get())


def trips(make, n, pause):
    there, back = make(16), make(16)
    start(echo, there, back, pause)
    if pause:
        pin(0)
    laps = []
    for i in range(n + 16):
        if pause:
            time.sleep(pause)
        begun = time.monotonic_ns()
        there.put(b"x" * 64)
        back.get()
        if i >= 16:
            laps.append((time.monotonic_ns() - begun) / 1000)
    laps.sort()
    return {"p50_us": laps[len(laps) // 2], "p99_us": laps[len(laps) * 99 // 100]}


def main(argv):
    if len(argv) < 3:
        for name in PEERS:
            print(name, *(w for w in (*STREAMS, *TRIPS) if name != "Python-Pipe" or w != "two"))
        return 0
    peer, workload = argv[1:3]
    make = PEERS[peer]
    if workload in STREAMS:
        n, size, room, pairs = STREAMS[workload]
        figures = stream(make, n, size, room, pairs)
    elif workload in TRIPS:
        n, pause = TRIPS[workload]
        figures = trips(make, n, pause)
    else:
        return 77
    print(json.dumps({"peer": peer, "workload": workload, "n": n} | figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
