# SPDX-License-Identifier: MIT
#
# compare.py -- runs weft and its peers in turns, and keeps what they measured.
#
# Each figure comes from a process of its own. For each workload all peers have their turn, one after the other,
# then all again: what is compared has met the same machine. scripts/bench.sh builds the programs and calls this.
import argparse
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the source tree stays as it is
import report  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))

# The program of each family of peers, and what has to be there for it.
PROGRAMS = {
    "weft": "the library", "pool": "a C compiler", "tbb": "libtbb-dev", "libgomp": "gcc",
    "libomp": "clang-14 and libomp-14-dev", "glib": "libglib2.0-dev", "uv": "libuv1-dev",
    "pthreadpool": "libpthreadpool-dev", "moodycamel": "libconcurrentqueue-dev", "asio": "libboost-dev",
    "go": "golang-go", "python": "python3",
}

# What is given to the program: in a full run, and in a quick one. Else it takes its own size.
FULL = {"primes": ["n=4"]}
QUICK = {
    "flood": ["n=100000"], "flood2": ["n=100000"], "hot": ["n=2000"], "cold": ["n=100"], "help": ["n=20000"],
    "pending": ["n=100000"], "idle": ["n=300"], "nap": ["n=300"], "tick": ["n=300"], "create": ["n=20"],
    "fib": ["n=25"], "skynet": ["n=100000"], "sum": ["n=10000000"], "uneven": ["n=50000"], "primes": ["n=1"],
}
SLOW = ("Python-threads", "Python-processes", "weft-processes", "pthread")

AGAIN = "weft again"  # the same program once more in each round: what differs is the machine's noise
FOREIGN_MOST = 0.1  # a run beside which others used more of the CPUs is repeated
REPEATS_MOST = 2
repeats_left = 200  # for all runs together: on a machine that is never quiet it is of no use


def parse(argv):
    p = argparse.ArgumentParser(prog="bench.sh", description="weft and its peers, in turns")
    p.add_argument("--quick", action="store_true", help="small sizes, three rounds: does it work?")
    p.add_argument("--only", action="append", metavar="WORKLOAD", help="this one; may be repeated")
    p.add_argument("--peer", action="append", metavar="PEER", help="this one and weft; may be repeated")
    p.add_argument("--repeat", type=int, metavar="N", help="rounds; 5, or 3 where quick")
    p.add_argument("--threads", type=int, metavar="N", help="workers; as many as there are CPUs, 2 at least")
    p.add_argument("--no-growth", action="store_true", help="without the plots over sizes, workers and depth")
    p.add_argument("--timeout", type=float, default=60, metavar="S", help="for one run; 60")
    p.add_argument("--build", default="build/release/bench/peers", metavar="DIR", help="where the programs are")
    p.add_argument("--out", default="build/bench", metavar="DIR", help="for JSON, tables and plots")
    return p.parse_args(argv)


def find_peers(build):
    """Which peers there are: name -> (command, workloads); and what is missing."""
    peers, missing = {}, []
    for family, needs in PROGRAMS.items():
        command = [os.path.join(build, f"peer_{family}")]
        if family == "python":
            command = [sys.executable, os.path.join(HERE, "peers", "peer_python.py")]
        try:
            listing = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        except (OSError, subprocess.SubprocessError):
            missing.append(f"{family} (needs {needs})")
            continue
        for line in listing.splitlines():
            name, *workloads = line.split()
            peers[name] = (command + [name], workloads)
    return peers, missing


def cpu_jiffies():
    """What all CPUs worked so far, and what the host took from them, in 10 ms."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return user + nice + system + irq + softirq, steal


def run_once(command, timeout):
    """One line of figures, with how busy others kept the CPUs meanwhile; or {"failed": why}."""
    busy, stolen = cpu_jiffies()
    used = os.times()
    begun = time.monotonic()
    done = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, errors = done.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(done.pid, signal.SIGKILL)  # its worker processes too
        done.communicate()
        return {"failed": f"took more than {timeout:g} s"}
    seconds = time.monotonic() - begun
    if done.returncode:
        last = errors.strip().splitlines()
        how = f"exit {done.returncode}" if done.returncode > 0 else f"killed by signal {-done.returncode}"
        return {"failed": how + (f": {last[-1]}" if last else "")}
    now, now_used = cpu_jiffies(), os.times()
    own = now_used.children_user + now_used.children_system - used.children_user - used.children_system
    line = json.loads(out)
    if seconds >= 0.2:  # the kernel counts in steps of 10 ms: nothing to go by in a short run
        cpus = os.cpu_count() * seconds
        line["foreign"] = round(max(0, (now[0] - busy) / 100 - own) / cpus, 3)
        line["stolen"] = round((now[1] - stolen) / 100 / cpus, 3)
    return line


def run(command, timeout):
    """As run_once, repeated where too much else was going on; the quietest run counts."""
    global repeats_left
    best = run_once(command, timeout)
    for _ in range(REPEATS_MOST):
        if best.get("foreign", 0) <= FOREIGN_MOST or repeats_left == 0:
            break
        repeats_left -= 1
        again = run_once(command, timeout)
        if again.get("foreign", 1) < best["foreign"]:
            best = again
    return best


def progress(text):
    """One line that is written over; nothing where nobody looks on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure_table(args, peers, workloads, rounds, failures):
    runs = []
    sizes = QUICK if args.quick else FULL
    for workload in workloads:
        able = [name for name in peers if workload in peers[name][1]]
        turns = able + ([AGAIN] if "weft" in able else [])
        failed = set()
        for r in range(rounds):
            progress(f"{workload}: round {r + 1} of {rounds}")
            for name in turns:
                if name in failed:
                    continue
                command, _ = peers["weft" if name == AGAIN else name]
                line = run(command + [workload, f"threads={args.threads}"] + sizes.get(workload, []), args.timeout)
                if "failed" in line:
                    failed.add(name)
                    failures.append(f"{name}, {workload}: {line['failed']}")
                    continue
                runs.append(line | {"peer": name, "round": r})
    progress("")
    return runs


def growth_plan(args):
    """name -> (workload, values of x, arguments for x)"""
    most = 5 if args.quick else 7
    return {
        "size": ("flood", [10**k for k in range(3, most + 1)], lambda x: [f"n={x}", f"threads={args.threads}"]),
        "workers": (
            "flood", [1, 2, 8, 64] if args.quick else [1, 2, 4, 8, 16, 32, 64],
            lambda x: [f"threads={x}", "n=100000"]),
        "depth": (
            "nest", [10**k for k in range(0, 4 if args.quick else 6)],
            lambda x: [f"n={x}", f"threads={args.threads}"]),
    }


def measure_growth(args, peers, rounds, failures):
    runs = []
    for name, (workload, values, arguments) in growth_plan(args).items():
        failed = set()  # what fails at one size is not asked for a larger one
        for x in values:
            for r in range(rounds):
                progress(f"growth by {name}: {x}, round {r + 1} of {rounds}")
                for peer, (command, workloads) in peers.items():
                    slow = peer in SLOW and (x > 10000 or name != "size")
                    if workload not in workloads or peer in failed or slow:
                        continue
                    line = run(command + [workload] + arguments(x), args.timeout)
                    if "failed" in line:
                        failed.add(peer)
                        failures.append(f"{peer}, growth by {name} at {x}: {line['failed']}")
                        continue
                    runs.append(line | {"peer": peer, "growth": name, "x": x, "round": r})
    progress("")
    return runs


def machine(args):
    with open("/proc/cpuinfo") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return {
        "date": datetime.date.today().isoformat(), "cpu": models[0] if models else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(), "system": system,
        "threads": args.threads,
    }


def main(argv):
    args = parse(argv)
    args.threads = args.threads or max(2, len(os.sched_getaffinity(0)))
    rounds = args.repeat or (3 if args.quick else 5)
    peers, missing = find_peers(args.build)
    if "weft" not in peers:
        sys.exit(f"bench.sh: no program of weft in {args.build}")
    if args.peer:
        unknown = set(args.peer) - set(peers)
        if unknown:
            sys.exit(f"bench.sh: no peer {', '.join(sorted(unknown))}; there are {', '.join(peers)}")
        peers = {name: peers[name] for name in peers if name == "weft" or name in args.peer}
    known = list(dict.fromkeys(column.workload for column in report.COLUMNS))
    workloads = args.only or known
    if set(workloads) - set(known) - {"growth"}:
        sys.exit(f"bench.sh: the workloads are {', '.join(known)}, growth")
    os.makedirs(args.out, exist_ok=True)
    if args.quick:
        global repeats_left
        repeats_left = 0
    failures = []
    begun = time.monotonic()
    runs = measure_table(args, peers, [w for w in workloads if w != "growth"], rounds, failures)
    growth = []
    if not args.no_growth and (not args.only or "growth" in args.only):
        growth = measure_growth(args, peers, 1 if args.quick else min(rounds, 3), failures)
    result = {
        "machine": machine(args), "rounds": rounds, "quick": args.quick,
        "seconds": round(time.monotonic() - begun), "missing": missing, "failures": failures,
        "peers": ["weft", AGAIN] + [name for name in peers if name != "weft"], "runs": runs, "growth": growth,
    }
    with open(os.path.join(args.out, "results.json"), "w") as file:
        json.dump(result, file, indent=1)
    report.write(result, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
