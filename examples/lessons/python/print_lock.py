# SPDX-License-Identifier: MIT
import time
from multiprocessing import Lock, Process


def print_line(number, lock):
    if lock:
        lock.acquire()
    print("hello ", end="", flush=True)
    time.sleep(0.001)
    print(f"world {number}", flush=True)
    if lock:
        lock.release()


def print_all(lock):
    processes = [Process(target=print_line, args=(i, lock)) for i in range(10)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()


if __name__ == "__main__":
    print("without a lock:", flush=True)
    print_all(None)
    print("with a lock:", flush=True)
    print_all(Lock())
