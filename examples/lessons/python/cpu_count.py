# SPDX-License-Identifier: MIT
import os
from concurrent.futures import ThreadPoolExecutor

usable = len(os.sched_getaffinity(0))  # not the quota of a container
print(f"{usable} processors to use, {os.cpu_count()} in the machine")
print(f"a pool of threads has {ThreadPoolExecutor(usable)._max_workers}")
