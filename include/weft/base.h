/* SPDX-License-Identifier: MIT
 *
 * weft/base.h -- what every other header needs: visibility, time, errors, the number of CPUs.
 *
 * Conventions of the whole library:
 *
 *   - A function that can fail returns 0 or a positive value, or a negative errno. errno itself is
 *     neither read nor promised. Outputs come last, are named ret, and are untouched on failure [BASE-1].
 *   - x_size is in bytes, n is a count, weft_time is in nanoseconds.
 *   - init/fini work on the caller's memory, new/free have one owner, ref/unref share.
 *   - Every call that can wait takes a deadline, not a timeout, so that several waits can share one.
 *
 * Each function states, behind these tags:
 *
 *   @owns    who owns what before, during and after the call
 *   @from    which threads, tasks or signal handlers may call it
 *   @waits   whether it can block, and on what
 *   @orders  which memory effects are ordered before which
 */
#ifndef WEFT_BASE_H
#define WEFT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(__GNUC__)
#define WEFT_API                __attribute__((visibility("default")))
#define WEFT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define WEFT_API
#define WEFT_PRINTF(fmt, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers. weft_version() is the version of the library that was linked. */
#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0
#define WEFT_VERSION       ((WEFT_VERSION_MAJOR << 16) | (WEFT_VERSION_MINOR << 8) | WEFT_VERSION_PATCH)

/** A point in time or, in the WEFT_MS() family, a length of it: nanoseconds of CLOCK_MONOTONIC. */
typedef int64_t weft_time;

#define WEFT_FOREVER    INT64_MAX                           /* a deadline that never comes */
#define WEFT_US(n)      ((weft_time)(n)*1000)               /* n microseconds, in nanoseconds */
#define WEFT_MS(n)      ((weft_time)(n)*1000 * 1000)        /* n milliseconds, in nanoseconds */
#define WEFT_SECONDS(n) ((weft_time)(n)*1000 * 1000 * 1000) /* n seconds, in nanoseconds */

/* Most workers that one executor may have. One more is -ERANGE. */
#define WEFT_WORKERS_MAX 1024

/** The version of the linked library, in the form of WEFT_VERSION.
 *
 * @return The major version << 16 | the minor one << 8 | the patch.
 * @owns   Nothing.
 * @from   Anywhere, signal handlers included.
 * @waits  Never.
 * @orders Nothing.
 * Example: assert(weft_version() >= WEFT_VERSION); */
WEFT_API uint32_t weft_version(void);

/** The time now, on the clock of every deadline in this library.
 *
 * @return Nanoseconds of CLOCK_MONOTONIC: never goes back, stands still while the machine sleeps.
 * @owns   Nothing.
 * @from   Anywhere, signal handlers included.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_time took = -weft_now(); work(); took += weft_now(); */
WEFT_API weft_time weft_now(void);

/** The deadline that lies ns nanoseconds ahead.
 *
 * @param ns  Nanoseconds from now; negative: a deadline that has passed.
 * @return weft_now() + ns, held within INT64_MIN..WEFT_FOREVER, so no length overflows [BASE-2].
 * @owns   Nothing.
 * @from   Anywhere, signal handlers included.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_future_wait(f, weft_after(WEFT_MS(100))); */
WEFT_API weft_time weft_after(weft_time ns);

/** What an error of this library means, in English.
 *
 * Where the library gives an errno a meaning of its own, that is the text: -EOWNERDEAD is "worker
 * died", -EXDEV "other address space". Any other is described as the C library does. A text has to fit wherever
 * the errno is returned; what it means there, the function says: of a lock, the worker is whoever held it.
 *
 * @param err  A negative errno; a positive one is taken as its negative. 0: "success".
 * @return A constant string, never NULL.
 * @owns   The library: never free it.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: if (err < 0) fprintf(stderr, "map: %s\n", weft_strerror(err)); */
WEFT_API const char *weft_strerror(int err);

/** How many CPUs this process may use at once: what "threads" and "processes" default to.
 *
 * The least of the scheduling affinity, the CPU quota of the process's control groups [BASE-3] (cpu.max, or
 * cpu.cfs_quota_us in version 1, of its own group and every group above it; half a CPU counts as
 * one), and WEFT_WORKERS_MAX. Read anew at each call, since all of these can change.
 *
 * @return 1 to WEFT_WORKERS_MAX.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never; it reads a few files of /proc and /sys.
 * @orders Nothing.
 * Example: unsigned n = 2 * weft_cpu_count(); */
WEFT_API unsigned weft_cpu_count(void);

#ifdef __cplusplus
}
#endif
#endif
