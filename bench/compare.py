# SPDX-License-Identifier: MIT
#
# compare.py -- runs weft and its peers in turns, and keeps what they measured.
#
# Each figure comes from a process of its own. For each workload all peers have their turn, one after the other,
# then all again: what is compared has met the same machine. scripts/bench.sh builds the programs and calls this.
import argparse
import collections
import ctypes
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

os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # nor do the peers in Python change it

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEM_PYTHON = "/usr/bin/python3"  # what is packaged for Python is packaged for this one
PYTHON = SYSTEM_PYTHON if os.access(SYSTEM_PYTHON, os.X_OK) else sys.executable

# The program of each family of peers, and what has to be there for it.
PROGRAMS = {
    "weft": "the library", "floor": "a C compiler", "bare": "a C++ compiler", "pool": "a C compiler",
    "tbb": "libtbb-dev", "libgomp": "gcc",
    "libomp": "clang-14 and libomp-14-dev", "glib": "libglib2.0-dev", "uv": "libuv1-dev",
    "pthreadpool": "libpthreadpool-dev", "moodycamel": "libconcurrentqueue-dev", "asio": "libboost-dev",
    "go": "golang-go", "python": "python3", "joblib": "python3-joblib", "mpi4py": "python3-mpi4py and openmpi-bin",
    "storm": "libcunit1-dev, as tests do",
    "weft_pipe": "the library", "connection": "python3", "locks": "the library",
    "weft_io": "the library", "context": "the library", "switch": "a C compiler", "boost": "libboost-context-dev",
    "plain": "a C compiler", "liburing": "liburing-dev", "uv_io": "libuv1-dev", "go_io": "golang-go",
    "weft_programs": "the library", "spawn": "a C compiler", "python_programs": "python3",
    "weft_queue": "the library", "channel": "a C compiler", "ck": "libck-dev", "zeromq": "libzmq3-dev",
    "boost_queue": "libboost-dev", "python_queue": "python3",
}
SCRIPTS = ("python", "joblib", "mpi4py", "storm", "python_programs", "python_queue", "connection")

# What is given to the program: in a full run, and in a quick one. Else it takes its own size.
FULL = {"primes": ["n=4"]}
QUICK = {
    "flood": ["n=100000"], "flood2": ["n=100000"], "heap": ["n=100000"], "hot": ["n=2000"], "cold": ["n=100"],
    "help": ["n=20000"], "pending": ["n=100000"], "idle": ["n=300"], "nap": ["n=300"], "tick": ["n=300"],
    "create": ["n=20"], "fib": ["n=25"], "skynet": ["n=100000"], "sum": ["n=10000000"], "uneven": ["n=50000"],
    "primes": ["n=1"], "map": ["n=100000"], "large": ["n=8"], "kill": ["n=5"], "solo": ["n=100"], "storm1": ["n=1"], "storm20": ["n=1"],
    "switch": ["n=1000000"], "fiber": ["n=1000000"], "yield": ["n=500000"], "task": ["n=200000"], "crowd": ["n=50000"],
    "null50": ["n=200000"], "null1000": ["n=200000"], "warm1": ["n=50000"], "warm32": ["n=50000"],
    "warm128": ["n=50000"], "direct1": ["n=1000"], "direct32": ["n=5000"], "direct128": ["n=5000"],
    "echo50": ["n=300"], "echo1000": ["n=300"], "sleepers": ["n=10000"], "fetch": ["n=200"],
    "spawn": ["n=100"], "spawn1g": ["n=10"], "collect": ["n=16"],
    "lock": ["n=1000000"], "lock2t": ["n=200000"], "lock2p": ["n=200000"],
    "one": ["n=500000"], "two": ["n=500000"], "page": ["n=50000"], "mebibyte": ["n=500"], "trip": ["n=20000"],
    "sleepy": ["n=200"],
}
# These take microseconds for each task and more: they are not asked for the larger points of the plots.
SLOW = ("Python-threads", "pthread") + report.POOLS_OF_PROCESSES
SLOW_MOST = {"growth-size": 10000, "growth-workers": 0}

# These programs once more in each round: what differs is the machine's noise.
AGAIN = {table.reference: f"{table.reference} again" for table in report.TABLES}
FOREIGN_MOST = 0.1  # a run beside which others used more of the CPUs is repeated
REPEATS_MOST = 2
repeats_left = 200  # for all runs together: on a machine that is never quiet it is of no use

# What is measured together, in turns: a column of the table, whose one point has no x, or a plot.
Part = collections.namedtuple("Part", "name workload points rounds")


def parse(argv):
    p = argparse.ArgumentParser(prog="bench.sh", description="weft and its peers, in turns")
    p.add_argument("--quick", action="store_true", help="small sizes, three rounds: does it work?")
    p.add_argument("--only", action="append", metavar="WORKLOAD",
                    help="this one, or a table: threads, processes, io-fibers, io-files, io-sockets, "
                         "subprocess, locks, queues, pipes; growth, "
                        "growth-size, growth-workers, growth-depth: the plots; may be repeated")
    p.add_argument("--add", action="store_true", help="keep what DIR/results.json has of other workloads")
    p.add_argument("--peer", action="append", metavar="PEER", help="this one, beside weft; may be repeated")
    p.add_argument("--repeat", type=int, metavar="N", help="rounds; 5, or 3 where quick")
    p.add_argument("--threads", type=int, metavar="N", help="workers; as many as there are CPUs, 2 at least")
    p.add_argument("--no-growth", action="store_true", help="without the plots over sizes, workers and depth")
    p.add_argument("--timeout", type=float, default=60, metavar="S", help="for one run; 60")
    p.add_argument("--build", default="build/release/bench/peers", metavar="DIR", help="where the programs are")
    p.add_argument("--out", default="build/bench", metavar="DIR", help="for JSON, tables and plots")
    return p.parse_args(argv)


def command_of(family, build):
    if family not in SCRIPTS:
        return [os.path.join(build, f"peer_{family}")]
    command = [PYTHON, os.path.join(HERE, "peers", f"peer_{family}.py")]
    return command + ([os.path.join(build, "../../tests/storm")] if family == "storm" else [])


def find_peers(build):
    """Which peers there are: name -> {workload: command}; and what is missing."""
    peers, missing = collections.defaultdict(dict), []
    for family, needs in PROGRAMS.items():
        command = command_of(family, build)
        try:
            listing = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        except (OSError, subprocess.SubprocessError):
            missing.append(f"{family} (needs {needs})")
            continue
        for line in listing.splitlines():
            name, *workloads = line.split()
            peers[name] |= {workload: command + [name, workload] for workload in workloads}
    return dict(peers), missing


def cpu_jiffies():
    """What all CPUs worked so far, and what the host took from them, in 10 ms."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return user + nice + system + irq + softirq, steal


def adopt_orphans():
    """What a program leaves behind becomes this one's child, so that its CPU counts as the program's."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury_orphans():
    """They are about to end, as all workers do whose program has ended."""
    end = time.monotonic() + 5
    try:
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
    except ChildProcessError:
        pass  # all have


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
        bury_orphans()
        return {"failed": f"took more than {timeout:g} s"}
    seconds = time.monotonic() - begun
    bury_orphans()
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


def growth_parts(args):
    rounds = args.repeat or (1 if args.quick else 3)
    threads = f"threads={args.threads}"
    sizes = [10**k for k in range(3, 6 if args.quick else 8)]
    workers = [1, 2, 8, 64] if args.quick else [1, 2, 4, 8, 16, 32, 64]
    depths = [10**k for k in range(0, 4 if args.quick else 6)]
    return [
        Part("growth-size", "flood", [(x, [f"n={x}", threads]) for x in sizes], rounds),
        Part("growth-workers", "flood", [(x, ["n=100000", f"threads={x}"]) for x in workers], rounds),
        Part("growth-depth", "nest", [(x, [f"n={x}", threads]) for x in depths], rounds),
    ]


def plan(args):
    """The parts that are asked for."""
    sizes = QUICK if args.quick else FULL
    rounds = args.repeat or (3 if args.quick else 5)
    columns = [
        Part(workload, workload, [(None, [f"threads={args.threads}"] + sizes.get(workload, []))], rounds)
        for workload in dict.fromkeys(column.workload for table in report.TABLES for column in table.columns)]
    growth = growth_parts(args)
    if not args.only:
        return columns + ([] if args.no_growth else growth)
    several = {table.name: {column.workload for column in table.columns} for table in report.TABLES}
    several["growth"] = {part.name for part in growth}
    wanted = set().union(*(several.get(name, {name}) for name in args.only))
    unknown = wanted - {part.name for part in columns + growth}
    if unknown:
        sys.exit(f"bench.sh: no workload {', '.join(sorted(unknown))}; there are "
                 f"{', '.join(part.name for part in columns + growth)}, {', '.join(several)}")
    return [part for part in columns + growth if part.name in wanted]


def turns(part, peers, x):
    """name -> command, for who takes part at x."""
    able = {}
    for name, commands in peers.items():
        if part.workload not in commands or (name in SLOW and (x or 0) > SLOW_MOST.get(part.name, x or 0)):
            continue
        if x is None and not report.is_shown(name, part.workload):
            continue
        able[name] = commands[part.workload]
        if name in AGAIN and x is None:
            able[AGAIN[name]] = able[name]
    return able


def measure(part, peers, timeout):
    """The runs of a part; and for each peer that failed, how. It is not asked for more."""
    runs, failures = [], {}
    for x, arguments in part.points:
        at = "" if x is None else f" at {x}"
        able = turns(part, peers, x)
        for r in range(part.rounds):
            for name in [name for name in able if name not in failures]:
                progress(f"{part.name}{at}: round {r + 1} of {part.rounds}: {name}")
                line = run(able[name] + arguments, timeout)
                if "failed" in line:
                    failures[name] = f"{name}, {part.name}{at}: {line['failed']}"
                    continue
                runs.append(line | {"part": part.name, "peer": name, "round": r} | ({} if x is None else {"x": x}))
    progress("")
    return runs, list(failures.values())


def machine(args):
    with open("/proc/cpuinfo") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return {
        "cpu": models[0] if models else platform.machine(), "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(), "system": system, "threads": args.threads,
    }


def begin(args, path):
    """Results without parts, or those that are to be added to."""
    here = machine(args)
    if args.add and os.path.exists(path):
        with open(path) as file:
            result = json.load(file)
        if result["machine"] != here:
            sys.exit(f"bench.sh: {path} was measured elsewhere, or with other workers: {result['machine']}")
        return result
    return {"machine": here, "parts": {}, "runs": []}


def save(result, path):
    """At once or not at all: what was there before stays until then."""
    with open(path + ".new", "w") as file:
        json.dump(result, file, indent=1)
    os.replace(path + ".new", path)


def find_wanted(args):
    peers, missing = find_peers(args.build)
    if "weft" not in peers:
        sys.exit(f"bench.sh: no program of weft in {args.build}")
    unknown = set(args.peer or ()) - set(peers)
    if unknown:
        sys.exit(f"bench.sh: no peer {', '.join(sorted(unknown))}; there are {', '.join(peers)}")
    order = [name for pair in AGAIN.items() for name in pair] + [name for name in peers if name not in AGAIN]
    if args.peer:
        peers = {name: peers[name] for name in peers if name in AGAIN or name in args.peer}
    return peers, missing, order


def main(argv):
    global repeats_left
    args = parse(argv)
    args.threads = args.threads or max(2, len(os.sched_getaffinity(0)))
    parts = plan(args)
    peers, missing, order = find_wanted(args)
    os.makedirs(args.out, exist_ok=True)
    adopt_orphans()
    path = os.path.join(args.out, "results.json")
    result = begin(args, path) | {"peers": order, "missing": missing}
    if args.quick:
        repeats_left = 0
    for part in parts:
        begun = time.monotonic()
        runs, failures = measure(part, peers, args.timeout)
        result["runs"] = [r for r in result["runs"] if r["part"] != part.name] + runs
        result["parts"][part.name] = {
            "date": datetime.date.today().isoformat(), "rounds": part.rounds, "quick": args.quick,
            "seconds": round(time.monotonic() - begun), "failures": failures,
        }
        save(result, path)  # after each part: who stops here keeps what there is
    report.write(result, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
