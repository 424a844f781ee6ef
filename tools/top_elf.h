/* SPDX-License-Identifier: MIT
 *
 * top_elf.h -- the functions in a file of code, by their places in it.
 */
#ifndef TOOLS_TOP_ELF_H
#define TOOLS_TOP_ELF_H

#include <stddef.h>
#include <stdint.h>

struct top_elf;

/* Reads the symbols of an open file, which the caller keeps open. NULL: it is no such file of this machine's kind, or
 * there is no memory. What it says is checked, and looked at within fixed bounds. */
struct top_elf *top_elf_read(int fd);
void top_elf_free(struct top_elf *elf); /* NULL is fine */

/* The function at an offset of the file; NULL: it has no name for it. */
const char *top_elf_function(const struct top_elf *elf, uint64_t offset);

#endif
