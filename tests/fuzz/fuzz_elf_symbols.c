/* SPDX-License-Identifier: MIT
 *
 * fuzz_elf_symbols.c -- files of code (core/elf_symbols.c): the first byte says how much of its end the file loses, the
 * rest is the file. Whatever names it has lie inside of what was read, or a sanitizer notices.
 */
#include "elf_symbols.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

static int write_file(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz-elf", MFD_CLOEXEC);
	fuzz_check(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	return fd;
}

static size_t length(const char *name)
{
	return name ? strlen(name) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t lost = size ? data[0] : 0;
	struct weft__elf *elf;
	size_t read = 0;

	if (!size || size - 1 < lost)
		return 0;
	elf = weft__elf_read(write_file(data + 1, size - 1 - lost));
	if (!elf)
		return 0;
	for (uint64_t at = 0; at < 4096; at += 16)
		read += length(weft__elf_at_offset(elf, at)) + length(weft__elf_at_loaded(elf, at));
	for (int shift = 12; shift < 64; shift++)
		read += length(weft__elf_at_offset(elf, UINT64_MAX << shift)) +
			length(weft__elf_at_loaded(elf, (uint64_t)1 << shift));
	fuzz_check(read < SIZE_MAX);
	weft__elf_free(elf);
	return 0;
}
