/* SPDX-License-Identifier: MIT
 *
 * futex.c -- the one place where threads sleep. The only file that knows futex(2). A fiber sleeps in its engine.
 */
#include "clock.h"
#include "fiber.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int weft__wait_thread(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope)
{
	int op = FUTEX_WAIT_BITSET | (scope == WEFT__PRIVATE ? FUTEX_PRIVATE_FLAG : 0);
	struct timespec until = weft__timespec(deadline);
	struct timespec *limit = deadline == WEFT_FOREVER ? NULL : &until;
	int saved = errno, err = 0;

	if (syscall(SYS_futex, word, op, expected, limit, NULL, FUTEX_BITSET_MATCH_ANY) && errno == ETIMEDOUT)
		err = -ETIMEDOUT;
	errno = saved;
	return err;
}

int weft__wait(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope)
{
	struct weft__fiber *f = weft__fiber;

	return f ? f->engine->wait_word(f, word, expected, deadline, scope)
		 : weft__wait_thread(word, expected, deadline, scope);
}

int weft__wake(atom_u32 *word, int n, enum weft__scope scope)
{
	int op = FUTEX_WAKE | (scope == WEFT__PRIVATE ? FUTEX_PRIVATE_FLAG : 0);
	int saved = errno;
	long woken = syscall(SYS_futex, word, op, n, NULL, NULL, 0);

	errno = saved;
	return woken > 0 ? (int)woken : 0;
}
