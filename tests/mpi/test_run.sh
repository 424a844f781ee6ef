#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_run.sh -- weft-mpi-run: a job that is lost is run again, and one that is not, is not.
set -eu
. "$(dirname "$0")/job.sh"
run=$WEFT_SOURCE_DIR/mpi/weft-mpi-run
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
FAULTS_DIR=$dir
export FAULTS_DIR

# returns STATUS RUNS COMMAND...: where the command counts its runs in the file runs
returns() {
	want=$1
	runs=$2
	shift 2
	: >"$dir/runs"
	status=0
	"$run" "$@" >"$dir/out" 2>&1 || status=$?
	[ $status -eq "$want" ] && [ "$(wc -l <"$dir/runs")" -eq "$runs" ] || {
		echo "status $status, $(wc -l <"$dir/runs") runs: $*"
		cat "$dir/out"
		exit 1
	}
}

count="echo \$WEFT_MPI_RUN >>$dir/runs"
returns 0 1 sh -c "$count"
returns 3 1 sh -c "$count; exit 3"
returns 137 2 -t 2 sh -c "$count; kill -9 \$\$"
returns 0 2 sh -c "$count; [ \$WEFT_MPI_RUN = 2 ] || exit 137"
returns 9 1 sh -c "$count; exit 9"
returns 9 2 -t 2 -s 9 sh -c "$count; exit 9"

# A real job, which loses a rank in its first run.
cat >"$dir/program" <<END
#!/bin/sh
[ "\${OMPI_COMM_WORLD_RANK:-\${PMI_RANK:-0}}" != 0 ] || $count
[ "\$WEFT_MPI_RUN" = 1 ] && exec "$WEFT_BUILD_DIR/tests/mpi_faults" 9
exec "$WEFT_BUILD_DIR/tests/mpi_faults" 0
END
chmod +x "$dir/program"
returns 3 2 "$MPIRUN" -n 2 "$dir/program"
grep -q 'the job was lost (status 137)' "$dir/out"
