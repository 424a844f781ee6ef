# SPDX-License-Identifier: MIT
import os
import time
from multiprocessing import Process


def work(number):
    time.sleep(0.02)
    print(f"worker {number} in process {os.getpid()}", flush=True)


if __name__ == "__main__":
    processes = [Process(target=work, args=(i,)) for i in range(5)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    print(f"all {len(processes)} have ended")
