/* SPDX-License-Identifier: MIT
 *
 * space.c -- the range of addresses of all regions: see space.h.
 *
 * Where it lies: far from where kernels put anything by themselves (programs and their heaps lie at the
 * bottom or around 0x55..., mappings and stacks grow down from the top), and within what the sanitizers call
 * application memory. AddressSanitizer has its shadow below 0x10007fff8000. ThreadSanitizer allows the lowest
 * 512 GiB only, and holds the rest occupied, so there the last of the places is what remains. Of machines
 * with 39 bits of addresses the same is true; programs lie in its middle there, so half of it is what is free.
 *
 * Memory comes and goes in two ways. The program has the memfd and uses fallocate. Workers have closed theirs,
 * as a task may close any descriptor and ours must not turn into one of the task's; they use
 * MADV_POPULATE_WRITE (Linux 5.14) and MADV_REMOVE, which also work within a sandbox. Either answers an error where
 * a plain touch would be SIGBUS. (A control group that is full kills by OOM in all three cases.)
 */
#include "space.h"
#include "grind.h"
#include "memfd.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17 */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define STEP        ((size_t)4 << 20) /* bytes given memory at a time: between two of them a signal may come */
#define LEAST       ((uint64_t)64 << 20)
#define ON_VALGRIND ((uint64_t)4 << 30)

#if UINTPTR_MAX > UINT32_MAX
static const struct weft__space places[] = {
	{0x200000000000, (uint64_t)1 << 44},
	{0x300000000000, (uint64_t)1 << 44},
	{0x004000000000, (uint64_t)1 << 37},
};
#else
static const struct weft__space places[] = {{0, 0}}; /* there is no room */
#endif

enum { PLACES = sizeof places / sizeof places[0] };

struct weft__lock weft__space_lock; /* of what follows */
uintptr_t weft__space_base;
size_t weft__space_size;
static int fd = -1;
static dev_t
	device; /* what fd was when we got it: the program may close it, and give its number to another */
static ino_t inode;
static bool ours;   /* made by this process */
static bool use_fd; /* the descriptor is sure to be ours still */
static bool attached;
static unsigned refs;

static void in_child(void)
{
	/* Relaxed: the child has one thread, and its holder may not be that one. */
	atom_store(&weft__space_lock.word, 0, relaxed);
	use_fd = ours = false;
}

static void arrange(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

/* By the bare system call: a sanitizer that intercepts mmap ends the program where it would have another
 * address than the one asked for. 0 | -EADDRINUSE | -ENOMEM */
static int map(const struct weft__space *s, int memfd, int access)
{
	long at = syscall(SYS_mmap, s->base, s->size, access,
			  MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, memfd, 0L);

	if (at == (long)s->base) {
		/* Or each core would hold all of it. */
		madvise((void *)(uintptr_t)s->base, s->size, MADV_DONTDUMP);
		return 0;
	}
	if (at == -1)
		return errno == EEXIST ? -EADDRINUSE : -ENOMEM;
	syscall(SYS_munmap, at, s->size); /* a kernel that takes the address as a hint */
	return -EADDRINUSE;
}

static void remember_file(void)
{
	struct stat s = {.st_ino = 0};

	fstat(fd, &s);
	device = s.st_dev;
	inode = s.st_ino;
}

static bool file_is_ours(void)
{
	struct stat s;

	return fd >= 0 && !fstat(fd, &s) && s.st_dev == device && s.st_ino == inode;
}

/* 0 | -EADDRINUSE, -ENOMEM: elsewhere there may be room | others */
static int make_at(uint64_t base, uint64_t size)
{
	const struct weft__space s = {base, size};
	int memfd = size < LEAST ? -ENOMEM : weft__memfd("weft-regions", size), err;

	if (memfd < 0)
		return memfd;
	err = map(&s, memfd, PROT_NONE);
	if (err) {
		close(memfd);
		return err;
	}
	weft__space_base = s.base;
	weft__space_size = s.size;
	fd = memfd;
	remember_file();
	ours = use_fd = true;
	return 0;
}

/* An eighth where there is a limit: what we reserve, the program cannot have any more. Valgrind keeps a record of each
 * page that is reserved, and would take for ever. */
static uint64_t size_allowed(void)
{
	struct rlimit most = {.rlim_cur = RLIM_INFINITY};

	if (weft__grind())
		return ON_VALGRIND;
	getrlimit(RLIMIT_AS, &most);
	return most.rlim_cur == RLIM_INFINITY ? UINT64_MAX : most.rlim_cur / 8 & ~(LEAST - 1);
}

static int make(void)
{
	uint64_t allowed = size_allowed(), size = 0;
	int err = -ENOMEM;

	for (size_t i = 0; i < PLACES && (err == -EADDRINUSE || err == -ENOMEM); i++) {
		size = places[i].size < allowed ? places[i].size : allowed;
		err = make_at(places[i].base, size);
	}
	while (err == -EADDRINUSE && size >= 2 * LEAST) {
		size /= 2;
		err = make_at(places[PLACES - 1].base, size);
	}
	return err;
}

int weft__space_ref(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int err = 0;

	pthread_once(&once, arrange);
	weft__lock(&weft__space_lock);
	if (!weft__space_base)
		err = make();
	else if (fd < 0)
		err = -ENOTSUP;
	if (!err)
		refs++;
	weft__unlock(&weft__space_lock);
	return err;
}

void weft__space_unref(void)
{
	weft__lock(&weft__space_lock);
	if (!--refs) {
		syscall(SYS_munmap, weft__space_base, weft__space_size);
		if (file_is_ours())
			close(fd);
		fd = -1;
		weft__space_base = weft__space_size = 0;
		ours = use_fd = false;
	}
	weft__unlock(&weft__space_lock);
}

int weft__space_where(struct weft__space *ret)
{
	*ret = (struct weft__space){weft__space_base, weft__space_size};
	return file_is_ours() ? fd : -1;
}

int weft__space_attach(const struct weft__space *s, int memfd)
{
	int err = 0;

	if (!weft__space_base)
		err = map(s, memfd, PROT_READ | PROT_WRITE);
	else if (weft__space_base != s->base || mprotect((void *)weft__space_base, weft__space_size,
							 PROT_READ | PROT_WRITE)) /* a fork has it */
		err = -ENOMEM;
	if (err)
		return err;
	if (file_is_ours())
		close(fd);
	weft__space_base = s->base;
	weft__space_size = s->size;
	fd = -1;
	ours = use_fd = false;
	attached = true;
	return 0;
}

bool weft__space_is_ours(void)
{
	return ours;
}

bool weft__space_is_whole(void)
{
	return attached;
}

/* Rounds outwards to whole pages of the system, which may be larger than ours. */
static void whole_pages(const void *p, size_t *n, uintptr_t *ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)p & ~(page - 1), to = (uintptr_t)p + *n;

	*n = ((to + page - 1) & ~(page - 1)) - from;
	*ret = from;
}

static int back_step(uintptr_t at, size_t n)
{
	if (use_fd && file_is_ours())
		return posix_fallocate(fd, (off_t)(at - weft__space_base), (off_t)n);
	return madvise((void *)at, n, MADV_POPULATE_WRITE) ? errno : 0;
}

int weft__space_back(const void *p, size_t n)
{
	uintptr_t at;

	whole_pages(p, &n, &at);
	while (n) {
		size_t step = n < STEP ? n : STEP;
		int err = back_step(at, step);

		if (err == EINTR || err == EAGAIN)
			continue;
		if (err)
			return -ENOMEM;
		at += step;
		n -= step;
	}
	return 0;
}

void weft__space_drop(const void *p, size_t n)
{
	off_t at = (off_t)((uintptr_t)p - weft__space_base);

	if (use_fd && file_is_ours())
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)n);
	else
		madvise((void *)(uintptr_t)p, n, MADV_REMOVE);
}

int weft__space_open(const void *p, size_t n)
{
	return mprotect((void *)(uintptr_t)p, n, PROT_READ | PROT_WRITE) ? -ENOMEM : 0;
}

void weft__space_close(const void *p, size_t n)
{
	mprotect((void *)(uintptr_t)p, n, PROT_NONE);
}
