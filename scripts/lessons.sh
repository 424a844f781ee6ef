#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lessons.sh [OPTION...] [LESSON...] -- the lessons that measure themselves, in C and in Python, in turns; medians and
# their ratio; and how much faster threads are than none. Builds a release first. Lessons that only sleep are left out.
#
#   --repeat N     rounds: 5
#   --json FILE    each figure of each round: build/lessons.json
#   --no-build     with what is there, in WEFT_LESSONS: build/release/examples/lessons
#   LESSON         one of them, or several: all
#
# PYTHON names the Python: python3. The exit status is 1 if the two print different answers, or if Python is faster
# anywhere.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
programs=${WEFT_LESSONS:-build/release/examples/lessons}
repeat=5
json=build/lessons.json
build=yes
all='counters countdowns list_sums squares fetch_pool primes_threads primes_processes
	counters_large countdowns_large' # these in C only: what Python has to do is over in some milliseconds
lessons=

fail() {
	echo "lessons.sh: $*" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--repeat)
		repeat=${2:?a number}
		shift
		;;
	--json)
		json=${2:?a file}
		shift
		;;
	--no-build) build= ;;
	-h | --help)
		sed -n '4,14s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	-*) fail "no option $1" ;;
	*)
		echo "$all" | grep -qw -- "$1" || fail "no lesson $1 among $all"
		lessons="$lessons $1"
		;;
	esac
	shift
done
command -v "$python" >/dev/null 2>&1 || fail "no $python"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' HUP INT TERM
mkdir -p build
if [ -n "$build" ] && ! { cmake --preset release && cmake --build --preset release --target lessons; } >"$dir/log" 2>&1; then
	tail -n 30 "$dir/log" >&2
	fail "the build failed"
fi

# Its port is in $port; it ends with descriptor 3.
start_server() {
	mkfifo "$dir/fifo"
	"$programs/slow_server" 50 <"$dir/fifo" >"$dir/port" &
	exec 3>"$dir/fifo"
	until [ -s "$dir/port" ]; do sleep 0.05; done
	port=$(cat "$dir/port")
}

# program LANGUAGE LESSON: what it prints.
program() {
	name=$2
	argument=
	case $2 in
	primes_*)
		name=primes_pool
		argument=${2#primes_}:16
		;;
	fetch_pool) argument=$port ;;
	counters_large) name=counters argument=500000000 ;;
	countdowns_large) name=countdowns argument=250000000 ;;
	esac
	# shellcheck disable=SC2086 # an argument, or none
	case $1 in
	weft) "$programs/$name" $argument ;;
	*) "$python" -B "examples/lessons/python/$name.py" $argument ;;
	esac
}

# round LANGUAGE LESSON: appends "lesson|part|language|seconds" lines, and leaves the answers without the times.
round() {
	program "$1" "$2" 3>&- >"$dir/output" || fail "$2 in $1 failed"
	sed -nE "s/^([^ ].*): (.* in )?([0-9.]+) seconds\$/$2|\1|$1|\3/p" "$dir/output" >>"$dir/figures"
	sed -E -e '/^fibers: /d' -e 's/[0-9.]+ seconds$//' "$dir/output" >"$dir/answers.$1"
}

port=
: >"$dir/figures"
for lesson in ${lessons:-$all}; do
	[ "$lesson" != fetch_pool ] || start_server
	i=0
	while [ $i -lt "$repeat" ]; do
		i=$((i + 1))
		round weft "$lesson"
		[ "$lesson" = "${lesson%_large}" ] || continue
		round python "$lesson"
		cmp -s "$dir/answers.weft" "$dir/answers.python" ||
			fail "$lesson: other answers: $(diff "$dir/answers.python" "$dir/answers.weft")"
	done
done

"$python" --version >"$dir/version" 2>&1
awk -F '|' -v json="$json" -v version="$(cat "$dir/version")" -v cpus="$(nproc)" -v rounds="$repeat" '
function median(list,    x, n, i, j, t) {
	n = split(list, x, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && x[j - 1] + 0 > x[j] + 0; j--) {
			t = x[j]; x[j] = x[j - 1]; x[j - 1] = t
		}
	return (x[int((n + 1) / 2)] + x[int(n / 2) + 1]) / 2
}
function array(list) {
	gsub(/ /, ", ", list)
	return "[" list "]"
}
function speedup(lesson, language,    threads) {
	threads = took[lesson, "threads", language]
	return threads + 0 > 0 ? sprintf("%.2f", took[lesson, "serial", language] / threads) : ""
}
{
	key = $1 "|" $2
	if (!(key in seen)) {
		seen[key] = 1
		order[++parts] = key
	}
	times[key, $3] = times[key, $3] (times[key, $3] == "" ? "" : " ") $4
}
END {
	printf "%s, %d processors, medians of %d rounds\n\n", version, cpus, rounds
	print "| lesson | part | Python, s | weft, s | times faster |\n|---|---|---|---|---|"
	printf "{\"python\": \"%s\", \"processors\": %d, \"rounds\": %d, \"results\": [", version, cpus, rounds >json
	for (i = 1; i <= parts; i++) {
		key = order[i]
		split(key, name, "|")
		weft = median(times[key, "weft"])
		if (times[key, "python"] == "") { # nothing to compare with
			printf "| `%s` | %s | | %.4f | |\n", name[1], name[2], weft
			python = "null"
			ratio = "null"
		} else {
			python = median(times[key, "python"])
			ratio = python / (weft > 0 ? weft : 0.0001) # as short as the program prints
			printf "| `%s` | %s | %.4f | %.4f | %.*f |\n", name[1], name[2], python, weft, (ratio < 10 ? 2 : 0), ratio
			slower += ratio <= 1
		}
		if (name[2] ~ /^(two|four) threads$/)
			scaled[++scales] = name[1]
		took[name[1], name[2] ~ /threads/ ? "threads" : name[2], "weft"] = weft
		took[name[1], name[2] ~ /threads/ ? "threads" : name[2], "python"] = python
		printf "%s\n  {\"lesson\": \"%s\", \"part\": \"%s\", \"weft\": %s, \"python\": %s, \"weft_median\": %s, \"python_median\": %s, \"ratio\": %s}",
			(i > 1 ? "," : ""), name[1], name[2], array(times[key, "weft"]), array(times[key, "python"]), weft, python, ratio >json
	}
	print "\n]}" >json
	if (scales)
		print "\n| lesson | Python: serial / threads | weft: serial / threads |\n|---|---|---|"
	for (i = 1; i <= scales; i++)
		printf "| `%s` | %s | %s |\n", scaled[i], speedup(scaled[i], "python"), speedup(scaled[i], "weft")
	if (slower)
		print "lessons.sh: Python is faster in " slower " of them" >"/dev/stderr"
	exit slower > 0
}' "$dir/figures"
