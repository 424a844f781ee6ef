# SPDX-License-Identifier: MIT
what='/dev/shm mounted read-only'
options='-DWEFT_WERROR=ON -DWEFT_BUILD_MODELS=OFF'
# Left out: what is shared is between processes; queues with names are files there, and are refused (-EROFS); the lessons
# are compared with those in Python, whose multiprocessing needs it.
without='\.(threads|uring):|^unit\.queue_file|^fuzz\.queue|^lessons\.'

# Of this mount only: it is the same file system for everybody else.
around() {
	# shellcheck disable=SC2016 # for the shell inside
	unshare --mount sh -c 'mount -o remount,bind,ro /dev/shm && exec "$@"' sh "$@"
}
