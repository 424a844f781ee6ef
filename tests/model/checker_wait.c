/* SPDX-License-Identifier: MIT
 *
 * checker_wait.c -- threads that cannot go on by themselves: those that spin, and those that sleep.
 *
 * Spinning. A thread that pauses is not run again before another thread has changed one of the words it has
 * looked at since its last pause: until then it would see what it saw, so nothing is lost, and executions
 * end. If it saw an old store though a newer one was there, it goes on at once, and sees a newer one. If
 * nobody else can run, or if the model says that spinners may be impatient, it goes round its loop until it
 * leaves it, which loops that count their rounds do; within SPIN_MAX rounds, or it waits for a change.
 *
 * Sleeping. The kernel compares the word, of which it sees the latest value, and puts the thread to sleep in
 * one step. Neither this nor a wake-up orders memory for the program.
 */
#include "checker.h"

static struct model_site site_yield = {"", "", "", 0, MODEL_PAUSE, MODEL_relaxed, MODEL_relaxed, 0};
/* No loads: they see the latest value, so it matters what happens right before them. */
static struct model_site site_wait = {"", "", "", 0, MODEL_CAS, MODEL_relaxed, MODEL_relaxed, 0};
static struct model_site site_wake = {"", "", "", 0, MODEL_CAS, MODEL_relaxed, MODEL_relaxed, 0};

/* ---- Spinning ---- */

void spin_saw(struct thread *t, unsigned loc, unsigned at)
{
	for (unsigned i = 0; i < t->n_seen && i < SPIN_LOCS; i++)
		if (t->seen[i] == loc) {
			t->seen_at[i] = (uint16_t)at;
			return;
		}
	if (t->n_seen > SPIN_LOCS) /* too many to tell: any change will do */
		return;
	if (t->n_seen < SPIN_LOCS) {
		t->seen[t->n_seen] = (uint16_t)loc;
		t->seen_at[t->n_seen] = (uint16_t)at;
	}
	t->n_seen++;
}

static bool has_seen(const struct thread *t, unsigned loc)
{
	for (unsigned i = 0; i < t->n_seen && i < SPIN_LOCS; i++)
		if (t->seen[i] == loc)
			return true;
	return t->n_seen > SPIN_LOCS;
}

void spin_wake(unsigned loc)
{
	for (unsigned i = 1; i < run.n_threads; i++) {
		struct thread *t = &run.thread[i];

		if (t->state != SPINNING || !has_seen(t, loc))
			continue;
		t->state = RUNNABLE;
		t->stuck = false;
		t->n_seen = 0;
	}
}

/* Another round of an impatient thread: it reads what it read before. NULL: it has not read this word. */
const struct store *spin_read(const struct thread *t, const struct loc *loc)
{
	for (unsigned i = 0; i < t->n_seen && i < SPIN_LOCS; i++) {
		if (t->seen[i] != loc_number(loc))
			continue;
		for (const struct store *s = loc->latest; s; s = s->older)
			if (s->at == t->seen_at[i])
				return s;
	}
	return NULL;
}

/* Has t looked at a word that was newer? Then it sees a newer one next time: stores arrive in the end. */
static bool was_late(struct thread *t)
{
	bool late = false;

	for (unsigned i = 0; i < t->n_seen && i < SPIN_LOCS; i++) {
		if (t->seen_at[i] >= run.loc[t->seen[i]].latest->at)
			continue;
		view_know(&t->cur, t->seen[i], t->seen_at[i] + 1U);
		late = true;
	}
	return late;
}

void model_pause(struct model_site *site)
{
	struct thread *t = &run.thread[run.current];

	site->touched++;
	t->last = site;
	if (!run.running)
		fail(MODEL_LIVELOCK, "the body spins, and no thread runs");
	if (t->impatient && ++t->pauses < SPIN_MAX)
		return;
	t->stuck = t->impatient;
	t->impatient = false;
	t->pauses = 0;
	if (!t->stuck && was_late(t)) {
		t->n_seen = 0;
		return;
	}
	if (!t->stuck && run.may_spin_out && choose(2) == 1) {
		step_note(t, "spins on");
		t->impatient = true;
		return;
	}
	t->state = SPINNING;
	reschedule();
	t->fresh = true;
	if (t->impatient)
		step_note(t, "spins on, since nobody else can run");
}

void spin_yield(void)
{
	model_pause(&site_yield);
}

/* ---- Sleeping ---- */

int futex_wait(void *word, uint32_t expected, int64_t deadline)
{
	struct thread *t = &run.thread[run.current];
	const struct model_site *place = t->last;
	struct loc *loc;

	before_op(&site_wait);
	t->last = place;
	race_atomic(word, false);
	loc = find_loc(word, sizeof expected, "the word slept on");
	if (loc->latest->value != expected) {
		step_add(STEP_NO_SLEEP, t, place, loc, loc->latest->value, expected, NULL);
		return 0;
	}
	if (!run.running)
		fail(MODEL_DEADLOCK, "the body sleeps, and no thread runs");
	step_add(STEP_SLEEP, t, place, loc, expected, 0, NULL);
	t->state = SLEEPING;
	t->sleeps_on = loc_number(loc);
	t->expects = expected;
	t->deadline = deadline;
	reschedule();
	t->fresh = true;
	step_add(STEP_WOKEN, t, place, loc, (uint64_t)t->answer, 0, NULL);
	return t->answer;
}

/* Which of several sleepers a wake-up reaches is a choice: the kernel promises no order. */
int futex_wake(void *word, int n)
{
	struct thread *t = &run.thread[run.current];
	const struct model_site *place = t->last;
	int loc, woken = 0;

	before_op(&site_wake);
	t->last = place;
	loc = *cell_loc(word);
	for (; loc >= 0 && n > 0; n--, woken++) {
		unsigned sleeper[MODEL_THREADS], k = 0;

		for (unsigned i = 1; i < run.n_threads; i++)
			if (run.thread[i].state == SLEEPING && run.thread[i].sleeps_on == (unsigned)loc)
				sleeper[k++] = i;
		if (!k)
			break;
		k = sleeper[(unsigned)n < k ? choose(k) : 0];
		run.thread[k].state = RUNNABLE;
		run.thread[k].answer = 0;
	}
	step_add(STEP_WAKE, t, place, loc >= 0 ? &run.loc[loc] : NULL, (uint64_t)woken, 0, NULL);
	return woken;
}
