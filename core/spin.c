/* SPDX-License-Identifier: MIT
 *
 * spin.c -- how long to look before sleeping. The time that a spinner is held back goes from 0 to the whole
 * look, so that zeroed memory is one that looks in full.
 */
#include "spin.h"
#include "wait.h"

#include <sched.h>
#include <weft/executor.h>

/* Turns between two looks at the clock. Then the processor is offered to others, too: the thread that is
 * waited for may have been woken on this one, and be queued behind us. */
enum { TURNS = 16 };

/* ns. Longer than sched_yield takes by itself (0.2 to 0.6 us), shorter than from one thread to another and back. */
#define SWITCHED 1200

static int64_t most(const struct weft__spinner *s)
{
	return s->most ? s->most : WEFT__SPIN_MAX;
}

static atom_u32 alone; /* 0: not known yet, else 1 + the answer */

bool weft__spin_alone(void)
{
	/* Relaxed: whoever asks first, all get the same answer. */
	if (!atom_load(&alone, relaxed))
		weft__spin_know(weft_cpu_count() == 1);
	return atom_load(&alone, relaxed) == 2;
}

void weft__spin_know(bool is_alone)
{
	atom_store(&alone, 1 + (uint32_t)is_alone, relaxed);
}

void weft__spin_full(const struct weft__spinner *s, struct weft__spin *spin)
{
	if (most(s) > 0 && !weft__spin_alone())
		spin->until = weft_now() + most(s);
}

/* Offers the processor. True: somebody had it. Two threads that look out for one another from the same
 * processor hand it to and fro, and the kernel leaves them there for milliseconds; but one that is woken goes to a
 * processor that is idle. So who notices this sleeps, once. */
static bool yield(weft_time now)
{
	sched_yield();
	return weft_now() - now > SWITCHED;
}

bool weft__spin(struct weft__spinner *s, struct weft__spin *spin)
{
	weft_time now;

	if (weft__fiber) /* others of its thread could run, and one of them may be what it looks for */
		return false;
	if (!spin->until) {
		int64_t look = most(s) - s->held_back;

		if (look <= most(s) / 16 || weft__spin_alone())
			return false;
		spin->until = weft_now() + look;
	}
	atom_pause();
	if (++spin->turns % TURNS)
		return true;
	now = weft_now();
	if (now < spin->until && !spin->shared) {
		spin->shared = yield(now);
		return true;
	}
	s->held_back += (most(s) - s->held_back) / 2;
	return false;
}

bool weft__spin_won(struct weft__spinner *s, const struct weft__spin *spin)
{
	if (spin->until)
		s->held_back = spin->shared ? most(s) : 0;
	return true;
}

weft_time weft__spin_asleep(const struct weft__spinner *s)
{
	return most(s) > 0 ? weft_now() : 0;
}

void weft__spin_awake(struct weft__spinner *s, weft_time since)
{
	if (most(s) > 0 && weft_now() - since < most(s))
		s->held_back = 0;
}
