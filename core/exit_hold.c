/* SPDX-License-Identifier: MIT
 *
 * exit_hold.c -- what the end of the program waits for, and the names of those who run.
 *
 *   tag  word      from -> to            order                  carries
 *   H1   holders   release -> wait       sub rel -> load acq    what the ended one did, for the handlers of exit()
 *
 * The handler is registered by the first who holds, not before: a program that starts nothing has none.
 */
#include "exit_hold.h"
#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <weft/thread.h>

static atom_u32 holders;
static struct weft__lock lock; /* of registered */
static bool registered;
static _Thread_local bool self_holds;
static _Thread_local const char *thread_name;
static const char *process_name = "main";

void weft__exit_self(bool held)
{
	self_holds = held;
}

void weft__exit_wait(void)
{
	uint32_t n, own = self_holds;

	/* H1 acquire: pairs with weft__exit_release. */
	while ((n = atom_load(&holders, acquire)) > own)
		weft__wait_thread(&holders, n, WEFT_FOREVER, WEFT__PRIVATE);
}

int weft__exit_hold(void)
{
	int err = 0;

	weft__lock(&lock);
	if (!registered)
		err = atexit(weft__exit_wait) ? -ENOMEM : 0;
	registered |= !err;
	weft__unlock(&lock);
	if (!err)
		atom_add(&holders, 1,
			 relaxed); /* relaxed: who waits for it knows of it, or comes too early */
	return err;
}

void weft__exit_release(void)
{
	/* H1 release: pairs with weft__exit_wait. */
	atom_sub(&holders, 1, release);
	weft__wake(&holders, INT_MAX, WEFT__PRIVATE);
}

void weft__exit_reset(void)
{
	/* Relaxed: the child has one thread. */
	atom_store(&holders, 0, relaxed);
	atom_store(&lock.word, 0, relaxed);
	self_holds = false;
}

void weft__name_thread(const char *name)
{
	thread_name = name;
}

void weft__name_process(const char *name)
{
	process_name = name;
}

const char *weft_current_name(void)
{
	return thread_name ? thread_name : process_name;
}
