# SPDX-License-Identifier: MIT
import os
from multiprocessing import Process


def hello(name):
    print(f"hello {name}, from process {os.getpid()}", flush=True)


if __name__ == "__main__":
    print(f"the parent is process {os.getpid()}", flush=True)
    p = Process(target=hello, args=("bob",))
    p.start()
    p.join()
    print(f"process {p.pid} has ended with {p.exitcode}")
