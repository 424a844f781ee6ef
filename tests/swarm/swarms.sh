#!/bin/sh
# SPDX-License-Identifier: MIT
#
# swarms.sh [TASKS [MINUTES]] -- the swarm on many pairs of executors in turns, in a release build, another seed each
# time, until so many tasks have been judged (200,000,000) or the time is over (60). It ends with a line "count: ..."; the
# exit status is 1 if a run failed, and its seed is in what it said.
set -eu
cd "$(dirname "$0")/../.."

tasks=${1:-200000000}
cmake --preset release >/dev/null
cmake --build --preset release --target swarm >/dev/null
end=$(($(date +%s) + 60 * ${2:-60})) # building is not of it
results=$(mktemp)
trap 'rm -f "$results"' EXIT
status=0
judged=0
kills=0
seed=$(date +%s)
while [ "$judged" -lt "$tasks" ]; do
	while read -r pair; do
		left=$((end - $(date +%s)))
		[ $left -gt 0 ] && [ "$judged" -lt "$tasks" ] || break 2
		[ $left -le 20 ] || left=20
		seed=$((seed + 1))
		echo "swarm --seed $seed $pair"
		# shellcheck disable=SC2086 # a list of words
		timeout 300 build/release/tests/swarm --seconds "$left" --threads 4 --seed "$seed" $pair >"$results" 2>&1 ||
			{ echo "failed: swarm --seed $seed $pair" && status=1; }
		cat "$results"
		judged=$((judged + $(sed -n 's/^count: \([0-9]*\) tasks.*/\1/p' "$results" | grep . || echo 0)))
		kills=$((kills + $(sed -n 's/^count: .* \([0-9]*\) workers killed/\1/p' "$results" | grep . || echo 0)))
	done <<-'PAIRS'
		threads:2 uring:2
		--rage processes:3 threads:2
		--rage processes:2,start=fork threads:4
		--rage uring:2 processes:2,slot=256
		uring:3,engine=epoll threads:1
		--rage processes:2,start=spawn,sandbox=1 uring:1
		threads:8 uring:2,long_turn=500
		--rage processes:4,max_tasks=7 processes:1
		threads:1,queue=10 processes:2,queue=5
	PAIRS
done
echo "count: $judged tasks judged, $kills workers killed"
exit $status
