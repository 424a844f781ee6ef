#!/bin/sh
# SPDX-License-Identifier: MIT
#
# netns.sh -- two hosts on one machine: a job of two ranks over TCP; mpirun is killed; and the cable between them is pulled.
# Each host is a network namespace with a host name of its own; mpirun reaches the second one by a script in the place of
# ssh. Open MPI, root, and ip(8) only: it skips (77) otherwise.
set -eu
. "$(dirname "$0")/job.sh"

[ "$(id -u)" -eq 0 ] && command -v ip >/dev/null 2>&1 || exit 77
"$MPIRUN" --version 2>/dev/null | grep -qE 'Open MPI|OpenRTE' || exit 77
a=weft-a-$$ b=weft-b-$$
dir=$(mktemp -d)
job=
clean() {
	[ -z "$job" ] || kill -9 "$job" 2>/dev/null || :
	for ns in "$a" "$b"; do
		for pid in $(ip netns pids "$ns" 2>/dev/null); do
			kill -9 "$pid" 2>/dev/null || :
		done
		ip netns del "$ns" 2>/dev/null || :
	done
	rm -rf "$dir"
}
trap clean EXIT
ip netns add "$a" 2>/dev/null || exit 77
ip netns add "$b"
ip link add "va$$" netns "$a" type veth peer name "vb$$" netns "$b" || exit 77
ip -n "$a" addr add 10.77.0.1/24 dev "va$$"
ip -n "$b" addr add 10.77.0.2/24 dev "vb$$"
for ns in "$a" "$b"; do ip -n "$ns" link set lo up; done
ip -n "$a" link set "va$$" up
ip -n "$b" link set "vb$$" up

cat >"$dir/agent" <<END
#!/bin/sh
# agent HOST COMMAND...
shift
exec ip netns exec $b unshare -u sh -c "hostname weft-b && cd $dir && \$*"
END
chmod +x "$dir/agent"
FAULTS_DIR=$dir
export FAULTS_DIR

fail() {
	echo "$*"
	cat "$dir/out"
	exit 1
}

# processes NAMESPACE: those of the job, and their daemon's
processes() {
	for pid in $(ip netns pids "$1"); do
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -E 'mpi_faults|orted|weft-' || :
	done
}

# nothing_left: a little later, on neither host
nothing_left() {
	for i in $(seq 40); do
		[ -n "$(processes "$a")$(processes "$b")" ] || return 0
		sleep 0.25
	done
	fail "left: $(processes "$a") $(processes "$b")"
}

# The job, in the first host; runs in the background.
start() {
	rm -f "$dir"/[0-9]
	ip netns exec "$a" unshare -u sh -c "hostname weft-a && exec \"\$@\"" sh \
		"$MPIRUN" -x FAULTS_DIR --mca plm_rsh_agent "$dir/agent" --mca plm_rsh_no_tree_spawn 1 \
		--mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 \
		--host 10.77.0.1,10.77.0.2 -n 2 "$WEFT_BUILD_DIR/tests/mpi_faults" 0 >"$dir/out" 2>&1 </dev/null &
	job=$!
}

start
status=0
wait "$job" || status=$?
[ $status -eq 3 ] || fail "status $status"
[ "$(grep -c '^task [0-5]: 0 ' "$dir/out")" -eq 6 ] || fail "not all tasks are well"

# mpirun is killed while both hosts run tasks: nothing is left on any.
start
while [ "$(cat "$dir"/[0-9] 2>/dev/null | wc -l)" -lt 2 ]; do sleep 0.02; done
[ -n "$(processes "$b" | grep mpi_faults)" ] || fail "nothing runs on the second host"
kill -9 "$job"
wait "$job" 2>/dev/null || :
nothing_left

start
while [ "$(cat "$dir"/[0-9] 2>/dev/null | wc -l)" -lt 2 ]; do sleep 0.02; done
ip -n "$b" link set "vb$$" down
# mpirun itself does not come back from that: rank 0 has to have said all before.
for i in $(seq 100); do
	grep -q '^lost 1' "$dir/out" && break
	sleep 0.1
done
[ "$(grep -c '^task [0-5]: 0 ' "$dir/out")" -eq 5 ] || fail "not five tasks are well"
grep -q '^task [0-5]: -130 rank 1 on weft-b: silent for too long' "$dir/out" || fail "nothing of a lost rank"
