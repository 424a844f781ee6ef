/* SPDX-License-Identifier: MIT
 *
 * ready.c -- a parker that also wakes when a descriptor is ready, and the bells by which it is unparked.
 *
 *   tag  word         from -> to            order                    carries
 *   P1   parker.word  unpark -> park_ready  as in wait.c, and the bell besides: the permit is in the word, the
 *                                           bell only says to look. A bell that rang for a wait which is over
 *                                           wakes the next one for nothing
 *
 * Bells cost a system call or two to make, so a pool's thread keeps one. Elsewhere they last for one wait: a
 * program's own thread shall not be left with a descriptor by a task that ran on it. All are in a table, for a
 * fork to close: its copies would ring in the parent.
 *
 * The table: a row is taken and left by its owner, and by nobody else but a fork, which is alone.
 *
 * Programs close descriptors that are not theirs (decision 0043). So a bell is compared before it is written, read
 * or closed; one that is another file by now is left alone, and the next wait makes a new one. Who sleeps in poll(2)
 * meanwhile hears nothing of that, and of no unpark either, until his slice is over.
 */
#include "ready.h"
#include "clock.h"
#include "forked.h"
#include "state.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE         WEFT_SECONDS(2)
#define SLICE_WITHOUT WEFT_MS(5) /* a bell */

#ifndef WEFT__BELLS
#define WEFT__BELLS 2048 /* more threads than that at a time: the rest of the bells stay open in forks */
#endif

enum { BELLS = WEFT__BELLS };

static atom_u32 bells[BELLS]; /* descriptor + 1; 0: free */
static atom_u64 inode;        /* of every eventfd: they share one */

static _Thread_local struct {
	int fd; /* + 1; 0: none */
	uint32_t generation;
} kept WEFT__TLS;

static int bell_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &st))
		atom_store(&inode, (uint64_t)st.st_ino, relaxed); /* always the same */
	for (unsigned i = 0; i < BELLS; i++) {
		uint32_t empty = 0;

		/* Relaxed: a row says nothing but itself. */
		if (!atom_load(&bells[i], relaxed) &&
		    atom_cas(&bells[i], &empty, (uint32_t)fd + 1, relaxed, relaxed))
			break;
	}
	return fd;
}

/* Or another eventfd, which nobody can tell from it. */
static bool is_bell(int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_ino == atom_load(&inode, relaxed);
}

static void bell_free(int fd)
{
	for (unsigned i = 0; i < BELLS; i++) {
		uint32_t full = (uint32_t)fd + 1;

		/* Relaxed: as above. Before the close, after which the number may be another bell's. */
		if (atom_load(&bells[i], relaxed) == full && atom_cas(&bells[i], &full, 0, relaxed, relaxed))
			break;
	}
	if (is_bell(fd))
		close(fd);
}

static int bell_take(void)
{
	if (!weft__tally)
		return bell_new();
	if (!kept.fd || weft__forked(kept.generation)) {
		kept.fd = bell_new() + 1;
		kept.generation = weft__generation();
	}
	return kept.fd - 1;
}

void weft__bell_close(void)
{
	if (kept.fd && !weft__forked(kept.generation))
		bell_free(kept.fd - 1);
	kept.fd = 0;
}

void weft__bells_forked(void)
{
	for (unsigned i = 0; i < BELLS; i++) {
		/* Relaxed: the child has one thread. */
		uint32_t fd = atom_load(&bells[i], relaxed);

		if (fd && is_bell((int)fd - 1))
			close((int)fd - 1);
		atom_store(&bells[i], 0, relaxed);
	}
}

/* The wake of such a parker: see weft__unpark. */
static void ring(struct weft__alarm *alarm)
{
	struct weft__ready *r = list_entry(alarm, struct weft__ready, alarm);
	uint64_t one = 1;
	int saved = errno;

	if (is_bell(r->bell) && write(r->bell, &one, sizeof one) < 0)
		errno = saved; /* it can only be full: then it is readable */
}

void weft__ready_init(struct weft__ready *r, struct weft__parker *p, int fd, short events, bool without_bell)
{
	*r = (struct weft__ready){.alarm.ring = ring, .fd = {.fd = fd, .events = events}, .bell = -1};
	*p = (struct weft__parker){.alarm = &r->alarm};
	if (!without_bell)
		r->bell = bell_take();
}

void weft__ready_fini(struct weft__ready *r)
{
	if (r->lost && r->bell == kept.fd - 1)
		kept.fd = 0;
	if (r->bell >= 0 && r->bell != kept.fd - 1)
		bell_free(r->bell);
}

weft_time weft__ready_slice(const struct weft__parker *p)
{
	return list_entry(p->alarm, struct weft__ready, alarm)->bell < 0 ? SLICE_WITHOUT : SLICE;
}

/* The bell has said something. */
static void hear(struct weft__ready *r)
{
	uint64_t n;

	r->lost = !is_bell(r->bell) || (read(r->bell, &n, sizeof n) < 0 && errno != EAGAIN);
}

int weft__park_ready(struct weft__parker *p, weft_time deadline)
{
	struct weft__ready *r = list_entry(p->alarm, struct weft__ready, alarm);
	struct pollfd fds[2] = {r->fd, {.fd = r->bell, .events = POLLIN}};
	int saved = errno, n;

	/* P1 acquire: pairs with the release in weft__unpark. */
	while (!atom_swap(&p->word, 0, acquire)) {
		weft_time now = weft_now();
		struct timespec limit = weft__timespec(deadline > now ? deadline - now : 0);

		n = ppoll(fds, 2, deadline == WEFT_FOREVER ? NULL : &limit, NULL);
		if (n > 0 && fds[1].revents)
			hear(r);
		r->fd.revents = n > 0 ? fds[0].revents : 0;
		if (r->fd.revents || r->lost)
			break;
		if (n == 0) {
			errno = saved;
			/* P1 acquire: the permit may have come with the deadline; it wins. */
			return atom_swap(&p->word, 0, acquire) ? 0 : -ETIMEDOUT;
		}
	}
	errno = saved;
	return 0;
}
