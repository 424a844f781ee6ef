/* SPDX-License-Identifier: MIT
 *
 * weft/lock.h -- locks between threads, fibers and processes.
 *
 * Zeroed memory is a free lock of one process, with nothing to free in the end. Memory that processes share (a
 * region, or any other MAP_SHARED mapping) needs weft_lock_init(&l, WEFT_SHARED) once, before anybody uses it.
 *
 *   static weft_lock lock;
 *   int err = weft_lock_acquire(&lock, WEFT_FOREVER);
 *   if (err) return err;
 *   balance += 10;
 *   weft_lock_release(&lock);
 *
 * What holds a lock is a thread, or on "uring" a fiber, that is a task: two tasks of one lane exclude each other. A
 * task that runs on top of another one, which waits for it in the same thread, counts as that one. Only
 * the holder can release [LOCK-2]. A fiber that waits lets others of its lane run; a thread sleeps.
 *
 * A shared lock is robust. When the thread that holds it ends, killed with its process at whatever instruction
 * or simply without having released, the next to take it is told, once [LOCK-1]: -EOWNERDEAD, and he has it. What
 * the lock protects may then be half changed. An exec counts as the end of a thread, and the end of a task does not.
 * Processes that share a lock must be in one PID namespace, with the C library and the kernel that can do so: 64-bit
 * glibc on Linux. A fork, too, does not hold what its parent holds.
 *
 * Whoever gets the lock is whoever comes first, not who has waited longest.
 *
 * A build with WEFT_LOCK_CHECKS (the preset "dev" has it) remembers in which order the locks of a process are taken
 * while others are held [LOCK-3]. Who takes two of them the other way round gets -EDEADLK instead of the second, and a
 * text on the standard error once, even if nobody is in his way this time. It does so with locks for readers and
 * writers, too: weft/rwlock.h. A thread that ends holding a private lock is named there.
 */
#ifndef WEFT_LOCK_H
#define WEFT_LOCK_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of weft_lock_init and of its kind. */
enum { WEFT_SHARED = 1 /* lies in memory that processes share */ };

/** Most shared locks that one thread, all of its fibers included, can hold at a time: one more is -ENOLCK. */
#define WEFT_LOCKS_HELD_MAX 2000

/** A lock. The words are the library's own. It must not be moved or copied while in use. */
typedef struct weft_lock {
	uint64_t opaque_[5];
} weft_lock;

/** A lock that its holder may take again, and then has to release as often. */
typedef struct weft_rlock {
	uint64_t opaque_[5];
} weft_rlock;

/** Makes a free lock of memory, whatever that holds.
 *
 * @param flags  0 or WEFT_SHARED.
 * @return 0 | -EINVAL: l is NULL or not aligned to 8, or unknown flags | -ENOTSUP: shared locks cannot be robust
 *         here: another C library, or 32 bits.
 * @owns   The memory stays the caller's. There is nothing to free; release it before the memory goes.
 * @from   Any thread, or inside a task. Nobody may be using the lock.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_lock_init(lock_in_region, WEFT_SHARED); */
WEFT_API int weft_lock_init(weft_lock *l, unsigned flags);

/** Takes the lock, waiting until it is free.
 *
 * @param deadline  When to give up; WEFT_FOREVER: never. One that has passed: no waiting.
 * @return 0: the caller holds it | -EOWNERDEAD: the caller holds it, and its last holder died holding it |
 *         -ETIMEDOUT | -ECANCELED: the calling task was cancelled, and would have had to wait | -EDEADLK: the
 *         caller holds it already, or, with WEFT_LOCK_CHECKS, the order | -EINVAL: l is NULL | -ENOLCK:
 *         WEFT_LOCKS_HELD_MAX | -ENOMEM: the first shared lock of this thread | -ENOTSUP as weft_lock_init.
 * @owns   The caller, thread or fiber, holds the lock.
 * @from   Any thread, or inside a task on any executor. Not from a signal handler.
 * @waits  For the holder, until the deadline, or until the calling task is cancelled: at once where the lock is
 *         private, else within 5 ms.
 * @orders What the last holder did before it released (or died) happens before the return.
 * Example: err = weft_lock_acquire(&l, weft_after(WEFT_MS(10))); */
WEFT_API int weft_lock_acquire(weft_lock *l, weft_time deadline);

/** Takes the lock if nobody has it.
 *
 * @return 0, -EOWNERDEAD, -EINVAL, -ENOLCK, -ENOMEM, -ENOTSUP as weft_lock_acquire | -EBUSY: somebody has it, the
 *         caller included.
 * @owns   As weft_lock_acquire.
 * @from   As weft_lock_acquire.
 * @waits  Never.
 * @orders As weft_lock_acquire.
 * Example: if (weft_lock_try(&l) == -EBUSY) return; */
WEFT_API int weft_lock_try(weft_lock *l);

/** Gives the lock up, and wakes one who waits for it.
 *
 * @return 0 | -EPERM: the caller does not hold it | -EINVAL: l is NULL.
 * @owns   Nobody holds it. The call does not touch the lock any more once another can have it: who takes it may free
 *         its memory.
 * @from   Who holds it.
 * @waits  Never.
 * @orders What the caller did happens before the next holder's return.
 * Example: weft_lock_release(&l); */
WEFT_API int weft_lock_release(weft_lock *l);

/** As weft_lock_init.
 *
 * @return As weft_lock_init.
 * @owns   As weft_lock_init.
 * @from   As weft_lock_init.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_rlock_init(&r, 0); */
WEFT_API int weft_rlock_init(weft_rlock *l, unsigned flags);

/** As weft_lock_acquire, but who holds the lock gets it once more.
 *
 * @return As weft_lock_acquire, but for -EDEADLK, which only the order can give | -EOVERFLOW: 2^32 - 1 times.
 * @owns   The caller holds the lock, once more.
 * @from   As weft_lock_acquire.
 * @waits  As weft_lock_acquire.
 * @orders As weft_lock_acquire.
 * Example: err = weft_rlock_acquire(&r, WEFT_FOREVER); */
WEFT_API int weft_rlock_acquire(weft_rlock *l, weft_time deadline);

/** As weft_rlock_acquire, if nobody else has it.
 *
 * @return As weft_rlock_acquire | -EBUSY: another has it.
 * @owns   As weft_rlock_acquire.
 * @from   As weft_lock_acquire.
 * @waits  Never.
 * @orders As weft_lock_acquire.
 * Example: if (!weft_rlock_try(&r)) weft_rlock_release(&r); */
WEFT_API int weft_rlock_try(weft_rlock *l);

/** Takes back one weft_rlock_acquire. The last one gives the lock up.
 *
 * @return As weft_lock_release.
 * @owns   As weft_lock_release, after the last.
 * @from   Who holds it.
 * @waits  Never.
 * @orders As weft_lock_release.
 * Example: weft_rlock_release(&r); */
WEFT_API int weft_rlock_release(weft_rlock *l);

#ifdef __cplusplus
}
#endif
#endif
