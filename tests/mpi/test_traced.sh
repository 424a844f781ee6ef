#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_traced.sh CASE -- the trace of a job: one, that of rank 0, with what all ranks did. And what rank 0 says of each.
set -eu
. "$(dirname "$0")/job.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
TRACED_DIR=$dir
export TRACED_DIR
traced=$WEFT_BUILD_DIR/tests/mpi_traced
tool=$WEFT_BUILD_DIR/tools/weft-trace

fail() {
	echo "$*"
	cat "$dir/out"
	exit 1
}

# job STATUS COMMAND...: under mpirun, on two ranks
job() {
	want=$1
	shift
	status=0
	"$MPIRUN" -n 2 "$@" >"$dir/out" 2>"$dir/err" || status=$?
	[ $status -eq "$want" ] || fail "status $status: $(cat "$dir/err")"
}

# check FILE OPTION...
check() {
	file=$1
	shift
	python3 "$WEFT_SOURCE_DIR/tests/trace/check_trace.py" "$@" "$file" || fail "check_trace.py $* $file"
}

# What rank 1 has done, by its own results.
there() {
	sed -n 's/^there //p' "$dir/out" | head -n 1
}

left() {
	[ "$(cd "$dir" && ls t.*)" = "$1" ] || fail "left $(ls "$dir"/t.*)"
}

case $1 in
environment) # both have the variable, and so has each worker; one file comes of it
	WEFT_TRACE=$dir/t.json job 0 "$traced" ''
	[ ! -s "$dir/err" ] || fail "said $(cat "$dir/err")"
	left t.json
	check "$dir/t.json" --tasks nap=12 --deaths 0 --arrows 12 --ranks 2 --rank-lanes 1=2 --across "$(there)"
	# Rank 0 knows the same of it: 12 in all, on two workers each.
	awk '/^rank/ { sub(/,/, "", $10); n++; done += $10; good += $3 == 2 && $8 + 0 > 0 && /died 0, lost 0, in flight 0/ }
		END { exit !(n == 2 && done == 12 && good == 2) }' "$dir/out" || fail 'the statistics'
	grep -q "^rank 1: 2 workers on $(uname -n), pid [0-9]*, done $(there), " "$dir/out" || fail 'of rank 1'
	;;
stop) # by the program's own calls, which end it before the executor
	job 0 "$traced" "$dir/t.json" stop
	left t.json
	check "$dir/t.json" --cut-off --tasks nap=12 --deaths 0 --arrows 12 --ranks 2 --rank-lanes 1=2 --across "$(there)"
	;;
threads) # on ranks whose tasks are run by threads
	WEFT_MPI_LOCAL=threads:2 job 0 "$traced" "$dir/t.json"
	left t.json
	check "$dir/t.json" --tasks nap=12 --arrows 12 --ranks 2 --processes 2 --rank-lanes 1=2 --across "$(there)"
	;;
dies) # the death of a worker is on its line
	job 0 "$traced" "$dir/t.json" dies
	check "$dir/t.json" --tasks nap=12 --deaths 1 --arrows 12 --ranks 2 --across "$(there)"
	;;
killed) # a rank is killed, and so its job. What both had written can be put together
	killed=137
	"$MPIRUN" --version 2>/dev/null | grep -qE 'Open MPI|OpenRTE' || killed=9
	job $killed "$traced" "$dir/t.json" killed
	left 't.json.raw
t.rank1.json.raw'
	[ -x "$tool" ] || exit 0
	"$tool" convert "$dir/t.json.raw" "$dir/t.rank1.json.raw" >"$dir/both.json" || fail 'convert'
	check "$dir/both.json" --cut-off --ranks 2 --rank-lanes 1=2 --across 1+
	"$tool" convert "$dir/t.rank1.json.raw" >"$dir/one.json" || fail 'convert of the part'
	check "$dir/one.json" --cut-off --ranks 1 --rank-lanes 1=2
	! "$tool" convert "$dir/t.rank1.json.raw" "$dir/t.json.raw" >"$dir/one.json" 2>"$dir/err" || fail 'the wrong way round'
	;;
lost) # a rank is killed, but not its job: that its part is missing is said
	"$MPIRUN" --version 2>/dev/null | grep -qE 'Open MPI|OpenRTE' || exit 77
	MPIRUN="$MPIRUN --enable-recovery"
	# shellcheck disable=SC2086 # with its option
	$MPIRUN -n 2 "$traced" "$dir/t.json" killed >"$dir/out" 2>"$dir/err" || :
	left 't.json
t.json.raw
t.rank1.json.raw'
	grep -q '^weft: rank 1 is lost, and is not in ' "$dir/err" || fail "said $(cat "$dir/err")"
	check "$dir/t.json" --ranks 1
	[ -x "$tool" ] || exit 0
	"$tool" convert "$dir/t.json.raw" "$dir/t.rank1.json.raw" >"$dir/both.json" || fail 'convert'
	check "$dir/both.json" --cut-off --ranks 2 --rank-lanes 1=2 --across 1+
	;;
clocks) # the clock of rank 1 shows an hour more: its tasks are where they belong all the same
	unshare -T --monotonic 3600 true 2>/dev/null || exit 77
	cat >"$dir/late" <<END
#!/bin/sh
[ "\${OMPI_COMM_WORLD_RANK:-\${PMI_RANK:-0}}" = 0 ] || exec unshare -T --monotonic 3600 "\$@"
exec "\$@"
END
	chmod +x "$dir/late"
	job 0 "$dir/late" "$traced" "$dir/t.json"
	check "$dir/t.json" --tasks nap=12 --arrows 12 --ranks 2 --rank-lanes 1=2 --across "$(there)"
	;;
*)
	echo "unknown case: $1" >&2
	exit 2
	;;
esac
