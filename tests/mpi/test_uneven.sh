#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_uneven.sh -- what has gone to a rank behind a task that takes long comes back, and runs elsewhere: uneven.c. Both
# kinds of local executor.
set -eu
. "$(dirname "$0")/job.sh"

for local in processes:1 threads:1; do
	WEFT_MPI_LOCAL=$local "$MPIRUN" -n 2 "$WEFT_BUILD_DIR/tests/mpi_uneven"
done
