# SPDX-License-Identifier: MIT
from multiprocessing import get_context

items = []


def append_and_show(who, first):
    items.extend(range(first, first + 3))
    print(f"{who}: {len(items)} items, from {items[0]} to {items[-1]}", flush=True)


if __name__ == "__main__":
    append_and_show("parent", 1)
    for first in 10, 20:
        p = get_context("spawn").Process(target=append_and_show, args=("child", first))
        p.start()
        p.join()
    print(f"parent: still {len(items)} items")
