#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_mpi_primes.sh -- the first program to read, on two ranks: by the command that docs/mpi.md begins with, and by that
# of its script for a cluster.
set -eu
. "$(dirname "$0")/job.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp "$WEFT_BUILD_DIR/examples/primes" "$dir"
expected=$WEFT_SOURCE_DIR/tests/examples/primes_default.expected
page=$WEFT_SOURCE_DIR/docs/mpi.md
OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_mpi_yield_when_idle

# runs COMMAND: as the page has it, but here
runs() {
	command=$(printf '%s\n' "$1" | sed "s|weft-mpi-run|$WEFT_SOURCE_DIR/mpi/weft-mpi-run|; s|mpirun |$MPIRUN |; s| *#.*||")
	(cd "$dir" && sh -c "$command") >"$dir/out" 2>"$dir/err" || {
		echo "$command: status $?"
		cat "$dir/err"
		exit 1
	}
	[ ! -s "$dir/err" ] || {
		cat "$dir/err"
		exit 1
	}
}

first=$(grep -m 1 '^mpirun -n 2 ' "$page")
runs "$first"
cmp "$expected" "$dir/out"

sed 's/ .*//' "$expected" >"$dir/numbers.txt"
batch=$(grep '^weft-mpi-run -- mpirun .*primes' "$page" | sed 's/mpirun --bind/mpirun -n 2 --bind/')
"$MPIRUN" --version 2>/dev/null | grep -qE 'Open MPI|OpenRTE' || batch=$(printf '%s\n' "$batch" | sed 's/--bind-to none//')
runs "$batch"
cmp "$expected" "$dir/out"
