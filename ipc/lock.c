/* SPDX-License-Identifier: MIT
 *
 * lock.c -- weft_lock and weft_rlock.
 */
#include "lock_order.h"
#include "mutex.h"

_Static_assert(sizeof(weft_lock) == sizeof(struct weft__mutex), "the size of a lock is part of the ABI");
_Static_assert(sizeof(weft_rlock) == sizeof(struct weft__mutex), "the size of a lock is part of the ABI");

static struct weft__mutex *inside(void *l)
{
	return l;
}

static int init(void *l, unsigned flags)
{
	return weft__place_fits(l, flags) ? weft__mutex_init(l, flags) : -EINVAL;
}

static inline int released(struct weft__mutex *m)
{
	if (WEFT__LOCK_ORDER)
		weft__lock_order_released(m);
	weft__mutex_release(m);
	return 0;
}

int weft_lock_init(weft_lock *l, unsigned flags)
{
	return init(l, flags);
}

int weft_lock_acquire(weft_lock *l, weft_time deadline)
{
	struct weft__mutex *m = inside(l);

	if (!m)
		return -EINVAL;
	if (WEFT__LOCK_ORDER && weft__lock_order_wrong(m, WEFT__PLACE))
		return -EDEADLK;
	return weft__lock_order_got(m, weft__mutex_acquire(m, deadline, true), WEFT__PLACE);
}

int weft_lock_try(weft_lock *l)
{
	return l ? weft__lock_order_got(inside(l), weft__mutex_try(inside(l)), WEFT__PLACE) : -EINVAL;
}

int weft_lock_release(weft_lock *l)
{
	if (!l)
		return -EINVAL;
	return weft__mutex_is_mine(inside(l)) ? released(inside(l)) : -EPERM;
}

int weft_rlock_init(weft_rlock *l, unsigned flags)
{
	return init(l, flags);
}

static int once_more(struct weft__mutex *m)
{
	if (m->depth == UINT32_MAX)
		return -EOVERFLOW;
	m->depth++;
	return 0;
}

static int first(struct weft__mutex *m, int err)
{
	if (!err || err == -EOWNERDEAD)
		m->depth = 1;
	return err;
}

int weft_rlock_acquire(weft_rlock *l, weft_time deadline)
{
	struct weft__mutex *m = inside(l);

	if (!m)
		return -EINVAL;
	if (weft__mutex_is_mine(m))
		return once_more(m);
	if (WEFT__LOCK_ORDER && weft__lock_order_wrong(m, WEFT__PLACE))
		return -EDEADLK;
	return first(m, weft__lock_order_got(m, weft__mutex_acquire(m, deadline, true), WEFT__PLACE));
}

int weft_rlock_try(weft_rlock *l)
{
	struct weft__mutex *m = inside(l);

	if (!m)
		return -EINVAL;
	return weft__mutex_is_mine(m) ? once_more(m)
				      : first(m, weft__lock_order_got(m, weft__mutex_try(m), WEFT__PLACE));
}

int weft_rlock_release(weft_rlock *l)
{
	struct weft__mutex *m = inside(l);

	if (!m)
		return -EINVAL;
	if (!weft__mutex_is_mine(m))
		return -EPERM;
	return --m->depth ? 0 : released(m);
}
