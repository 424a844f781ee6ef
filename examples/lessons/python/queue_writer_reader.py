# SPDX-License-Identifier: MIT
import os
from multiprocessing import JoinableQueue, Process


def write_all(queue):
    print(f"process to write: {os.getpid()}", flush=True)
    for value in "A", "B", "C":
        print(f"put {value}", flush=True)
        queue.put(value)


def read_for_ever(queue):
    print(f"process to read: {os.getpid()}", flush=True)
    while True:
        print(f"get {queue.get()}", flush=True)
        queue.task_done()


if __name__ == "__main__":
    queue = JoinableQueue()
    writer = Process(target=write_all, args=(queue,))
    reader = Process(target=read_for_ever, args=(queue,))
    writer.start()
    reader.start()
    writer.join()
    queue.join()
    reader.terminate()
    reader.join()
    print(f"the reader was ended by signal {-reader.exitcode}, SIGTERM")
