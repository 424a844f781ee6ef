/* SPDX-License-Identifier: MIT
 *
 * space.h -- the one range of addresses in which all regions of a program lie.
 *
 * It is one sparse memfd, of many terabytes if it may be, mapped at the same address in the program and in every worker
 * process, from the worker's start on. Regions are pieces of it. So a region that is made later is mapped
 * everywhere already: no worker has to be told of it, none can be late to learn of it, and a pointer into it
 * holds in a task that was running when the region was made.
 *
 * In the program only the regions can be accessed, and everything else in the range faults. In a worker,
 * which cannot know what will be a region, all of it can be.
 *
 * The first of all pools and regions makes it, and the last of them takes it away. A fork has a copy of the
 * mapping, and so the same regions; it makes no new ones, since the range's owner does not know of them.
 */
#ifndef WEFT_IPC_SPACE_H
#define WEFT_IPC_SPACE_H

#include "wait.h"

/* How to find it: from the program to its workers. */
struct weft__space {
	uint64_t base; /* its address; 0: there is none */
	uint64_t size; /* bytes */
};

/* Of the space and of the table of regions. It is free in a fork. The two calls that follow take it. */
extern struct weft__lock weft__space_lock;

/* Makes it, or counts one user more. 0 | -EADDRINUSE: the addresses are taken | -ENOMEM: not even a few may be
 * had (RLIMIT_AS) | -EFBIG: RLIMIT_FSIZE | -EMFILE, -ENFILE | -ENOTSUP: this process is a worker. */
int weft__space_ref(void);
void weft__space_unref(void);

/* Where it is, and its descriptor (borrowed, -1: none here). For who holds a reference. */
int weft__space_where(struct weft__space *ret);

/* In a process that will be worker, or have workers: maps it. fd stays the caller's.
 * 0 | -EADDRINUSE | -ENOMEM. */
int weft__space_attach(const struct weft__space *s, int fd);

/* Where it is: private memory, which changes only between none and some users. */
extern uintptr_t weft__space_base;
extern size_t weft__space_size;

/* Do these bytes lie in it? */
static inline bool weft__space_has(const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p - weft__space_base;

	return at < weft__space_size && n <= weft__space_size - at;
}

/* May this process make and free regions? It may where it made the space. */
bool weft__space_is_ours(void);

/* Can all of it be accessed, regions or not? So it is in workers. */
bool weft__space_is_whole(void);

/* Gives the bytes memory, in steps, so that touching them can never fail. 0 | -ENOMEM. Any process. */
int weft__space_back(const void *p, size_t n);

/* Takes their memory away; they read as zeros then. Whole pages only. */
void weft__space_drop(const void *p, size_t n);

/* Whether they can be accessed here. 0 | -ENOMEM */
int weft__space_open(const void *p, size_t n);
void weft__space_close(const void *p, size_t n);

#endif
