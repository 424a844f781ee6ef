# SPDX-License-Identifier: MIT
#
# peer_storm.py STORM ... -- a pool of weft's while its workers are killed, as the program STORM does it
# (tests/storm): with tasks of 1 and of 20 microseconds. n: seconds at most. No peer survives this.
import json
import os
import subprocess
import sys

NS = {"storm1": 1000, "storm20": 20000}


def main(argv):
    storm = argv[1]
    if not os.access(storm, os.X_OK):
        return 1
    if len(argv) < 4:
        print("weft-processes", *NS)
        return 0
    peer, workload = argv[2:4]
    if workload not in NS:
        return 77
    given = dict(arg.split("=") for arg in argv[4:])
    n, threads = int(given.get("n", 4)), int(given.get("threads", 2))
    done = subprocess.run(
        [storm, "--seconds", str(n), "--ns", str(NS[workload]), "--workers", str(threads)],
        stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return done.returncode if done.returncode > 0 else 1
    figures = json.loads(done.stdout)
    keep = ("kept", "calm_per_s", "storm_per_s", "kills", "tasks", "seconds")
    print(json.dumps({"peer": peer, "workload": workload, "threads": threads, "n": n} | {k: figures[k] for k in keep}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
