# SPDX-License-Identifier: MIT
# Warnings are none of errors here: musl's macros for control messages convert signs.
what='musl, by musl-gcc; liburing, libsodium and CUnit built for it from the sources of the packages'
packages='musl-tools dpkg-dev'
options="$foreign -DCMAKE_C_COMPILER=musl-gcc -DWEFT_BUILD_MODELS=OFF"
options="$options -DCMAKE_C_FLAGS=-isystem$build/kernel -DCMAKE_EXE_LINKER_FLAGS=-L$build/lib"
options="$options -DCMAKE_SHARED_LINKER_FLAGS=-L$build/lib"
options="$options -DWEFT_URING_INCLUDE_DIR=$build/include -DWEFT_URING_LIBRARY=$build/lib/liburing.a"
options="$options -DCUNIT_INCLUDE_DIR=$build/include -DCUNIT_LIBRARY=$build/lib/libcunit.a"
# Left out: one kind of each executor is enough; shared locks are refused (-ENOTSUP: musl has its robust list look for
# the word at another distance); after a double free musl ends the program by SIGSEGV, not by SIGABRT.
without="\.(threads|processes):[18]\.|$shared_locks|^crash\.faults_freed_twice"

# musl-gcc knows neither the kernel's headers nor any library.
prepare() {
	mkdir -p "$build/kernel" "$build/lib" "$build/include"
	ln -sfn /usr/include/linux "$build/kernel/linux"
	ln -sfn /usr/include/asm-generic "$build/kernel/asm-generic"
	ln -sfn "/usr/include/$(uname -m)-linux-gnu/asm" "$build/kernel/asm"
	[ ! -e "$build/lib/libsodium.so.23" ] || return 0
	for package in cunit liburing libsodium; do
		sh scripts/ports/from_debian "$build" source $package
	done
	(
		cd "$build/liburing"
		./configure --cc="musl-gcc -isystem$build/kernel"
		make -s -C src liburing.a
		cp src/liburing.a "$build/lib/"
		cp -r src/include/* "$build/include/"
		cd "$build/cunit/CUnit/Sources"
		musl-gcc -c -fPIC -w -I../Headers Framework/*.c Basic/Basic.c
		mkdir -p "$build/include/CUnit"
		cp ../Headers/*.h "$build/include/CUnit/"
		ar rc "$build/lib/libcunit.a" ./*.o
		cd "$build/libsodium/src/libsodium"
		# shellcheck disable=SC2046 # a list of files
		musl-gcc -shared -fPIC -O1 -w -DCONFIGURED=1 -I../../builds/msvc -Iinclude -Iinclude/sodium \
			-o "$build/lib/libsodium.so.23" $(find . -name '*.c')
	)
}

# Loaded at run time: ipc/secret.c.
around() {
	LD_LIBRARY_PATH=$build/lib "$@"
}
