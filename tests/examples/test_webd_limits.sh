#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_webd_limits.sh [CASE | --list] -- what examples/webd promises of its end and its limits: an end to who stalls, a
# turn for everybody, a stop that finishes what is under way; and one line that says what is wrong with its options.
# Without an argument all cases run. WEFT_BUILD_DIR names the build tree.
set -eu

cases='slow_head large_head stalled_reader many_at_once one_at_a_time stop_idle stop_busy
	stop_in_the_middle second_signal bad_options help output_errors'

# shellcheck source=tests/examples/webd_kit.sh
. "$(dirname "$0")/webd_kit.sh"

# Time is for the whole head, so a byte now and then does not help; and who says nothing gets no answer.
slow_head() {
	for executor in $executors; do
		start --executor "$executor" --timeout 1
		printf 'GET /a.txt HTTP/1.1\r\n' | "$talk" "$port" 200 >"$tmp/talk" 2>/dev/null ||
			: # it may find the connection closed while it sends
		grep -q '^HTTP/1.1 408 ' "$tmp/talk" || complain "$executor: slow: $(cat "$tmp/talk")"
		: | answers '' 'silence'
		stop
	done
}

large_head() {
	start --head 512
	printf 'GET /a.txt HTTP/1.1\r\nHost: x\r\nA: %600s\r\n\r\n' '' | answers 431 'one long line'
	{
		printf 'GET /a.txt HTTP/1.1\r\nHost: x\r\n'
		yes A: b | head -n 100
	} | answers 431 'many lines'
	printf 'GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: %400s\r\n\r\n' '' | answers 200 'just right'
	stop
}

# With room for one, others are served if, and only if, who does not read is thrown out.
stalled_reader() {
	for executor in $executors; do
		start --executor "$executor" --timeout 1 --connections 1 --log
		stall
		expect 200 /a.txt && same "$site/a.txt"
		forget
		grep -q '"GET /big" 200 20000000 (not all)' "$tmp/log" || complain "$executor: $(cat "$tmp/log")"
		stop
	done
}

many_at_once() {
	for executor in $executors; do
		start --executor "$executor"
		set --
		for i in 1 2 3 4 5 6 7 8; do
			curl -sS --noproxy '*' --max-time 60 -o "$tmp/many$i" "http://127.0.0.1:$port/big" &
			set -- "$@" $!
		done
		for i; do
			wait "$i" || complain "$executor: a client failed"
		done
		for i in 1 2 3 4 5 6 7 8; do
			cmp "$site/big" "$tmp/many$i" >&2 || complain "$executor: client $i has something else"
		done
		stop
	done
}

# More clients than there may be wait for their turn.
one_at_a_time() {
	start --connections 1 --executor threads:4
	set --
	for i in 1 2 3 4 5; do
		curl -sS --noproxy '*' --max-time 60 -o "$tmp/one$i" "http://127.0.0.1:$port/a.txt" &
		set -- "$@" $!
	done
	for i; do
		wait "$i" || complain "a client failed"
	done
	for i in 1 2 3 4 5; do
		cmp "$site/a.txt" "$tmp/one$i" >&2 || complain "client $i has something else"
	done
	stop
}

# A client that waits for nothing is no reason to wait.
stop_idle() {
	for executor in $executors; do
		start --executor "$executor" --timeout 3000 --grace 3000
		: >"$tmp/talk"
		printf 'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n' | "$talk" "$port" >"$tmp/talk" 2>/dev/null &
		client=$!
		within 20 test -s "$tmp/talk" || complain "$executor: no answer"
		stop
		wait "$client" || complain "$executor: the connection was not closed"
	done
}

stop_busy() {
	for executor in $executors; do
		start --executor "$executor" --grace 3000
		: >"$tmp/busy"
		curl -sS --noproxy '*' --max-time 60 --limit-rate 10M -o "$tmp/busy" "http://127.0.0.1:$port/big" &
		client=$!
		within 20 test -s "$tmp/busy" || complain "$executor: no answer"
		kill -TERM "$server"
		within 20 grep -q stopping "$tmp/err" || complain "$executor: does not stop"
		within 20 refuses || complain "$executor: still takes connections"
		wait "$client" || complain "$executor: the answer was cut"
		cmp "$site/big" "$tmp/busy" >&2 || complain "$executor: something else came"
		ended 0
	done
}

refuses() {
	! : | "$talk" "$port" 2>/dev/null >&2
}

# When there is no time left, it says so.
stop_in_the_middle() {
	for executor in $executors; do
		[ "$executor" != inline ] || continue
		start --executor "$executor" --timeout 3000 --grace 1
		stall
		kill -INT "$server"
		ended 1
		forget
		printf 'webd: stopping\nwebd: stopped in the middle of answers, after 1 s\n' >"$tmp/want"
		cmp "$tmp/want" "$tmp/err" >&2 || complain "$executor: said $(cat "$tmp/err")"
	done
}

second_signal() {
	for executor in $executors; do
		start --executor "$executor" --timeout 3000 --grace 3000
		stall
		kill -INT "$server"
		within 20 grep -q stopping "$tmp/err" || complain "$executor: does not stop"
		kill -TERM "$server"
		ended 143
		forget
	done
}

# refused STATUS MESSAGE ARGUMENT...
refused() {
	want=$1 message=$2
	shift 2
	status=0
	"$webd" "$@" >"$tmp/out" 2>"$tmp/refusal" || status=$?
	[ "$status" -eq "$want" ] || complain "webd $*: status $status, not $want"
	# Of musl the text is another one.
	sed -i 's/: Address in use$/: Address already in use/' "$tmp/refusal"
	[ "$(cat "$tmp/refusal")" = "webd: $message" ] || complain "webd $*: said $(cat "$tmp/refusal")"
	[ ! -s "$tmp/out" ] || complain "webd $*: wrote $(head -n 1 "$tmp/out")"
}

bad_options() {
	refused 2 "--port '65536': must be 0 to 65535" --port 65536
	refused 2 "--port 'x': must be 0 to 65535" --port=x
	refused 2 "--connections '0': must be 1 to 100000" --connections 0
	refused 2 "--head '10': must be 256 to 65536" --head 10
	refused 2 "--timeout '0': must be 1 to 3600" --timeout 0
	refused 2 "--grace '-1': must be 0 to 3600" --grace -1
	refused 2 "--frobnicate: no such option" --frobnicate
	refused 2 "--port: needs a value" --port
	refused 2 "'b': one directory only" a b
	refused 2 "--address 'localhost': no numeric address" --address localhost --port 0
	refused 2 "--executor 'bogus': no such executor; see webd --help" --executor bogus --port 0
	refused 2 "--executor 'threads:0': no such executor; see webd --help" --executor threads:0 --port 0
	refused 2 "--executor 'processes:1': a connection cannot go to another process; see webd --help" \
		--executor processes:1 --port 0
	refused 1 "'$tmp/none': No such file or directory" "$tmp/none"
	refused 1 "'$site/a.txt': Not a directory" "$site/a.txt"
	start
	refused 1 "127.0.0.1, port $port: Address already in use" --port "$port"
	stop
}

help() {
	"$webd" --help >"$tmp/out" 2>"$tmp/err" || complain "status $?"
	[ ! -s "$tmp/err" ] || complain "on stderr: $(cat "$tmp/err")"
	for word in --executor --address --port --connections --head --timeout --grace --log --help; do
		grep -q -- " $word" "$tmp/out" || complain "--help does not know $word"
	done
}

output_errors() {
	for arguments in --help '--port 0'; do
		status=0
		# shellcheck disable=SC2086 # a list of words
		"$webd" $arguments >/dev/full 2>"$tmp/err" || status=$?
		[ "$status" -eq 1 ] || complain "webd $arguments, disk full: status $status"
		[ "$(cat "$tmp/err")" = 'webd: stdout: No space left on device' ] || complain "said $(cat "$tmp/err")"
	done
}

run_cases "$@"
