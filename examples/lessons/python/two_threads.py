# SPDX-License-Identifier: MIT
import sys
import time
from threading import Thread

UNIT = (int(sys.argv[1]) if len(sys.argv) > 1 else 1000) / 1000


def loop(number, length):
    print(f"loop {number} begins at {time.strftime('%H:%M:%S')}")
    time.sleep(length)
    print(f"loop {number} ends at {time.strftime('%H:%M:%S')}")


start = time.perf_counter()
print(f"starting at {time.strftime('%H:%M:%S')}")
threads = [Thread(target=loop, args=(i, length)) for i, length in enumerate((4 * UNIT, 2 * UNIT))]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(f"all done at {time.strftime('%H:%M:%S')}, after {time.perf_counter() - start:.2f} seconds")
