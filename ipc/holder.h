/* SPDX-License-Identifier: MIT
 *
 * holder.h -- who holds a lock, and how the kernel knows: a thread's list of robust futexes.
 *
 * When a thread ends, in whatever way, the kernel goes through a list of its held words, marks each with
 * FUTEX_OWNER_DIED and wakes one who sleeps there. A word that is just being taken or given up counts, too: it is
 * named as pending. A thread has one such list, and the C library has it for its own robust mutexes. Ours go
 * at its end, behind an anchor in the thread's own memory: so the C library never writes to one of ours, we never to
 * one of its, and where our links lead is kept in private memory. What lies in the shared lock is
 * written for the kernel, and is never read.
 */
#ifndef WEFT_IPC_HOLDER_H
#define WEFT_IPC_HOLDER_H

#include "atomic.h"
#include <stdbool.h>
#include <stddef.h>
#include <weft/base.h>
#include <weft/lock.h>

/* What the kernel reads and writes in a word. */
enum {
	HOLDER_TID = 0x3fffffff,  /* the holder's thread; 0: free */
	HOLDER_DIED = 0x40000000, /* the kernel's: the last holder died */
};
#define HOLDER_WAITERS UINT32_C(0x80000000) /* somebody may sleep: the kernel wakes one if the holder dies */

/* The kernel finds the word at this distance from a node, and so does the C library in its mutexes. */
enum { WEFT__NODE_OFFSET = 32 };

struct weft__holder {
	uint32_t tid;      /* 0: not known yet, or of the parent of this process */
	uint32_t n;        /* how many words are in the list */
	uint32_t room;     /* how many can be; 0: nothing is ready for any */
	intptr_t offset;   /* what the kernel adds to a node to find its word */
	atom_ptr *pending; /* the head's: see below. NULL: not known yet */
	atom_ptr *newest;  /* points to the newest node: in the anchor */
	atom_ptr *end;     /* what the oldest one points to: the head */
	atom_ptr **book;   /* the nodes, the oldest first */
	struct {
		atom_u32 word; /* always 0 */
		char unused[WEFT__NODE_OFFSET - sizeof(atom_u32) - sizeof(void *)];
		void *previous; /* the C library's */
		atom_ptr next;
	} anchor;
};

extern _Thread_local struct weft__holder weft__holder __attribute__((tls_model("initial-exec")));

/* For loops: there gcc 12 with -fsanitize=null takes the address of a thread's variable for null. */
struct weft__holder *weft__holder_mine(void);

/* The calling thread's record, with tid, offset and pending. Signal handlers, too. */
struct weft__holder *weft__holder_listed(void);

/* Makes ready what the thread needs to hold one lock more. 0 | -ENOMEM | -ENOLCK | -ENOTSUP. */
int weft__holder_prepare(struct weft__holder *h, bool is_shared);
/* Can shared locks be robust here? 0 | -ENOTSUP. */
int weft__holder_supported(void);

/* From here to the end, the word of node is looked at if the thread dies. */
static inline void weft__holder_begin(struct weft__holder *h, atom_ptr *node)
{
	/* H1 relaxed: the exchange of the word, which releases, comes after it. */
	atom_store(h->pending, (void *)node, relaxed);
}

static inline void weft__holder_end(struct weft__holder *h)
{
	/* H1 release: after what has been done to the list. */
	atom_store(h->pending, NULL, release);
}

/* The word holds the thread's number. */
static inline void weft__holder_add(struct weft__holder *h, atom_ptr *node)
{
	/* H1 relaxed, then release: a list that the kernel goes through leads on from each node. */
	atom_store(node, (void *)(h->n ? h->book[h->n - 1] : h->end), relaxed);
	atom_store(h->newest, (void *)node, release);
	h->book[h->n++] = node;
}

static inline void weft__holder_remove(struct weft__holder *h, atom_ptr *node)
{
	uint32_t i = h->n;

	while (i > 0 && h->book[i - 1] != node) /* most often it is the newest */
		i--;
	if (i == 0) /* the thread's book has gone: it is about to end */
		return;
	/* H1 release: after the pending node was named. */
	atom_store(i < h->n ? h->book[i] : h->newest, (void *)(i > 1 ? h->book[i - 2] : h->end), release);
	for (h->n--; i <= h->n; i++)
		h->book[i - 1] = h->book[i];
}

#endif
