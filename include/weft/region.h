/* SPDX-License-Identifier: MIT
 *
 * weft/region.h -- shared memory at one address: in the program, and in every worker of its process pools.
 * A pointer into a region means the same everywhere [REGION-1], so lists, trees and arrays in it can be handed to tasks
 * as they are: nothing is copied.
 *
 *   struct node *list = NULL;
 *   weft_region *r;
 *   int err = weft_region_new(&r, NULL);
 *   if (!err) err = weft_region_alloc(r, sizeof *list, (void **)&list);
 *   ...                                    // a task gets &list in its argument, follows it, changes it
 *   weft_region_dealloc(r, list);          // here, or in a worker
 *   weft_region_free(r);
 *
 * Whoever is killed, and whenever, in the middle of a call included: nobody waits for the dead one, no
 * block is handed out twice [REGION-2]. What the dead one had, stays in use: blocks it had not yet told anybody of are
 * lost until the region is freed.
 *
 * Any worker can write to any region. So a task that runs wild can spoil what others keep there, as in
 * threads; what has to be safe from it does not belong into a region.
 */
#ifndef WEFT_REGION_H
#define WEFT_REGION_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_REGIONS_MAX      1024                /* regions at a time */
#define WEFT_REGION_LIMIT_MIN ((size_t)1 << 20)   /* 1 MiB */
#define WEFT_REGION_LIMIT_MAX ((uint64_t)1 << 40) /* 1 TiB */

/** A region. The pointer, too, means the same in every worker. */
typedef struct weft_region weft_region;

/** Options. Set size to sizeof(struct weft_region_opts); 0 elsewhere is the default. */
struct weft_region_opts {
	uint32_t size;  /* bytes; 0 counts as all of them */
	uint64_t limit; /* bytes that its blocks may take together, WEFT_REGION_LIMIT_MIN to _MAX, rounded up
			 * to 1 MiB; default 1 GiB. Memory is taken as it is needed */
};

/** A place in a region, for where a pointer is of no use: it can be stored, and checked when it comes back.
 * All zeros is none. */
typedef struct weft_ref {
	uint64_t region; /* which; that of a region that was freed is never used again */
	uint64_t offset; /* bytes from its start */
} weft_ref;

/** What a region holds. Exact while nobody allocates. */
struct weft_region_usage {
	uint64_t limit;  /* bytes */
	uint64_t memory; /* bytes that it has from the system for blocks; about 1% more is for its records */
	uint64_t used;   /* bytes in blocks, each as large as weft_region_block_size says */
	uint64_t lost;   /* bytes that nobody can have: they were on their way when a process was killed */
	size_t blocks;
};

/** Makes an empty region.
 *
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: ret is NULL, or unknown options set | -ERANGE: the limit | -ENOMEM: no memory, or
 *         RLIMIT_AS is below 512 MiB | -ENOSPC: WEFT_REGIONS_MAX, or their limits exceed what is reserved for all
 *         (16 TiB; 128 GiB with ThreadSanitizer; an eighth of RLIMIT_AS, where it is set) | -EFBIG: RLIMIT_FSIZE is
 *         below what is reserved | -EADDRINUSE: something else lies there | -EMFILE, -ENFILE |
 *         -ENOTSUP: in a worker process, or in a fork of a program that had a region or a pool of processes.
 * @owns   *ret is the caller's: weft_region_free.
 * @from   Any thread, or inside a task on threads.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_region *r; int err = weft_region_new(&r, NULL); */
WEFT_API int weft_region_new(weft_region **ret, const struct weft_region_opts *opts);

/** Frees a region with all its blocks, and gives the memory back.
 *
 * In the program a pointer into it faults from then on, and so do calls with r. A worker that still uses one
 * reads zeros there, or what later lies in that place: finish such tasks first.
 *
 * @param r  NULL is fine. No other thread may be using it.
 * @return 0 | -EINVAL: not a region, or freed before | -ECHILD: made by another process than this one; a
 *         fork's or worker's mapping ends with that process.
 * @owns   *r is gone.
 * @from   Any thread of the process that made it.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_region_free(r); */
WEFT_API int weft_region_free(weft_region *r);

/** A block of memory, aligned to 16; of more than 16 KiB, aligned to 4,096. Its contents are undefined.
 *
 * Sizes are rounded up: to 16 below 128 bytes, to a quarter of a power of two up to 16 KiB, else to 4 KiB.
 * Up to 16 KiB it is some tens of nanoseconds, as long as the region has a block of that size to hand.
 *
 * @param size  Bytes, 1 or more.
 * @return 0 | -ENOMEM: the limit, or the system has no memory. Touching a block never fails [REGION-3] |
 *         -EINVAL: a NULL, no such region, or size is 0.
 * @owns   **ret is whose you say it is, until weft_region_dealloc by any process.
 * @from   Any thread of any process that has the region: the program, its workers, its forks (the
 *         regions that there were when it forked).
 * @waits  Never for another process.
 * @orders What was done with the block before it was given back, happens before.
 * Example: struct node *n; err = weft_region_alloc(r, sizeof *n, (void **)&n); */
WEFT_API int weft_region_alloc(weft_region *r, size_t size, void **ret);

/** Gives a block back.
 *
 * @param block  As it came from weft_region_alloc, by whichever process. NULL is fine.
 * @return 0 | -EINVAL, with nothing changed: no such region, not the start of a block of it, or not in use
 *         (given back already, unless somebody has it again).
 * @owns   *block is the region's.
 * @from   As weft_region_alloc.
 * @waits  Never.
 * @orders What the caller did with the block happens before its next owner gets it.
 * Example: weft_region_dealloc(r, n); */
WEFT_API int weft_region_dealloc(weft_region *r, void *block);

/** Makes a block larger or smaller. It stays where it is if its rounded size stays the same.
 *
 * @param io_block  The block, and then where it is; *io_block may be NULL: a new one.
 * @param size      Bytes, 1 or more. What fits is kept.
 * @return 0 | -ENOMEM, -EINVAL as weft_region_alloc and weft_region_dealloc, with nothing changed.
 * @owns   As weft_region_alloc.
 * @from   As weft_region_alloc.
 * @waits  Never for another process.
 * @orders As weft_region_alloc.
 * Example: void *p = row; err = weft_region_realloc(r, &p, 2 * size); */
WEFT_API int weft_region_realloc(weft_region *r, void **io_block, size_t size);

/** How many bytes a block really has.
 *
 * @return 0 | -EINVAL: a NULL, or as weft_region_dealloc.
 * @owns   Nothing.
 * @from   As weft_region_alloc.
 * @waits  Never.
 * @orders Nothing.
 * Example: size_t n; weft_region_block_size(r, block, &n); */
WEFT_API int weft_region_block_size(const weft_region *r, const void *block, size_t *ret);

/** Gives memory without blocks back to the system. Otherwise a region keeps it, for its next blocks.
 *
 * @return 0 | -EINVAL: no such region.
 * @owns   Nothing.
 * @from   As weft_region_alloc.
 * @waits  Never for another process.
 * @orders Nothing.
 * Example: weft_region_trim(r); */
WEFT_API int weft_region_trim(weft_region *r);

/** What a region holds. Looks at all of it: about a millisecond for each GiB.
 *
 * @return 0 | -EINVAL: a NULL, or no such region.
 * @owns   Nothing.
 * @from   As weft_region_alloc.
 * @waits  Never.
 * @orders Nothing.
 * Example: struct weft_region_usage s; weft_region_stats(r, &s); */
WEFT_API int weft_region_stats(const weft_region *r, struct weft_region_usage *ret);

/** Turns a pointer into a region into a reference.
 *
 * @param p  Anywhere in the data of r, not only at the start of a block.
 * @return 0 | -EINVAL: ret is NULL, no such region, or p does not lie in it.
 * @owns   Nothing: whether there is a block does not matter.
 * @from   As weft_region_alloc.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_ref ref; err = weft_ref_make(r, node, &ref); */
WEFT_API int weft_ref_make(const weft_region *r, const void *p, weft_ref *ret);

/** Turns a reference back into a pointer.
 *
 * @param ref   From weft_ref_make, in any process that has the region.
 * @param size  Bytes that must lie in the region from there on.
 * @return 0 | -EINVAL: a NULL, no such region any more, or not within it.
 * @owns   Nothing.
 * @from   As weft_region_alloc.
 * @waits  Never.
 * @orders Nothing.
 * Example: void *p; err = weft_ref_find(&ref, sizeof(struct node), &p); */
WEFT_API int weft_ref_find(const weft_ref *ref, size_t size, void **ret);

#ifdef __cplusplus
}
#endif
#endif
