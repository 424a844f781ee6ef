/* SPDX-License-Identifier: MIT
 *
 * elf_symbols.c -- see elf_symbols.h. The full table of symbols, where the file has not been stripped; else the one
 * that the loader needs, which has the exported ones.
 *
 * The file may be anybody's. So it is not mapped, since one that becomes shorter would end us by SIGBUS: its parts are
 * copied, none of more than TABLE_MOST, and no number of it is used before it is compared with what was copied.
 */
#include "elf_symbols.h"

#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTIONS_MOST = 4096, SEGMENTS_MOST = 128, PAGE = 4096 };

#define TABLE_MOST ((size_t)64 << 20) /* bytes */

struct function {
	uint64_t at, size;
	const char *name;
	size_t order; /* in the table */
};

struct weft__elf {
	ElfW(Phdr) * segment;
	size_t n_segments;
	char *names;
	struct function *function; /* by at, then as in the table */
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

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* What of the table are functions. */
static void keep_functions(struct weft__elf *elf, const ElfW(Sym) * symbol, size_t n, size_t names_size)
{
	elf->function = calloc(n ? n : 1, sizeof *elf->function);
	for (size_t i = 0; elf->function && i < n; i++) {
		int type = symbol[i].st_info & 15;

		if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol[i].st_shndx == SHN_UNDEF ||
		    symbol[i].st_name >= names_size)
			continue;
		elf->function[elf->n++] = (struct function){.at = symbol[i].st_value,
							    .size = symbol[i].st_size,
							    .name = elf->names + symbol[i].st_name,
							    .order = i};
	}
	if (elf->function)
		qsort(elf->function, elf->n, sizeof *elf->function, by_place);
}

static void read_symbols(struct weft__elf *elf, int fd, const ElfW(Ehdr) * head)
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

struct weft__elf *weft__elf_read(int fd)
{
	ElfW(Ehdr) head;
	struct weft__elf *elf;

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

void weft__elf_free(struct weft__elf *elf)
{
	if (!elf)
		return;
	free(elf->segment);
	free(elf->names);
	free(elf->function);
	free(elf);
}

/* How many functions begin at an address or before it. */
static size_t count_up_to(const struct weft__elf *elf, uint64_t at)
{
	size_t low = 0, high = elf->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (elf->function[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* By the address that symbols have. Of those that begin where the nearest does, the first that reaches so far. */
static const char *name_of(const struct weft__elf *elf, uint64_t at)
{
	size_t i = count_up_to(elf, at);
	uint64_t nearest = i ? elf->function[i - 1].at : 0;
	const char *name = NULL;

	for (; i > 0 && elf->function[i - 1].at == nearest; i--)
		if (at == nearest || at - nearest < elf->function[i - 1].size)
			name = elf->function[i - 1].name;
	return name;
}

const char *weft__elf_at_offset(const struct weft__elf *elf, uint64_t offset)
{
	for (size_t i = 0; i < elf->n_segments; i++) {
		const ElfW(Phdr) *p = &elf->segment[i];

		if (p->p_type == PT_LOAD && offset >= p->p_offset && offset - p->p_offset < p->p_filesz)
			return name_of(elf, offset - p->p_offset + p->p_vaddr);
	}
	return NULL;
}

const char *weft__elf_at_loaded(const struct weft__elf *elf, uint64_t distance)
{
	for (size_t i = 0; i < elf->n_segments; i++)
		if (elf->segment[i].p_type == PT_LOAD)
			return name_of(elf, (elf->segment[i].p_vaddr & ~(uint64_t)(PAGE - 1)) + distance);
	return NULL;
}
