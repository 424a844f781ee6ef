# SPDX-License-Identifier: MIT
what='a kernel without io_uring: its calls are answered with ENOSYS'
options='-DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF'
only='^(unit|contract|crash|sweep|fuzz|storm|swarm|trace|top|examples|lessons|tour|howto)\.'
without='\.(threads|processes):[18]\.' # they have no ring; one kind of each is enough

prepare() {
	cc -O1 -Wall -Wextra -o "$build/refuse" scripts/ports/refuse.c
}

around() {
	"$build/refuse" no-uring "$@"
}
