/* SPDX-License-Identifier: MIT
 *
 * module.h -- the files that code comes from: where they lie, which build they are, loading one.
 */
#ifndef WEFT_CORE_MODULE_H
#define WEFT_CORE_MODULE_H

#include "token.h"

/* The path of the file that the kernel has mapped where fn is. 0 | -ENOENT: it is in no file, or in one that
 * has been deleted or replaced | -ENAMETOOLONG: not within size bytes, the NUL included. */
int weft__module_path(weft_fn *fn, char *ret, size_t size);

/* Reads the build-id of a file that is not loaded into ret, the rest of which becomes 0. 0 | -ENOEXEC: none, or
 * no file of this machine's kind of ELF | a negative errno: it cannot be read. */
int weft__module_id(const char *path, struct weft__token *ret);

/* Loads the file at path for good, if it is the build that the token is of; what is said about a failure goes
 * to why. 0 | -ENOEXEC. Runs the constructors of the file. */
int weft__module_load(const char *path, const struct weft__token *token, char *why, size_t size);

#endif
