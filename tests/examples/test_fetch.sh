#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_fetch.sh [CASE | --list] -- what examples/fetch promises: the same lines on every executor, in the order of
# the input, whatever the server does. Without an argument all cases run. WEFT_BUILD_DIR names the build tree.
set -eu

fetch=${WEFT_BUILD_DIR:?names the build tree}/examples/fetch
executors='inline threads:1 threads:2 threads:8 processes:1 processes:2 uring:1 uring:2'
cases='all_kinds_of_answers many stale_connections deadline refused bad_urls from_stdin compare usage'

# shellcheck source=tests/examples/cases_kit.sh
. "$(dirname "$0")/cases_kit.sh"

# expect STATUS ARGUMENT...: fetch ends so, and prints what $tmp/want has.
expect() {
	want=$1
	shift
	status=0
	"$fetch" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	[ "$status" -eq "$want" ] || complain "fetch $*: status $status, not $want: $(cat "$tmp/err")"
	cmp "$tmp/want" "$tmp/out" >&2 || complain "fetch $*: $(diff "$tmp/want" "$tmp/out" | head -n 5)"
}

all_kinds_of_answers() {
	cat >"$tmp/want" <<-'END'
		200 21 /chunked
		200 100 /close
		404 0 /none
		error: the answer is cut off: /cut
		200 8192 /0
	END
	for executor in $executors; do
		expect 1 --serve 1 --latency 1 /chunked /close /none /cut --executor "$executor"
	done
}

many() {
	awk 'BEGIN { for (i = 0; i < 500; i++) print "200 8192 /" i }' >"$tmp/want"
	for executor in threads:4 processes:4; do
		expect 0 --serve 500 --latency 1 --executor "$executor"
	done
}

# A connection that is kept may be closed by the time that it is wanted again.
stale_connections() {
	awk 'BEGIN { for (i = 0; i < 40; i++) print "200 8192 /last" i }' >"$tmp/want"
	sed 's/.* //' "$tmp/want" >"$tmp/in"
	for executor in $executors; do
		expect 0 --serve 0 --latency 1 --executor "$executor" - <"$tmp/in"
	done
}

# One that never answers costs its own time and nobody else's.
deadline() {
	for executor in inline threads:2 processes:2; do
		status=0
		"$fetch" --serve 2 --deadline 1 /slow --executor "$executor" >"$tmp/out" || status=$?
		[ $status -eq 1 ] || complain "$executor: status $status"
		[ "$(sed 's/error: .*: /error /' "$tmp/out" | tr '\n' ' ')" = "error /slow 200 8192 /0 200 8192 /1 " ] ||
			complain "$executor: $(cat "$tmp/out")"
	done
}

refused() {
	echo 'error: connect: Connection refused: http://127.0.0.1:1/' >"$tmp/want"
	for executor in $executors; do
		expect 1 --executor "$executor" http://127.0.0.1:1/
	done
}

bad_urls() {
	cat >"$tmp/want" <<-'END'
		error: only http:// is known: https://127.0.0.1/
		error: no such address: http://
		error: no such address: http:///x
	END
	expect 1 --executor inline https://127.0.0.1/ http:// http:///x
}

from_stdin() {
	printf '200 8192 /a\n200 8192 /b?c\n' >"$tmp/want"
	printf '/a\n# nothing\n\n/b?c\n' >"$tmp/in"
	expect 0 --serve 0 - <"$tmp/in"
}

compare() {
	"$fetch" --serve 20 --latency 1 --compare >"$tmp/out" 2>"$tmp/err" || complain "status $?"
	grep -q '^inline .* 0 of 20 failed$' "$tmp/out" || complain "$(cat "$tmp/out")"
	grep -q '^threads:4 .* 0 of 20 failed$' "$tmp/out" || complain "$(cat "$tmp/out")"
}

usage() {
	: >"$tmp/want"
	expect 2
	expect 2 --serve
	expect 2 --serve x
	expect 2 --nonsense 3
	expect 2 --executor nonsense http://127.0.0.1/
}

run_cases "$@"
