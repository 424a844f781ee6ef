/* SPDX-License-Identifier: MIT
 *
 * top_elf.c -- see top_elf.h. The full table of symbols, where the file has not been stripped; else the one that the
 * loader needs, which has the exported ones.
 */
#include "top_elf.h"

#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTIONS_MOST = 4096, SEGMENTS_MOST = 128 };

#define TABLE_MOST ((size_t)256 << 20) /* bytes */

struct function {
	uint64_t at, size;
	const char *name;
};

struct top_elf {
	ElfW(Phdr) * segment;
	size_t n_segments;
	char *names;
	struct function *function; /* by at */
	size_t n;
};

/* A part of the file; to be freed. NULL: it is not there, or larger than it may be. One byte more, which is 0. */
static void *read_part(int fd, uint64_t offset, uint64_t size)
{
	char *part = size && size <= TABLE_MOST && offset <= INT64_MAX - size ? malloc(size + 1) : NULL;
	size_t have = 0;
	ssize_t n = 1;

	while (part && have < size && n > 0) {
		n = pread(fd, part + have, size - have, (off_t)(offset + have));
		have += n > 0 ? (size_t)n : 0;
	}
	if (part && have == size) {
		part[size] = '\0';
		return part;
	}
	free(part);
	return NULL;
}

static bool is_ours(const ElfW(Ehdr) * h)
{
	static const unsigned char wanted[] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
					       sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32};

	return !memcmp(h->e_ident, wanted, sizeof wanted) && h->e_phentsize == sizeof(ElfW(Phdr)) &&
	       h->e_phnum && h->e_phnum <= SEGMENTS_MOST && h->e_shnum <= SECTIONS_MOST &&
	       (!h->e_shnum || h->e_shentsize == sizeof(ElfW(Shdr)));
}

static const ElfW(Shdr) * find_table(const ElfW(Shdr) * section, size_t n)
{
	const ElfW(Shdr) *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (section[i].sh_entsize != sizeof(ElfW(Sym)) || section[i].sh_link >= n)
			continue;
		if (section[i].sh_type == SHT_SYMTAB)
			return &section[i];
		if (section[i].sh_type == SHT_DYNSYM)
			found = &section[i];
	}
	return found;
}

static int by_place(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* What of the table are functions. */
static void keep_functions(struct top_elf *elf, const ElfW(Sym) * symbol, size_t n, size_t names_size)
{
	elf->function = calloc(n ? n : 1, sizeof *elf->function);
	for (size_t i = 0; elf->function && i < n; i++) {
		int type = symbol[i].st_info & 15;

		if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol[i].st_shndx == SHN_UNDEF ||
		    symbol[i].st_name >= names_size)
			continue;
		elf->function[elf->n++] = (struct function){.at = symbol[i].st_value,
							    .size = symbol[i].st_size,
							    .name = elf->names + symbol[i].st_name};
	}
	if (elf->function)
		qsort(elf->function, elf->n, sizeof *elf->function, by_place);
}

static void read_symbols(struct top_elf *elf, int fd, const ElfW(Ehdr) * head)
{
	ElfW(Shdr) *section = read_part(fd, head->e_shoff, (uint64_t)head->e_shnum * sizeof *section);
	const ElfW(Shdr) *table = section ? find_table(section, head->e_shnum) : NULL, *names;
	ElfW(Sym) *symbol = NULL;

	if (table) {
		names = &section[table->sh_link];
		elf->names = read_part(fd, names->sh_offset, names->sh_size);
		symbol = read_part(fd, table->sh_offset, table->sh_size);
		if (elf->names && symbol)
			keep_functions(elf, symbol, table->sh_size / sizeof *symbol, names->sh_size);
	}
	free(symbol);
	free(section);
}

struct top_elf *top_elf_read(int fd)
{
	ElfW(Ehdr) head;
	struct top_elf *elf;

	if (pread(fd, &head, sizeof head, 0) != sizeof head || !is_ours(&head))
		return NULL;
	elf = calloc(1, sizeof *elf);
	if (!elf)
		return NULL;
	elf->segment = read_part(fd, head.e_phoff, (uint64_t)head.e_phnum * sizeof *elf->segment);
	elf->n_segments = elf->segment ? head.e_phnum : 0;
	read_symbols(elf, fd, &head);
	return elf;
}

void top_elf_free(struct top_elf *elf)
{
	if (!elf)
		return;
	free(elf->segment);
	free(elf->names);
	free(elf->function);
	free(elf);
}

/* The address that symbols have for what lies at an offset of the file. */
static bool address_of(const struct top_elf *elf, uint64_t offset, uint64_t *ret)
{
	for (size_t i = 0; i < elf->n_segments; i++) {
		const ElfW(Phdr) *p = &elf->segment[i];

		if (p->p_type != PT_LOAD || offset < p->p_offset || offset - p->p_offset >= p->p_filesz)
			continue;
		*ret = offset - p->p_offset + p->p_vaddr;
		return true;
	}
	return false;
}

const char *top_elf_function(const struct top_elf *elf, uint64_t offset)
{
	size_t low = 0, high = elf->n;
	uint64_t at;

	if (!elf->n || !address_of(elf, offset, &at))
		return NULL;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (elf->function[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	if (elf->function[low].at > at ||
	    (at != elf->function[low].at && at - elf->function[low].at >= elf->function[low].size))
		return NULL;
	return elf->function[low].name;
}
