#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_trace.py [OPTION]... FILE -- is it a trace that Chrome's viewer and Perfetto can show, and does it hold?

The rules are those of the "Trace Event Format", and of what weft promises beyond it (docs/tracing.md). Each fault
is a line; the status is 1 if there are any.

  --deaths N          so many workers have died by a signal, in the midst of a task
  --tasks NAME=N      so many tasks of that name have ended
  --mark TEXT         there is such a mark
  --lanes THREAD=N    so many threads (of all processes) whose names begin so have run a task
  --processes N       events are of so many processes
  --dropped           the trace was full, and says so (else: it must not have been)
  --cut-off           slices may end by the end of the trace
  --arrows N          at least so many arrows of each of the two kinds
  --ranks N           processes are of so many ranks
  --rank-lanes R=N    so many threads of rank R have run a task
  --across N[+]       so many arrows (or more) lead from rank 0 to a start elsewhere, and as many back from the end
"""
import argparse
import collections
import json
import sys

FIELDS = {  # by phase: what must be there besides ph, pid, tid, ts
    "M": {"name": str, "args": dict},
    "B": {"name": str, "cat": str},
    "E": {},
    "X": {"name": str, "cat": str, "dur": float},
    "i": {"name": str, "cat": str, "s": str},
    "C": {"name": str, "args": dict},
    "s": {"name": str, "cat": str, "id": int},
    "t": {"name": str, "cat": str, "id": int, "bp": str},
    "f": {"name": str, "cat": str, "id": int, "bp": str},
    "b": {"name": str, "cat": str, "id": int},
    "e": {"name": str, "cat": str, "id": int},
}
faults = []


def fault(at, event, what):
    faults.append(f"event {at}: {what}: {json.dumps(event)}")


class Lane:
    """What a thread is in."""

    def __init__(self):
        self.now = 0  # of the last event
        self.tick_end = 0  # of the last complete event
        self.stack = []
        self.dead = False


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_fields(at, event):
    """False: nothing more can be said of it."""
    phase = event.get("ph")
    if phase not in FIELDS:
        fault(at, event, "no known phase")
        return False
    for field in ("pid", "tid"):
        if not isinstance(event.get(field), int) or event[field] <= 0:
            fault(at, event, f"{field} is no positive number")
            return False
    if not is_number(event.get("ts")) or event["ts"] < 0:
        fault(at, event, "ts is no time")
        return False
    for field, kind in FIELDS[phase].items():
        value = event.get(field)
        good = is_number(value) and value >= 0 if kind in (int, float) else isinstance(value, kind) and value
        if not good:
            fault(at, event, f"{field} is missing or wrong")
            return False
    if phase == "i" and event["s"] not in ("g", "p", "t"):
        fault(at, event, "no such scope")
    if phase == "C" and not all(is_number(v) and v >= 0 for v in event["args"].values()):
        fault(at, event, "a counter below 0, or none")
    for field in ("ts", "dur"):  # whole nanoseconds, which can be compared
        if field in event:
            event[field] = round(1000 * event[field])
    return True


class Trace:
    def __init__(self):
        self.lanes = collections.defaultdict(Lane)
        self.processes = {}
        self.threads = {}
        self.flows = collections.defaultdict(list)
        self.ends = collections.defaultdict(list)
        self.spans = {}
        self.ended = collections.Counter()
        self.workers = collections.defaultdict(set)
        self.marks = []
        self.deaths = []
        self.cut_off = 0
        self.dropped = 0

    def enter(self, at, event):
        phase = event["ph"]
        key = (event["pid"], event["tid"])
        if phase == "M":
            names = self.processes if event["name"] == "process_name" else self.threads
            name = event["args"].get("name")
            if not isinstance(name, str) or not name:
                fault(at, event, "names nothing")
            names[event["pid"] if event["name"] == "process_name" else key] = name
            return
        if phase == "C":
            return
        lane = self.lanes[key]
        if event["ts"] < lane.now:
            fault(at, event, f"goes back in time, from {lane.now}")
        lane.now = event["ts"]
        if lane.dead and phase in "BX":
            fault(at, event, "after its death")
        getattr(self, "enter_" + phase)(at, event, lane)

    def enter_B(self, at, event, lane):
        if event["ts"] < lane.tick_end:
            fault(at, event, "begins inside a complete event")
        lane.stack.append(event)
        if "task" in event.get("args", {}):
            self.workers[self.threads.get((event["pid"], event["tid"]), "?")].add((event["pid"], event["tid"]))

    def enter_E(self, at, event, lane):
        if event["ts"] < lane.tick_end:
            fault(at, event, "ends inside a complete event")
        if not lane.stack:
            fault(at, event, "nothing to end")
            return
        begun = lane.stack.pop()
        args = event.get("args", {})
        if "status" in args:
            self.ended[begun["name"]] += 1
        if args.get("died") and begun["cat"] == "task":
            self.deaths.append(event["pid"])
        self.cut_off += "cut_off" in args

    def enter_X(self, at, event, lane):
        if event["ts"] < lane.tick_end:
            fault(at, event, "begins inside a complete event")
        lane.tick_end = event["ts"] + event["dur"]

    def enter_i(self, at, event, lane):
        if event["name"].startswith("death: signal"):
            lane.dead = True
            if event["args"]["pid"] != event["pid"]:
                fault(at, event, "is not on the line of who died")
        if event["s"] == "g":
            self.dropped += event["args"]["dropped"]
        if not event.get("args"):
            self.marks.append(event["name"])

    def end_of_flow(self, at, event, lane):
        if not lane.stack and event["ts"] > lane.tick_end:
            fault(at, event, "an arrow that ends at nothing")
        self.flows[event["name"], event["id"]].append((event["ph"], event["ts"]))
        self.ends[event["name"], event["id"]].append(event["pid"])

    enter_s = enter_t = enter_f = end_of_flow

    def enter_b(self, at, event, _):
        if self.spans.get(event["id"]):
            fault(at, event, "begins twice")
        self.spans[event["id"]] = event

    def enter_e(self, at, event, _):
        begun = self.spans.pop(event["id"], None)
        if not begun or (begun["name"], begun["cat"]) != (event["name"], event["cat"]):
            fault(at, event, "ends what has not begun")

    def rank(self, pid):
        name = self.processes.get(pid, "")
        return int(name.split()[1]) if name.startswith("rank ") else 0

    def across(self, kind, back):
        return sum(
            1 for (name, _), pids in self.ends.items()
            if name == kind and bool(self.rank(pids[0])) == back and bool(self.rank(pids[-1])) != back
        )

    def leave(self):
        for key, lane in self.lanes.items():
            if lane.stack:
                faults.append(f"{key}: {len(lane.stack)} slices without an end")
            if key not in self.threads:
                faults.append(f"{key}: a thread without a name")
            if key[0] not in self.processes:
                faults.append(f"{key}: a process without a name")
        if self.spans:
            faults.append(f"{len(self.spans)} spans without an end")
        for flow, ends in self.flows.items():
            if [p for p, _ in ends] != ["s"] + ["t"] * (len(ends) - 2) + ["f"]:
                faults.append(f"arrow {flow}: {ends}")
            elif [t for _, t in ends] != sorted(t for _, t in ends):
                faults.append(f"arrow {flow} goes back in time: {ends}")


def expect(what, found, wanted):
    if found != wanted:
        faults.append(f"{what}: {found}, not {wanted}")


def check(options):
    with open(options.file, encoding="utf-8") as f:
        document = json.load(f)
    trace = Trace()
    for at, event in enumerate(document["traceEvents"]):
        if check_fields(at, event):
            trace.enter(at, event)
    trace.leave()
    if options.deaths is not None:
        expect("deaths", len(trace.deaths), options.deaths)
    for item in options.tasks:
        name, n = item.rsplit("=", 1)
        expect(f"tasks {name}", trace.ended[name], int(n))
    for item in options.lanes:
        name, n = item.rsplit("=", 1)
        expect(f"lanes {name}", len(set().union(*(s for k, s in trace.workers.items() if k.startswith(name)))), int(n))
    for mark in options.mark:
        expect(f"mark {mark}", mark in trace.marks, True)
    if options.processes:
        expect("processes", len(trace.processes), options.processes)
    if options.ranks:
        expect("ranks", len({trace.rank(pid) for pid in trace.processes}), options.ranks)
    for item in options.rank_lanes:
        rank, n = map(int, item.split("="))
        lanes = {lane for lanes in trace.workers.values() for lane in lanes if trace.rank(lane[0]) == rank}
        expect(f"lanes of rank {rank}", len(lanes), n)
    if options.across is not None:
        wanted = int(options.across.rstrip("+"))
        for what, n in ("to", trace.across("run", False)), ("from", trace.across("result", True)):
            if n < wanted or (n > wanted and "+" not in options.across):
                faults.append(f"arrows {what} other ranks: {n}, not {options.across}")
    expect("dropped", trace.dropped > 0, options.dropped)
    expect("otherData.dropped", document["otherData"]["dropped"], trace.dropped)
    if not options.cut_off:
        expect("slices that were cut off", trace.cut_off, 0)
    for kind in ("run", "result"):
        n = sum(1 for name, _ in trace.flows if name == kind)
        if n < options.arrows:
            faults.append(f"arrows {kind}: {n}, not {options.arrows} at least")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--deaths", type=int)
    parser.add_argument("--tasks", action="append", default=[])
    parser.add_argument("--lanes", action="append", default=[])
    parser.add_argument("--mark", action="append", default=[])
    parser.add_argument("--processes", type=int)
    parser.add_argument("--ranks", type=int)
    parser.add_argument("--rank-lanes", action="append", default=[])
    parser.add_argument("--across")
    parser.add_argument("--arrows", type=int, default=0)
    parser.add_argument("--dropped", action="store_true")
    parser.add_argument("--cut-off", action="store_true")
    parser.add_argument("file")
    check(parser.parse_args())
    for line in faults[:20]:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
