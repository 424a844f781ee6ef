/* SPDX-License-Identifier: MIT
 *
 * memfd.h -- memory without a name, for sharing: it goes with the last process that has it.
 */
#ifndef WEFT_CORE_MEMFD_H
#define WEFT_CORE_MEMFD_H

#include <stddef.h>

/* A descriptor (close-on-exec) of size bytes that nobody can make shorter or longer, so that no access to a
 * mapping of it lies beyond its end. Pages come as they are touched. Or -EFBIG: larger than RLIMIT_FSIZE
 * allows; -EMFILE, -ENFILE, -ENOMEM. */
int weft__memfd(const char *name, size_t size);

/* The same, for who adds further seals. */
int weft__memfd_unsealed(const char *name, size_t size);

#endif
