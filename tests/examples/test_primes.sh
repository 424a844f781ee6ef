#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_primes.sh [CASE | --list] -- what examples/primes promises: right answers, the same bytes on every
# executor, an end to Ctrl-C, and one line that names what is wrong with the input. Right is what factor(1)
# says. Without an argument all cases run. WEFT_BUILD_DIR names the build tree.
set -eu

primes=${WEFT_BUILD_DIR:?names the build tree}/examples/primes
here=$(cd "$(dirname "$0")" && pwd)
executors='inline threads:1 threads:2 threads:8 processes:1 processes:2 processes:8 uring:2'
cases='default_list ten_thousand edges easy_in_bulk stdin_and_comments no_numbers repeat workers compare
	bad_numbers bad_options bad_files bad_executors help interrupt terminate as_ready output_errors'

# shellcheck source=tests/examples/cases_kit.sh
. "$(dirname "$0")/cases_kit.sh"

# judge: number lines in, expected lines out.
judge() {
	factor | awk '{ sub(/:$/, "", $1); print $1 " is prime: " (NF == 2 ? "true" : "false") }'
}

# expect FILE ARGUMENT...: primes prints exactly FILE, is silent on stderr, and succeeds.
expect() {
	want=$1
	shift
	status=0
	"$primes" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	[ "$status" -eq 0 ] || complain "primes $*: status $status"
	[ ! -s "$tmp/err" ] || complain "primes $*: on stderr: $(cat "$tmp/err")"
	cmp "$want" "$tmp/out" >&2 || complain "primes $*: wrong output"
}

# refused MESSAGE ARGUMENT...: primes says "primes: MESSAGE" on stderr, nothing else, and exits with 2.
refused() {
	want=$1
	shift
	status=0
	"$primes" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
	[ "$status" -eq 2 ] || complain "primes $*: status $status, not 2"
	[ ! -s "$tmp/out" ] || complain "primes $*: wrote $(head -n 1 "$tmp/out")"
	printf 'primes: %s\n' "$want" >"$tmp/want"
	cmp -s "$tmp/want" "$tmp/err" || complain "primes $*: said $(cat "$tmp/err")"
}

on_all_executors() {
	for executor in $executors; do
		expect "$1" --executor "$executor" "$2" "$3"
	done
}

default_list() {
	for executor in $executors; do
		expect "$here/primes_default.expected" --executor "$executor"
	done
	expect "$here/primes_default.expected"
	WEFT_EXECUTOR=processes:2 expect "$here/primes_default.expected"
}

# Numbers of all magnitudes up to 10^12. The generator's products stay below 2^53, so every awk agrees.
ten_thousand() {
	awk 'BEGIN {
		x = 20240229
		for (i = 0; i < 10000; i++) {
			x = x * 16807 % 2147483647
			n = x * 465
			x = x * 16807 % 2147483647
			n += x % 465
			for (k = i % 7; k > 0; k--)
				n = (n - n % 10) / 10
			printf "%.0f\n", n
		}
	}' >"$tmp/numbers"
	judge <"$tmp/numbers" >"$tmp/want_all"
	on_all_executors "$tmp/want_all" --file "$tmp/numbers"
}

# The largest composites with a small factor, squares of primes and their neighbours, powers of two.
edges() {
	set -- 0 1 2 3 4 5 6 7 8 9 10 24 25 26 48 49 50 65535 65536 65537 \
		4294836225 4294967290 4294967291 4294967292 4294967295 4294967296 4294967297 \
		9223372036854775806 9223372036854775808 18446744073709551614 18446744073709551615 \
		999966000289 1000000000039 99998400006399 00000000000000000000000000000000000000013
	printf '%s\n' "$@" | judge >"$tmp/want_all"
	for executor in $executors; do
		expect "$tmp/want_all" --executor "$executor" "$@"
	done
}

# A million numbers on one line: time and memory must not grow with the square.
easy_in_bulk() {
	awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "%d ", i }' >"$tmp/numbers"
	judge <"$tmp/numbers" >"$tmp/want_all"
	for executor in inline threads:2 processes:2; do
		expect "$tmp/want_all" --executor "$executor" --file "$tmp/numbers"
	done
}

stdin_and_comments() {
	printf '# two lines\n\n 7\t8 # and 9\r\n#10\n\v11\f12#13\n14' >"$tmp/numbers"
	printf '7 8 11 12 14\n' | judge >"$tmp/want_all"
	expect "$tmp/want_all" --file "$tmp/numbers"
	expect "$tmp/want_all" - <"$tmp/numbers"
	# shellcheck disable=SC2002 # a pipe is the point
	cat "$tmp/numbers" | expect "$tmp/want_all" --file=- --executor processes:2
}

no_numbers() {
	printf '# nothing\n' >"$tmp/numbers"
	on_all_executors /dev/null --file "$tmp/numbers"
	expect /dev/null --file /dev/null
	expect /dev/null - </dev/null
}

repeat() {
	printf '2\n4\n2\n4\n2\n4\n' | judge >"$tmp/want_all"
	for executor in $executors; do
		expect "$tmp/want_all" --repeat 3 2 4 --executor "$executor"
	done
}

workers() {
	echo 97 | judge >"$tmp/want_all"
	expect "$tmp/want_all" --workers 3 97
	expect "$tmp/want_all" --workers=1 --executor inline -- 97
	expect "$tmp/want_all" 97 --quiet --executor threads,queue=9 --workers 2
	WEFT_EXECUTOR=processes expect "$tmp/want_all" --workers 2 97
	refused "--workers '3': 'threads:2' has a number already" --workers 3 --executor threads:2 97
	refused "--workers '2': inline has one" --executor inline --workers 2 97
}

compare() {
	"$primes" --compare --workers 2 --repeat 2 2 3 4 5 6 >"$tmp/out" 2>"$tmp/err" || complain "status $?"
	[ ! -s "$tmp/err" ] || complain "on stderr: $(cat "$tmp/err")"
	awk '{ print $1, $2, $5 }' "$tmp/out" >"$tmp/columns"
	printf '%s\n' 'executor workers primes' 'inline 1 3' 'threads:2 2 3' 'processes:2 2 3' \
		'uring:2 2 3' >"$tmp/want"
	cmp "$tmp/want" "$tmp/columns" >&2 || complain "a strange table: $(cat "$tmp/out")"
	refused "--executor 'inline': not with --compare, which takes all" --compare --executor inline
}

bad_numbers() {
	must='must be a whole number from 0 to 18446744073709551615'
	for word in 12x -3 18446744073709551616 99999999999999999999999 '' ' ' 0x10 1e3 3.0 +7 -9 '7 8' ½; do
		refused "'$word': $must" "$word"
		refused "'$word': $must" 97 "$word" 98
		refused "'$word': $must" --executor processes:2 -- "$word"
	done
	refused "'1234567890123456789012345678901234567890': $must" 12345678901234567890123456789012345678901
}

bad_options() {
	refused "--workers '0': must be 1 to 1024" --workers 0
	refused "--workers '100000': must be 1 to 1024" --workers 100000
	refused "--workers '1025': must be 1 to 1024" --workers=1025 97
	refused "--workers 'two': must be 1 to 1024" 97 --workers two
	refused "--workers '-1': must be 1 to 1024" --workers -1
	refused "--workers '': must be 1 to 1024" --workers ''
	refused "--repeat '0': must be 1 to 10000" --repeat 0
	refused "--repeat '10001': must be 1 to 10000" --repeat 10001 97
	refused "--workers: needs a value" 97 --workers
	refused "--file: needs a value" --file
	refused "--frobnicate: no such option" --frobnicate 97
	refused "--quiet=yes: no such option" --quiet=yes
	refused "-x: no such option" 97 -x
}

bad_files() {
	must='must be a whole number from 0 to 18446744073709551615'
	refused "--file '$tmp/none': No such file or directory" --file "$tmp/none"
	refused "--file '$tmp': Is a directory" --file "$tmp"
	refused "--file '': No such file or directory" --file ''
	refused "--file '/dev/null': not with numbers on the command line" --file /dev/null 97
	refused "--file '-': not with numbers on the command line" 97 -
	printf '7\n# 8x\n 9 10x 11\n' >"$tmp/numbers"
	refused "$tmp/numbers:3: '10x': $must" --file "$tmp/numbers"
	printf '7\n18446744073709551616' >"$tmp/numbers"
	refused "$tmp/numbers:2: '18446744073709551616': $must" --file "$tmp/numbers" --executor processes:1
	printf '7\n1\0001\n' >"$tmp/numbers"
	refused "$tmp/numbers:2: '1?1': $must" --file "$tmp/numbers"
}

bad_executors() {
	for spec in bogus '' thread threads: threads:x threads:2x processes:2,frob=1 inline:2; do
		refused "--executor '$spec': no such executor; see primes --help" --executor "$spec" 97
	done
	for spec in threads:0 threads:1025 processes:100000; do
		refused "--executor '$spec': a number is out of range" --executor "$spec"
	done
	WEFT_EXECUTOR=bogus refused "WEFT_EXECUTOR 'bogus': no such executor; see primes --help" 97
}

help() {
	"$primes" --help >"$tmp/out" 2>"$tmp/err" || complain "status $?"
	[ ! -s "$tmp/err" ] || complain "on stderr: $(cat "$tmp/err")"
	for word in --executor --workers --repeat --compare --quiet --help --file; do
		grep -q -- " $word" "$tmp/out" || complain "--help does not know $word"
	done
}

# alive SESSION: the processes of a session, without those that only wait to be reaped.
alive() {
	cat /proc/[0-9]*/stat 2>/dev/null |
		awk -v session="$1" '{ pid = $1; sub(/.*\) /, ""); if ($4 == session && $1 !~ /[ZX]/) print pid }'
}

dead() {
	[ -z "$(alive "$1")" ]
}

# start ARGUMENT...: primes in a session of its own, whose number is $session, until it has printed a line.
start() {
	: >"$tmp/out"
	setsid "$primes" "$@" >"$tmp/out" 2>"$tmp/err" &
	session=$!
	within 20 test -s "$tmp/out" || complain "primes $*: printed nothing in 20 seconds"
}

# stopped_by SIGNAL STATUS: in the midst of a number that takes many seconds.
stopped_by() {
	for executor in $executors; do
		start --executor "$executor" 97 18446744073709551557 18446744073709551557 98
		sleep 0.1
		kill -s "$1" "$session"
		within 5 dead "$session" || complain "$executor: after 5 s there is still $(alive "$session")"
		alive "$session" | xargs -r kill -KILL
		status=0
		wait "$session" || status=$?
		[ "$status" -eq "$2" ] || complain "$executor: status $status, not $2"
		[ "$(cat "$tmp/out")" = '97 is prime: true' ] || complain "$executor: printed $(cat "$tmp/out")"
		[ "$(cat "$tmp/err")" = 'primes: interrupted' ] || complain "$executor: said $(cat "$tmp/err")"
	done
}

interrupt() {
	stopped_by INT 130
}

terminate() {
	stopped_by TERM 143
}

# A reader of a pipe gets the first answer while the second number is still being divided.
as_ready() {
	for executor in $executors; do
		start --executor "$executor" 4294967291 18446744073709551557
		kill -KILL "$session"
		wait "$session" 2>/dev/null || :
		within 5 dead "$session" || complain "$executor: a killed program left $(alive "$session")"
		[ "$(cat "$tmp/out")" = '4294967291 is prime: true' ] || complain "$executor: $(cat "$tmp/out")"
	done
}

output_errors() {
	for arguments in '97 98' --help '--compare 97' '--executor processes:2 97'; do
		status=0
		# shellcheck disable=SC2086 # a list of words
		"$primes" $arguments >/dev/full 2>"$tmp/err" || status=$?
		[ "$status" -eq 1 ] || complain "primes $arguments, disk full: status $status"
		grep -qx 'primes: stdout: No space left on device' "$tmp/err" ||
			complain "primes $arguments, disk full: said $(cat "$tmp/err")"
	done
	# The reader is gone before the first answer.
	{
		status=0
		"$primes" 1099726899285419 97 112272535095293 98 --executor threads:2 2>"$tmp/err" || status=$?
		echo "$status" >"$tmp/status"
	} | :
	within 20 test -s "$tmp/status" || complain "no reader: it goes on"
	[ "$(cat "$tmp/status")" = 1 ] || complain "no reader: status $(cat "$tmp/status")"
	[ "$(cat "$tmp/err")" = 'primes: stdout: Broken pipe' ] || complain "no reader: said $(cat "$tmp/err")"
}

run_cases "$@"
