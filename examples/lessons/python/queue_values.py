# SPDX-License-Identifier: MIT
from multiprocessing import Process, Queue


def put_all(queue):
    for value in (42, "answer"), (7, "hello"), (-1, "end"), None:
        queue.put(value)


if __name__ == "__main__":
    queue = Queue()
    p = Process(target=put_all, args=(queue,))
    p.start()
    while value := queue.get():
        print("got", *value)
    p.join()
