/* SPDX-License-Identifier: MIT
 *
 * thread_settle.c -- where the threads of a new pool run first.
 *
 * Where there are as many threads as processors, the kernel has to put one of them behind another, since the one
 * who starts them has a processor, too. He then goes to sleep until his tasks are done, but the kernel leaves the
 * thread where it is, beside the processor that has become idle, for milliseconds. So a thread that gets its first
 * task sends the last that has none yet to a processor on which none of them works, and at once lets it run anywhere
 * again: nobody is pinned. One that sleeps, or runs elsewhere anyway, does not notice.
 */
#include "thread_parts.h"

#include <pthread.h>
#include <sched.h>

static struct thread_worker *last_fresh(struct thread_pool *p)
{
	for (unsigned i = p->size; i-- > 0;)
		if (p->worker[i].fresh && p->worker[i].life == THREAD_ALIVE)
			return &p->worker[i];
	return NULL;
}

/* Of the processors that it may use, whoever said so. A failure leaves it where the kernel has put it. */
static void send_away(struct thread_pool *p, struct thread_worker *w)
{
	cpu_set_t may, left;

	if (pthread_getaffinity_np(w->thread, sizeof may, &may))
		return;
	CPU_AND(&left, &may, &p->taken);
	CPU_XOR(&left, &left, &may);
	if (CPU_COUNT(&left) && !pthread_setaffinity_np(w->thread, sizeof left, &left))
		pthread_setaffinity_np(w->thread, sizeof may, &may);
}

void thread_settle(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	struct thread_worker *last;
	int cpu = sched_getcpu();

	weft__lock(&p->lock);
	w->fresh = false;
	if (cpu >= 0)
		CPU_SET((unsigned)cpu, &p->taken);
	/* Where threads are pinned each is on its way to its own; we would set it free again. */
	last = p->opts.flags & WEFT_THREADS_PIN ? NULL : last_fresh(p);
	if (last)
		send_away(p, last);
	weft__unlock(&p->lock);
}
