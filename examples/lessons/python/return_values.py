# SPDX-License-Identifier: MIT
from queue import Queue
from threading import Thread

LISTS = [1, 2, 3], [3, 4, 5], [4, 4, 4], [5, 5, 5]


def square_list(index, items, results):
    results.put((index, [i * i for i in items]))


results = Queue()
threads = [Thread(target=square_list, args=(i, items, results)) for i, items in enumerate(LISTS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
for _, squares in sorted(results.get() for _ in threads):
    print(squares)
