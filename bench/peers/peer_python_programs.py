# SPDX-License-Identifier: MIT
#
# peer_python_programs.py -- running programs by Python's subprocess. The same words and the same line as the others.
import json
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = {"spawn": 500, "spawn1g": 50, "collect": 64}
NAME = "Python-subprocess"


def lap(fn):
    begun = time.perf_counter()
    fn()
    return time.perf_counter() - begun


def spawn(n):
    return {"p50_us": statistics.median(lap(lambda: subprocess.run(["/bin/true"], check=True)) for _ in range(n)) * 1e6}


def spawn1g(n):
    memory = b"x" * (1 << 30)
    figures = spawn(n)
    del memory
    return figures


def collect(n):
    with tempfile.NamedTemporaryFile(dir="/tmp") as file:
        file.write(b"x" * (n << 20))
        file.flush()

        def run():
            done = subprocess.run(["cat", file.name], stdin=subprocess.DEVNULL, capture_output=True, check=True)
            if len(done.stdout) != n << 20:
                sys.exit("output is wrong")

        return {"ms": statistics.median(lap(run) for _ in range(7)) * 1e3}


def main(argv):
    if len(argv) < 3:
        print(NAME, *SIZES)
        return 0
    workload = argv[2]
    given = dict(arg.split("=") for arg in argv[3:])
    n = int(given.get("n", SIZES[workload]))
    figures = {"spawn": spawn, "spawn1g": spawn1g, "collect": collect}[workload](n)
    with open("/proc/self/status") as status:
        figures["peak_mb"] = next(int(text.split()[1]) for text in status if text.startswith("VmHWM:")) / 1024
    print(json.dumps({"peer": NAME, "workload": workload} | figures | {"n": n}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
