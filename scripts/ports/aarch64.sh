# SPDX-License-Identifier: MIT
what='aarch64, cross-built, run by qemu-user'
packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static'
libs=$build/root/usr/lib/aarch64-linux-gnu
options="$foreign -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc"
options="$options -DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF -DWEFT_TEST_SECONDS=60 -DCMAKE_C_FLAGS=-DTEST_EMULATED"
options="$options -DWEFT_URING_INCLUDE_DIR=$build/root/usr/include -DWEFT_URING_LIBRARY=$libs/liburing.a"
options="$options -DCUNIT_INCLUDE_DIR=$build/root/usr/include -DCUNIT_LIBRARY=$libs/libcunit.a"
options="$options -DCMAKE_EXE_LINKER_FLAGS=-L$libs -DCMAKE_SHARED_LINKER_FLAGS=-L$libs"
# Constants are no code: tests count on it, and this linker would put them together.
options="$options -DCMAKE_EXE_LINKER_FLAGS_DEBUG=-Wl,-z,separate-code"
options="$options -DWEFT_TEST_EXECUTORS=inline;threads:2;processes:2,start=fork;uring:2"
only='^(unit|fuzz|contract)\.'
# Left out is what qemu-user lacks; docs/portability.md says how each shows.
# Its clone() knows only fork(), so nothing can be started that is no child of ours, or needs no copy of us.
without='^unit\.(process|process_wait|subprocess[a-z_]*)\.|\.cycle_none_across|\.env_good_specs'
without="$without|\.env_options_of_processes|\.fork_while_tasks_run|\.subprocess_|\.then_across_executors"
# It hands on no list of robust futexes.
without="$without|$shared_locks|\.dead_holders_are|\.what_the_dead_has_put"
# It has no seccomp filters, and forgets a limit of addresses that the program itself sets.
without="$without|_on_an_old_kernel|\.where_the_kernel|\.large_in_little|\.new_under_limits|\.new_in_little_room"
without="$without|\.where_there_is_no_memory"
# It keeps descriptors that did not fit, and does not look at unknown flags of sockets.
without="$without|\.descriptors_too_many_are_closed|\.io_refused"
# It keeps a record of each page that is mapped. So addresses are limited, and regions have 8 GiB together: less than
# these need. That they come and go a hundred times takes minutes.
without="$without|\.new_takes_its_limits|\.new_where_little_is_free|\.regions_come_back|\.life_hundred_"
# It takes no advice to guard pages, and of protected ones there may be 24,500.
without="$without|uring:2\.waiters_.*deep"
# start=fork is seen by a program that waits for any child: weft/process_pool.h.
without="$without|fork\.signal_no_sigchld_is_sent|fork\.signal_waiting_for_any"
# These know the names of executors without options.
without="$without|fork\.env_variable|fork\.env_name_and_caps"
# The user namespace below has one user.
without="$without|\.another_user_needs_the_secret|\.what_others_may_open"

prepare() {
	[ -e "$libs/libsodium.so.23" ] ||
		sh scripts/ports/from_debian "$build" binary arm64 libcunit1-dev liburing-dev libsodium23
}

# Whoever executes a program for the other processor needs the kernel to know how: here in a user namespace, whose
# list of such formats is its own.
around() {
	# shellcheck disable=SC2016 # for the shell inside
	LD_LIBRARY_PATH=$libs unshare --user --map-root-user --mount sh -c '
		mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
		magic="\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
		mask="\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
		printf "%s" ":aarch64:M::$magic:$mask:/usr/bin/qemu-aarch64-static:FPC" >/proc/sys/fs/binfmt_misc/register
		ulimit -v 67108864
		QEMU_LD_PREFIX=/usr/aarch64-linux-gnu exec "$@"' sh "$@"
}
