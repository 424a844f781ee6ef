#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_top.sh CASE -- weft-top against running programs, of which it knows no more than a user does.
set -eu

top=$WEFT_BUILD_DIR/tools/weft-top
dir=$(mktemp -d)
watched=

end() {
	status=$?
	exec 8>&- 9>&-
	[ -z "$watched" ] || kill -KILL "$watched" 2>/dev/null || :
	rm -rf "$dir"
	exit $status
}
trap end EXIT

fail() {
	echo "test_top.sh: $*" >&2
	for file in "$dir"/*.out "$dir"/*.err; do
		[ ! -s "$file" ] || sed "s,^,$(basename "$file"): ," "$file" >&2
	done
	exit 1
}

# start SPEC...: a program with these executors, at work; its pid is in watched. It ends when 8 is closed.
start() {
	mkfifo "$dir/input" "$dir/output"
	"$WEFT_BUILD_DIR/tests/watched" "$@" <"$dir/input" >"$dir/output" &
	watched=$!
	exec 8>"$dir/input" 9<"$dir/output"
	read -r line <&9 && [ "$line" = up ] || fail "the program to be watched did not start"
}

# has FILE PATTERN: within 10 s, weft-top having been asked again.
has() {
	i=0
	until grep -Eq "$2" "$dir/$1.out"; do
		i=$((i + 1))
		[ $i -lt 50 ] || fail "$1 does not say: $2"
		ask "$1"
	done
}

ask() {
	"$top" --"$1" "$watched" >"$dir/$1.out" 2>"$dir/$1.err" || fail "weft-top --$1 ended with $?"
}

# refuses STATUS TEXT ARGUMENT...
refuses() {
	want=$1 text=$2 status=0
	shift 2
	"$@" >"$dir/refused.out" 2>"$dir/refused.err" || status=$?
	[ $status -eq "$want" ] || fail "$* ended with $status, not $want"
	grep -q "$text" "$dir/refused.err" || fail "$* does not say: $text"
}

case $1 in
once)
	start threads:2 processes:2
	ask once
	has once "^weft-top: process $watched  up [0-9.]+[a-z]+  cpu [0-9]+%  watched threads:2 processes:2\$"
	has once '^threads:2  workers [0-9]+  busy 2  running 2  queued 0$'
	has once '^processes:2  workers [0-9]+  busy 2  running 2  queued 0$'
	has once '^  in 0/s  done 0/s  total 0$'
	has once '^ +[01] +[0-9]+ (runs|waits) +[<>]?[0-9.]+[a-z]+ +[0-9]+% +0 +0  without_name'
	[ "$(grep -c ' by name$' "$dir/once.out")" -eq 2 ] || fail "the named tasks are not shown twice"
	"$top" >"$dir/list.out"
	grep -Eq "^ +$watched  watched  +threads:2  processes:2\$" "$dir/list.out" || fail "the list lacks $watched"
	;;
alone)
	start threads:1 processes:1,sandbox=1 alone
	ask once
	has once '^processes:1.*  workers 1  busy 1  running 1  queued <=1$'
	has once '^ +0 +[0-9]+ given +[<>]?[0-9.]+[a-z]+ +[0-9]+% +0 +0  without_name \(\+1 behind\)$'
	for kind in thread process subprocess; do
		has once "^weft_$kind  running 1  started 1  ended 0\$"
	done
	has once '^ +0 +[0-9]+ (runs|waits) +[0-9.]+[a-z]+ +[0-9]+% +a thread +without_name$'
	has once '^ +0 +[0-9]+ (runs|waits) +[0-9.]+[a-z]+ +[0-9]+% +a process +without_name$'
	has once '^ +0 +[0-9]+ waits +[0-9.]+[a-z]+ +0% +sleep 1000 *$'
	program=$(awk '/sleep 1000/ { print $2 }' "$dir/once.out")
	kill -KILL "$program"
	has once "^ +0 +$program ended +[0-9.]+[a-z]+ +(-|0%) +sleep 1000 *\$" # nobody has asked for its end
	ask json
	has json '"kind": "program"'
	has json "\"id\": $program, \"state\": \"ended\""
	;;
json)
	start threads:1 uring:1
	ask json
	has json '"kind": "threads"'
	has json '"parked": [12],'
	if command -v python3 >/dev/null 2>&1; then
		python3 -m json.tool "$dir/json.out" >/dev/null || fail "that is no JSON"
	fi
	;;
refused)
	refuses 1 'there is no process' "$top" --once 2147483646
	refuses 1 'has no page of figures' "$top" --once $$
	refuses 2 usage "$top" zero
	refuses 2 usage "$top" --delay -1 $$
	WEFT_STATS=off
	export WEFT_STATS
	start threads:1
	refuses 1 'has no page of figures' "$top" --once "$watched"
	;;
ended)
	start threads:1
	"$top" --once --delay 2 "$watched" 8>&- >"$dir/ended.out" &
	sleep 0.3
	exec 8>&-
	wait $watched || fail "the program to be watched ended with $?"
	watched=
	status=0
	wait $! || status=$?
	[ $status -eq 3 ] || fail "it ended with $status, not 3"
	;;
other_user)
	[ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null 2>&1 || exit 77
	cp "$top" "$dir/weft-top" # where nobody may go
	chmod 755 "$dir" "$dir/weft-top"
	nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
	# shellcheck disable=SC2086 # a list of words
	$nobody "$dir/weft-top" --help >/dev/null 2>&1 || exit 77
	start threads:1
	# shellcheck disable=SC2086
	refuses 1 'another user' $nobody "$dir/weft-top" --once "$watched"
	# shellcheck disable=SC2086
	refuses 1 'no program of yours' $nobody "$dir/weft-top"
	;;
screen)
	command -v script >/dev/null 2>&1 || exit 77
	start threads:2
	TERM=xterm
	export TERM
	status=0
	(sleep 0.5 && printf s && sleep 0.2 && printf q) |
		script -qec "stty rows 24 cols 80; $top --delay 0.1 $watched" /dev/null >"$dir/screen.out" || status=$?
	[ $status -eq 0 ] || fail "it ended with $status"
	grep -q 'threads:2' "$dir/screen.out" || fail "the screen does not show threads:2"
	grep -q 'by name' "$dir/screen.out" || fail "the screen does not show a task"
	grep -q 'age' "$dir/screen.out" || fail "s does not change the order"
	# The program ends while it is watched.
	script -qec "$top --delay 0.1 $watched" /dev/null </dev/null 8>&- >"$dir/screen.out" &
	sleep 0.5
	exec 8>&-
	wait "$watched" || :
	watched=
	status=0
	wait $! || status=$?
	[ $status -eq 3 ] || fail "it ended with $status, not 3, when the program did"
	;;
*)
	echo "usage: test_top.sh once|alone|json|refused|ended|other_user|screen" >&2
	exit 2
	;;
esac
