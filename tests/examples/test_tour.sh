#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_tour.sh [CASE | --list] -- each program of docs/tour.md prints, on each executor that it is for, what the page shows:
# tour/CASE.expected, beside this file. WEFT_BUILD_DIR and WEFT_SOURCE_DIR name the trees.
set -eu

tour=${WEFT_BUILD_DIR:?names the build tree}/examples/tour
expected=${WEFT_SOURCE_DIR:?names the sources}/tests/examples/tour
cases='step1 step2 step3 step4 step5 step6 step7 step8'

# shellcheck source=tests/examples/cases_kit.sh
. "$(dirname "$0")/cases_kit.sh"

# on STEP [EXECUTOR]...: its output without an argument, and on each of these.
on() {
	step=$1
	shift
	for executor in '' "$@"; do
		status=0
		# shellcheck disable=SC2086 # none, or one word
		timeout 60 "$tour/$step" $executor >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
		[ "$status" -eq 0 ] || complain "$step $executor: status $status"
		[ ! -s "$tmp/err" ] || complain "$step $executor: on stderr: $(cat "$tmp/err")"
		cmp -s "$expected/$step.expected" "$tmp/out" ||
			complain "$step $executor: $(diff "$expected/$step.expected" "$tmp/out")"
	done
}

step1() { on step1; }
step2() { on step2 inline threads:1 threads:4 processes:2 uring:1; }
step3() { on step3 threads:1 processes:1 processes:2 uring:1; }
step4() { on step4 threads:1 threads:4 processes:4 uring:1; }
step5() { on step5 processes:1 processes:2 processes:2,start=spawn; }
step6() { on step6 threads:1 threads:2 processes:1 uring:1; }
step7() { on step7 uring:2 uring:1,engine=epoll; }
step8() { on step8 threads:1 processes:2 uring:1; }

run_cases "$@"
