/* SPDX-License-Identifier: MIT
 *
 * weft/rwlock.h -- a lock for many readers, or one writer.
 *
 * Zeroed memory is a private one. One that waits to write keeps new readers out. What holds it is a thread or a
 * fiber, as with weft_lock; who may write cannot ask to read, and who reads cannot ask to write: he releases first.
 *
 * A shared one is robust. A reader that dies is forgotten [RWLOCK-1]. When a writer dies, everybody that reads is told,
 * -EOWNERDEAD with the lock held, until somebody has it for writing: he is told, too, and when he releases, it
 * is taken to be mended.
 *
 * A build with WEFT_LOCK_CHECKS has these in the order of weft/lock.h [RWLOCK-2], and to read counts as much as to
 * write there: two who only read, and take two locks in two orders, wait for each other as soon as a writer waits at each.
 */
#ifndef WEFT_RWLOCK_H
#define WEFT_RWLOCK_H

#include <weft/lock.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How many threads, all their fibers counting as one, can read a shared one at a time. One more waits. */
#define WEFT_RWLOCK_READERS_MAX 16

/** A lock for readers and writers. The words are the library's own. */
typedef struct weft_rwlock {
	uint64_t opaque_[136]; /* readers do not share a cache line */
} weft_rwlock;

/** As weft_lock_init.
 *
 * @return As weft_lock_init.
 * @owns   As weft_lock_init.
 * @from   As weft_lock_init.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_rwlock_init(&rw, WEFT_SHARED); */
WEFT_API int weft_rwlock_init(weft_rwlock *rw, unsigned flags);

/** Takes it for reading.
 *
 * @return As weft_lock_acquire; -EOWNERDEAD: a writer has died, and no other has come since | -EDEADLK: the
 *         caller has it for writing, or, with WEFT_LOCK_CHECKS, at all. Who reads already may be let in again, or
 *         wait for a writer that waits for him: do not.
 * @owns   The caller reads, beside others.
 * @from   As weft_lock_acquire.
 * @waits  For the writer, and for one who waits to write.
 * @orders What the last writer did happens before the return.
 * Example: err = weft_rwlock_read(&rw, WEFT_FOREVER); */
WEFT_API int weft_rwlock_read(weft_rwlock *rw, weft_time deadline);

/** Takes it for writing.
 *
 * @return As weft_lock_acquire; -EOWNERDEAD: the last writer died | -EDEADLK: the caller has it for writing, or, where
 *         it is shared and the caller no fiber, or with WEFT_LOCK_CHECKS, for reading.
 * @owns   The caller writes, alone.
 * @from   As weft_lock_acquire.
 * @waits  For the readers, and for other writers.
 * @orders What the last writer and the readers did happens before the return.
 * Example: err = weft_rwlock_write(&rw, WEFT_FOREVER); */
WEFT_API int weft_rwlock_write(weft_rwlock *rw, weft_time deadline);

/** Takes it for reading if that needs no waiting.
 *
 * @return As weft_rwlock_read | -EBUSY.
 * @owns   As weft_rwlock_read.
 * @from   As weft_lock_acquire.
 * @waits  Never.
 * @orders As weft_rwlock_read.
 * Example: if (!weft_rwlock_try_read(&rw)) weft_rwlock_release(&rw); */
WEFT_API int weft_rwlock_try_read(weft_rwlock *rw);

/** Takes it for writing if that needs no waiting.
 *
 * @return As weft_rwlock_write | -EBUSY.
 * @owns   As weft_rwlock_write.
 * @from   As weft_lock_acquire.
 * @waits  Never.
 * @orders As weft_rwlock_write.
 * Example: if (!weft_rwlock_try_write(&rw)) weft_rwlock_release(&rw); */
WEFT_API int weft_rwlock_try_write(weft_rwlock *rw);

/** Gives it up, whichever way the caller has it.
 *
 * @return 0 | -EPERM: the caller does not have it (of a private one only noticed if nobody reads) | -EINVAL: NULL.
 * @owns   As weft_lock_release.
 * @from   Who has it; a reader from the thread in which he took it.
 * @waits  Never.
 * @orders What the caller did happens before the return of the next writer; of a writer, of the next readers.
 * Example: weft_rwlock_release(&rw); */
WEFT_API int weft_rwlock_release(weft_rwlock *rw);

#ifdef __cplusplus
}
#endif
#endif
