#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_armour.sh [CASE | --list] -- what examples/armour promises: it outlives the parser on threads, tells of each
# bad input on processes, and gets every good one right. Without an argument all cases run. WEFT_BUILD_DIR names
# the build tree.
set -eu

armour=${WEFT_BUILD_DIR:?names the build tree}/examples/armour
cases='usual sandbox few help bad_options output_errors'

# shellcheck source=tests/examples/cases_kit.sh
. "$(dirname "$0")/cases_kit.sh"

# Under sanitizers a crash is an exit, and memory has no limit.
if grep -q '^WEFT_SANITIZE:STRING=.' "$WEFT_BUILD_DIR/CMakeCache.txt"; then
	echo 'skipped: sanitizers turn crashes into exits'
	exit 77
fi

# run STATUS ARGUMENT...: output goes to $tmp/out, messages to $tmp/err.
run() {
	want=$1
	shift
	status=0
	"$armour" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	[ "$status" -eq "$want" ] || complain "armour $*: status $status, not $want: $(cat "$tmp/out" "$tmp/err")"
}

# said PATTERN: a line of the output is like that.
said() {
	grep -Eq "$1" "$tmp/out" || complain "no line like '$1' in: $(cat "$tmp/out")"
}

# Each of the first inputs of seed 1 that are bad, and how it ends. Patience: the machine may be busy.
all_kinds() {
	said '^  died of signal [0-9]+ \(.*\) after [0-9]+ of 3500 inputs$'
	said '^  input 421 \(unknown name\): worker [0-9]+ killed by signal 11 '
	said '^  input 415 \(200,000 brackets\): worker [0-9]+ killed by signal 11 '
	said '^  input 3444 \(missing bracket\): worker [0-9]+ killed by signal 6 '
	said '^  input 173 \(endless comment\): deadline passed$'
	said '^  input 2832 \(huge text\): out of memory at byte [0-9]+$'
	said '^  finished: [0-9]+ of 3500 right, [0-9]+ bad, 0 wrong; [0-9]+ workers answered$'
	[ ! -s "$tmp/err" ] || complain "on stderr: $(cat "$tmp/err")"
	awk '/finished:/ { exit $2 + $6 != 3500 }' "$tmp/out" || complain 'the sums do not add up'
}

usual() {
	run 0 --inputs 3500 --patience 3000
	all_kinds
}

sandbox() {
	if ! "$armour" --inputs 1 --sandbox >/dev/null 2>"$tmp/err" && grep -q 'not supported' "$tmp/err"; then
		echo 'no seccomp filters here: no sandbox'
		return
	fi
	run 0 --inputs 3500 --patience 3000 --sandbox
	said '^processes:.*sandbox=1'
	all_kinds
}

few() {
	run 0 --inputs 1 --workers 1
	said '^  ended with status 0 after 1 of 1 inputs$'
	said '^  finished: 1 of 1 right, 0 bad, 0 wrong; 1 workers answered$'
	run 0 --inputs 500 --seed 5 --workers 4 --quiet --patience 3000
	said '^  finished: [0-9]+ of 500 right, [0-9]+ bad, 0 wrong; '
	! grep -q 'input [0-9]* (' "$tmp/out" || complain 'quiet, but tells of each'
}

help() {
	run 0 --help
	for word in --inputs --seed --workers --patience --sandbox --quiet --help; do
		said " $word"
	done
}

bad_options() {
	for arguments in '--inputs 0' '--inputs 1000001' '--inputs x' '--workers 65' '--workers -1' '--patience 0' \
		'--seed 18446744073709551616' '--frobnicate' 'word' '--inputs'; do
		# shellcheck disable=SC2086 # a list of words
		run 2 $arguments
		[ -s "$tmp/err" ] || complain "armour $arguments: said nothing"
		[ ! -s "$tmp/out" ] || complain "armour $arguments: wrote $(head -n 1 "$tmp/out")"
	done
}

output_errors() {
	status=0
	"$armour" --inputs 3 --workers 1 >/dev/full 2>"$tmp/err" || status=$?
	[ "$status" -eq 1 ] || complain "disk full: status $status"
	grep -qx 'armour: stdout: No space left on device' "$tmp/err" || complain "disk full: said $(cat "$tmp/err")"
}

run_cases "$@"
