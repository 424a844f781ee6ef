#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench_mpi.sh -- what a task costs on another rank, beside mpi4py.futures under the same mpirun; and the same numbers on
# one rank and on two, bound to processors and not. Medians of seven, in one run. Both have one worker rank; on "mpi" the caller's own runs
# nothing, save for the numbers, which all ranks test. Installs mpi4py if it is missing.
set -eu
cd "$(dirname "$0")/.."
. tests/mpi/job.sh

/usr/bin/python3 -c 'import mpi4py' 2>/dev/null || {
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=sudo
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-mpi4py \
		>/dev/null
}
[ -n "${WEFT_BENCH_ONLY-}" ] || {
	cmake --preset release >/dev/null
	cmake --build --preset release --target mpi_tasks >/dev/null
}
program=build/release/bench/mpi_tasks

echo "weft, mpirun -n 2"
"$MPIRUN" -n 2 $program
echo "mpi4py.futures, mpirun -n 2"
"$MPIRUN" -n 2 /usr/bin/python3 -m mpi4py.futures bench/mpi/mpi_tasks.py
# "core" is what Open MPI does with one or two ranks, unless it is told otherwise: the worker shares its processor with
# the thread that makes progress.
for binding in none core; do
	for ranks in 1 2; do
		echo "weft, mpirun -n $ranks --bind-to $binding"
		"$MPIRUN" -n $ranks --bind-to $binding $program mpi:1 primes
	done
done
