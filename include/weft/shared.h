/* SPDX-License-Identifier: MIT
 *
 * weft/shared.h -- values and arrays that processes share, each with a lock of its own [SHARED-1]: what Value and Array
 * are in Python's multiprocessing. They lie in a region, so the pointer means the same in every worker.
 *
 *   double *sum;
 *   int err = weft_shared_new(region, sizeof *sum, 1, (void **)&sum);
 *   ...                                                    // in any process, given sum:
 *   err = weft_lock_acquire(weft_shared_lock(sum), WEFT_FOREVER);
 *   if (!err || err == -EOWNERDEAD) {
 *           *sum += 3.1415927;
 *           weft_lock_release(weft_shared_lock(sum));
 *   }
 */
#ifndef WEFT_SHARED_H
#define WEFT_SHARED_H

#include <weft/lock.h>
#include <weft/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Makes n items of zeros in a region, with a free lock.
 *
 * @param item_size  Bytes, 1 or more.
 * @param n          1 or more.
 * @return 0 | -EINVAL: a NULL, or a 0 | -ENOMEM as weft_region_alloc, or n * item_size is more than there can be |
 *         -ENOTSUP as weft_lock_init.
 * @owns   **ret is whose you say it is, until weft_shared_free by any process, or until the region is freed.
 * @from   As weft_region_alloc.
 * @waits  Never for another process.
 * @orders As weft_region_alloc.
 * Example: int *grid; err = weft_shared_new(r, sizeof *grid, 100, (void **)&grid); */
WEFT_API int weft_shared_new(weft_region *r, size_t item_size, size_t n, void **ret);

/** The lock of items. Nobody has to take it; it is only there.
 *
 * @param items  From weft_shared_new.
 * @return The lock, shared and robust | NULL: items is NULL.
 * @owns   It goes with the items.
 * @from   Any process that has the region.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_lock_acquire(weft_shared_lock(sum), WEFT_FOREVER); */
WEFT_API weft_lock *weft_shared_lock(void *items);

/** How many items there are.
 *
 * @param items  From weft_shared_new.
 * @return n | 0: items is NULL.
 * @owns   Nothing.
 * @from   Any process that has the region.
 * @waits  Never.
 * @orders Nothing.
 * Example: for (size_t i = 0; i < weft_shared_count(grid); i++) grid[i] = -grid[i]; */
WEFT_API size_t weft_shared_count(const void *items);

/** Gives items back to their region.
 *
 * @param items  From weft_shared_new; NULL is fine. Nobody may be using them or their lock.
 * @return 0 | -EINVAL: they are none, or were freed.
 * @owns   They are the region's.
 * @from   Any process that has the region.
 * @waits  Never.
 * @orders As weft_region_dealloc.
 * Example: weft_shared_free(grid); */
WEFT_API int weft_shared_free(void *items);

#ifdef __cplusplus
}
#endif
#endif
