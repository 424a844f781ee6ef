#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_lost_ranks.sh CASE -- ranks of an MPI job are stopped and killed, and mpirun itself.
set -eu
. "$(dirname "$0")/job.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
FAULTS_DIR=$dir
export FAULTS_DIR
faults=$WEFT_BUILD_DIR/tests/mpi_faults

fail() {
	echo "$*"
	cat "$dir/out"
	exit 1
}

# says LINE: is it in what rank 0 has printed?
says() {
	grep -q -- "$1" "$dir/out" || fail "there is no line: $1"
}

# Each task has begun so often: begun TASK TIMES
begun() {
	[ "$(grep -c begun "$dir/$1")" -eq "$2" ] || fail "task $1 has not begun $2 times"
}

# nothing_left PROGRAM: no process of it a little later
nothing_left() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		pgrep -f "$1" >/dev/null || return 0
		sleep 0.25
	done
	pgrep -af "$1"
	exit 1
}

status=0
case $1 in
stop) # silence is noticed; what had begun there is lost, what waited is not, and rank 0's status is the job's
	"$MPIRUN" -n 2 "$faults" 19 >"$dir/out" 2>&1 || status=$?
	[ $status -eq 3 ] || fail "status $status"
	[ "$(grep -c '^task [0-5]: 0 ' "$dir/out")" -eq 5 ] || fail "not five tasks are well"
	says '^task [01]: -130 rank 1 on .*: silent for too long'
	says '^lost 1 died 1'
	[ "$(cat "$dir"/[0-5] | wc -l)" -eq 6 ] || fail "not each has begun once"
	;;
stop-idempotent) # it runs again elsewhere
	"$MPIRUN" -n 2 "$faults" 19 idempotent >"$dir/out" 2>&1 || status=$?
	[ $status -eq 3 ] || fail "status $status"
	[ "$(grep -c '^task [0-5]: 0 ' "$dir/out")" -eq 6 ] || fail "not all tasks are well"
	says '^lost 1 died 0'
	[ "$(cat "$dir"/[0-5] | wc -l)" -eq 7 ] || fail "not one has begun twice"
	;;
kill) # MPI ends the job
	"$MPIRUN" -n 2 "$faults" 9 >"$dir/out" 2>&1 || status=$?
	[ $status -ne 0 ] && [ $status -ne 3 ] || fail "status $status"
	;;
kill-recovery) # unless it is told not to
	"$MPIRUN" --version 2>/dev/null | grep -qE 'Open MPI|OpenRTE' || exit 77 # MPICH ends it in any case
	"$MPIRUN" --enable-recovery -n 2 "$faults" 9 >"$dir/out" 2>&1 || status=$?
	[ "$(grep -c '^task [0-5]: 0 ' "$dir/out")" -eq 5 ] || fail "not five tasks are well"
	says '^task [01]: -130 rank 1 on .*: silent for too long'
	says '^lost 1 died 1'
	;;
mpirun-killed) # nothing is left
	cp "$faults" "$dir/faults_of_killed"
	"$MPIRUN" -n 2 "$dir/faults_of_killed" 0 >"$dir/out" 2>&1 &
	while ! [ -e "$dir/0" ]; do sleep 0.05; done
	kill -9 $!
	wait $! || :
	nothing_left "$dir/faults_of_killed"
	;;
builds) # ranks of different builds: refused before any task
	cp "$WEFT_BUILD_DIR/tests/mpi_faults_other" "$dir/other"
	"$MPIRUN" -n 1 "$faults" 0 : -n 1 "$dir/other" 0 >"$dir/out" 2>&1 || status=$?
	[ $status -eq 1 ] || fail "status $status"
	says '^weft_mpi_new: -8'
	[ ! -e "$dir/0" ] || fail "a task ran"
	;;
alone) # without mpirun there is one rank
	"$faults" 0 >"$dir/out" 2>&1 || status=$?
	[ $status -eq 3 ] || fail "status $status"
	[ "$(grep -c '^task [0-5]: 0 ' "$dir/out")" -eq 6 ] || fail "not all tasks are well"
	;;
*)
	echo "unknown case: $1" >&2
	exit 2
	;;
esac
