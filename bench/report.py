# SPDX-License-Identifier: MIT
#
# report.py [DIR] -- the tables and the plots from DIR/results.json, which compare.py has left there.
#
# A cell is the median of the rounds, its least and its greatest, and the ratio to the reference of its table (weft,
# weft-processes, weft-uring, weft-subprocess): the median over the rounds of (peer / weft), or (weft / peer) where more
# is better. So more than x1 is always in weft's favour.
import collections
import json
import os
import shutil
import statistics
import subprocess
import sys

Column = collections.namedtuple("Column", "workload figure title unit more_is_better")
COLUMNS = [
    Column("flood", "ns", "flood", "ns/task", False),
    Column("flood2", "ns", "flood, 2", "ns/task", False),
    Column("heap", "alloc_bytes", "heap", "B malloc/task", False),
    Column("hot", "p50_us", "hot", "us p50", False),
    Column("hot", "p99_us", "hot", "us p99", False),
    Column("cold", "p50_us", "cold", "us p50", False),
    Column("cold", "p99_us", "cold", "us p99", False),
    Column("cold", "cpu_us", "cold", "us CPU", False),
    Column("help", "ns", "help", "ns", False),
    Column("fib", "ns", "fib", "ns/spawn", False),
    Column("fib", "peak_mb", "fib", "MB peak", False),
    Column("skynet", "ms", "skynet", "ms", False),
    Column("sum", "speed_up", "sum", "speed-up", True),
    Column("uneven", "speed_up", "uneven", "speed-up", True),
    Column("pending", "rss_bytes", "pending", "B RSS", False),
    Column("pending", "heap_bytes", "pending", "B malloc", False),
    Column("primes", "speed_ups", "primes", "speed-up", True),
    Column("primes", "worst", "primes", "worst", True),
    Column("idle", "cpu_ms_per_s", "idle", "CPU ms/s", False),
    Column("nap", "cpu_ms_per_s", "nap", "CPU ms/s", False),
    Column("tick", "cpu_ms_per_s", "tick", "CPU ms/s", False),
    Column("create", "p50_us", "create", "us", False),
    Column("solo", "p50_us", "solo", "us p50", False),
    Column("solo", "p99_us", "solo", "us p99", False),
]
PROCESS_COLUMNS = [
    Column("hot", "p50_us", "hot", "us p50", False),
    Column("hot", "p99_us", "hot", "us p99", False),
    Column("cold", "p50_us", "cold", "us p50", False),
    Column("cold", "p99_us", "cold", "us p99", False),
    Column("flood", "per_s", "flood", "tasks/s", True),
    Column("map", "per_s", "map", "items/s", True),
    Column("large", "arg_ms", "large in", "ms", False),
    Column("large", "result_ms", "large out", "ms", False),
    Column("large", "ref_us", "large there", "us", False),
    Column("start1", "up_ms", "start 1", "ms", False),
    Column("start8", "up_ms", "start 8", "ms", False),
    Column("start64", "up_ms", "start 64", "ms", False),
    Column("solo", "p50_us", "solo", "us p50", False),
    Column("solo", "p99_us", "solo", "us p99", False),
    Column("kill", "done_p50_ms", "kill, done", "ms p50", False),
    Column("kill", "done_p999_ms", "kill, done", "ms p99.9", False),
    Column("kill", "whole_p99_ms", "kill, whole", "ms p99", False),
    Column("storm1", "kept", "storm, 1 us", "of calm", True),
    Column("storm20", "kept", "storm, 20 us", "of calm", True),
    Column("primes", "speed_ups", "primes", "speed-up", True),
    Column("primes", "worst", "primes", "worst", True),
    Column("idle", "cpu_ms_per_s", "idle", "CPU ms/s", False),
    Column("tick", "cpu_ms_per_s", "tick", "CPU ms/s", False),
]
FIBER_COLUMNS = [
    Column("switch", "ns", "switch", "ns CPU", False),
    Column("fiber", "ns", "fiber", "ns CPU", False),
    Column("yield", "ns", "yield", "ns CPU", False),
    Column("task", "ns", "task", "ns CPU", False),
    Column("null50", "cpu_ns", "null, 50", "ns CPU", False),
    Column("null1000", "cpu_ns", "null, 1000", "ns CPU", False),
    Column("crowd", "made", "crowd", "fibers", True),
    Column("crowd", "rss_bytes", "crowd", "B RSS", False),
    Column("sleepers", "p50_us", "sleepers", "us late p50", False),
    Column("sleepers", "p99_us", "sleepers", "us late p99", False),
    Column("sleepers", "cpu_us", "sleepers", "us CPU", False),
]
FILE_COLUMNS = [
    Column(f"{kind}{depth}", figure, f"{kind}, {depth}", unit, more)
    for kind in ("warm", "direct") for depth in (1, 32, 128)
    for figure, unit, more in (("per_s", "reads/s", True), ("cpu_us", "us CPU", False))]
SOCKET_COLUMNS = [
    Column(f"echo{n}", figure, f"echo, {n}", unit, more)
    for n in (50, 1000)
    for figure, unit, more in (
        ("per_s", "requests/s", True), ("cpu_us", "us CPU", False), ("p99_us", "us p99", False))
] + [Column("fetch", "ms", "fetch", "ms", False), Column("fetch", "times", "fetch", "x 10 ms", True)]

PROGRAM_COLUMNS = [
    Column("spawn", "p50_us", "spawn", "us p50", False),
    Column("spawn1g", "p50_us", "spawn, 1 GiB", "us p50", False),
    Column("collect", "ms", "collect 64 MiB", "ms", False),
    Column("collect", "peak_mb", "collect 64 MiB", "MB peak", False),
]

LOCK_COLUMNS = [
    Column("lock", "ns", "free", "ns", False),
    Column("lock2t", "ns", "2 threads", "ns", False),
    Column("lock2p", "ns", "2 processes", "ns", False),
]

QUEUE_COLUMNS = [
    Column("one", "per_s", "1 to 1", "messages/s", True),
    Column("two", "per_s", "2 to 2", "messages/s", True),
    Column("page", "gb_per_s", "4 KiB", "GB/s", True),
    Column("mebibyte", "gb_per_s", "1 MiB", "GB/s", True),
    Column("trip", "p50_us", "trip", "us p50", False),
    Column("trip", "p99_us", "trip", "us p99", False),
    Column("sleepy", "p50_us", "sleepy", "us p50", False),
    Column("sleepy", "p99_us", "sleepy", "us p99", False),
]
PIPE_COLUMNS = [
    Column("one", "per_s", "64 B", "messages/s", True),
    Column("page", "gb_per_s", "4 KiB", "GB/s", True),
    Column("mebibyte", "gb_per_s", "1 MiB", "GB/s", True),
    Column("trip", "p50_us", "ping-pong", "us p50", False),
    Column("trip", "p99_us", "ping-pong", "us p99", False),
    Column("sleepy", "p50_us", "ping-pong asleep", "us p50", False),
]

# Whose tasks run in processes; and what the machine takes there, with no pool.
POOLS_OF_PROCESSES = (
    "weft-processes", "weft-processes-fork", "weft-processes-spawn", "Python-processes", "Python-Pool", "loky",
    "joblib", "mpi4py",
)
BARE_PROCESSES = ("futex", "futex-spin", "fork", "memcpy")
OF_PIPES = {
    "weft-pipe", "weft-pipe again", "weft-unix", "weft-tcp", "Python-duplex", "Python-unix", "Python-tcp",
}
OF_PROCESSES = {"weft-processes again", *POOLS_OF_PROCESSES, *BARE_PROCESSES}

# What they have in common with the other tables is a name: other workloads, by other programs.
IO_COLUMNS = {"io-fibers": FIBER_COLUMNS, "io-files": FILE_COLUMNS, "io-sockets": SOCKET_COLUMNS}

# Ratios are to reference. has: is a peer in it?
Table = collections.namedtuple("Table", "name columns reference has")
TABLES = [
    Table("threads", COLUMNS, "weft", lambda peer: peer not in OF_PROCESSES),
    Table("processes", PROCESS_COLUMNS, "weft-processes", lambda peer: peer in OF_PROCESSES or peer == "weft"),
    *(Table(name, columns, "weft-uring", lambda peer: True) for name, columns in IO_COLUMNS.items()),
    Table("subprocess", PROGRAM_COLUMNS, "weft-subprocess", lambda peer: True),
    Table("locks", LOCK_COLUMNS, "weft-lock-shared", lambda peer: True),
    Table("queues", QUEUE_COLUMNS, "weft-queue", lambda peer: peer not in OF_PIPES),
    Table("pipes", PIPE_COLUMNS, "weft-pipe", lambda peer: peer in OF_PIPES | {"Python-Pipe", "ZeroMQ"}),
]


def is_shown(peer, workload):
    """In any table?"""
    return any(table.has(peer) and workload in [c.workload for c in table.columns] for table in TABLES)


# Read beside the tables; docs/benchmarks.md has the whole of it.
MARKS = {
    ("mutex-pool", "fib"): "c", ("mutex-pool", "skynet"): "c", ("GLib", "fib"): "c", ("GLib", "skynet"): "c",
    ("Asio", "fib"): "c", ("Asio", "skynet"): "c", ("moodycamel", "fib"): "c", ("moodycamel", "skynet"): "c",
    ("libgomp", "flood"): "i", ("libgomp", "flood2"): "i", ("libomp", "flood"): "i", ("libomp", "flood2"): "i",
    ("libgomp", "hot"): "r", ("libgomp", "cold"): "r", ("libomp", "hot"): "r", ("libomp", "cold"): "r",
    ("pthreadpool", "hot"): "r", ("pthreadpool", "cold"): "r", ("oneTBB", "hot"): "e", ("oneTBB", "cold"): "e",
    ("Go", "hot"): "g", ("Go", "cold"): "g", ("Go", "pending"): "g", ("oneTBB", "flood"): "n",
    ("mutex-pool", "flood"): "n", ("GLib", "flood"): "n", ("Asio", "flood"): "n", ("moodycamel", "flood"): "n",
    ("Go", "flood"): "n", ("Python-threads", "create"): "f",
}
MARKS |= {(peer, workload): "k" for peer in ("ck_ring", "ck_ring-spsc", "futex-ring")
          for workload in ("one", "two", "trip")}
for _peer in ("Python-threads", "Python-processes", "Python-Pool", "loky", "joblib", "mpi4py"):
    MARKS[_peer, "primes"] = "p"
for _peer in ("Python-processes", "loky"):
    MARKS[_peer, "kill"] = "l"
MARKS |= {("mpi4py", f"start{n}"): "s" for n in (1, 8, 64)}
MARKS["Boost.Context", "crowd"] = "u"
MARKS["weft-uring", "switch"] = MARKS["weft-uring", "fiber"] = "b"
MARKS |= {("floor", workload): "m" for workload in ("flood", "flood2", "help", "fib")}
MARKS |= {(peer, workload): "m" for peer in ("floor-spin", "floor-sleep") for workload in ("hot", "cold")}
for _peer, _workload in [key for key, mark in MARKS.items() if mark == "n"]:
    MARKS[_peer, "flood2"] = "n"
NOTES = {
    "b": "core/context.c by itself (peer_context.c)",
    "c": "written with continuations: a task of this pool that waits for another may wait for ever",
    "e": "enqueued, and awaited by a counter: TBB has no wait for one task on another thread",
    "f": "with a first task, since the workers start with it",
    "g": "may stay on the submitter's thread; pending: goroutines that wait",
    "i": "runs tasks in place once its queue is full, so some are plain calls",
    "k": "who is killed in it stops the others for ever; ck_ring does not sleep",
    "l": "the pool is lost with its worker: until there is another; 20 kills, so 99.9 % is the worst of them",
    "m": "no pool: what the machine takes for the same memory traffic, wake-ups or calls (peer_floor.c)",
    "n": "no future for each task: a counter of the library, or one beside it",
    "p": "against a loop in Python; the long numbers with a fiftieth of their divisions",
    "r": "a parallel region or loop, one turn for each thread",
    "s": "from the start of mpirun",
    "u": "all but the first 32,750 without a guard: that mprotect fails is not noticed",
}


def short(value):
    if value is None:
        return "-"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def values_by_round(runs, peer, column):
    values = collections.defaultdict(list)
    for run in runs:
        if run["peer"] == peer and run["part"] == column.workload and column.figure in run:
            value = run[column.figure]
            values[run["round"]] += value if isinstance(value, list) else [value]
    return values


def ratio(ours, theirs, column):
    """The median over the rounds that both have; of the worst there is one only."""
    ratios = []
    if column.figure == "worst" and ours and theirs:
        return min(min(v) for v in ours.values()) / min(min(v) for v in theirs.values())
    for r in ours.keys() & theirs.keys():
        a, b = statistics.median(ours[r]), statistics.median(theirs[r])
        a, b = (b, a) if column.more_is_better else (a, b)
        if a > 0:
            ratios.append(b / a)
    return statistics.median(ratios) if ratios else None


def cells(result, of):
    """Of a table: (peer, column) -> {median, least, greatest, ratio}; the peers, and the columns that have any."""
    runs, table = result["runs"], {}
    present = {run["peer"] for run in runs}
    peers = [peer for peer in result["peers"] if peer in present and of.has(peer)]
    for column in of.columns:
        ours = values_by_round(runs, of.reference, column)
        for peer in peers:
            theirs = values_by_round(runs, peer, column)
            flat = [v for values in theirs.values() for v in values]
            if not flat:
                continue
            middle = min(flat) if column.figure == "worst" else statistics.median(flat)
            table[peer, column] = {
                "median": middle, "least": min(flat), "greatest": max(flat), "ratio": ratio(ours, theirs, column),
            }
    return table, peers, [c for c in of.columns if any((p, c) in table for p in peers)]


def ratio_text(cell):
    r = cell["ratio"]
    if r is None:
        return ""
    return f"x{r:.0f}" if r >= 100 else f"x{r:.3g}" if r >= 10 else f"x{r:.2f}"


def text_table(result, of, width):
    """In blocks of as many columns as fit, two lines for each peer: median and ratio; least..greatest."""
    table, peers, columns = cells(result, of)
    name_width = max(map(len, peers), default=0) + 1
    per_block = max(1, (width - name_width) // 17)
    lines = [of.name, ""] if columns else []
    for at in range(0, len(columns), per_block):
        block = columns[at:at + per_block]
        lines.append(" " * name_width + "".join(f"{c.title:>16} " for c in block).rstrip())
        lines.append(" " * name_width + "".join(f"{c.unit:>16} " for c in block).rstrip())
        for peer in peers:
            row = [table.get((peer, c)) for c in block]
            if not any(row):
                continue
            first, second = f"{peer:{name_width}}", " " * name_width
            for c, cell in zip(block, row):
                mark = MARKS.get((peer, c.workload), " ")
                body = f"{short(cell['median'])} {ratio_text(cell)}" if cell else "-"
                first += f"{body:>16}{mark if cell else ' '}"
                spread = f"{short(cell['least'])}..{short(cell['greatest'])}" if cell else ""
                second += f"{spread:>16} "
            lines += [first.rstrip(), second.rstrip()]
        lines.append("")
    return "\n".join(lines)


def markdown_table(result, of):
    table, peers, columns = cells(result, of)
    if not columns:
        return ""
    lines = [f"## {of.name}", "", "| peer | " + " | ".join(f"{c.title}, {c.unit}" for c in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for peer in peers:
        row = []
        if not any((peer, c) in table for c in columns):
            continue
        for c in columns:
            cell = table.get((peer, c))
            mark = MARKS.get((peer, c.workload), "")
            if not cell:
                row.append("-")
                continue
            spread = f"{short(cell['least'])}..{short(cell['greatest'])}"
            row.append(f"**{short(cell['median'])}**{mark} {ratio_text(cell)} ({spread})")
        lines.append(f"| {peer} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def rounds_text(result):
    """How often each part was measured, and when."""
    by_kind = collections.defaultdict(list)
    for name, part in result["parts"].items():
        by_kind[part["rounds"], part["quick"], part["date"]].append(name)
    return [
        f"{date}, rounds: {rounds}{', quick' if quick else ''}: {', '.join(names)}; "
        f"{sum(result['parts'][name]['seconds'] for name in names)} s."
        for (rounds, quick, date), names in by_kind.items()]


def footer(result):
    m = result["machine"]
    lines = [
        f"{m['cpus']} CPUs, {m['cpu']}, {m['system']}, Linux {m['kernel']}; {m['threads']} workers.",
        *rounds_text(result),
        "Median and ratio to weft, or weft-processes, or weft-uring, in the same round (more than x1: weft is better); "
        "least..greatest below.",
    ]
    pairs = [len(run["speed_ups"]) for run in result["runs"] if run["part"] == "primes" and run["peer"] == "weft"]
    if pairs:
        lines.append(f"primes: {sum(pairs)} pairs of serial and parallel; worst is the worst of them.")
    foreign = [run["foreign"] for run in result["runs"] if "foreign" in run]
    if foreign:
        lines.append(
            f"Of the CPUs others used {statistics.median(foreign):.0%} in the median run, {max(foreign):.0%} in the "
            f"worst; the host took {max(run.get('stolen', 0) for run in result['runs']):.0%} at most.")
    present = {(run["peer"], run["part"]) for run in result["runs"]}
    used = {mark for key, mark in MARKS.items() if key in present}
    lines += [f"{mark}: {NOTES[mark]}." for mark in sorted(used)]
    lines += [f"missing: {what}" for what in result["missing"]]
    lines += [f"failed: {what}" for part in result["parts"].values() for what in part["failures"]]
    return "\n".join(lines) + "\n"


# ---- plots ------------------------------------------------------------------------------------------------

# Part: title, of the axes, and whether x is counted in powers of 2.
BLUES = ("#08306b", "#2f7fd0", "#00a0c0", "#6a51a3", "#4060ff", "#90b8e8", "#506080")
COLOURS = (
    "#888888", "#303030", "#d95f02", "#b8860b", "#e41a1c", "#4d9221", "#e7298a", "#a6761d", "#00a060", "#ff9030",
    "#900030", "#c0a000", "#b060a0",
)
FILLED, OPEN = (7, 5, 9, 11, 13), (6, 4, 8, 10, 12, 1, 2)
GROWTH = {
    "growth-size": ("Empty tasks, submitted one by one and awaited", "tasks", "ns per task", False),
    "growth-workers": ("100,000 empty tasks", "workers", "ns per task", True),
    "growth-depth": ("A task that submits a task that ..., each waits", "depth", "ns per level", False),
}


def gnuplot(script, out, name):
    path = os.path.join(out, f"{name}.gp")
    with open(path, "w") as file:
        file.write(f"set terminal svg size 900,540 dynamic background 'white'\nset output '{name}.svg'\n" + script)
    if shutil.which("gnuplot") is None:
        return False
    drawn = subprocess.run(["gnuplot", f"{name}.gp"], cwd=out, capture_output=True, text=True)
    if drawn.returncode:
        print(f"gnuplot, {name}: {drawn.stderr.strip()}", file=sys.stderr)
    return drawn.returncode == 0


def growth_script(name, title, x_title, y_title, by_two, peers, order):
    """A peer has the same colour and mark in all plots; weft is thick, blue and filled."""
    ours = [peer for peer in order if peer.startswith("weft")]
    others = [peer for peer in order if peer not in ours]
    lines = []
    for i, peer in enumerate(peers):
        if peer in ours:
            k = ours.index(peer)
            style = f"lc rgb '{BLUES[k % len(BLUES)]}' lw 3 pt {FILLED[k % len(FILLED)]} ps 0.8"
        else:
            k = others.index(peer)
            style = f"lc rgb '{COLOURS[k % len(COLOURS)]}' lw 1.3 pt {OPEN[k % len(OPEN)]} ps 0.8"
        lines.append(f"'{name}.dat' index {i} skip 1 using 1:2:3:4 with yerrorlines {style} title '{peer}'")
    return (
        f"set title '{title}'\nset xlabel '{x_title}'\nset ylabel '{y_title}'\nset logscale xy\n"
        "set autoscale xfix\nset key outside right top vertical Left reverse\nset grid\nset format y '%.0f'\n" +
        ("set logscale x 2\nset format x '%.0f'\n" if by_two else "set format x '10^{%T}'\n") +
        "plot " + ", \\\n ".join(lines) + "\n")


def plot_growth(result, out):
    drawn = []
    for name, (title, x_title, y_title, by_two) in GROWTH.items():
        points = collections.defaultdict(lambda: collections.defaultdict(list))
        for run in result["runs"]:
            if run["part"] == name:
                points[run["peer"]][run["x"]].append(run["ns"])
        if not points:
            continue
        with open(os.path.join(out, f"{name}.dat"), "w") as data:
            for peer, by_x in points.items():
                data.write(f'"{peer}"\n')
                for x, ns in sorted(by_x.items()):
                    data.write(f"{x} {statistics.median(ns):.6g} {min(ns):.6g} {max(ns):.6g}\n")
                data.write("\n\n")
        if gnuplot(growth_script(name, title, x_title, y_title, by_two, list(points), result["peers"]), out, name):
            drawn.append(f"{name}.svg")
    return drawn


def plot_columns(result, of, out):
    """A bar for each peer, with the spread, and the median in figures above it."""
    table, peers, columns = cells(result, of)
    drawn = []
    for column in columns:
        rows = [(p, table[p, column]) for p in peers if (p, column) in table]
        if len(rows) < 2 or column.figure == "worst":
            continue
        name = f"{column.workload}_{column.figure}" + ("" if of is TABLES[0] else f"_{of.name}")
        with open(os.path.join(out, f"{name}.dat"), "w") as data:
            for peer, cell in rows:
                # A logarithmic axis has no 0.
                numbers = " ".join(f"{max(cell[k], 1e-3):.6g}" for k in ("median", "least", "greatest"))
                data.write(f'"{peer}" {numbers} {int(peer.startswith("weft"))} "{short(cell["median"])}"\n')
        script = (
            f"set title '{column.title} ({column.unit}): median, least and greatest'\n"
            f"set ylabel '{column.unit}'\nset xrange [-0.6:{len(rows) - 0.4}]\nset style fill solid 0.6\n"
            "set boxwidth 0.7\nset xtics rotate by -45 nomirror\nset grid y\nunset key\n"
            "set offsets 0, 0, graph 0.1, 0\n" +
            ("set yrange [0:]\n" if column.more_is_better else "set logscale y\nset format y '%g'\n") +
            f"plot '{name}.dat' using 0:($5 == 1 ? $2 : 1/0):xtic(1) with boxes lc rgb '#2060a0', "
            f"'' using 0:($5 == 1 ? 1/0 : $2) with boxes lc rgb '#a0a0a0', "
            f"'' using 0:3:(0):($4-$3) with vectors heads size graph 0.006,90 fixed lc rgb 'black', "
            f"'' using 0:4:6 with labels offset 0,0.7 font ',10'\n")
        if gnuplot(script, out, name):
            drawn.append(f"{name}.svg")
    return drawn


def write(result, out):
    width = max(80, shutil.get_terminal_size((140, 24)).columns)
    text = "".join(text_table(result, table, width) + "\n" for table in TABLES) + footer(result)
    with open(os.path.join(out, "table.txt"), "w") as file:
        file.write(text)
    with open(os.path.join(out, "table.md"), "w") as file:
        file.write("\n".join(markdown_table(result, table) for table in TABLES) + "\n" + "".join(f"- {line}\n" for line in footer(result).splitlines()))
    drawn = [name for table in TABLES for name in plot_columns(result, table, out)] + plot_growth(result, out)
    print(text)
    print(f"{out}: results.json, table.txt, table.md" + (f", {len(drawn)} plots" if drawn else "; no plots"))


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else "build/bench"
    with open(os.path.join(where, "results.json")) as results:
        write(json.load(results), where)
