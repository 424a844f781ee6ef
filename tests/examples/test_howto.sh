#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_howto.sh [CASE | --list] -- each program of the pages in docs/howto prints, on each executor that it is for, what the
# page shows: howto/CASE.expected, beside this file. WEFT_BUILD_DIR and WEFT_SOURCE_DIR name the trees.
set -eu

howto=${WEFT_BUILD_DIR:?names the build tree}/examples/howto
expected=${WEFT_SOURCE_DIR:?names the sources}/tests/examples/howto
cases='crowd pool_patterns openmp_patterns uv_patterns epoll_loop survive'

# shellcheck source=tests/examples/cases_kit.sh
. "$(dirname "$0")/cases_kit.sh"

# prints WHAT COMMAND...: what WHAT.expected has, and nothing on stderr.
prints() {
	want=$expected/$1.expected
	shift
	status=0
	timeout 60 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
	[ "$status" -eq 0 ] || complain "$*: status $status"
	[ ! -s "$tmp/err" ] || complain "$*: on stderr: $(cat "$tmp/err")"
	cmp -s "$want" "$tmp/out" || complain "$*: $(diff "$want" "$tmp/out")"
}

# on PROGRAM EXECUTOR...: without an argument, and on each of these.
on() {
	program=$1
	shift
	prints "$program" "$howto/$program"
	for executor; do
		prints "$program" "$howto/$program" "$executor"
	done
}

survive() {
	if grep -q '^WEFT_SANITIZE:STRING=.' "$WEFT_BUILD_DIR/CMakeCache.txt"; then
		echo 'skipped: under sanitizers memory has no limit'
		exit 77
	fi
	prints survive "$howto/survive"
}

# Fewer than the page shows; on threads each takes a thread while it waits.
crowd() {
	for executor in uring:1 uring:2 uring:1,engine=epoll; do
		prints crowd_500 "$howto/crowd" 500 $executor
	done
	prints crowd_100 "$howto/crowd" 100 threads:2
}

pool_patterns() { on pool_patterns threads:1 threads:4 uring:1; }
openmp_patterns() { on openmp_patterns inline threads:1 threads:4 uring:1; }
uv_patterns() { on uv_patterns uring:2 threads:1; }
epoll_loop() { on epoll_loop inline threads:1 processes:2 uring:1; }

run_cases "$@"
