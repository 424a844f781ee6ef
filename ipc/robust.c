/* SPDX-License-Identifier: MIT
 *
 * robust.c -- what the kernel knows of the calling thread's robust locks.
 */
#include "robust.h"
#include "forked.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(ROBUST_TID == FUTEX_TID_MASK && ROBUST_DIED == FUTEX_OWNER_DIED &&
		       ROBUST_ASLEEP == FUTEX_WAITERS,
	       "the kernel's bits");

#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))

static THREAD_LOCAL struct weft__robust self;
static THREAD_LOCAL struct robust_list_head own; /* where the C library has none */

/* The C library has told the kernel at the thread's start, and again after fork(), as a rule. */
static struct robust_list_head *head(void)
{
	struct robust_list_head *h = NULL;
	size_t size = 0;

	if (!syscall(SYS_get_robust_list, 0, &h, &size) && h)
		return h;
	own = (struct robust_list_head){.list = {&own.list}};
	syscall(SYS_set_robust_list, &own, sizeof own);
	return &own;
}

static void learn(void)
{
	struct robust_list_head *h = head();

	self = (struct weft__robust){.tid = (uint32_t)gettid(),
				     .generation = weft__generation(),
				     .pending = (void **)(void *)&h->list_op_pending,
				     .offset = h->futex_offset};
}

struct weft__robust *weft__robust_self(void)
{
	/* Relaxed: it changes only in fork(). */
	if (self.generation != atom_load(&weft__forks, relaxed))
		learn();
	return &self;
}
