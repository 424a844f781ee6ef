/* SPDX-License-Identifier: MIT
 *
 * kit_locks.c -- see kit_locks.h.
 */
#include "kit_locks.h"

#include <string.h>

enum { HELD = 20 };

_Thread_local struct weft__holder weft__holder __attribute__((tls_model("initial-exec")));

static struct list {
	atom_ptr pending, newest, end;
	atom_ptr *book[HELD];
} list[MODEL_THREADS];
static atom_u32 ended;

void kit_locks_start(void)
{
	memset(list, 0, sizeof list);
	ended = 0;
}

void kit_locks_thread(uint32_t number)
{
	struct list *l = &list[number];

	weft__holder.tid = number;
	weft__holder.room = HELD;
	weft__holder.pending = &l->pending;
	weft__holder.newest = &l->newest;
	weft__holder.end = &l->end;
	weft__holder.book = l->book;
	atom_store(&l->newest, (void *)&l->end, relaxed);
}

int weft__holder_prepare(struct weft__holder *h, bool is_shared)
{
	(void)is_shared;
	model_assert(h->tid);
	return 0;
}

struct weft__holder *weft__holder_mine(void)
{
	return &weft__holder;
}

int weft__holder_supported(void)
{
	return 0;
}

/* ---- The kernel ---- */

static void *latest(atom_ptr *p)
{
	void *value = NULL;

	/* It looks when the thread has stopped: at the latest of all. */
	atom_cas(p, &value, NULL, seq_cst, seq_cst);
	return value;
}

static void look_at_word(atom_ptr *node, bool is_pending)
{
	atom_u32 *word = (atom_u32 *)(void *)((char *)node - WEFT__NODE_OFFSET);
	uint32_t w = atom_add(word, 0, seq_cst);

	while ((w & HOLDER_TID) == 1)
		if (atom_cas(word, &w, (w & HOLDER_WAITERS) | HOLDER_DIED, seq_cst, seq_cst)) {
			if (w & HOLDER_WAITERS)
				weft__wake(word, 1, WEFT__SHARED);
			return;
		}
	if (is_pending && !(w & HOLDER_TID))
		weft__wake(word, 1, WEFT__SHARED);
}

static void bury(void)
{
	atom_ptr *pending = latest(&list[1].pending), *node;

	for (node = latest(&list[1].newest); node && node != &list[1].end; node = latest(node))
		if (node != pending)
			look_at_word(node, false);
	if (pending)
		look_at_word(pending, true);
}

void kit_locks_end(void)
{
	atom_store(&ended, 1, seq_cst);
}

void kit_locks_kernel(void *arg)
{
	(void)arg;
	while (!model_died(1)) {
		if (atom_load(&ended, seq_cst))
			return;
		atom_pause();
	}
	bury();
}
