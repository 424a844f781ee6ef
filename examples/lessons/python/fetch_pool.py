# SPDX-License-Identifier: MIT
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

URL = f"http://127.0.0.1:{sys.argv[1]}/"
PAGES = 20


def fetch(url):
    with urlopen(url) as page:
        page.read()
        return page.status


def pooled():
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(fetch, [URL] * PAGES))


def measure(name, way):
    start = time.perf_counter()
    n = way().count(200)
    print(f"{name}: {n} of {PAGES} pages in {time.perf_counter() - start:.6f} seconds")


measure("serial", lambda: [fetch(URL) for _ in range(PAGES)])
measure("pool of eight threads", pooled)
