/* SPDX-License-Identifier: MIT
 *
 * spin.h -- looking for a moment before one sleeps. To sleep and to be woken costs tens of microseconds, to
 * look costs a processor: so a thread looks for at most WEFT__SPIN_MAX, by the clock, and only while it pays.
 * In vain halves the time of the next look; a sleep that was shorter than a look gives it back in full.
 *
 *   struct weft__spin spin = {0};
 *   do {
 *           if (what I wait for is there)
 *                   return weft__spin_won(&spinner, &spin);
 *   } while (weft__spin(&spinner, &spin));
 *   weft_time since = weft__spin_asleep(&spinner);
 *   sleep;
 *   weft__spin_awake(&spinner, since);
 */
#ifndef WEFT_CORE_SPIN_H
#define WEFT_CORE_SPIN_H

#include <stdbool.h>
#include <weft/base.h>

#define WEFT__SPIN_MAX INT64_C(50000) /* ns */

/* One thread's memory of how well it paid. Zeroed: it will look in full. */
struct weft__spinner {
	int64_t held_back; /* ns that the next look is shorter */
	int64_t most;      /* ns; 0: WEFT__SPIN_MAX, < 0: never look */
};

/* One look. Zeroed: it begins. */
struct weft__spin {
	weft_time until;
	unsigned turns;
	bool shared; /* with another thread that had the processor meanwhile */
};

/* Where one processor is all there is, what one waits for can only come while one sleeps. To find that out takes
 * reading files: so a worker is told. */
bool weft__spin_alone(void);
void weft__spin_know(bool is_alone);

void weft__spin_full(const struct weft__spinner *s, struct weft__spin *spin); /* whatever it paid lately */
bool weft__spin(struct weft__spinner *s, struct weft__spin *spin);            /* false: long enough */
bool weft__spin_won(struct weft__spinner *s, const struct weft__spin *spin);  /* true */
weft_time weft__spin_asleep(const struct weft__spinner *s);
void weft__spin_awake(struct weft__spinner *s, weft_time since);

#endif
