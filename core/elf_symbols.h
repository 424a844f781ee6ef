/* SPDX-License-Identifier: MIT
 *
 * elf_symbols.h -- the functions in a file of code, by their places in it: for traces, and for weft-top, which reads
 * files that another program has mapped.
 */
#ifndef WEFT_CORE_ELF_SYMBOLS_H
#define WEFT_CORE_ELF_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct weft__elf;

/* Reads the symbols of an open file, which the caller keeps open. NULL: it is no such file of this machine's kind, or
 * there is no memory. What it says is checked, and looked at within fixed bounds; it may change meanwhile. */
struct weft__elf *weft__elf_read(int fd);
void weft__elf_free(struct weft__elf *elf); /* NULL is fine */

/* The function that covers a place of the file; NULL: it has no name for it. Of several names the first of the table.
 * In the one the place is an offset of the file, in the other one from where the loader has put the file. */
const char *weft__elf_at_offset(const struct weft__elf *elf, uint64_t offset);
const char *weft__elf_at_loaded(const struct weft__elf *elf, uint64_t distance);

#endif
