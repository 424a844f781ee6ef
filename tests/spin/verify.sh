#!/bin/sh
# SPDX-License-Identifier: MIT
#
# verify.sh MODEL [MISTAKE...] -- has spin look at every state of the model: assertions, deadlocks, and, under weak
# fairness, whether it always comes to its end. With MISTAKE (a number, see the model) that one is made in the
# model, and it is a failure if spin does not find it.
#
# WEFT_SPIN_DEATHS: how often a worker is killed, default 1. Whether it comes to its end takes ten times as long
# to find out, so there it is killed once less.
#
# Exit status: 0 as it should be, 1 not, 77 no spin here.
set -eu

model=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
command -v spin >/dev/null 2>&1 || {
	echo "no spin here"
	exit 77
}
deaths=${WEFT_SPIN_DEATHS:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# look WHAT MISTAKE DEATHS COMPILING RUNNING: sets errors.
look() {
	spin "-DBUG=$2" "-DDEATHS=$3" -a "$model" >spin.log || {
		cat spin.log
		exit 1
	}
	# shellcheck disable=SC2086 # lists of words
	${CC:-cc} -w $4 -DMEMLIM=8192 -o pan pan.c
	# shellcheck disable=SC2086
	./pan -m1000000 -w22 $5 >pan.log
	if grep -q 'max search depth\|out of memory\|Search not completed' pan.log && [ "$2" = 0 ]; then
		cat pan.log
		echo "verify.sh: $1: not everything was looked at"
		exit 1
	fi
	errors=$(sed -n 's/.*errors: *\([0-9]*\).*/\1/p' pan.log)
	echo "$1: $(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log) states, $errors errors"
	grep '^pan:.*depth' pan.log || true
}

for mistake; do
	look "mistake $mistake" "$mistake" 1 '-O1 -DSAFETY -DNOCLAIM' -noclaim
	[ "$errors" != 0 ] || {
		echo "verify.sh: mistake $mistake was not noticed"
		exit 1
	}
done
[ $# -eq 0 ] || exit 0
look safety 0 "$deaths" '-O2 -DSAFETY -DNOCLAIM' -noclaim
[ "$errors" = 0 ] || exit 1
look liveness 0 "$((deaths - 1))" '-O2 -DNFAIR=4' '-a -f -N all_ends'
[ "$errors" = 0 ]
