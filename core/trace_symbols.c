/* SPDX-License-Identifier: MIT
 *
 * trace_symbols.c -- names of functions that the loader does not know, which in C is most of them: static ones, and
 * those of a program that exports nothing. Where they start they are called by file and offset; here, when the trace
 * is made, those of the program itself are looked up in the table of symbols of its file, unless that was stripped,
 * or is another build by now.
 */
#include "module.h"
#include "trace_link.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
	const char *at;
	size_t size;
};

/* n things of so many bytes each; NULL: they are not all inside of the file. */
static const void *find(const struct image *f, uint64_t offset, uint64_t n, uint64_t size)
{
	if (n > f->size / size || offset > f->size || n * size > f->size - offset || offset % 8)
		return NULL;
	return f->at + offset;
}

static bool open_image(const char *path, struct image *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat s;
	void *at = MAP_FAILED;

	if (fd < 0)
		return false;
	if (!fstat(fd, &s) && S_ISREG(s.st_mode) && s.st_size > (off_t)sizeof(ElfW(Ehdr)))
		at = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return false;
	*ret = (struct image){at, (size_t)s.st_size};
	return true;
}

/* Where the file would like to be loaded: the address that offset 0 of a name is. */
static uint64_t base_of(const struct image *f, const ElfW(Ehdr) * e)
{
	const ElfW(Phdr) *p = find(f, e->e_phoff, e->e_phnum, sizeof *p);

	for (size_t i = 0; p && i < e->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			return p[i].p_vaddr & ~(uint64_t)4095;
	return 0;
}

/* Names that are to be replaced, and the offsets that they say. */
struct wanted {
	int n;
	int name[TRACE_NAMES];
	uint64_t offset[TRACE_NAMES];
};

/* The names of places in the program. */
static void find_wanted(const struct trace *t, struct wanted *ret)
{
	const char *slash = strrchr(t->program, '/'), *file = slash ? slash + 1 : t->program;
	size_t n = strlen(file);

	n = n < TRACE_FILE_MAX ? n : TRACE_FILE_MAX;
	ret->n = 0;
	for (int i = 1; n && i <= TRACE_NAMES; i++) {
		if (strncmp(t->name[i], file, n) || strncmp(t->name[i] + n, "+0x", 3))
			continue;
		ret->name[ret->n] = i;
		ret->offset[ret->n++] = strtoull(t->name[i] + n + 3, NULL, 16);
	}
}

static const char *name_of(const ElfW(Sym) * s, uint64_t n, uint64_t at, const char *strings, uint64_t size)
{
	for (uint64_t i = 0; i < n; i++)
		if (ELF64_ST_TYPE(s[i].st_info) == STT_FUNC && s[i].st_value == at && s[i].st_name < size)
			return memchr(strings + s[i].st_name, 0, size - s[i].st_name) ? strings + s[i].st_name
										      : NULL;
	return NULL;
}

static void look_up(struct trace *t, const struct image *f, const struct wanted *w)
{
	const ElfW(Ehdr) *e = find(f, 0, 1, sizeof *e);
	const ElfW(Shdr) *section = e ? find(f, e->e_shoff, e->e_shnum, sizeof *section) : NULL;

	for (size_t i = 0; section && i < e->e_shnum; i++) {
		const ElfW(Shdr) *symbols = &section[i], *texts;
		const ElfW(Sym) * s;

		if (symbols->sh_type != SHT_SYMTAB || symbols->sh_link >= e->e_shnum)
			continue;
		texts = &section[symbols->sh_link];
		s = find(f, symbols->sh_offset, symbols->sh_size / sizeof *s, sizeof *s);
		if (!s || texts->sh_offset > f->size || texts->sh_size > f->size - texts->sh_offset)
			return;
		for (int k = 0; k < w->n; k++) {
			const char *name =
				name_of(s, symbols->sh_size / sizeof *s, base_of(f, e) + w->offset[k],
					f->at + texts->sh_offset, texts->sh_size);

			if (name)
				snprintf(t->name[w->name[k]], TRACE_NAME_ROOM, "%s", name);
		}
	}
}

void trace_symbols_find(struct trace *t)
{
	struct wanted w;
	struct weft__token now;
	struct image f;

	find_wanted(t, &w);
	if (!w.n || weft__module_id(t->program, &now) || !weft__token_same_file(&now, &t->id) ||
	    !open_image(t->program, &f))
		return;
	look_up(t, &f, &w);
	munmap((void *)(uintptr_t)f.at, f.size);
}
