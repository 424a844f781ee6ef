# SPDX-License-Identifier: MIT
import sys
from contextlib import nullcontext
from threading import Lock, Thread

TIMES = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
balance = 0


def look():
    return balance


def book(amount):
    global balance
    balance = amount


def pay(amount, lock):
    for _ in range(TIMES):
        with lock:
            book(look() + amount)
            book(look() - amount)


def both(lock):
    book(0)
    threads = [Thread(target=pay, args=(amount, lock)) for amount in (5, 8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return look()


print(f"balance without a lock: {both(nullcontext())}")
print(f"balance with a lock: {both(Lock())}")
