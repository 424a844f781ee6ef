# SPDX-License-Identifier: MIT
import multiprocessing
from multiprocessing.connection import wait


def nothing():
    pass


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    processes = [multiprocessing.Process(target=nothing) for _ in range(5)]
    for p in processes:
        p.start()
    for p in processes:
        wait([p.sentinel])
    multiprocessing.active_children()  # without this there are up to 5 zombies now
    zombies = sum(is_zombie(p.pid) for p in processes)
    print(f"{len(processes)} processes have ended, {zombies} of them are zombies")
