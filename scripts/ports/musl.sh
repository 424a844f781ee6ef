# SPDX-License-Identifier: MIT
# Warnings are none of errors here: musl's macros for control messages convert signs.
what='musl, by musl-gcc; liburing and CUnit built for it from the sources of the packages'
packages='musl-tools dpkg-dev'
options="-DCMAKE_C_COMPILER=musl-gcc -DWEFT_BUILD_MODELS=OFF -DWEFT_JEMALLOC_LIBRARY="
options="$options -DCMAKE_C_FLAGS=-isystem$build/kernel -DCMAKE_EXE_LINKER_FLAGS=-L$build/lib"
options="$options -DCMAKE_SHARED_LINKER_FLAGS=-L$build/lib"
options="$options -DWEFT_URING_INCLUDE_DIR=$build/include -DWEFT_URING_LIBRARY=$build/lib/liburing.a"
options="$options -DCUNIT_INCLUDE_DIR=$build/include -DCUNIT_LIBRARY=$build/lib/libcunit.a"
# Left out: one kind of each executor is enough; shared locks are refused (-ENOTSUP: musl has its robust list look for the
# word at another distance); secrets and TCP need libsodium, which is not there for musl; after a double free musl ends
# the program by another signal; texts of errors are glibc's.
without='\.(threads|processes):[18]\.|^unit\.(lock|rwlock|shared|handshake|pipe_listener)\.|^unit\.cond\..*shared'
without="$without|^unit\.cond\..*process|^unit\.cond\..*killed|^unit\.lot\.(tasks|a_cancel|the_dead|a_proc|a_death|workers)"
without="$without|^crash\.(locks_|held_|faults_freed_twice|sandbox_deaths)|\.pipe_(over|called_off_in|accept)"
without="$without|^sweep\.memory_of_pipes|^lessons\.(ping_pong|print_lock|shared_values)"
without="$without|^examples\.(armour|treehash|webd_limits)"

# musl-gcc knows neither the kernel's headers nor any library.
prepare() {
	mkdir -p "$build/kernel" "$build/lib" "$build/include"
	ln -sfn /usr/include/linux "$build/kernel/linux"
	ln -sfn /usr/include/asm-generic "$build/kernel/asm-generic"
	ln -sfn "/usr/include/$(uname -m)-linux-gnu/asm" "$build/kernel/asm"
	[ -f "$build/lib/liburing.a" ] && [ -f "$build/lib/libcunit.a" ] && return 0
	sh scripts/ports/from_debian "$build" source cunit
	sh scripts/ports/from_debian "$build" source liburing
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
	)
}
