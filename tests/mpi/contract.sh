#!/bin/sh
# SPDX-License-Identifier: MIT
#
# contract.sh RANKS [TEST...] -- tests of tests/contract on the executor "mpi", each under an mpirun of its own; without
# names, all but those that without.txt lists.
set -eu
here=$(dirname "$0")
. "$here/job.sh"
ranks=$1
shift
program=$WEFT_BUILD_DIR/tests/contract
LD_LIBRARY_PATH=$WEFT_BUILD_DIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

if [ $# -eq 0 ]; then
	without=$(sed -n 's/^\([a-z][a-z_0-9]*\) .*/\1/p' "$here/without.txt")
	for test in $without; do
		"$program" --list | grep -qx "$test" || {
			echo "without.txt names $test, which is no test"
			exit 1
		}
	done
	# shellcheck disable=SC2046 # a list of names
	set -- $("$program" --list | grep -vxF "$without")
fi
failed=0
for test; do
	status=0
	"$MPIRUN" -n "$ranks" "$program" "$test" mpi:1 || status=$?
	case $status in
	0 | 77) ;;
	*)
		echo "failed: $test on $ranks ranks (status $status)"
		failed=1
		;;
	esac
done
exit $failed
