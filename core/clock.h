/* SPDX-License-Identifier: MIT
 *
 * clock.h -- weft_time for system calls. The clock itself is public: weft_now(), weft_after().
 */
#ifndef WEFT_CORE_CLOCK_H
#define WEFT_CORE_CLOCK_H

#include <time.h>

#include <weft/base.h>

/* t as seconds and nanoseconds, as futex(2) and its kind take them; a negative t as 0, since the kernel
 * refuses negative times, and 0 has passed just as well. WEFT_FOREVER is 292 years: pass NULL instead. */
struct timespec weft__timespec(weft_time t);

static inline weft_time weft__earlier(weft_time a, weft_time b)
{
	return a < b ? a : b;
}

#endif
