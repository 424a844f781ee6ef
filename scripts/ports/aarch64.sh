# SPDX-License-Identifier: MIT
what='aarch64, cross-built, run by qemu-user'
packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static'
libs=$build/root/usr/lib/aarch64-linux-gnu
options="$foreign -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc"
options="$options -DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF -DWEFT_TEST_SECONDS=60"
options="$options -DWEFT_URING_INCLUDE_DIR=$build/root/usr/include -DWEFT_URING_LIBRARY=$libs/liburing.a"
options="$options -DCUNIT_INCLUDE_DIR=$build/root/usr/include -DCUNIT_LIBRARY=$libs/libcunit.a"
options="$options -DCMAKE_EXE_LINKER_FLAGS=-L$libs -DCMAKE_SHARED_LINKER_FLAGS=-L$libs"
only='^(unit|fuzz)\.|^contract\.(inline|threads:2)\.'
# Left out: qemu-user keeps a record of each page that is mapped, and regions, which pools of processes have too, reserve
# 16 TiB; so memory is limited, or the machine would be full, and they are refused. It hands on no list of robust
# futexes, so the kernel does not know what a thread held that died. Secrets need libsodium, which is not there.
without='^unit\.(lock|rwlock|shared|slab|region|handshake|pipe|process|nursery|worker|lane|queue|subprocess)'
without="$without|^unit\.cond\..*shared|^unit\.cond\..*process|^unit\.cond\..*killed|^unit\.lot|^unit\.(event|sema|barrier)"
without="$without|\.pipe_|\.region_|\.large_|\.queue_"

prepare() {
	[ -e "$libs/libsodium.so.23" ] ||
		sh scripts/ports/from_debian "$build" binary arm64 libcunit1-dev liburing-dev libsodium23
}

# Whoever executes a program for the other processor needs the kernel to know how: here in a user namespace, whose
# list of such formats is its own.
around() {
	# shellcheck disable=SC2016 # for the shell inside
	unshare --user --map-root-user --mount sh -c '
		mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
		magic="\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
		mask="\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
		printf "%s" ":aarch64:M::$magic:$mask:/usr/bin/qemu-aarch64-static:FPC" >/proc/sys/fs/binfmt_misc/register
		ulimit -v 4194304
		QEMU_LD_PREFIX=/usr/aarch64-linux-gnu LD_LIBRARY_PATH=$libs exec "$@"' sh "$@"
}
