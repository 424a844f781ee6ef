#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_trace.sh CASE... -- traces of whole programs, and what the tool weft-trace makes of them.
set -eu

cases='inline threads uring epoll starts killed program_killed two_at_once refused probes gdb'
. "$WEFT_SOURCE_DIR/tests/examples/cases_kit.sh"

primes=$WEFT_BUILD_DIR/examples/primes
tool=$WEFT_BUILD_DIR/tools/weft-trace
hard=1125899906842597 # some tenths of a second
harder='9007199254740881 9007199254740847'

check() {
	python3 "$WEFT_SOURCE_DIR/tests/trace/check_trace.py" "$@" || complain "check_trace.py $*"
}

# traced EXECUTOR NUMBER...: primes, whose trace is $tmp/t.json.
traced() {
	executor=$1
	shift
	rm -f "$tmp"/t.*
	WEFT_TRACE=$tmp/t.json "$primes" --executor "$executor" "$@" >"$tmp/out" 2>"$tmp/err" ||
		complain "$executor: status $?"
	[ ! -s "$tmp/err" ] || complain "$executor: said $(cat "$tmp/err")"
	[ "$(ls "$tmp"/t.*)" = "$tmp/t.json" ] || complain "$executor: left $(ls "$tmp"/t.*)"
}

# shows COMMAND FILE: weft-trace, into $tmp/shown.
shows() {
	"$tool" "$@" >"$tmp/shown" 2>"$tmp/err" || complain "weft-trace $*: $(cat "$tmp/err")"
}

inline() {
	traced inline 97 98 $hard
	check --tasks check_block=2 --lanes primes=1 --processes 1 --arrows 2 "$tmp/t.json"
}

threads() {
	traced threads:2 97 98 $hard
	check --tasks check_block=2 --lanes primes=0 --processes 1 --arrows 2 "$tmp/t.json"
}

uring() {
	traced uring:2 97 98 $hard
	check --tasks check_block=2 --lanes primes=0 --processes 1 --arrows 2 "$tmp/t.json"
}

epoll() {
	traced uring:2,engine=epoll 97 98 $hard
	check --tasks check_block=2 --lanes primes=0 --processes 1 --arrows 2 "$tmp/t.json"
}

# Workers of all kinds write into the file of the program; those that are runs of it have its environment.
starts() {
	for start in nursery fork spawn; do
		traced processes:1,start=$start 97
		check --tasks check_block=1 --lanes primes=0 --processes 2 --arrows 1 "$tmp/t.json"
	done
	traced processes:1,sandbox=1 97
	check --tasks check_block=1 --processes 2 --arrows 1 "$tmp/t.json"
}

# workers SESSION: the workers in it that have computed for a while.
workers() {
	cat /proc/[0-9]*/stat 2>/dev/null | # some end meanwhile
		awk -v session="$1" '/\(weft-worker\)/ && $6 == session && $14 >= 3 { print $1 }'
}

# victim SESSION: $worker is one of them.
victim() {
	worker=$(workers "$1" | head -n 1)
	[ -n "$worker" ]
}

start() {
	rm -f "$tmp"/t.*
	WEFT_TRACE=$tmp/t.json setsid "$primes" --quiet --executor processes:2 97 $harder >"$tmp/out" 2>"$tmp/err" &
	program=$!
	within 20 victim "$program" || complain "no worker has run for long"
}

# A worker is killed in the midst of a number. The number goes to another, and the trace tells of both.
killed() {
	start
	kill -KILL "$worker"
	wait "$program" || complain "status $?: $(cat "$tmp/err")"
	check --tasks check_block=3 --deaths 1 --arrows 3 --processes 4 "$tmp/t.json"
	grep '"death: signal 9"' "$tmp/t.json" | grep -q "\"pid\":$worker,\"tid\":$worker," || complain 'no death on its line'
	[ -x "$tool" ] || return 0
	shows summary "$tmp/t.json"
	grep -qE '^check_block +3 +0 +1 +0 ' "$tmp/shown" || complain "the summary: $(cat "$tmp/shown")"
	shows svg "$tmp/t.json"
	grep -q "death: signal 9" "$tmp/shown" || complain 'no death in the picture'
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$tmp/shown" || complain 'no picture'
}

# What a program that is killed had written is in the raw file.
program_killed() {
	start
	kill -KILL "$program"
	wait "$program" 2>/dev/null || :
	[ "$(ls "$tmp"/t.*)" = "$tmp/t.json.raw" ] || complain "left $(ls "$tmp"/t.*)"
	[ -x "$tool" ] || return 0
	shows convert "$tmp/t.json.raw"
	cp "$tmp/shown" "$tmp/t.json"
	check --tasks check_block=1 --cut-off --processes 3 "$tmp/t.json"
	shows summary "$tmp/t.json.raw"
	grep -qE '^check_block +1 +0 +0 +[12] ' "$tmp/shown" || complain "the summary: $(cat "$tmp/shown")"
	traced inline 97 # the raw file is in nobody's way
	for arguments in "convert $tmp/t.json" "summary $tmp/none" "svg /dev/null" "convert $primes"; do
		# shellcheck disable=SC2086 # a list of words
		! "$tool" $arguments >"$tmp/shown" 2>"$tmp/err" || complain "weft-trace $arguments succeeds"
		grep -q '^weft-trace: ' "$tmp/err" || complain "weft-trace $arguments: $(cat "$tmp/err")"
	done
}

# The second takes another name; so does a child that has the environment of its parent.
two_at_once() {
	start
	WEFT_TRACE=$tmp/t.json "$primes" --executor inline 97 98 >"$tmp/out2" || complain "the second: status $?"
	[ "$(ls "$tmp"/t.*.json | wc -l)" -eq 1 ] || complain "there is $(ls "$tmp"/t.*)"
	check --tasks check_block=1 --processes 1 "$tmp"/t.*.json
	wait "$program" || complain "the first: status $?"
	check --tasks check_block=3 --processes 3 "$tmp/t.json"
	WEFT_TRACE=$tmp/t%p.json "$primes" --executor inline 97 >"$tmp/out2" & # the first is over: no other name
	wait $! || complain "the third: status $?"
	check --tasks check_block=1 "$tmp/t$!.json"
}

# refused VARIABLE=VALUE TEXT: the program runs without a trace, and says why.
refuses() {
	env "$1" "WEFT_TRACE=${3:-$tmp/t.json}" "$primes" --executor inline 97 >"$tmp/out" 2>"$tmp/err" || complain "$1: status $?"
	[ "$(cat "$tmp/out")" = '97 is prime: true' ] || complain "$1: printed $(cat "$tmp/out")"
	[ "$(cat "$tmp/err")" = "$2" ] || complain "$1: said $(cat "$tmp/err"), not $2"
}

refused() {
	rm -f "$tmp"/t.*
	refuses WEFT_TRACE_SIZE=1k 'weft: WEFT_TRACE_SIZE: Invalid argument; nothing is traced'
	refuses WEFT_TRACE_SIZE=20000 'weft: WEFT_TRACE_SIZE: number outside its limits; nothing is traced'
	refuses WEFT_TRACE_SIZE= 'weft: WEFT_TRACE: No such file or directory; nothing is traced' "$tmp/none/t.json"
	refuses WEFT_TRACE_SIZE= 'weft: WEFT_TRACE: Is a directory; nothing is traced' "$tmp"
	! ls "$tmp"/t.* "$tmp.raw" 2>/dev/null || complain 'left something'
}

# have_probes: <sys/sdt.h> was there at build time.
have_probes() {
	printf '#include <sys/sdt.h>\n' | ${CC:-cc} -E - >/dev/null 2>&1
}

# What the library has, what its page says, and what the scripts use: a line "NAME ARGUMENTS" for each.
in_library() {
	readelf -n "$WEFT_BUILD_DIR/libweft.so" |
		awk '$1 == "Provider:" { ours = $2 == "weft" } ours && $1 == "Name:" { name = $2 }
			ours && $1 == "Arguments:" { print name, NF - 1 }' | sort -u
}

in_page() {
	awk -F '|' '/^\| probe of provider/ { table = 1; next } !/^\|/ { table = 0 }
		table && $2 ~ /`/ { gsub(/[` ]/, "", $2); print $2, split($3, arguments, ",") }' \
		"$WEFT_SOURCE_DIR/docs/tracing.md" | sort -u
}

# script_uses FILE: the probes of its clauses, and the highest argument of each, as a number of arguments.
script_uses() {
	awk '/^(usdt|uprobe|uretprobe|kprobe|tracepoint)/ { n = split($1, part, ":")
			print (n == 4 && part[1] part[2] part[3] == "usdt$1weft") ? "" : $1 " 0"; probe = part[n]; most = 0 }
		{ for (text = $0; match(text, /arg[0-9]+/); text = substr(text, RSTART + RLENGTH)) {
			n = substr(text, RSTART + 3, RLENGTH - 3) + 1; most = n > most ? n : most } }
		/^}/ { if (probe) print probe, most; probe = "" }' "$1" | sed '/^$/d'
}

# The scripts of scripts/bpftrace find what they ask for.
probes() {
	have_probes || return 0
	in_library >"$tmp/library"
	[ "$(wc -l <"$tmp/library")" -ge 7 ] || complain "the library has no more than: $(cat "$tmp/library")"
	[ "$(cut -d ' ' -f 1 "$tmp/library" | uniq -d)" = '' ] || complain "different arguments: $(cat "$tmp/library")"
	in_page | diff - "$tmp/library" || complain 'docs/tracing.md says otherwise than the library'
	for script in "$WEFT_SOURCE_DIR"/scripts/bpftrace/*.bt; do
		script_uses "$script" >"$tmp/uses"
		[ -s "$tmp/uses" ] || complain "$script uses no probe"
		while read -r probe n; do
			has=$(sed -n "s/^$probe //p" "$tmp/library")
			[ -n "$has" ] || complain "$script: no probe $probe $n"
			[ "$n" -le "${has:-$n}" ] || complain "$script: $probe has $has arguments, not $n"
		done <"$tmp/uses"
	done
}

# A debugger stops at them, and finds what the page says: the same task three times, its function, its executor.
gdb() {
	have_probes && command -v gdb >/dev/null 2>&1 || return 0
	cat >"$tmp/commands" <<-'END'
		set breakpoint pending on
		break -probe-stap weft:task_submit
		commands
		printf "submit %p %s %d\n", $_probe_arg0, (char *)$_probe_arg2, $_probe_argc
		info symbol $_probe_arg1
		continue
		end
		break -probe-stap weft:task_start
		commands
		printf "start %p %d\n", $_probe_arg0, $_probe_argc
		info symbol $_probe_arg1
		continue
		end
		break -probe-stap weft:task_end
		commands
		printf "end %p %d\n", $_probe_arg0, $_probe_argc
		continue
		end
	END
	command gdb -nx -batch -x "$tmp/commands" -ex run --args "$primes" --executor inline 97 >"$tmp/out" 2>&1 ||
		complain "gdb: status $?: $(cat "$tmp/out")"
	task=$(sed -n 's/^submit \(0x[0-9a-f]*\) inline 3$/\1/p' "$tmp/out")
	[ -n "$task" ] || complain "no submission: $(cat "$tmp/out")"
	[ "$(grep -cxE "start $task 3|end $task 2" "$tmp/out")" -eq 2 ] || complain "no end: $(cat "$tmp/out")"
	[ "$(grep -c '^check_block in section' "$tmp/out")" -eq 2 ] || complain "another function: $(cat "$tmp/out")"
}

run_cases "$@"
