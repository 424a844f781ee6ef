/* SPDX-License-Identifier: MIT
 *
 * token.c -- a function's name between processes: the build-id of its file, its offset in there.
 *
 * Both directions walk the loaded files with dl_iterate_phdr, which works alike in programs that are
 * position independent, not so, and static. That takes the loader's lock and time for every loaded
 * file, so each thread remembers a few answers.
 *
 * When is a remembered answer still right? dlclose may have unmapped the file since, and dlopen put
 * another one at the same address. The main program is never unmapped: its entries hold for ever, and a
 * hit takes no lock. For any other file the loader's counts of loads and unloads must not have moved;
 * asking for them takes the loader's lock for the time of two loads. Files that come or go make entries
 * stale that were right; they are then looked up again.
 *
 * The memory is thread-local: nothing to guard, nothing that a fork could copy half-written. A fork has
 * the same files at the same addresses, so the entries of the thread that forked hold there too. A fork
 * that happens while another thread is in dlopen is the one case in which the child may find the
 * loader's lock held.
 */
#include "token.h"

#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

enum {
	CACHE_SIZE = 8, /* entries per thread and direction: 576 bytes; a power of two */
};

/* The loader's counts, which tell whether a file was loaded or unloaded meanwhile. */
struct epoch {
	unsigned long long adds, subs;
};

struct entry {
	struct weft__token token;
	weft_fn *fn; /* NULL: empty */
	struct epoch epoch;
	bool forever; /* fn is in the main program, which is never unloaded */
};

/* What a walk over the loaded files looks for, one of the two, and what it found. */
struct search {
	const struct weft__token *token; /* NULL: search for e->fn */
	struct entry *e;
	int err; /* 0 once found */
};

static _Thread_local struct entry made[CACHE_SIZE], found[CACHE_SIZE];

/* Does a segment of the file with these flags contain size bytes at vaddr? */
static bool segment_holds(const struct dl_phdr_info *file, uint32_t flags, uint64_t vaddr, uint64_t size)
{
	for (size_t i = 0; i < file->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &file->dlpi_phdr[i];
		if (p->p_type == PT_LOAD && (p->p_flags & flags) == flags && vaddr >= p->p_vaddr &&
		    vaddr - p->p_vaddr < p->p_memsz && size <= p->p_memsz - (vaddr - p->p_vaddr))
			return true;
	}
	return false;
}

static uint64_t round_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* Lengths are 32 bits wide, so sums of them do not overflow. Name and description are padded to 4, or 8 where
 * the segment says so. */
bool weft__token_notes(const unsigned char *at, uint64_t left, uint64_t align, struct weft__token *token)
{
	ElfW(Nhdr) note;

	while (left >= sizeof note) {
		memcpy(&note, at, sizeof note);
		uint64_t desc = round_up(sizeof note + note.n_namesz, align);
		if (desc + note.n_descsz > left)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(at + sizeof note, "GNU", 4) && note.n_descsz >= WEFT__TOKEN_ID_MIN) {
			token->id_len =
				note.n_descsz < WEFT__TOKEN_ID_MAX ? note.n_descsz : WEFT__TOKEN_ID_MAX;
			memset(token->build_id, 0, sizeof token->build_id);
			memcpy(token->build_id, at + desc, token->id_len);
			return true;
		}
		uint64_t next = round_up(desc + note.n_descsz, align);
		if (next > left)
			return false;
		at += next;
		left -= next;
	}
	return false;
}

static bool read_build_id(const struct dl_phdr_info *file, struct weft__token *token)
{
	for (size_t i = 0; i < file->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &file->dlpi_phdr[i];
		/* Notes need not be loaded, and only what is loaded can be read. */
		if (p->p_type == PT_NOTE && segment_holds(file, PF_R, p->p_vaddr, p->p_memsz) &&
		    weft__token_notes((const unsigned char *)(file->dlpi_addr + p->p_vaddr), p->p_memsz,
				      p->p_align == 8 ? 8 : 4, token))
			return true;
	}
	return false;
}

bool weft__token_same_file(const struct weft__token *a, const struct weft__token *b)
{
	return a->id_len == b->id_len && !memcmp(a->build_id, b->build_id, a->id_len);
}

/* Both the loader's own list and the kernel point to the main program's one table. */
static bool is_program(const struct dl_phdr_info *file)
{
	return (uintptr_t)file->dlpi_phdr == getauxval(AT_PHDR);
}

/* Is this the file that the search is for? Then fills in both the token and the function. */
static int visit(struct dl_phdr_info *file, size_t size, void *ctx)
{
	struct search *s = ctx;
	struct weft__token token = {.offset = s->token ? s->token->offset
						       : (uintptr_t)s->e->fn - file->dlpi_addr};
	(void)size;

	if (!segment_holds(file, PF_X, token.offset, 1))
		return 0;
	bool has_id = read_build_id(file, &token);
	if (s->token && !(has_id && weft__token_same_file(s->token, &token)))
		return 0;
	if (!has_id)
		return 1; /* files do not overlap: fn is here and nowhere else */

	s->e->token = token;
	s->e->fn = (weft_fn *)(uintptr_t)(file->dlpi_addr + token.offset);
	s->e->epoch = (struct epoch){file->dlpi_adds, file->dlpi_subs};
	s->e->forever = is_program(file);
	s->err = 0;
	return 1;
}

static int visit_program(struct dl_phdr_info *file, size_t size, void *ctx)
{
	struct weft__token *token = ctx;

	(void)size;
	if (!is_program(file))
		return 0;
	return read_build_id(file, token) ? 1 : -1;
}

static int read_epoch(struct dl_phdr_info *file, size_t size, void *ctx)
{
	struct epoch *epoch = ctx;
	(void)size;
	*epoch = (struct epoch){file->dlpi_adds, file->dlpi_subs};
	return 1; /* every file says the same */
}

static bool still_right(const struct entry *e)
{
	struct epoch now = {0, 0};

	if (e->forever)
		return true;
	dl_iterate_phdr(read_epoch, &now);
	return now.adds == e->epoch.adds && now.subs == e->epoch.subs;
}

/* Functions are aligned to 16 and some hundred bytes long. */
static struct entry *cache_slot(struct entry cache[], uint64_t address)
{
	return &cache[(address >> 4 ^ address >> 7 ^ address >> 11) % CACHE_SIZE];
}

int weft__token_make(weft_fn *fn, struct weft__token *ret)
{
	struct entry *cached = cache_slot(made, (uintptr_t)fn);

	if (!fn)
		return -ENOEXEC;
	if (cached->fn != fn || !still_right(cached)) {
		struct entry fresh = {.fn = fn};
		struct search s = {.e = &fresh, .err = -ENOEXEC};
		dl_iterate_phdr(visit, &s);
		if (s.err)
			return s.err;
		*cached = fresh;
	}
	*ret = cached->token;
	return 0;
}

int weft__token_find(const struct weft__token *t, weft_fn **ret)
{
	struct entry *cached = cache_slot(found, t->offset);

	if (t->id_len < WEFT__TOKEN_ID_MIN || t->id_len > WEFT__TOKEN_ID_MAX)
		return -ENOEXEC;
	if (!cached->fn || cached->token.offset != t->offset || !weft__token_same_file(&cached->token, t) ||
	    !still_right(cached)) {
		struct entry fresh = {.fn = NULL};
		struct search s = {.token = t, .e = &fresh, .err = -ENOEXEC};
		dl_iterate_phdr(visit, &s);
		if (s.err)
			return s.err;
		*cached = fresh;
	}
	*ret = cached->fn;
	return 0;
}

int weft__token_program(struct weft__token *ret)
{
	struct weft__token token = {.offset = 0};

	if (dl_iterate_phdr(visit_program, &token) != 1)
		return -ENOEXEC;
	*ret = token;
	return 0;
}
