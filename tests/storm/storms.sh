#!/bin/sh
# SPDX-License-Identifier: MIT
#
# storms.sh [TASKS [MINUTES]] -- kill storms of each kind in turns, in a release build, until so many tasks are done in
# them (100,000,000) or the time is over (60). Another seed each time. Ends with a line "count: ..." of what has become
# of the tasks; the exit status is 1 if one was lost, done twice or had an outcome that no kill explains.
set -eu
cd "$(dirname "$0")/../.."

tasks=${1:-100000000}
batch=2000000
[ "$batch" -le $((tasks / 4)) ] || batch=$((tasks / 4 + 1))
results=$(mktemp)
trap 'rm -f "$results"' EXIT

cmake --preset release >/dev/null
cmake --build --preset release --target storm >/dev/null
end=$(($(date +%s) + 60 * ${2:-60})) # building is not of it
status=0
done=0
seed=$(date +%s)
while [ $done -lt "$tasks" ]; do
	for kind in '--ns 1000' '--ns 20000' '--ns 20000 --mixed 1' '--ns 1000 --workers 8 --start fork'; do
		left=$((end - $(date +%s)))
		[ $left -gt 0 ] && [ $done -lt "$tasks" ] || break 2
		[ $left -le 120 ] || left=120 # or the slow kinds would take all of it
		seed=$((seed + 1))
		echo "storm $kind --seed $seed"
		# shellcheck disable=SC2086 # a list of words
		build/release/tests/storm --tasks "$batch" --seconds "$left" --seed "$seed" $kind >"$results.1" || status=1
		cat "$results.1"
		cat "$results.1" >>"$results"
		done=$(sed -n 's/.*"tasks": \([0-9]*\).*/\1/p' "$results" | awk '{ n += $1 } END { print n + 0 }')
	done
done
rm -f "$results.1"
awk -v status="$status" '
function value(name) {
	return match($0, "\"" name "\": [0-9]+") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) + 0 : 0
}
{
	tasks += value("tasks"); kills += value("kills"); good += value("good"); died += value("died")
	late += value("timed_out"); wrong += value("wrong"); twice += value("twice"); hung += value("hung")
}
END {
	lost = tasks - good - died - late - wrong
	printf "count: %d tasks, %d kills; %d good, %d died, %d overdue, lost=%d, wrong=%d, twice=%d\n", tasks, kills,
		good, died, late, lost, wrong, twice
	exit status || lost || wrong || twice || hung || !tasks
}' "$results"
