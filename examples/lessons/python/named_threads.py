# SPDX-License-Identifier: MIT
from threading import Thread, current_thread


def loop():
    print(f"thread {current_thread().name} is running")
    for i in range(1, 6):
        print(f"thread {current_thread().name} >>> {i}")
    print(f"thread {current_thread().name} has ended")


current_thread().name = "main"  # else MainThread
print(f"thread {current_thread().name} is running")
t = Thread(target=loop, name="LoopThread")
t.start()
t.join()
print(f"thread {current_thread().name} has ended")
