# SPDX-License-Identifier: MIT
import time
from threading import Event, Thread

begun = Event()


def for_ever():
    print("the daemon works for ever")
    begun.set()
    while True:
        time.sleep(1)


def brief(seconds):
    time.sleep(seconds)
    print("the other thread is done")


Thread(target=for_ever, daemon=True).start()
begun.wait()
Thread(target=brief, args=(0.05,)).start()
print("the main thread is done")
