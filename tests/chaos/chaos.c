/* SPDX-License-Identifier: MIT
 *
 * chaos.c -- how long a delay is: see chaos_atomic.h.
 */
#include "chaos_atomic.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t seed; /* 0: not known yet */
static _Atomic uint64_t threads;
static _Thread_local uint64_t state;

static uint64_t mixed(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static uint64_t choose_seed(void)
{
	const char *text = getenv("WEFT_CHAOS_SEED");
	uint64_t drawn = mixed((uint64_t)time(NULL) ^ (uint64_t)getpid() << 32) | 1, none = 0;
	int saved = errno;

	if (text && *text)
		drawn = strtoull(text, NULL, 10) | 1;
	if (atomic_compare_exchange_strong(&seed, &none, drawn)) {
		/* Straight to the descriptor: this may be anywhere, also in a worker that is being made. */
		char line[64];
		int n = snprintf(line, sizeof line, "weft: WEFT_CHAOS_SEED=%ju\n", (uintmax_t)drawn);

		if (write(STDERR_FILENO, line, (size_t)n) < 0)
			drawn = seed; /* closed: then nobody hears of it */
	}
	errno = saved;
	return seed;
}

static void sleep_us(unsigned us)
{
	struct timespec t = {.tv_nsec = us * 1000L};
	int saved = errno;

	nanosleep(&t, NULL);
	errno = saved;
}

void weft__chaos(void)
{
	uint64_t s = seed, draw;

	if (!state)
		state = mixed((s ? s : choose_seed()) + 0x9e3779b97f4a7c15U * ++threads) | 1;
	state += 0x9e3779b97f4a7c15U;
	draw = mixed(state);
	if (draw % 16)
		return;
	draw >>= 8;
	if (draw % 64 == 0)
		sleep_us((unsigned)(draw >> 8) % 50);
	else if (draw % 8 == 0)
		sched_yield();
	else
		for (unsigned i = (unsigned)(draw >> 8) % 64; i; i--)
			atomic_signal_fence(memory_order_seq_cst);
}
