# SPDX-License-Identifier: MIT
#
# check_promises.py ROOT TESTS -- each promise has its tests, and they exist. TESTS has what "ctest -N" prints.
#
#   a mark like [LOCK-1] in a public header has a row in docs/promises.md, and each row has its mark; WEFT-1 to WEFT-8,
#   the promises of the library as a whole, need none, but a row each
#   each row names tests: patterns of names in ctest, those of contract tests without the executor
#   each row of its last table names tests, too: names or patterns of them, or files
import fnmatch
import os
import re
import sys

ROOT = os.path.abspath(sys.argv[1])
WHOLE = [f"WEFT-{n}" for n in range(1, 9)]
ROW = re.compile(r"^\| ([A-Z]+-\d+) \| (.+) \| (.*) \|$")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read().split("\n")


def names_of_tests(path):
    names = set()
    with open(path, encoding="utf-8") as f:
        for name in re.findall(r"^\s*Test\s+#\d+: (\S+)", f.read(), re.M):
            names.add(name)
            names.add(re.sub(r"^contract\.[^.]+\.", "contract.", name))
    return names


def marks():
    """Where each mark stands."""
    found = {}
    folder = os.path.join(ROOT, "include", "weft")
    for f in sorted(os.listdir(folder)):
        for at, line in enumerate(read(f"include/weft/{f}"), 1):
            for mark in re.findall(r"\[([A-Z]+-\d+)\]", line):
                found.setdefault(mark, f"include/weft/{f}:{at}")
    return found


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def files_below_tests():
    found = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "tests")):
        found |= {os.path.relpath(os.path.join(folder, f), ROOT) for f in files}
    return found


def exists(name, tests, files, words):
    """Is there such a file, such a folder, or such a test?"""
    name = re.sub(r" .*", "", name).rstrip("/")
    if "/" in name or re.search(r"\.(c|sh|pml|py|md)$", name):
        paths = files if "/" in name else {os.path.basename(f) for f in files}
        return os.path.exists(os.path.join(ROOT, name)) or bool(fnmatch.filter(paths, name))
    return bool(fnmatch.filter(words, name) or fnmatch.filter(tests, name))


def check_rows(tests, complaints):
    known, standing = {}, marks()
    for at, line in enumerate(read("docs/promises.md"), 1):
        row = ROW.match(line)
        if not row:
            continue
        place = f"docs/promises.md:{at}"
        if row[1] in known:
            complaints.append(f"{place}: {row[1]} has a row already")
        known[row[1]] = place
        if not quoted(row[3]):
            complaints.append(f"{place}: {row[1]} has no test")
        for pattern in quoted(row[3]):
            if not fnmatch.filter(tests, pattern):
                complaints.append(f"{place}: there is no test {pattern}")
    for mark, place in standing.items():
        if mark not in known:
            complaints.append(f"{place}: {mark} has no row in docs/promises.md")
    for mark, place in known.items():
        if mark not in standing and mark not in WHOLE:
            complaints.append(f"{place}: no public header has the mark [{mark}]")
    for mark in WHOLE:
        if mark not in known:
            complaints.append(f"docs/promises.md: {mark} is missing")
    return len(known)


def check_last_table(tests, complaints):
    files, n, inside = files_below_tests(), 0, False
    words = {t.rsplit(".", 1)[1] for t in tests if "." in t}
    for at, line in enumerate(read("docs/promises.md"), 1):
        inside = line.startswith("## What that comes to") or inside
        cells = [c.strip() for c in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not inside or not cells or cells[-1] == "tests" or set(cells[-1]) <= set("-| "):
            continue
        n += 1
        if not quoted(cells[-1]):
            complaints.append(f"docs/promises.md:{at}: names no test")
        for name in quoted(cells[-1]):
            if not exists(name, tests, files, words):
                complaints.append(f"docs/promises.md:{at}: there is no test {name}")
    return n


def main():
    complaints, tests = [], names_of_tests(sys.argv[2])
    n = check_rows(tests, complaints)
    print(f"{n} promises, {check_last_table(tests, complaints)} in other words, {len(tests)} names of tests")
    if not tests:
        complaints.append(f"{sys.argv[2]} names no test")
    if complaints:
        sys.exit("\n".join(complaints))


main()
