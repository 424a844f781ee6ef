/* SPDX-License-Identifier: MIT
 *
 * clock.c -- the one clock of all deadlines: CLOCK_MONOTONIC in nanoseconds, which fit 63 bits for
 * 292 years of uptime. The only hard part is that sums with WEFT_FOREVER must not overflow.
 */
#include "clock.h"

weft_time weft_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail: the clock exists and ts can be written */
	return WEFT_SECONDS(ts.tv_sec) + ts.tv_nsec;
}

weft_time weft_after(weft_time ns)
{
	weft_time t;

	/* Now is not negative, so a sum can only be too large. */
	return __builtin_add_overflow(weft_now(), ns, &t) ? WEFT_FOREVER : t;
}

struct timespec weft__timespec(weft_time t)
{
	const weft_time second = WEFT_SECONDS(1);
	struct timespec ts = {0};

	if (t > 0) {
		ts.tv_sec = (time_t)(t / second);
		ts.tv_nsec = (long)(t % second);
	}
	return ts;
}
