#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fuzz.sh [SECONDS] -- lets libFuzzer search for inputs, so many seconds for each of fuzz_*.c: 60 unless it says
# otherwise. What it has found stays in build/fuzz-corpus and is where it goes on from; what fails is left in
# build/fuzz-failed. Ends with a line "count: ..." of how many inputs were tried.
set -eu
cd "$(dirname "$0")/../.."

command -v clang-14 >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 || {
	echo "fuzz.sh: no clang here"
	exit 77
}
targets=$(cd tests/fuzz && ls fuzz_*.c | sed '/^fuzz_plain\.c$/d; s/\.c$//')
cmake --preset fuzz >/dev/null
# shellcheck disable=SC2086 # a list of words
cmake --build --preset fuzz --target $targets >/dev/null
mkdir -p build/fuzz-failed
status=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in $targets; do
	program=build/fuzz/tests/$target
	name=${target#fuzz_}
	mkdir -p "build/fuzz-corpus/$name"
	echo "fuzz.sh: $name"
	"$program" -max_total_time="${1:-60}" -use_value_profile=1 -timeout=20 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="build/fuzz-failed/$name-" "build/fuzz-corpus/$name" "tests/fuzz/corpus/$name" \
		>"$log.1" 2>&1 || status=1
	cat "$log.1"
	cat "$log.1" >>"$log"
done
rm -f "$log.1"
awk -v targets="$(echo "$targets" | wc -l)" '$1 == "stat::number_of_executed_units:" { n += $2; done++ }
END { printf "count: %d inputs of %d targets, %d failed\n", n, targets, targets - done }' "$log"
exit $status
