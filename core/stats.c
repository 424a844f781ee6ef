/* SPDX-License-Identifier: MIT
 *
 * stats.c -- the page of figures that others may look at (stats_page.h): made with the first executor, given back with
 * the last; which parts of it are taken.
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
	unsigned executors;      /* that have a part */
	uint32_t serial;
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

static void drop_page(void)
{
	munmap(own.page, sizeof *own.page);
	close_if_ours();
	own.page = NULL;
}

void weft__stats_forked(void)
{
	weft__work = NULL;
	own.lock = (struct weft__lock){0};
	own.executors = 0;
	if (!own.page)
		return;
	mmap(own.page, sizeof *own.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	     0);
	close_if_ours();
	own.page = NULL;
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

static void write_name(struct stats_executor *e, const char *name)
{
	uint64_t word[STATS_NAME_WORDS] = {0};

	memccpy(word, name, 0, sizeof word - 1);
	for (int i = 0; i < STATS_NAME_WORDS; i++)
		atom_store(&e->name[i], word[i], relaxed);
}

struct stats_executor *weft__stats_open(const char *name)
{
	struct stats_executor *e = NULL;

	weft__lock(&own.lock);
	if (!own.page && !own.executors)
		make_page();
	for (uint32_t i = 0; own.page && !e && i < STATS_EXECUTORS; i++) {
		if (atom_load(&own.page->executor[i].kind, relaxed) != STATS_NONE)
			continue;
		e = &own.page->executor[i];
		memset(e, 0, sizeof *e);
		own.executors++;
		write_name(e, name);
		atom_store(&e->serial, ++own.serial, relaxed);
		atom_store(&e->kind, STATS_OTHER, relaxed);
		at_least(&own.page->n_executors, i + 1);
	}
	weft__unlock(&own.lock);
	return e;
}

void weft__stats_close(struct stats_executor *e)
{
	weft__lock(&own.lock);
	if (is_in_page(e)) {
		atom_store(&e->kind, STATS_NONE, relaxed);
		if (!--own.executors)
			drop_page();
	}
	weft__unlock(&own.lock);
}

void weft__stats_describe(const weft_executor *ex, enum stats_kind kind)
{
	struct stats_executor *e = ex->shown;

	if (!e)
		return;
	write_name(e, ex->name);
	atom_store(&e->workers, ex->ops.workers, relaxed);
	atom_store(&e->kind, (uint32_t)kind, relaxed);
}

/* Under the lock. */
static struct stats_row *free_row(void)
{
	for (uint32_t i = 0; i < STATS_ROWS; i++) {
		if (atom_load(&own.page->row[i].kind, relaxed) != STATS_NONE)
			continue;
		at_least(&own.page->n_rows, i + 1);
		return &own.page->row[i];
	}
	atom_add(&own.page->unseen, 1, relaxed);
	return NULL;
}

struct stats_row *weft__stats_row_open(const weft_executor *ex, enum stats_kind kind, unsigned number, int id)
{
	struct stats_row *row = NULL;

	weft__lock(&own.lock);
	if (is_in_page(ex->shown))
		row = free_row();
	if (row) {
		memset(row, 0, sizeof *row);
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
	weft__lock(&own.lock);
	if (is_in_page(row))
		atom_store(&row->kind, STATS_NONE, relaxed);
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
