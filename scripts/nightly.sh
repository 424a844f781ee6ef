#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nightly.sh [PART...] -- what takes too long for every change. All parts that are named, or all there are, are
# run, also after one has failed:
#
#   asan, tsan   the whole suite under the sanitizers
#   clang        the whole suite as built by clang
#   chaos        the tests on threads, and unit tests, with random delays at every atomic operation
#   models       the models with one preemption more
#   mutation     each memory order weakened in turn, with the large models too
#   spin         the lane's protocol with one death more, and each mistake that has been thought of
#   storms       a million tasks in each kind of kill storm; ten million messages through a queue under kills
#   fuzz         libFuzzer, a minute for each of its targets
#   tidy         clang-tidy over the library, if it is there
#   package      the packages on a new minimal Debian, where this is root: scripts/package_test.sh
#
# WEFT_NIGHTLY_TESTS   a pattern of ctest: only such tests of asan, tsan, clang, chaos and models
# WEFT_NIGHTLY_LIMIT   minutes for each part, after which it is ended and has failed: 60
#
# The output of each part is in build/nightly/PART.log. At the end there is one line for each; the exit status is 1
# if any has failed.
set -eu
cd "$(dirname "$0")/.."

logs=build/nightly
limit=${WEFT_NIGHTLY_LIMIT:-60}
tests=${WEFT_NIGHTLY_TESTS:-.}
chaos_tests=${WEFT_NIGHTLY_TESTS:-^(contract\.threads|unit)}

find_tidy() {
	command -v clang-tidy-14 || command -v clang-tidy
}

# The command of a part, as words of one line for sh -c.
command_of() {
	case $1 in
	asan | tsan | clang) echo "WEFT_PRESET=$1 sh scripts/test.sh -R '$tests'" ;;
	chaos) echo "WEFT_PRESET=chaos sh scripts/test.sh -R '$chaos_tests'" ;;
	models)
		echo "WEFT_MODEL_PREEMPTIONS=3 WEFT_PRESET=release sh scripts/test.sh -L model -E mutation -R '$tests'"
		;;
	mutation) echo "WEFT_MUTATE_MAX=1000000 WEFT_PRESET=release sh scripts/test.sh -R model.mutation" ;;
	spin)
		echo "WEFT_SPIN_DEATHS=2 sh tests/spin/verify.sh tests/spin/lane.pml &&" \
			"sh tests/spin/verify.sh tests/spin/lane.pml 1 2 3 4 5 6 7"
		;;
	storms)
		echo "WEFT_STORM_TASKS=1000000 sh tests/storm/storms.sh && WEFT_QUEUE_STORM=10000000" \
			"WEFT_TEST_TIMEOUT=600 WEFT_PRESET=release sh scripts/test.sh -R crash.queue_storm"
		;;
	fuzz) echo "sh tests/fuzz/fuzz.sh 60" ;;
	tidy)
		echo "cmake --preset clang && ls core/*.c ipc/*.c executors/*.c |" \
			"xargs -n 4 -P $(nproc) $(find_tidy || :) -p build/clang --quiet --warnings-as-errors='*'"
		;;
	package) echo "sh scripts/package_test.sh" ;;
	*)
		echo "nightly.sh: no part $1" >&2
		return 1
		;;
	esac
}

# Lines for people: what the log says of how many tests, and which failed.
verdict() {
	sed -n 's/^\([0-9]*% tests passed\), \([0-9]*\) tests failed out of \([0-9]*\)$/ \3 tests, \2 failed/p' "$1"
	sed -n 's/^[[:space:]]*[0-9]* - \(.*\) (\(Failed\|Timeout\|SEGFAULT\|.*Exception.*\))$/    \1: \2/p' "$1"
}

run() {
	if [ "$1" = tidy ] && ! find_tidy >/dev/null; then
		echo "tidy: left out, there is no clang-tidy here" >>"$logs/summary"
		return 0
	fi
	if [ "$1" = package ] && [ "$(id -u)" -ne 0 ]; then
		echo "package: left out, this is not root" >>"$logs/summary"
		return 0
	fi
	command=$(command_of "$1")
	begun=$(date +%s)
	status=0
	timeout -k 60 "${limit}m" sh -c "$command" >"$logs/$1.log" 2>&1 || status=$?
	case $status in
	0) how=passed ;;
	124 | 137) how="FAILED: took more than $limit min" ;;
	*) how="FAILED (status $status)" ;;
	esac
	echo "$1: $how, $(($(date +%s) - begun)) s$(verdict "$logs/$1.log")" >>"$logs/summary"
	[ "$status" -eq 0 ]
}

[ $# -gt 0 ] || set -- asan tsan clang chaos models mutation spin storms fuzz tidy package
for part; do
	command_of "$part" >/dev/null || exit 2
done
mkdir -p "$logs"
: >"$logs/summary"
failed=0
for part; do
	echo "nightly.sh: $part"
	run "$part" || failed=1
done
echo "nightly.sh: $(date -I), $(git rev-parse --short HEAD 2>/dev/null || echo no git), logs in $logs:"
cat "$logs/summary"
exit $failed
