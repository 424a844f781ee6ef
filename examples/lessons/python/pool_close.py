# SPDX-License-Identifier: MIT
import time
from multiprocessing import Pool

if __name__ == "__main__":
    pool = Pool(2)
    results = [pool.apply_async(time.sleep, (0.01,)) for _ in range(3)]
    pool.close()
    pool.join()
    for i, r in enumerate(results):
        print(f"close, join: task {i}: {'success' if r.successful() else 'failed'}")
    try:
        pool.apply_async(time.sleep, (0.01,))
    except ValueError as error:
        print(f"a task after close: {error}")

    pool = Pool(2)
    results = [pool.apply_async(time.sleep, (1e6,)) for _ in range(3)]
    time.sleep(0.1)
    pool.terminate()
    pool.join()
    for i, r in enumerate(results):
        # Whoever waits for it waits for ever: the result never gets ready.
        print(f"terminate: task {i}: {'finished' if r.ready() else 'lost'}")
