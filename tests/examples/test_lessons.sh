#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_lessons.sh [CASE | --list] -- each program in examples/lessons does what its lesson says; so does the same program
# in Python, where there is a python3. A case for each program, by its name. WEFT_BUILD_DIR and WEFT_SOURCE_DIR name the
# trees.
set -eu

lessons=${WEFT_BUILD_DIR:?names the build tree}/examples/lessons
pythons=${WEFT_SOURCE_DIR:?names the sources}/examples/lessons/python
python=$(python3 -c 'import sys; print(sys.executable if sys.version_info >= (3, 9) else "")' 2>/dev/null || :)
cases='bank countdowns counters cpu_count daemon_threads fetch_pool fork_wait list_sums named_threads own_copy
	ping_pong pipe_both_ways pipe_one_way pool_apply pool_close pool_map pool_sleep primes_pool print_lock
	process_hello process_list queue_values queue_writer_reader return_values shared_values shell slow_server
	squares subprocess_call subprocess_communicate two_threads zombies script'

# shellcheck source=tests/examples/cases_kit.sh
. "$(dirname "$0")/cases_kit.sh"
export PYTHONDONTWRITEBYTECODE=1
unset PYTHONUNBUFFERED # with it, a print to a pipe is two writes

# What differs from run to run: lengths of time, times of day, processes.
plain() {
	sed -E -e 's/[0-9]+\.[0-9]+ seconds/S seconds/' -e 's/[0-9]+:[0-9]+:[0-9]+/T/' \
		-e 's/((process|child|parent is|parent) )[0-9]+/\1P/g' -e 's/((write|read): )[0-9]+/\1P/'
}

# run COMMAND...: its plain output into $tmp/out, and its output as it is into $tmp/raw.
run() {
	status=0
	timeout 60 "$@" >"$tmp/raw" 2>"$tmp/err" </dev/null || status=$?
	plain <"$tmp/raw" >"$tmp/out"
	[ "$status" -eq 0 ] || complain "$*: status $status"
	[ ! -s "$tmp/err" ] || complain "$*: on stderr: $(cat "$tmp/err")"
}

# prints FILTER COMMAND...: after FILTER, its output is what $tmp/want has.
prints() {
	filter=$1
	shift
	run "$@"
	"$filter" <"$tmp/out" >"$tmp/filtered"
	cmp -s "$tmp/want" "$tmp/filtered" || complain "$*: $(diff "$tmp/want" "$tmp/filtered")"
	"$also" || complain "$*: $(cat "$tmp/raw")"
}

# What else to look at in $tmp/raw after each run of the next lesson.
also=true

# lesson FILTER NAME [ARGUMENT]...: what is on standard input is what the program prints, in C and in Python.
lesson() {
	filtered_by=$1
	name=$2
	shift 2
	cat >"$tmp/want"
	prints "$filtered_by" "$lessons/$name" "$@"
	[ -z "$python" ] || prints "$filtered_by" "$python" "$pythons/$name.py" "$@"
	also=true
}

# processes N: so many different ones are named in the output.
processes() {
	[ "$(grep -o 'process [0-9]*' "$tmp/raw" | sort -u | wc -l)" -eq "$1" ]
}

fork_wait() {
	lesson cat fork_wait <<-'END'
		process P starts
		I am the child P, my parent is P
		I am the parent P, my child P has ended with 3
	END
}

shell() {
	lesson cat shell <<-'END'
		HELLO FROM THE SHELL
		exit code 0
		exit code 3
	END
}

two_processes() {
	processes 2
}

process_hello() {
	also=two_processes
	lesson cat process_hello <<-'END'
		the parent is process P
		hello bob, from process P
		process P has ended with 0
	END
}

five_joined() {
	processes 5 && [ "$(tail -n 1 "$tmp/raw")" = 'all 5 have ended' ]
}

process_list() {
	also=five_joined
	lesson sort process_list <<-'END'
		all 5 have ended
		worker 0 in process P
		worker 1 in process P
		worker 2 in process P
		worker 3 in process P
		worker 4 in process P
	END
}

zombies() {
	echo '5 processes have ended, 0 of them are zombies' | lesson cat zombies
}

# Four begin, in any order. The fifth only where one has ended, and in its process.
fifth_waits() {
	run "$@"
	awk '/begins/ && ++begun > 4 + ended { early = 1 } /has run/ { ended++ }
		END { exit early || begun != 5 || ended != 5 }' "$tmp/out" || complain "$*: $(cat "$tmp/raw")"
	processes 1 || processes 2 || processes 3 || processes 4 || complain "$*: $(cat "$tmp/raw")"
	[ "$(tail -n 1 "$tmp/out")" = 'all tasks done: S seconds' ] || complain "$*: $(cat "$tmp/raw")"
}

pool_sleep() {
	fifth_waits "$lessons/pool_sleep" 5 100
	[ -z "$python" ] || fifth_waits "$python" "$pythons/pool_sleep.py" 5 100
	lesson sort pool_sleep 4 20 <<-'END'
		all tasks done: S seconds
		task 0 begins in process P
		task 0 has run S seconds
		task 1 begins in process P
		task 1 has run S seconds
		task 2 begins in process P
		task 2 has run S seconds
		task 3 begins in process P
		task 3 has run S seconds
		waiting for 4 tasks
	END
}

pool_map() {
	echo '0 1 4 9 16 25 36 49 64 81' | lesson cat pool_map
	for executor in inline threads:4 uring:2; do
		prints cat "$lessons/pool_map" "$executor"
	done
}

pool_apply() {
	lesson cat pool_apply 10 <<-'END'
		apply: 0 + 0 = 0
		apply: 1 + 1 = 2
		apply: 2 + 2 = 4
		apply: 3 + 3 = 6
		apply: S seconds
		apply_async: 0 + 0 = 0
		apply_async: 1 + 1 = 2
		apply_async: 2 + 2 = 4
		apply_async: 3 + 3 = 6
		apply_async: S seconds
	END
}

# Python's own words differ: its tasks are lost without a word.
pool_close() {
	cat >"$tmp/want" <<-'END'
		close, join: task 0: success
		close, join: task 1: success
		close, join: task 2: success
		a task after close: executor is stopped
		terminate: task 0: worker died
		terminate: task 1: worker died
		terminate: task 2: cancelled
	END
	prints cat "$lessons/pool_close"
	[ -n "$python" ] || return 0
	sed -i -e 's/executor is stopped/Pool not running/' -e 's/worker died/lost/' -e 's/cancelled/lost/' "$tmp/want"
	prints cat "$python" "$pythons/pool_close.py"
}

# The lines behind "with a lock", in some order: whole ones.
locked_part() {
	sed '1,/^with a lock:$/d' | sort
}

# What comes before is ten beginnings and ten ends, however mixed.
unlocked_part() {
	sed '/^with a lock:$/,$d' | grep -oE 'hello |world [0-9]' | sort
}

print_lock() {
	lesson locked_part print_lock <<-'END'
		hello world 0
		hello world 1
		hello world 2
		hello world 3
		hello world 4
		hello world 5
		hello world 6
		hello world 7
		hello world 8
		hello world 9
	END
	{
		for _ in 0 1 2 3 4 5 6 7 8 9; do echo 'hello '; done
		for i in 0 1 2 3 4 5 6 7 8 9; do echo "world $i"; done
	} | lesson unlocked_part print_lock
}

pipe_one_way() {
	lesson cat pipe_one_way <<-'END'
		received 6 bytes: hello
		received 5 bytes: from
		received 10 bytes: the child
		the other end is closed
	END
}

pipe_both_ways() {
	lesson cat pipe_both_ways <<-'END'
		1 squared is 1
		2 squared is 4
		3 squared is 9
		4 squared is 16
		5 squared is 25
		the child has ended
	END
}

queue_values() {
	lesson cat queue_values <<-'END'
		got 42 answer
		got 7 hello
		got -1 end
	END
}

in_order() {
	[ "$(grep get "$tmp/raw" | tr -d '\n')" = 'get Aget Bget C' ] && [ "$(tail -n 1 "$tmp/raw" | cut -c1-10)" = 'the reader' ]
}

queue_writer_reader() {
	also=in_order
	lesson sort queue_writer_reader <<-'END'
		get A
		get B
		get C
		process to read: P
		process to write: P
		put A
		put B
		put C
		the reader was ended by signal 15, SIGTERM
	END
}

shared_values() {
	lesson cat shared_values <<-'END'
		3.1415927
		[0, -1, -2, -3, -4, -5, -6, -7, -8, -9]
	END
}

subprocess_call() {
	lesson cat subprocess_call <<-'END'
		$ ls /proc/self/comm
		/proc/self/comm
		exit code 0
		ls /nowhere: exit code 2
		no-such-program: No such file or directory
	END
}

subprocess_communicate() {
	lesson cat subprocess_communicate <<-'END'
		output: 42
		done
		errors: but this is no good
		exit code 5
	END
}

# The two begin in some order; the shorter one may end first or, on a busy machine, last.
two_threads() {
	lesson sort two_threads 10 <<-'END'
		all done at T, after S seconds
		loop 0 begins at T
		loop 0 ends at T
		loop 1 begins at T
		loop 1 ends at T
		starting at T
	END
}

named_threads() {
	lesson cat named_threads <<-'END'
		thread main is running
		thread LoopThread is running
		thread LoopThread >>> 1
		thread LoopThread >>> 2
		thread LoopThread >>> 3
		thread LoopThread >>> 4
		thread LoopThread >>> 5
		thread LoopThread has ended
		thread main has ended
	END
}

# Without a lock any balance may come out.
bank() {
	echo 'balance with a lock: 0' | lesson with_lock bank 20000
}

with_lock() {
	grep -vE '^balance without a lock: -?[0-9]+$' || :
}

counters() {
	lesson cat counters 1000 <<-'END'
		serial: 2000 in S seconds
		two threads: 2000 in S seconds
		two processes: 2000 in S seconds
	END
}

countdowns() {
	lesson cat countdowns 1000 <<-'END'
		serial: down to 0 in S seconds
		four threads: down to 0 in S seconds
		four processes: down to 0 in S seconds
	END
}

list_sums() {
	lesson cat list_sums 1000 <<-'END'
		serial: 1998000 in S seconds
		four threads: 1998000 in S seconds
	END
}

squares() {
	lesson cat squares 1000 <<-'END'
		two processes: 665667000 in S seconds
		two threads: 665667000 in S seconds
		serial: 665667000 in S seconds
	END
}

return_values() {
	lesson cat return_values <<-'END'
		[1, 4, 9]
		[9, 16, 25]
		[16, 16, 16]
		[25, 25, 25]
	END
}

# with_server COMMAND [ARGUMENT]...: while a server runs, whose port comes last.
with_server() {
	mkfifo "$tmp/fifo"
	"$lessons/slow_server" 10 <"$tmp/fifo" >"$tmp/port" &
	server=$!
	exec 3>"$tmp/fifo"
	within 20 test -s "$tmp/port" || complain "slow_server: no port"
	"$@" "$(cat "$tmp/port")"
	exec 3>&-
	status=0
	wait "$server" || status=$?
	[ "$status" -eq 0 ] || complain "slow_server: status $status"
	rm "$tmp/fifo"
}

no_fibers() {
	grep -v '^fibers: 20 of 20 pages in S seconds$' || :
}

fetch_pool() {
	with_server lesson no_fibers fetch_pool <<-'END'
		serial: 20 of 20 pages in S seconds
		pool of eight threads: 20 of 20 pages in S seconds
	END
	grep -q seconds "$tmp/out" || complain "nothing was fetched"
}

slow_server() {
	with_server test -n
}

daemon_threads() {
	lesson cat daemon_threads <<-'END'
		the daemon works for ever
		the main thread is done
		the other thread is done
	END
}

ping_pong() {
	{
		seq 50 | sed 's/^/P*ng /'
		echo 'together: 50'
	} | lesson ping_or_pong ping_pong
}

ping_or_pong() {
	sed 's/^P[io]ng/P*ng/'
}

own_copy() {
	lesson cat own_copy <<-'END'
		parent: 3 items, from 1 to 3
		child: 3 items, from 10 to 12
		child: 3 items, from 20 to 22
		parent: still 3 items
	END
}

# Fewer may be used than there are, and weft knows of quotas.
cpu_count() {
	run "$lessons/cpu_count"
	awk 'NR == 1 && $1 >= 1 && $1 <= $5 && $5 == machine { n = $1 } NR == 2 { good = $NF == n }
		END { exit !n || !good || NR != 2 }' machine="$(getconf _NPROCESSORS_ONLN)" "$tmp/out" ||
		complain "$(cat "$tmp/out")"
	[ -z "$python" ] || run "$python" "$pythons/cpu_count.py"
}

# In Python it takes seconds: scripts/lessons.sh runs both.
primes_pool() {
	for executor in threads:16 processes:16; do
		cat >"$tmp/want" <<-END
			112272535095293 is prime: True
			112582705942171 is prime: True
			112272535095293 is prime: True
			115280095190773 is prime: True
			115797848077099 is prime: True
			1099726899285419 is prime: False
			$executor: S seconds
		END
		prints cat "$lessons/primes_pool" "$executor"
	done
}

# Not which is faster: that depends on the build.
script() {
	[ -n "$python" ] || return 0
	status=0
	WEFT_LESSONS=$lessons PYTHON=$python sh "$WEFT_SOURCE_DIR/scripts/lessons.sh" --no-build --repeat 2 \
		--json "$tmp/json" list_sums >"$tmp/out" 2>"$tmp/err" || status=$?
	[ "$status" -le 1 ] || complain "status $status: $(cat "$tmp/err")"
	# shellcheck disable=SC2016
	[ "$(grep -c '^| `list_sums` | .* | [0-9.]* | [0-9.]* | [0-9.]* |$' "$tmp/out")" -eq 2 ] || complain "$(cat "$tmp/out")"
	"$python" -c 'import json, sys; r = json.load(open(sys.argv[1]))["results"]
assert [x["part"] for x in r] == ["serial", "four threads"] and all(len(x["weft"]) == 2 for x in r)' "$tmp/json" ||
		complain "$(cat "$tmp/json")"
}

run_cases "$@"
