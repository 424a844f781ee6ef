#!/bin/sh
# SPDX-License-Identifier: MIT
#
# transfers.sh SIM REAL -- how often cache lines move, for each task: within bounds, on the simulated machine and, of two
# threads, on this one. Not a word on time. A task that goes through a queue is written by one core and read by
# another, so some lines must move; what is forked stays where it is, but for what is stolen.
set -eu

check() { # PROGRAM WORKLOAD CORES TASKS LEAST MOST
	line=$("$1" "$2" "$3" --tasks "$4")
	echo "$line"
	echo "$line" | awk -v least="$5" -v most="$6" '
		NF != 11 || $7 < least || $7 > most { print "transfers a task: not from " least " to " most; exit 1 }'
}

check "$1" flood 2 20000 2 10
check "$1" flood 32 20000 2 40
check "$1" floods 16 20000 2 20
check "$1" tree 2 5000 0 0.5
check "$1" tree 32 5000 0 10
check "$1" forks 2 20000 0 0.05
check "$1" forks 32 20000 0 1
check "$1" loop 2 20000 0 0.05
check "$1" loop 32 20000 0 1.5
check "$2" flood 2 5000 2 40
check "$2" forks 2 20000 0 0.5
check "$2" loop 2 20000 0 0.5
