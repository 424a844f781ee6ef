# SPDX-License-Identifier: MIT
what='a control group with half of one processor'
options='-DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF -DWEFT_TEST_SECONDS=200'
# Left out: what has one thread or two, since many threads on little are of interest; and what only computes.
without='\.(threads|processes):[12]\.|\.uring:1\.|^examples\.primes$'
jobs=1

# Version 1, or version 2 with the controller handed down to us. What it was is put back.
prepare() {
	for group in /sys/fs/cgroup/cpu /sys/fs/cgroup; do
		[ ! -f "$group/cpu.cfs_quota_us" ] && ! grep -qw cpu "$group/cgroup.subtree_control" 2>/dev/null ||
			break
		group=
	done
	group=${group:?no control group of processors that may be written}/weft-half-cpu
	mkdir -p "$group"
	if [ -f "$group/cpu.max" ]; then
		echo '50000 100000' >"$group/cpu.max"
	else
		echo 100000 >"$group/cpu.cfs_period_us"
		echo 50000 >"$group/cpu.cfs_quota_us"
	fi
}

around() {
	status=0
	# shellcheck disable=SC2016 # for the shell inside
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@" || status=$?
	rmdir "$group" || :
	return $status
}
