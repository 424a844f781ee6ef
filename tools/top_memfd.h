/* SPDX-License-Identifier: MIT
 *
 * top_memfd.h -- the memory of a name that a process has open.
 */
#ifndef TOOLS_TOP_MEMFD_H
#define TOOLS_TOP_MEMFD_H

#include <stddef.h>
#include <sys/types.h>

/* Opens, to be read, the memfd that pid has made by that name, if it is sealed against shrinking, so that a mapping of
 * it may be read. Looks at TOP_FILES_MOST descriptors at most. Or -ESRCH, -EACCES; -ENOENT: it has none, or none that is
 * sealed. */
int top_memfd_open(pid_t pid, const char *name);

enum { TOP_FILES_MOST = 65536 };

/* Maps size bytes of it, which it must have, or more. NULL: it is shorter, or there is no memory. */
const void *top_memfd_map(int fd, size_t size);

#endif
