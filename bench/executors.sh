#!/bin/sh
# SPDX-License-Identifier: MIT
#
# executors.sh [OPTION...] -- the executors of weft beside each other: called by scripts/bench.sh --executors,
# which has built them. Runs each benchmark five times over, leaves the results of each as JSON in
# build/bench/, and prints a table of the medians. Options go to Google Benchmark; for a quick look:
# --benchmark_min_time=0.05 --benchmark_filter=inline
#
# An absolute time tells about the machine; what tells about weft is the last column: how many times as
# fast as "inline", the function called by the caller itself, in the same run.
set -eu
cd "$(dirname "$0")/.."
out=build/bench
programs='bench_throughput bench_map bench_roundtrip bench_primes'
mkdir -p "$out"
for program in $programs; do
	echo "executors.sh: $program"
	build/release/bench/"$program" --benchmark_repetitions=5 "$@" \
		--benchmark_out="$out/$program.json" --benchmark_out_format=json \
		--benchmark_display_aggregates_only=true >"$out/$program.log" 2>&1 || {
		cat "$out/$program.log" >&2
		echo "executors.sh: $program failed" >&2
		exit 1
	}
done

# Google Benchmark writes one member of an object per line.
cd "$out"
# shellcheck disable=SC2046,SC2086 # lists of words
awk '
function text(line) {
	sub(/^[^:]*: "?/, "", line)
	sub(/"?,?$/, "", line)
	return line
}
function scaled(ns) {
	if (ns < 1e3)
		return sprintf("%.1f ns", ns)
	if (ns < 1e6)
		return sprintf("%.2f us", ns / 1e3)
	return ns < 1e9 ? sprintf("%.2f ms", ns / 1e6) : sprintf("%.2f s", ns / 1e9)
}
/^ *"(kernel|cpu|cpus)":/ && FILENAME == ARGV[1] {
	key = $1
	gsub(/[" :]/, "", key)
	about = about (about == "" ? "" : ", ") key " " text($0)
}
/^ *"run_name":/       { split(text($0), name, "/"); median = 0 }
/^ *"error_message":/ && !seen[name[1], name[2]]++ {
	print "executors.sh: " name[1] " on " name[2] ": " text($0)
	failed = 1
}
/^ *"aggregate_name":/ { median = text($0) == "median" }
/^ *"real_time":/ && median { time = text($0) + 0 } # in ns
/^ *"items_per_second":/ && median {
	if (!header++) {
		print ""
		print about
		printf "%-12s %-12s %12s %14s %10s\n", "benchmark", "executor", "time", "items/s", "x inline"
	}
	if (name[2] == "inline")
		base[name[1]] = time
	printf "%-12s %-12s %12s %14.0f %10s\n", name[1], name[2], scaled(time), text($0),
		name[1] in base ? sprintf("%.3g", base[name[1]] / time) : "-"
}
END { exit failed }' $(printf '%s.json ' $programs)
