/* SPDX-License-Identifier: MIT
 *
 * fiber.h -- what core knows of fibers: which one runs in this thread, and how it waits. Who makes and switches
 * them is the executor, which fills in the table of operations; context.h and stack.h have the means.
 *
 * A fiber never changes its thread. Everything of the thread is therefore its own as long as it does not wait,
 * and what must stay its own while it waits travels with it (fiber.c): the innermost call, and the continuations
 * that it is about to release. Short locks (weft__lock) are those of threads: no fiber waits while it holds one.
 */
#ifndef WEFT_CORE_FIBER_H
#define WEFT_CORE_FIBER_H

#include "io_request.h"
#include "state.h"

struct weft__fiber;

/* The C++ exceptions that are being handled, as its ABI (Itanium, 2.2.2) has them for each thread. Those of a fiber that
 * waits inside a handler must not be taken for another's. */
struct weft__handled {
	void *caught;
	unsigned uncaught;
};

struct weft__handled *weft__handled_here(void); /* thrown.c; NULL: no C++ in this program */

/* All but wake belong to the fiber itself, which calls them for itself. */
struct weft__engine {
	/* Suspends f until wake. 0; -ETIMEDOUT: deadline; -ECANCELED, if interruptible: f's task was told to give
	 * up. Where it is not 0, the wake that was to come may be under way, and has to be waited for: wait.c. */
	int (*wait)(struct weft__fiber *f, weft_time deadline, bool interruptible);

	/* Any thread's: ends f's wait, or the one that it is about to begin. Once for each wait. */
	void (*wake)(struct weft__fiber *f);

	/* Lets others run that can. */
	void (*yield)(struct weft__fiber *f);

	/* As weft__wait() of futex.c, without holding up the thread. */
	int (*wait_word)(struct weft__fiber *f, atom_u32 *word, uint32_t expected, weft_time deadline,
			 enum weft__scope scope);

	/* Carries out one call of io.h, whatever it has to wait for, and returns what it returns: >= 0 or a
	 * negative errno. -ETIMEDOUT at deadline, or at that of the task; -ECANCELED when the task was told to
	 * give up; and what has been done by then counts more than either. On return the kernel is done with
	 * all memory that io leads to. */
	int64_t (*io)(struct weft__fiber *f, struct weft__io *io, weft_time deadline);

	/* The same for what is done most, by a shorter way: weft__io_transfer() of io_request.h, without a deadline
	 * of the call's own. */
	int64_t (*transfer)(struct weft__fiber *f, enum weft__io_op op, int fd, const void *data, size_t size,
			    int64_t at);
};

/* What all engines have in common; theirs lies around it. */
struct weft__fiber {
	const struct weft__engine *engine;
	weft_executor *ex;                  /* whose task it runs */
	struct weft__handled *handled_here; /* its thread's: thrown.c; or NULL */
	/* While it does not run. */
	weft_call *call;
	struct weft__releases releases;
	struct weft__handled handled;
};

/* Who has fibers that wait for descriptors: told of each that weft_close is about to close, by its thread, with a
 * lock held that add and remove take. */
struct weft__closer {
	struct list_node node;
	void (*closing)(struct weft__closer *closer, int fd);
};

void weft__closer_add(struct weft__closer *c); /* io_wait.c */
void weft__closer_remove(struct weft__closer *c);

/* Before the switch from one to another. The thread's own flow counts as one, without an engine. */
static inline void weft__fiber_pass(struct weft__fiber *from, struct weft__fiber *to)
{
	from->call = weft__current;
	weft__current = to->call;
	if (weft__releases.busy || to->releases.busy) {
		from->releases = weft__releases;
		weft__releases = to->releases;
	}
	if (from->handled_here) {
		from->handled = *from->handled_here;
		*from->handled_here = to->handled;
	}
	weft__fiber = to->engine ? to : NULL;
}

/* Is call the fiber's own task, whose canceller finds it by ops.interrupt and ops.stop? Another runs on top
 * of it: on "inline". */
static inline bool weft__fiber_owns(const struct weft__fiber *f, const weft_call *call)
{
	return call == call->base && weft__future(call->task)->ex == f->ex;
}

#endif
