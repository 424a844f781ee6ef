/* SPDX-License-Identifier: MIT
 *
 * lock_order.c -- in builds with WEFT_LOCK_CHECKS: a graph of which lock was waited for while which was held. Who would
 * close a circle in it gets -EDEADLK, whether anybody is in his way or not: so a deadlock that needs bad luck is
 * found by the first run that takes the locks in both orders, one after the other.
 *
 * To read and to write is the same here. A reader waits behind a writer that waits, so two who only read, and take two
 * locks in two orders, wait for each other as soon as a writer comes to each.
 *
 * A lock has a number from its first use on, which lies in it. So one that is made anew in the same memory is
 * another lock. The graph is of this process, and remembers the first PAIRS pairs.
 */
#include "lock_order.h"

#ifdef WEFT_LOCK_CHECKS
#include "forked.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HELD = 64, PAIRS = 2048, TEXT = 512 };

/* A lock that a thread or fiber has. */
struct held {
	const struct weft__mutex *m;
	uint64_t id;
	const struct weft__fiber *fiber;
	const void *place;
};

/* The second was waited for while the first was held. */
struct pair {
	uint64_t first, second;
	const void *first_place, *second_place;
	bool is_wrong; /* and told */
};

static struct weft__lock lock; /* of all that follows */
static struct pair pairs[PAIRS];
static unsigned n_pairs;

static atom_u32 last_number;
static _Thread_local struct {
	struct held held[HELD];
	unsigned n;
	uint32_t generation;
} mine __attribute__((tls_model("initial-exec")));
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

void weft__lock_order_reset(void)
{
	lock = (struct weft__lock){0};
}

static const char *after_slash(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where in the program that is: a function or a file, and how far from its start. */
static const char *name_of(const void *place, char *ret, size_t size)
{
	Dl_info info;

	if (!dladdr(place, &info) || !info.dli_fname)
		snprintf(ret, size, "%p", place);
	else if (info.dli_sname)
		snprintf(ret, size, "%s+0x%tx", info.dli_sname,
			 (const char *)place - (const char *)info.dli_saddr);
	else
		snprintf(ret, size, "%s+0x%tx", after_slash(info.dli_fname),
			 (const char *)place - (const char *)info.dli_fbase);
	return ret;
}

static void say(const char *text, size_t n)
{
	if (write(STDERR_FILENO, text, n < TEXT ? n : TEXT - 1) < 0)
		return; /* there is nobody else to tell */
}

static void at_thread_end(void *unused)
{
	char text[TEXT], name[128];

	(void)unused;
	for (unsigned i = 0; i < mine.n; i++) {
		const struct held *h = &mine.held[i];

		if (!weft__place_is_shared(&h->m->place))
			say(text,
			    (size_t)snprintf(text, sizeof text,
					     "weft: a thread ends that holds the lock %p, taken at %s\n",
					     (const void *)h->m, name_of(h->place, name, sizeof name)));
	}
	mine.n = 0;
}

static void make_key(void)
{
	if (pthread_key_create(&key, at_thread_end))
		return; /* then the ends of threads are not looked at */
}

static void begin(void)
{
	uint32_t generation = weft__generation();

	if (mine.generation == generation)
		return;
	mine.generation = generation; /* a thread's first lock, or a fork's, which holds none */
	mine.n = 0;
	pthread_once(&once, make_key);
	pthread_setspecific(key, &mine);
}

static uint64_t id_of(struct weft__mutex *m)
{
	/* Relaxed, all: it only has to be one number. */
	uint64_t id = atom_load(&m->id, relaxed), fresh;

	if (id)
		return id;
	fresh = (uint64_t)getpid() << 32 | (atom_add(&last_number, 1, relaxed) + 1);
	return atom_cas(&m->id, &id, fresh, relaxed, relaxed) ? fresh : id;
}

/* ---- The graph, under its lock ---- */

static struct pair *find(uint64_t first, uint64_t second)
{
	for (unsigned i = 0; i < n_pairs; i++)
		if (pairs[i].first == first && pairs[i].second == second)
			return &pairs[i];
	return NULL;
}

/* The last pair of a way from one to the other; NULL: there is none. */
static const struct pair *way(uint64_t from, uint64_t to)
{
	static uint64_t reached[PAIRS + 1];
	static bool seen[PAIRS];
	unsigned n = 1;

	memset(seen, 0, sizeof seen);
	reached[0] = from;
	for (unsigned k = 0; k < n; k++)
		for (unsigned i = 0; i < n_pairs; i++) {
			if (seen[i] || pairs[i].is_wrong || pairs[i].first != reached[k])
				continue;
			if (pairs[i].second == to)
				return &pairs[i];
			seen[i] = true;
			reached[n++] = pairs[i].second;
		}
	return NULL;
}

static void tell(const struct held *h, const struct weft__mutex *m, const void *place,
		 const struct pair *other)
{
	char text[TEXT], at[4][96];

	say(text, (size_t)snprintf(text, sizeof text,
				   "weft: order of locks: %p is wanted at %s by who holds %p, taken at %s; "
				   "but that one was wanted at %s by who held %s, taken at %s\n",
				   (const void *)m, name_of(place, at[0], sizeof at[0]), (const void *)h->m,
				   name_of(h->place, at[1], sizeof at[1]),
				   name_of(other->second_place, at[2], sizeof at[2]),
				   other->first == atom_load((atom_u64 *)(uintptr_t)&m->id, relaxed)
					   ? "the first"
					   : "another, which leads to the first",
				   name_of(other->first_place, at[3], sizeof at[3])));
}

/* One that writes and one that reads wait for themselves at once, two that read when a writer comes between. */
static void tell_again(const struct held *h, const struct weft__mutex *m, const void *place)
{
	char text[TEXT], at[2][96];

	say(text, (size_t)snprintf(
			  text, sizeof text,
			  "weft: order of locks: %p is wanted at %s by who holds it already, taken at %s\n",
			  (const void *)m, name_of(place, at[0], sizeof at[0]),
			  name_of(h->place, at[1], sizeof at[1])));
}

static bool is_wrong(const struct held *h, const struct weft__mutex *m, uint64_t id, const void *place)
{
	const struct pair *other, *known = find(h->id, id);
	bool again = h->id == id;

	if (known || n_pairs == PAIRS)
		return known && known->is_wrong;
	other = again ? NULL : way(id, h->id);
	pairs[n_pairs++] = (struct pair){h->id, id, h->place, place, again || other};
	if (again)
		tell_again(h, m, place);
	else if (other)
		tell(h, m, place, other);
	return again || other;
}

/* ---- What lock.c and rwlock.c call ---- */

bool weft__lock_order_wrong(struct weft__mutex *m, const void *place)
{
	uint64_t id = id_of(m);
	bool wrong = false;

	begin();
	for (unsigned i = 0; i < mine.n && !wrong; i++) {
		const struct held *h = &mine.held[i];

		if (h->fiber != weft__fiber)
			continue;
		weft__lock(&lock);
		wrong = is_wrong(h, m, id, place);
		weft__unlock(&lock);
	}
	return wrong;
}

void weft__lock_order_taken(struct weft__mutex *m, const void *place)
{
	begin();
	if (mine.n < HELD)
		mine.held[mine.n++] = (struct held){m, id_of(m), weft__fiber, place};
}

void weft__lock_order_released(struct weft__mutex *m)
{
	begin();
	for (unsigned i = mine.n; i-- > 0;)
		if (mine.held[i].m == m && mine.held[i].fiber == weft__fiber) {
			memmove(&mine.held[i], &mine.held[i + 1], (--mine.n - i) * sizeof mine.held[0]);
			return;
		}
}
#endif
