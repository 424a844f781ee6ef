/* SPDX-License-Identifier: MIT
 *
 * memfd.c -- sealed memory without a name.
 */
#include "memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif

static int make(const char *name, size_t size, int seals)
{
	struct rlimit most = {.rlim_cur = RLIM_INFINITY};
	int fd, err = 0;

	getrlimit(RLIMIT_FSIZE, &most);
	if (size > most.rlim_cur)
		return -EFBIG; /* ftruncate would send SIGXFSZ */
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* an older kernel */
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) || fcntl(fd, F_ADD_SEALS, seals))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

int weft__memfd(const char *name, size_t size)
{
	return make(name, size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

int weft__memfd_unsealed(const char *name, size_t size)
{
	return make(name, size, F_SEAL_SHRINK | F_SEAL_GROW);
}
