#!/bin/sh
# SPDX-License-Identifier: MIT
#
# scaling.sh [--publish] [OPTION VALUE]... -- the pool's scheduler on a simulated machine of 1 to 256 cores, and beside
# this one where both have two: docs/scaling.md says what comes of it. Some ten minutes on two processors. Options
# go to the simulator (tests/sim/work.c), as --near 70.
#
# Writes build/scaling: a table for each workload and grain, and two plots if there is gnuplot; --publish puts them
# into docs/scaling.
set -eu
cd "$(dirname "$0")/.."

publish=
[ "${1:-}" != --publish ] || { publish=yes && shift; }
out=build/scaling
mkdir -p "$out"
cmake --preset dev >"$out/build.log"
cmake --build --preset dev --target sim sim_real >>"$out/build.log"

options=$*
export options
cat >"$out/one.sh" <<'END'
# one.sh WORKLOAD GRAIN
workload=$1 grain=$2
for cores in 1 2 4 8 16 32 64 128 256; do
	tasks=60000
	[ $cores -lt 64 ] || tasks=200000
	build/dev/tests/sim/sim $workload $cores --grain $grain --tasks $tasks $options
done >build/scaling/$workload.$grain
END
for grain in 0 1000 10000; do
	for workload in flood floods tree forks loop; do
		echo "$workload $grain"
	done
done | xargs -P "$(nproc)" -L 1 sh "$out/one.sh"

# The same places, counted on both; the simulated memory is as slow as the counting makes the real one.
for workload in flood floods tree forks loop; do
	build/dev/tests/sim/sim_real $workload 2 --tasks 40000
	build/dev/tests/sim/sim $workload 2 --tasks 40000 --access 15
done | tee "$out/two"

plot() { # NAME TITLE GRAIN Y-TITLE
	cat <<END
set terminal svg size 720,480 font "sans,13" background "white"
set output "$1.svg"
set title "$2"
set logscale xy 2
set xlabel "cores"
set ylabel "$4"
set key left top
set grid
set xrange [1:256]
plot $(for workload in flood floods tree forks loop; do
		printf '"%s.%s" using 3:6 with linespoints title "%s", ' "$workload" "$3" "$workload"
	done) x with lines dashtype 2 linecolor "gray" title "as many as there are cores"
END
}
if command -v gnuplot >/dev/null; then
	plot grain1 "tasks of 1 us at a time (simulated)" 1000 "tasks at a time" >"$out/grain1.gp"
	plot grain10 "tasks of 10 us at a time (simulated)" 10000 "tasks at a time" >"$out/grain10.gp"
	(cd "$out" && gnuplot grain1.gp && gnuplot grain10.gp)
fi
[ -z "$publish" ] || {
	mkdir -p docs/scaling
	cp "$out"/*.svg docs/scaling/
	for grain in 0 1000 10000; do
		for workload in flood floods tree forks loop; do
			cat "$out/$workload.$grain"
		done | sed "s/^sim/$grain/"
	done >docs/scaling/figures.txt
}
