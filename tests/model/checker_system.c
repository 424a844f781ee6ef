/* SPDX-License-Identifier: MIT
 *
 * checker_system.c -- what the library asks of the system, answered by the checker: this file is linked in
 * place of core/futex.c, core/barrier.c and core/clock.c. Time stands still, but that a deadline which fires
 * has passed.
 */
#include "checker.h"

#include "wait.h"

#include <errno.h>
#include <sched.h>
#include <weft/base.h>

atom_u32 weft__barrier_ready = 1;

int weft__wait(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope)
{
	(void)scope;
	return futex_wait(word, expected, deadline) ? -ETIMEDOUT : 0;
}

int weft__wait_thread(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope)
{
	return weft__wait(word, expected, deadline, scope);
}

int weft__wake(atom_u32 *word, int n, enum weft__scope scope)
{
	(void)scope;
	return futex_wake(word, n);
}

weft_time weft_now(void)
{
	return run.now;
}

void weft__barrier_init(void)
{
}

void weft__barrier_forked(void)
{
}

int sched_yield(void)
{
	spin_yield();
	return 0;
}

weft_time weft_after(weft_time ns)
{
	return ns < WEFT_FOREVER - run.now ? run.now + ns : WEFT_FOREVER;
}
