/* SPDX-License-Identifier: MIT
 *
 * worker_landlock.c -- no file can be opened, no TCP used, nobody else signalled: by Landlock, as far as the kernel
 * has it.
 */
#include "worker_filter.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock's interface, as of its version 6; the headers of the system may know less than its kernel. */
enum {
	LANDLOCK_CREATE = 444,
	LANDLOCK_RESTRICT = 446,
	LANDLOCK_VERSION = 1 /* flag: asks for it */
};

struct landlock_rules {
	uint64_t files, net, scope; /* bits of what is refused unless a rule allows it */
};

/* By version: how many kinds of access to files it knows. Each knows what the one before did. */
static const unsigned file_bits[] = {0, 13, 14, 15, 15, 16};

int worker_landlock_enter(void)
{
	long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
	size_t v = version < 0 ? 0 : version < 5 ? (size_t)version : 5;
	struct landlock_rules rules = {
		.files = (UINT64_C(1) << file_bits[v]) - 1,
		.net = version >= 4 ? 3 : 0,
		.scope = version >= 6 ? 3 : 0,
	};
	size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	int fd, err = 0;

	if (version < 1)
		return 0;
	fd = (int)syscall(LANDLOCK_CREATE, &rules, size, 0);
	if (fd < 0)
		return -errno;
	if (syscall(LANDLOCK_RESTRICT, fd, 0))
		err = -errno;
	close(fd);
	return err;
}
