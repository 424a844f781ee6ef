# SPDX-License-Identifier: MIT
#
# figure.py PAGE -- draws the figure of the README from the tables of docs/benchmarks.md, so that it cannot say
# anything else: python3 bench/figure.py docs/benchmarks.md >docs/peers.svg (lint.figure compares).
import math
import re
import sys

# Title, unit, column of a table, and its rows: name in the table, name in the figure.
PANELS = [
    (
        "An empty task, among a million",
        "ns",
        "flood, ns/task",
        [
            ("weft", "weft"),
            ("libgomp", "OpenMP (gcc) *"),
            ("libuv", "libuv"),
            ("oneTBB", "oneTBB"),
            ("libomp", "OpenMP (LLVM) *"),
            ("mutex-pool", "a list and a mutex"),
            ("moodycamel", "moodycamel"),
            ("Go", "Go"),
            ("Asio", "Asio"),
        ],
    ),
    (
        "A child of fork-join",
        "ns",
        "fib, ns/spawn",
        [
            ("weft", "weft"),
            ("oneTBB", "oneTBB"),
            ("libomp", "OpenMP (LLVM)"),
            ("libgomp", "OpenMP (gcc)"),
            ("Go", "Go"),
        ],
    ),
    (
        "To a worker process and back",
        "us",
        "hot, us p50",
        [
            ("weft-processes", "weft"),
            ("futex", "two futexes, by hand"),
            ("mpi4py", "mpi4py"),
            ("Python-Pool", "Python, Pool"),
            ("Python-processes", "Python, futures"),
            ("loky", "loky"),
        ],
    ),
]
WIDTH, LINE, TOP, NAMES, VALUES = 304, 20, 58, 132, 42


def cell(lines, column, row):
    """The number in the table that has both."""
    at = None
    for line in lines:
        cells = [c.strip() for c in line.split("|")]
        if column in cells:
            at = cells.index(column)
        elif not line.startswith("|"):
            at = None
        elif at is not None and cells[1] == row:
            number = re.match(r"\*\*([\d.,]+)\*\*", cells[at])
            if number:
                return float(number[1].replace(",", ""))
    sys.exit(f"figure.py: no figure for {row} in the column {column}")


def text(x, y, what, kind="", anchor="start"):
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{what}</text>'


def panel(lines, left, title, unit, column, rows):
    """A dot for each on a logarithmic scale, whose lines are powers of ten: what counts is how many times as much."""
    values = sorted((cell(lines, column, row), name) for row, name in rows)
    first, last = math.floor(math.log10(values[0][0])), math.log10(values[-1][0])
    room, bottom = WIDTH - NAMES - VALUES - 12, TOP + len(values) * LINE - 4
    out = [text(left, 18, title, "title"), text(left, 34, unit, "small")]

    def place(value):
        return left + NAMES + room * (math.log10(value) - first) / (last - first)

    for power in range(first, math.floor(last) + 1):
        x = place(10**power)
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}" class="grid"/>')
        out.append(text(round(x, 1), TOP - 11, f"{10.0 ** power:g}", "small", "middle"))
    for i, (value, name) in enumerate(values):
        y, x = TOP + i * LINE + LINE / 2 - 2, place(value)
        kind = "weft" if name == "weft" else "peer"
        out.append(text(left + NAMES - 8, y + 4, name, kind + "-name", "end"))
        out.append(f'<line x1="{left + NAMES}" x2="{x:.1f}" y1="{y:g}" y2="{y:g}" class="{kind}"/>')
        out.append(f'<circle cx="{x:.1f}" cy="{y:g}" r="4.5" class="{kind}"/>')
        out.append(text(round(x + 9, 1), y + 4, f"{value:.3g}" if value < 1000 else f"{value:,.0f}"))
    return out


def main():
    with open(sys.argv[1], encoding="utf-8") as page:
        lines = page.read().split("\n")
    height = TOP + max(len(p[3]) for p in PANELS) * LINE + 2
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * len(PANELS)} {height}" '
        f'width="{WIDTH * len(PANELS)}" height="{height}" font-family="system-ui, sans-serif" font-size="11.5">',
        "<!-- Made by bench/figure.py from docs/benchmarks.md. -->",
        "<style>text{fill:#57606a}.title,.weft-name{fill:#1f2328;font-weight:600}.title{font-size:13px}.small{font-size:10.5px}"
        ".grid{stroke:#d0d7de;stroke-width:.7}.peer{fill:#8c959f;stroke:#8c959f;stroke-width:1}"
        ".weft{fill:#0969da;stroke:#0969da;stroke-width:1.6}@media(prefers-color-scheme:dark){text{fill:#9198a1}"
        ".title,.weft-name{fill:#f0f6fc}.grid{stroke:#3d444d}.peer{fill:#656c76;stroke:#656c76}"
        ".weft{fill:#4493f8;stroke:#4493f8}}"
        "</style>",
    ]
    for i, p in enumerate(PANELS):
        out += panel(lines, i * WIDTH, *p)
    print("\n".join(out + ["</svg>"]))


main()
