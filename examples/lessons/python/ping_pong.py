# SPDX-License-Identifier: MIT
import time
from multiprocessing import Process, Value

TOGETHER = 50


def play(word, counter):
    while True:
        with counter.get_lock():
            if counter.value == TOGETHER:
                return
            counter.value += 1
            print(f"{word} {counter.value}", flush=True)
        time.sleep(0.001)


if __name__ == "__main__":
    counter = Value("i", 0)
    processes = [Process(target=play, args=(word, counter)) for word in ("Ping", "Pong")]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    print(f"together: {counter.value}")
