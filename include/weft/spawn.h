/* SPDX-License-Identifier: MIT
 *
 * weft/spawn.h -- fork-join inside a task: children that idle threads of the pool steal.
 *
 * A child is a plain function and a pointer, in 64 bytes of the caller's, on its stack as a rule. What a
 * child returns, it writes to where its pointer points. Inside a task of a pool of threads an idle thread
 * may take a child; what nobody has taken, weft_sync calls. Anywhere else weft_sync always calls it. So
 * the pair costs a few nanoseconds, and a program that uses it is right on every executor.
 *
 *   struct fib { weft_child child; int n; long result; };
 *
 *   static void fib(void *ctx)
 *   {
 *           struct fib *f = ctx, a = {.n = f->n - 1}, b = {.n = f->n - 2};
 *
 *           if (f->n < 2) {
 *                   f->result = f->n;
 *                   return;
 *           }
 *           weft_spawn(&a.child, fib, &a);
 *           fib(&b);
 *           weft_sync(&a.child);
 *           f->result = a.result + b.result;
 *   }
 *
 * Rules:
 *
 *   - Every child that was spawned is synced exactly once, by the thread that spawned it, before the task
 *     or child that spawned it returns, and before the child's storage goes.
 *   - The newest first is the usual order and the fast one. A weft_sync of an older child settles all newer
 *     ones before it; their own weft_sync then returns at once.
 *   - A child must return: no longjmp and no C++ exception may leave it.
 *
 * What runs inside weft_sync: the child, and the newer ones, if nobody took them. If somebody took the
 * child, the caller meanwhile helps with what that child has spawned in turn, and with nothing else: so no
 * unrelated work starts under a lock that the caller holds [SPAWN-2]. Where there is nothing to help with, it looks
 * on for some microseconds, then sleeps, and a spare thread of the pool stands in.
 *
 * Inside a child weft_current() is the task that spawned it, on any thread: weft_call_cancelled() and
 * weft_call_deadline() answer for that task, and a wait ends when it is cancelled. Cancelling skips no
 * children: each is run, and may look. weft_call_reply() and weft_call_fail() belong to the body of a task
 * and have no lasting effect in a child. weft_call_scratch() there lasts at least until the child returns.
 *
 * Limits: children nest as plain calls do, on the stack of the thread that runs them; a thread of a pool
 * has the system's default (ulimit -s, mostly 8 MiB), enough for some 10,000 levels of small frames. At
 * most 2^20 children of a thread at a time may be stolen; further ones are called by their weft_sync.
 */
#ifndef WEFT_SPAWN_H
#define WEFT_SPAWN_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called through the table of addresses and not by way of a stub: of a few nanoseconds that is one. */
#if defined(__has_attribute)
#if __has_attribute(noplt)
#define WEFT_NOPLT __attribute__((noplt))
#endif
#endif
#ifndef WEFT_NOPLT
#define WEFT_NOPLT
#endif

/** A child in the caller's storage. 64 bytes, fixed in the ABI. Needs no initialisation. */
typedef struct weft_child {
	uint64_t opaque_[8]; /* the library's */
} weft_child;

/** Offers fn(ctx) to idle threads of the pool that the calling task runs on.
 *
 * Cannot fail. Outside a pool of threads, and where too many are offered already, it only remembers.
 *
 * @param c    The child. Whatever it held before is overwritten.
 * @param fn   Called exactly once, at the latest by weft_sync [SPAWN-1].
 * @param ctx  Handed to fn.
 * @owns   *c is the library's until its weft_sync returns: it may not be moved or copied. ctx stays the
 *         caller's.
 * @from   Any thread, or inside a task or a child. Not a signal handler.
 * @waits  Never. Allocates nothing. It may wake a sleeping thread of the pool, which is a system call.
 * @orders What the caller wrote before happens before fn starts.
 * Example: weft_spawn(&left.child, sort, &left); */
WEFT_API WEFT_NOPLT void weft_spawn(struct weft_child *c, void (*fn)(void *ctx), void *ctx);

/** Returns when c has run: runs it now, unless another thread did or does.
 *
 * @param c  Spawned by this thread, and not synced since.
 * @owns   *c is the caller's again.
 * @from   The thread, and there the task or child, that called weft_spawn. Not in a fork of it.
 * @waits  For c, if another thread runs it: see above. Neither a cancel nor a deadline ends this wait.
 * @orders What fn wrote happens before the return.
 * Example: weft_sync(&left.child); */
WEFT_API WEFT_NOPLT void weft_sync(struct weft_child *c);

#ifdef __cplusplus
}
#endif
#endif
