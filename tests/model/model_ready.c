/* SPDX-License-Identifier: MIT
 *
 * model_ready.c -- core/ready.c: a thread sleeps until its descriptor is ready or somebody unparks it, by a bell.
 * Bells are the model's: a count, and one futex word that says that something has happened. They are looked at by
 * additions of 0, which read the latest, as the kernel does, and order no memory, which it does not promise to. A
 * number that was closed is given out again at once.
 */
#include "clock.h"
#include "forked.h"
#include "model.h"
#include "ready.h"
#include "state.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

enum { BELLS = 3, INODE = 7, FD = 1000 }; /* bells have the numbers 0, 1 and 2 */

static struct {
	atom_u32 open, count;
} bells[BELLS];
static atom_u32 happened, fd_ready;

static struct weft__parker parker;
static struct weft__ready ready;
static struct weft__lock lock;
static bool listed;
static int data, result;

/* ---- The library beside it ---- */

_Thread_local struct weft__tally *weft__tally;
atom_u32 weft__forks = 1;

uint32_t weft__generation(void)
{
	return 1;
}

struct timespec weft__timespec(weft_time t)
{
	return (struct timespec){.tv_sec = t / WEFT_SECONDS(1), .tv_nsec = t % WEFT_SECONDS(1)};
}

/* ---- The system ---- */

/* One for each thread: those of a model are one to the C library. */
static _Thread_local int own_errno;

int *__errno_location(void)
{
	return &own_errno;
}

static void happen(void)
{
	atom_add(&happened, 1, relaxed);
	weft__wake(&happened, MODEL_THREADS, WEFT__PRIVATE);
}

/* The numbers are given out under a lock of the kernel's: hence the orders. */
int eventfd(unsigned int count, int flags)
{
	(void)flags;
	for (int fd = 0; fd < BELLS; fd++)
		if (!atom_swap(&bells[fd].open, 1, acq_rel)) {
			atom_store(&bells[fd].count, count, relaxed);
			return fd;
		}
	return -1;
}

static bool is_open(int fd)
{
	return fd >= 0 && fd < BELLS && atom_add(&bells[fd].open, 0, relaxed);
}

int close(int fd)
{
	model_assert(is_open(fd));
	atom_swap(&bells[fd].open, 0, acq_rel);
	return 0;
}

int fstat(int fd, struct stat *ret)
{
	ret->st_ino = is_open(fd) ? INODE : INODE + 1;
	return 0;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	(void)bytes;
	model_assert(is_open(fd));
	atom_add(&bells[fd].count, 1, relaxed);
	happen();
	return (ssize_t)size;
}

ssize_t read(int fd, void *ret, size_t size)
{
	uint32_t n;

	model_assert(is_open(fd));
	n = atom_swap(&bells[fd].count, 0, relaxed);
	memset(ret, n ? 1 : 0, size);
	errno = EAGAIN;
	return n ? (ssize_t)size : -1;
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	weft_time deadline = limit ? weft_after(WEFT_SECONDS(limit->tv_sec) + limit->tv_nsec) : WEFT_FOREVER;
	bool late = limit && !limit->tv_sec && !limit->tv_nsec;

	(void)mask;
	model_assert(n == 2);
	for (;;) {
		uint32_t before = atom_add(&happened, 0, relaxed);

		fds[0].revents = fds[0].fd == FD && atom_add(&fd_ready, 0, relaxed) ? POLLIN : 0;
		fds[1].revents = fds[1].fd >= 0 && atom_add(&bells[fds[1].fd].count, 0, relaxed) ? POLLIN : 0;
		if (fds[0].revents || fds[1].revents)
			return 1;
		if (late)
			return 0;
		late = weft__wait_thread(&happened, before, deadline, WEFT__PRIVATE) == -ETIMEDOUT;
	}
}

/* ---- Waits ---- */

static void start(void)
{
	memset(bells, 0, sizeof bells);
	happened = UINT32_MAX;
	fd_ready = 0;
	parker = (struct weft__parker){0};
	ready = (struct weft__ready){.bell = -1};
	lock = (struct weft__lock){0};
	listed = false;
	data = result = 0;
	weft__bells_forked(); /* the table is a static variable of the source */
	model_name(&parker.word, "word");
	model_name(&happened, "happened");
	model_name(&lock.word, "lock");
	for (int i = 0; i < BELLS; i++)
		model_name(&bells[i].count, "bell");
}

static void check_all_closed(void)
{
	for (int i = 0; i < BELLS; i++)
		model_assert(!bells[i].open);
}

/* As weft__io_await: known to wakers by a list, under a lock. */
static int await(weft_time deadline)
{
	int err;

	weft__ready_init(&ready, &parker, FD, POLLIN, false);
	weft__lock(&lock);
	listed = true;
	weft__unlock(&lock);
	err = weft__park_ready(&parker, deadline);
	weft__lock(&lock);
	listed = false;
	weft__unlock(&lock);
	weft__ready_fini(&ready);
	return err;
}

static void unpark_listed(void)
{
	weft__lock(&lock);
	if (listed)
		weft__unpark(&parker);
	weft__unlock(&lock);
}

/* Without the lock in between, which would order by itself what the permit orders. */
THREAD(park)
{
	result = weft__park_ready(&parker, WEFT_FOREVER);
	model_assert(data == 1);
}

THREAD(park_until)
{
	result = weft__park_ready(&parker, 1);
	model_assert(result == -ETIMEDOUT || (result == 0 && data == 1));
}

THREAD(unpark)
{
	data = 1;
	weft__unpark(&parker);
}

MODEL(unpark_is_not_lost)
{
	start();
	weft__ready_init(&ready, &parker, FD, POLLIN, false);
	model_thread("sleeper", park, NULL);
	model_thread("waker", unpark, NULL);
	model_run();
	model_assert(result == 0);
	weft__ready_fini(&ready);
	check_all_closed();
}

MODEL(unpark_comes_with_the_deadline)
{
	start();
	weft__ready_init(&ready, &parker, FD, POLLIN, false);
	model_timeouts(1);
	model_thread("sleeper", park_until, NULL);
	model_thread("waker", unpark, NULL);
	model_run();
	weft__ready_fini(&ready);
	check_all_closed();
}

/* Two that unpark: the second finds a permit there, and rings no bell. */
THREAD(unpark_as_well)
{
	weft__unpark(&parker);
}

THREAD(park_only)
{
	result = weft__park_ready(&parker, WEFT_FOREVER);
}

MODEL(two_unpark)
{
	start();
	weft__ready_init(&ready, &parker, FD, POLLIN, false);
	model_thread("sleeper", park_only, NULL);
	model_thread("waker", unpark, NULL);
	model_thread("other", unpark_as_well, NULL);
	model_run();
	model_assert(result == 0);
	weft__ready_fini(&ready);
}

THREAD(await_fd)
{
	result = await(WEFT_FOREVER);
}

THREAD(make_ready)
{
	atom_store(&fd_ready, 1, relaxed);
	happen();
}

THREAD(waker)
{
	unpark_listed();
}

/* It is ready, and somebody comes to unpark it all the same: he rings no bell that is gone. */
MODEL(ready_and_unparked)
{
	start();
	model_thread("sleeper", await_fd, NULL);
	model_thread("file", make_ready, NULL);
	model_thread("waker", waker, NULL);
	model_run();
	model_assert(result == 0);
	check_all_closed();
}

/* The bell of a pool's thread is used again; what has rung for a wait that is over must not hide what rings for the
 * next, nor be taken for it. */
THREAD(await_twice)
{
	weft__tally = &(struct weft__tally){.credit = 0};
	result = await(1);
	model_assert(result == 0 || result == -ETIMEDOUT);
	result = await(WEFT_FOREVER);
	weft__bell_close();
}

THREAD(wake_twice)
{
	unpark_listed();
	make_ready(NULL);
}

MODEL(a_bell_is_used_again)
{
	start();
	model_timeouts(1);
	model_thread("sleeper", await_twice, NULL);
	model_thread("waker", wake_twice, NULL);
	model_run();
	model_assert(result == 0);
	check_all_closed();
}

/* ---- The table ---- */

/* Whatever else goes on in the table: a bell that is open is in it, so a fork closes it. */
static struct weft__parker other_parker;
static struct weft__ready other;

THREAD(wait_briefly)
{
	weft__ready_fini(&ready);
}

THREAD(begin_to_wait)
{
	weft__ready_init(&other, &other_parker, FD, POLLIN, false);
}

MODEL(a_bell_is_listed_while_another_goes)
{
	start();
	weft__ready_init(&ready, &parker, FD, POLLIN, false);
	model_thread("one", wait_briefly, NULL);
	model_thread("other", begin_to_wait, NULL);
	model_run();
	weft__bells_forked();
	check_all_closed();
}

MODEL(a_bell_is_listed_while_another_comes)
{
	start();
	model_thread("one", begin_to_wait, NULL);
	model_thread("other", await_fd, NULL);
	fd_ready = 1;
	model_run();
	weft__bells_forked();
	check_all_closed();
}
