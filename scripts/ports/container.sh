# SPDX-License-Identifier: MIT
what='as in a container: system calls and capabilities as Docker has them, 64 MiB of /dev/shm, own process numbers'
options='-DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF'
only='^(unit|contract|crash|sweep|fuzz|storm|swarm|trace|top|examples|lessons|tour|howto)\.'
without='\.(threads|processes):[18]\.' # one kind of each is enough

prepare() {
	cc -O1 -Wall -Wextra -o "$build/refuse" scripts/ports/refuse.c
}

around() {
	caps=$(echo chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service \
		sys_chroot kill audit_write | sed 's/[a-z_]*/+&/g; s/ /,/g')
	# shellcheck disable=SC2016 # for the shell inside
	unshare --mount --pid --fork --mount-proc sh -c '
		mount -t tmpfs -o size=64m tmpfs /dev/shm
		refuse=$1 caps=$2
		shift 2
		"$refuse" container setpriv --bounding-set "-all,$caps" --inh-caps -all "$@"' \
		sh "$build/refuse" "$caps" "$@"
}
