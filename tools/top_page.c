/* SPDX-License-Identifier: MIT
 *
 * top_page.c -- see top_page.h.
 *
 * Words are loaded one by one, so none is torn; which of them belong together they say themselves
 * (core/stats_page.h).
 */
#include "top_page.h"
#include "stats_page.h"
#include "top_memfd.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The lane of a worker process. */
struct lane {
	uint32_t pid; /* 0: none */
	const struct stats_lane *map;
	bool used; /* in this look */
};

struct top_page {
	pid_t pid;
	int pidfd; /* -1: an old kernel */
	int fd;
	const struct stats_page *map;
	struct lane *lane;
	size_t n_lanes;
};

int64_t top_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The mapping is read only, and C11 wants no const here. Relaxed: figures. */
static uint64_t load64(const atom_u64 *word)
{
	return atom_load((atom_u64 *)(uintptr_t)word, relaxed);
}

static uint32_t load32(const atom_u32 *word)
{
	return atom_load((atom_u32 *)(uintptr_t)word, relaxed);
}

/* ---- Opening ---- */

static int refuse(char *why, size_t size, int err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse(char *why, size_t size, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, size, fmt, args);
	va_end(args);
	return err;
}

/* What pid calls itself, where it lives in a namespace of its own. 0: unknown. */
static uint32_t own_pid(pid_t pid)
{
	char path[32], line[256], *last;
	uint32_t found = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof line, f)) {
		if (strncmp(line, "NSpid:", 6))
			continue;
		last = strrchr(line, '\t');
		found = last ? (uint32_t)strtoul(last + 1, NULL, 10) : 0;
	}
	if (f)
		fclose(f);
	return found;
}

static int check_head(const struct stats_page *head, pid_t pid, char *why, size_t size)
{
	uint32_t self = own_pid(pid);

	if (head->magic != STATS_MAGIC)
		return refuse(why, size, -EPROTO, "what process %d calls its page of figures is none",
			      (int)pid);
	if (head->version != STATS_VERSION || head->size != sizeof(struct stats_page))
		return refuse(why, size, -EPROTO,
			      "process %d has a page of version %u, %u bytes; this weft-top reads version "
			      "%d, %zu bytes",
			      (int)pid, head->version, head->size, STATS_VERSION, sizeof(struct stats_page));
	if (self && head->pid != self)
		return refuse(why, size, -EPROTO, "the page that process %d has is that of process %u",
			      (int)pid, head->pid);
	return 0;
}

static int map_page(struct top_page *p, char *why, size_t size)
{
	const size_t head = offsetof(struct stats_page, executor);
	struct stat s;
	const struct stats_page *page = top_memfd_map(p->fd, head);
	int err;

	if (!page)
		return refuse(why, size, -EPROTO, "the page of process %d is too short", (int)p->pid);
	err = check_head(page, p->pid, why, size);
	munmap((void *)(uintptr_t)page, head);
	if (err)
		return err;
	if (fstat(p->fd, &s) || s.st_size != sizeof *page)
		return refuse(why, size, -EPROTO, "the page of process %d is not as long as it says",
			      (int)p->pid);
	p->map = top_memfd_map(p->fd, sizeof *page);
	return p->map ? 0 : refuse(why, size, -ENOMEM, "no memory");
}

static int explain(char *why, size_t size, int err, pid_t pid)
{
	switch (err) {
	case -ESRCH:
		return refuse(why, size, err, "there is no process %d", (int)pid);
	case -EACCES:
	case -EPERM:
		return refuse(why, size, -EACCES,
			      "process %d belongs to another user, or may not be looked into", (int)pid);
	case -ENOENT:
		return refuse(why, size, err,
			      "process %d has no page of figures: it does not use weft, has no executor now, "
			      "or runs "
			      "with WEFT_STATS=off",
			      (int)pid);
	default:
		return refuse(why, size, err, "process %d: %s", (int)pid, strerror(-err));
	}
}

int top_page_open(struct top_page **ret, pid_t pid, char *why, size_t why_size)
{
	struct top_page *p = calloc(1, sizeof *p);
	int err;

	if (!p)
		return refuse(why, why_size, -ENOMEM, "no memory");
	p->pid = pid;
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	p->fd = top_memfd_open(pid, STATS_PAGE_NAME);
	err = p->fd < 0 ? explain(why, why_size, p->fd, pid) : map_page(p, why, why_size);
	if (err) {
		top_page_close(p);
		return err;
	}
	*ret = p;
	return 0;
}

static void forget_lane(struct lane *l)
{
	if (l->map)
		munmap((void *)(uintptr_t)l->map, sizeof *l->map);
}

void top_page_close(struct top_page *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_lanes; i++)
		forget_lane(&p->lane[i]);
	free(p->lane);
	if (p->map)
		munmap((void *)(uintptr_t)p->map, sizeof *p->map);
	if (p->fd >= 0)
		close(p->fd);
	if (p->pidfd >= 0)
		close(p->pidfd);
	free(p);
}

bool top_page_has_ended(const struct top_page *p)
{
	struct pollfd end = {.fd = p->pidfd, .events = POLLIN};
	char path[32];

	if (p->pidfd >= 0)
		return poll(&end, 1, 0) > 0;
	snprintf(path, sizeof path, "/proc/%d", (int)p->pid);
	return access(path, F_OK) != 0;
}

bool top_page_is_gone(const struct top_page *p)
{
	int fd = top_memfd_open(p->pid, STATS_PAGE_NAME);
	struct stat ours, theirs;
	bool same;

	if (fd < 0)
		return true;
	same = !fstat(fd, &theirs) && !fstat(p->fd, &ours) && ours.st_ino == theirs.st_ino;
	close(fd);
	return !same;
}

/* ---- Lanes of worker processes ---- */

static const struct stats_lane *open_lane(pid_t pid)
{
	int fd = top_memfd_open(pid, STATS_LANE_NAME);
	const struct stats_lane *map = fd < 0 ? NULL : top_memfd_map(fd, sizeof *map);

	if (fd >= 0)
		close(fd);
	if (!map ||
	    (map->magic == STATS_LANE_MAGIC && map->version == STATS_VERSION && map->size == sizeof *map))
		return map;
	munmap((void *)(uintptr_t)map, sizeof *map);
	return NULL;
}

/* That of a worker; NULL: unknown. */
static const struct stats_lane *lane_of(struct top_page *p, uint32_t pid)
{
	struct lane *l = NULL, *more;

	for (size_t i = 0; i < p->n_lanes; i++) {
		if (p->lane[i].pid == pid)
			l = &p->lane[i];
	}
	if (!l) {
		more = realloc(p->lane, (p->n_lanes + 1) * sizeof *more);
		if (!more)
			return NULL;
		p->lane = more;
		l = &more[p->n_lanes++];
		*l = (struct lane){.pid = pid};
	}
	if (!l->map && !l->used) /* it may have been too early the last time */
		l->map = open_lane((pid_t)pid);
	l->used = true;
	return l->map;
}

static void forget_lanes(struct top_page *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n_lanes; i++) {
		if (!p->lane[i].used) {
			forget_lane(&p->lane[i]);
			continue;
		}
		p->lane[kept] = p->lane[i];
		p->lane[kept++].used = false;
	}
	p->n_lanes = kept;
}

/* ---- A look ---- */

/* What is completed first, so that it is not the larger number. */
static struct top_counts copy_counts(const struct stats_counts *c)
{
	struct top_counts copy = {.failed = load64(&c->failed),
				  .cancelled = load64(&c->cancelled),
				  .timed_out = load64(&c->timed_out),
				  .died = load64(&c->died)};

	copy.completed = load64(&c->completed);
	return copy;
}

static struct top_work copy_work(const struct stats_work *w)
{
	return (struct top_work){.since = load64(&w->since),
				 .name = load64(&w->name),
				 .fn = load64(&w->fn),
				 .tasks = load64(&w->tasks),
				 .depth = load32(&w->depth),
				 .doing = load32(&w->doing)};
}

static struct top_ring copy_ring(const struct stats_ring *r)
{
	return (struct top_ring){.enters = load64(&r->enters),
				 .answers = load64(&r->answers),
				 .since = load64(&r->since),
				 .name = load64(&r->name),
				 .fn = load64(&r->fn),
				 .live = load32(&r->live),
				 .fibers = load32(&r->fibers)};
}

static void copy_text(const atom_u64 *from, int words, char *ret)
{
	for (int i = 0; i < words; i++) {
		uint64_t word = load64(&from[i]);

		memcpy(ret + (size_t)i * sizeof word, &word, sizeof word);
	}
	ret[(size_t)words * sizeof *from - 1] = '\0';
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 127)
			*c = '?';
}

static void copy_alone(const struct stats_alone *a, struct top_alone *ret)
{
	ret->ended = load64(&a->ended);
	ret->code = (int32_t)load32(&a->code);
	copy_text(a->label, STATS_LABEL_WORDS, ret->label);
}

static bool copy_executor(const struct stats_page *page, unsigned at, struct top_executor *ret)
{
	const struct stats_executor *e = &page->executor[at];

	*ret = (struct top_executor){.at = at,
				     .kind = load32(&e->kind),
				     .serial = load32(&e->serial),
				     .how = load32(&e->how),
				     .workers = load32(&e->workers),
				     .deaths = load32(&e->deaths),
				     .long_turns = load64(&e->long_turns),
				     .longest_turn = load64(&e->longest_turn),
				     .counts = copy_counts(&e->counts)};
	copy_text(e->name, STATS_NAME_WORDS, ret->name);
	return ret->kind != STATS_NONE && ret->kind < TOP_KINDS;
}

static bool copy_row(struct top_page *p, unsigned at, struct top_row *ret)
{
	const struct stats_row *r = &p->map->row[at];
	const struct stats_lane *lane = NULL;

	*ret = (struct top_row){.at = at,
				.kind = load32(&r->kind),
				.executor = load32(&r->executor),
				.number = load32(&r->number),
				.id = load32(&r->id)};
	if (ret->kind == STATS_NONE || ret->kind >= TOP_KINDS || ret->executor >= STATS_EXECUTORS)
		return false;
	ret->counts = copy_counts(&r->counts);
	ret->work = copy_work(&r->work);
	/* A worker that has just started may not be in its sandbox yet, and has a lane that says nothing. */
	if (ret->kind == STATS_PROCESSES && !(ret->work.doing & STATS_GIVEN) && ret->id &&
	    ret->id <= INT32_MAX)
		lane = lane_of(p, ret->id);
	if (lane)
		ret->work = copy_work(&lane->work);
	ret->has_work = ret->kind == STATS_THREADS || lane || ret->work.doing & STATS_GIVEN;
	if (ret->kind == STATS_URING)
		ret->ring = copy_ring(&r->ring);
	if (ret->kind >= STATS_ALONE)
		copy_alone(&r->alone, &ret->alone);
	return true;
}

static bool make_room(struct top_look *l)
{
	if (!l->executor)
		l->executor = calloc(STATS_EXECUTORS, sizeof *l->executor);
	if (!l->row)
		l->row = calloc(STATS_ROWS, sizeof *l->row);
	return l->executor && l->row;
}

static uint32_t at_most(uint32_t n, uint32_t most)
{
	return n < most ? n : most;
}

int top_page_look(struct top_page *p, struct top_look *io)
{
	uint32_t executors = at_most(load32(&p->map->n_executors), STATS_EXECUTORS);
	uint32_t rows = at_most(load32(&p->map->n_rows), STATS_ROWS);

	if (!make_room(io))
		return -ENOMEM;
	io->now = top_now();
	io->made = p->map->made;
	io->unseen = load32(&p->map->unseen);
	io->n_executors = io->n_rows = 0;
	for (uint32_t i = 0; i < rows; i++)
		io->n_rows += copy_row(p, i, &io->row[io->n_rows]);
	for (uint32_t i = 0; i < executors; i++)
		io->n_executors += copy_executor(p->map, i, &io->executor[io->n_executors]);
	/* Last: of what is counted in several places, what was submitted is then not the smaller number. */
	for (unsigned i = 0; i < io->n_rows; i++)
		io->row[i].counts.submitted = load64(&p->map->row[io->row[i].at].counts.submitted);
	for (unsigned i = 0; i < io->n_executors; i++)
		io->executor[i].counts.submitted =
			load64(&p->map->executor[io->executor[i].at].counts.submitted);
	forget_lanes(p);
	return 0;
}

void top_look_free(struct top_look *l)
{
	free(l->executor);
	free(l->row);
}
