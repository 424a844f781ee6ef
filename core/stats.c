/* SPDX-License-Identifier: MIT
 *
 * stats.c -- the page of figures that others may look at (stats_page.h): made with the first executor, or process or
 * program by itself, given back with the last; which parts of it are taken.
 *
 * In a fork the memory is the same, and the child has no business there: it gets private memory in its place, at the
 * same addresses, since the counters of its parent's executors may still be counted up there. The parts are then
 * nobody's, and what gives one back is ignored.
 *
 * All bookkeeping is under one lock. What readers look for first, a part's kind, is written last.
 */
#include "stats.h"
#include "forked.h"
#include "memfd.h"
#include "state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

_Thread_local struct stats_work *weft__work;

static struct {
	struct weft__lock lock;
	struct stats_page *page; /* NULL: there is none */
	unsigned users;          /* executors, and rows of who runs alone */
	uint32_t serial;
	uint32_t first_free;                                     /* no row before it is */
	struct stats_executor *alone[STATS_KINDS - STATS_ALONE]; /* parts that stay as long as the page */
	int fd;
	dev_t device; /* of fd, which the program may close, and use the number */
	ino_t inode;
} own;

/* ---- The page ---- */

bool weft__stats_wanted(void)
{
	/* As safe as any reading of the environment: the program must not change it meanwhile. */
	const char *text = getenv("WEFT_STATS"); /* NOLINT(concurrency-mt-unsafe) */

	return !text || strcmp(text, "off");
}

/* Its descriptor, which is none of the standard ones: the program would print into it. */
static int make_memory(void)
{
	int low = weft__memfd_unsealed(STATS_PAGE_NAME, sizeof(struct stats_page)), fd = low;

	if (low >= 0 && low <= STDERR_FILENO) {
		fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(low);
	}
	return fd;
}

static void make_page(void)
{
	struct stat s;
	int fd = weft__stats_wanted() ? make_memory() : -1;
	void *at;

	if (fd < 0)
		return;
	at = mmap(NULL, sizeof(struct stats_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED || fstat(fd, &s)) {
		if (at != MAP_FAILED)
			munmap(at, sizeof(struct stats_page));
		close(fd);
		return;
	}
	/* From here on only this mapping writes; on older kernels the user's other programs could, too. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL))
		fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
	own.page = at;
	own.fd = fd;
	own.device = s.st_dev;
	own.inode = s.st_ino;
	own.page->version = STATS_VERSION;
	own.page->size = sizeof(struct stats_page);
	own.page->pid = (uint32_t)getpid();
	own.page->made = weft_now();
	own.page->magic = STATS_MAGIC;
}

static void close_if_ours(void)
{
	struct stat s;

	if (!fstat(own.fd, &s) && s.st_dev == own.device && s.st_ino == own.inode)
		close(own.fd);
}

static void forget_page(void)
{
	close_if_ours();
	own.page = NULL;
	own.first_free = 0;
	memset(own.alone, 0, sizeof own.alone);
}

/* One less of those for whom it is there. Under the lock. */
static void leave_page(void)
{
	if (--own.users)
		return;
	munmap(own.page, sizeof *own.page);
	forget_page();
}

void weft__stats_forked(void)
{
	weft__work = NULL;
	own.lock = (struct weft__lock){0};
	own.users = 0;
	if (!own.page)
		return;
	mmap(own.page, sizeof *own.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	     0);
	forget_page();
}

/* ---- Its parts ---- */

static bool is_in_page(const void *part)
{
	return own.page && (uintptr_t)part - (uintptr_t)own.page < sizeof *own.page;
}

/* A count that readers go by. Under the lock. */
static void at_least(atom_u32 *known, uint32_t n)
{
	if (atom_load(known, relaxed) < n)
		atom_store(known, n, relaxed);
}

static void write_text(atom_u64 *to, int words, const char *text)
{
	uint64_t word[STATS_NAME_WORDS] = {0};

	memccpy(word, text, 0, (size_t)words * sizeof *word - 1);
	for (int i = 0; i < words; i++)
		atom_store(&to[i], word[i], relaxed);
}

/* Under the lock. NULL: there is none left. */
static struct stats_executor *open_part(const char *name, enum stats_kind kind)
{
	for (uint32_t i = 0; i < STATS_EXECUTORS; i++) {
		struct stats_executor *e = &own.page->executor[i];

		if (atom_load(&e->kind, relaxed) != STATS_NONE)
			continue;
		memset(e, 0, sizeof *e);
		write_text(e->name, STATS_NAME_WORDS, name);
		atom_store(&e->serial, ++own.serial, relaxed);
		atom_store(&e->kind, (uint32_t)kind, relaxed);
		at_least(&own.page->n_executors, i + 1);
		return e;
	}
	return NULL;
}

/* Under the lock. True: there is one only now. */
static bool need_page(void)
{
	if (own.page)
		return false;
	make_page();
	return own.page;
}

struct stats_executor *weft__stats_open(const char *name)
{
	struct stats_executor *e = NULL;
	bool made;

	weft__lock(&own.lock);
	made = need_page();
	if (own.page)
		e = open_part(name, STATS_OTHER);
	own.users += e != NULL;
	weft__unlock(&own.lock);
	if (made)
		weft__threads_show();
	return e;
}

void weft__stats_close(struct stats_executor *e)
{
	weft__lock(&own.lock);
	if (is_in_page(e)) {
		atom_store(&e->kind, STATS_NONE, relaxed);
		leave_page();
	}
	weft__unlock(&own.lock);
}

void weft__stats_describe(const weft_executor *ex, enum stats_kind kind)
{
	struct stats_executor *e = ex->shown;

	if (!e)
		return;
	write_text(e->name, STATS_NAME_WORDS, ex->name);
	atom_store(&e->workers, ex->ops.workers, relaxed);
	atom_store(&e->kind, (uint32_t)kind, relaxed);
}

/* Under the lock. */
static struct stats_row *free_row(void)
{
	uint32_t i = own.first_free;

	while (i < STATS_ROWS && atom_load(&own.page->row[i].kind, relaxed) != STATS_NONE)
		i++;
	own.first_free = i;
	if (i == STATS_ROWS) {
		atom_add(&own.page->unseen, 1, relaxed);
		return NULL;
	}
	at_least(&own.page->n_rows, i + 1);
	memset(&own.page->row[i], 0, sizeof own.page->row[i]);
	return &own.page->row[i];
}

/* Under the lock. */
static void free_again(struct stats_row *row)
{
	uint32_t i = (uint32_t)(row - own.page->row);

	atom_store(&row->kind, STATS_NONE, relaxed);
	own.first_free = i < own.first_free ? i : own.first_free;
}

struct stats_row *weft__stats_row_open(const weft_executor *ex, enum stats_kind kind, unsigned number, int id)
{
	struct stats_row *row = NULL;

	weft__lock(&own.lock);
	if (is_in_page(ex->shown))
		row = free_row();
	if (row) {
		atom_store(&row->executor, (uint32_t)(ex->shown - own.page->executor), relaxed);
		atom_store(&row->number, number, relaxed);
		atom_store(&row->id, (uint32_t)id, relaxed);
		atom_store(&row->kind, (uint32_t)kind, relaxed);
	}
	weft__unlock(&own.lock);
	return row;
}

void weft__stats_row_close(struct stats_row *row)
{
	if (!row)
		return;
	weft__lock(&own.lock);
	if (is_in_page(row)) {
		bool alone = atom_load(&row->kind, relaxed) >= STATS_ALONE;

		free_again(row);
		if (alone)
			leave_page();
	}
	weft__unlock(&own.lock);
}

/* ---- Those who run by themselves ---- */

/* What all of a kind are shown as. Under the lock; NULL: there is no room. */
static struct stats_executor *part_of(enum stats_kind kind)
{
	static const char *const names[] = {"weft_thread", "weft_process", "weft_subprocess"};
	struct stats_executor **part = &own.alone[kind - STATS_ALONE];

	if (!*part)
		*part = open_part(names[kind - STATS_ALONE], kind);
	return *part;
}

static void begin_alone(struct stats_row *row, struct stats_executor *part, uintptr_t fn, const char *label)
{
	uint64_t number = atom_load(&part->counts.submitted, relaxed);

	atom_store(&part->counts.submitted, number + 1, relaxed);
	atom_store(&row->number, (uint32_t)number, relaxed);
	atom_store(&row->executor, (uint32_t)(part - own.page->executor), relaxed);
	atom_store(&row->work.fn, weft__stats_tagged(fn, 0), relaxed);
	atom_store(&row->work.since, weft__stats_tagged((uint64_t)weft_now() / 1000, 0), relaxed);
	write_text(row->alone.label, STATS_LABEL_WORDS, label);
}

struct stats_row *weft__stats_alone_open(enum stats_kind kind, int id, uintptr_t fn, const char *label)
{
	struct stats_executor *part = NULL;
	struct stats_row *row = NULL;
	bool made;

	if (!WEFT__SHOWS_ALONE)
		return NULL;
	weft__lock(&own.lock);
	made = kind != STATS_THREAD && need_page();
	if (own.page)
		part = part_of(kind);
	if (part)
		row = free_row();
	if (row) {
		begin_alone(row, part, fn, label);
		atom_store(&row->id, (uint32_t)id, relaxed);
		atom_store(&row->kind, (uint32_t)kind, relaxed);
		own.users++;
	}
	weft__unlock(&own.lock);
	if (made)
		weft__threads_show();
	return row;
}

static void count_one_more(atom_u64 *n)
{
	atom_store(n, atom_load(n, relaxed) + 1, relaxed);
}

void weft__stats_alone_end(struct stats_row *row, int code)
{
	struct stats_executor *part;

	if (!row)
		return;
	weft__lock(&own.lock);
	if (is_in_page(row)) {
		part = &own.page->executor[atom_load(&row->executor, relaxed)];
		count_one_more(&part->counts.completed);
		if (code && code != STATS_UNKNOWN)
			count_one_more(code < 0 ? &part->counts.died : &part->counts.failed);
		atom_store(&row->alone.code, (uint32_t)code, relaxed);
		atom_store(&row->alone.ended, (uint64_t)weft_now() / 1000, relaxed);
	}
	weft__unlock(&own.lock);
}

/* ---- Since when ---- */

/* A look at the clock takes as long as some short tasks do. So it is one for many of those, and one for each of the
 * longer ones, of which one wants to know. */
void weft__stats_stamp(struct stats_work *w, uint64_t n)
{
	enum { SHORT = 4 }; /* us */
	uint64_t now = (uint64_t)weft_now() / 1000, last = atom_load(&w->since, relaxed) >> STATS_TAG_BITS;
	uint32_t step = w->stamp_mask + 1;

	step = now - last >= (uint64_t)SHORT * (step + 1) ? 1 : 2 * step;
	w->stamp_mask = (step < WEFT__STAMP_MOST ? step : WEFT__STAMP_MOST) - 1;
	atom_store(&w->since, weft__stats_tagged(now, n), relaxed);
	if ((atom_load(&w->name, relaxed) ^ n) & WEFT__STATS_TAG)
		atom_store(&w->name, 0, relaxed);
}
