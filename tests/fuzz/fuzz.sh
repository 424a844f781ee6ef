#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fuzz.sh [SECONDS] -- lets libFuzzer search for inputs, so many seconds for each of fuzz_*.c: 60 unless it says
# otherwise. What it has found stays in build/fuzz-corpus and is where it goes on from; what fails is left in
# build/fuzz-failed.
set -eu
cd "$(dirname "$0")/../.."

command -v clang-14 >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 || {
	echo "fuzz.sh: no clang here"
	exit 77
}
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzz_http fuzz_lane fuzz_pipe fuzz_queue fuzz_request fuzz_spec \
	fuzz_wire >/dev/null
mkdir -p build/fuzz-failed
status=0
for program in build/fuzz/tests/fuzz_*; do
	[ -x "$program" ] && [ -f "$program" ] || continue
	name=${program##*/fuzz_}
	mkdir -p "build/fuzz-corpus/$name"
	echo "fuzz.sh: $name"
	"$program" -max_total_time="${1:-60}" -use_value_profile=1 -timeout=20 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="build/fuzz-failed/$name-" "build/fuzz-corpus/$name" "tests/fuzz/corpus/$name" ||
		status=1
done
exit $status
