/* SPDX-License-Identifier: MIT
 *
 * model_litmus_more.c -- the checker's own suite, second part: coherence, release sequences, compare-and-swap,
 * plain data, sleep, spinning and death. See model_litmus.c.
 */
#include "atomic.h"
#include "model.h"
#include "wait.h"

static atom_u32 x, y;
static uint32_t r[4], plain;

static void start(void)
{
	x = y = 0;
	plain = 0;
	r[0] = r[1] = r[2] = r[3] = 9;
	model_name(&x, "x");
	model_name(&y, "y");
}

static void two(void (*a)(void *), void (*b)(void *))
{
	model_thread("A", a, NULL);
	model_thread("B", b, NULL);
	model_run();
}

#define THREAD(name) static void name(void *arg __attribute__((unused)))

/* ---- Coherence: all agree in which order one word is written. ---- */

THREAD(write_1_2)
{
	atom_store(&x, 1, relaxed);
	atom_store(&x, 2, relaxed);
}

THREAD(read_twice)
{
	r[0] = atom_load(&x, relaxed);
	r[1] = atom_load(&x, relaxed);
}

LITMUS(coherence_read_read, "0 0|0 1|0 2|1 1|1 2|2 2")
{
	start();
	two(write_1_2, read_twice);
	model_outcome("%u %u", r[0], r[1]);
}

THREAD(write_1_read)
{
	atom_store(&x, 1, relaxed);
	r[0] = atom_load(&x, relaxed);
}

THREAD(write_2_read)
{
	atom_store(&x, 2, relaxed);
	r[1] = atom_load(&x, relaxed);
}

/* Who has written reads its own, or what came after. */
LITMUS(coherence_write_read, "1 2|1 1|2 2")
{
	start();
	two(write_1_read, write_2_read);
	model_outcome("%u %u", r[0], r[1]);
}

/* ---- Release sequences: y is a counter that several decrement; x is data. ---- */

THREAD(release_then_store)
{
	atom_store(&x, 1, relaxed);
	atom_store(&y, 1, release);
	atom_store(&y, 2, relaxed);
}

THREAD(release_1)
{
	atom_store(&x, 1, relaxed);
	atom_store(&y, 1, release);
}

THREAD(add_relaxed)
{
	atom_add(&y, 1, relaxed);
}

THREAD(acquire_y)
{
	r[0] = atom_load(&y, acquire);
	r[1] = atom_load(&x, relaxed);
}

/* A read-modify-write hands on what it read: 2 is 1 + 1. A store of the same thread breaks it (C++20). */
LITMUS(release_sequence_rmw, "seen|nothing")
{
	start();
	model_thread("A", release_1, NULL);
	model_thread("B", add_relaxed, NULL);
	model_thread("C", acquire_y, NULL);
	model_run();
	model_outcome("%s", r[0] == 2 ? r[1] ? "seen" : "missed" : "nothing");
}

LITMUS(release_sequence_store, "2 1|2 0|1 1|0 1|0 0")
{
	start();
	two(release_then_store, acquire_y);
	model_outcome("%u %u", r[0], r[1]);
}

/* ---- Read-modify-writes read the latest; a CAS may fail by an old value, but succeed by the latest only. ---- */

THREAD(count)
{
	atom_add(&x, 1, relaxed);
	atom_add(&x, 1, relaxed);
}

LITMUS(adds_are_not_lost, "4")
{
	start();
	two(count, count);
	model_outcome("%u", x);
}

THREAD(claim_a)
{
	uint32_t free_word = 0;

	r[0] = atom_cas(&x, &free_word, 1, relaxed, relaxed);
}

THREAD(claim_b)
{
	uint32_t free_word = 0;

	r[1] = atom_cas(&x, &free_word, 2, relaxed, relaxed);
}

LITMUS(cas_has_one_winner, "1 0|0 1")
{
	start();
	two(claim_a, claim_b);
	model_outcome("%u %u", r[0], r[1]);
}

THREAD(set_x_then_y)
{
	atom_store(&x, 1, relaxed);
	atom_store(&y, 1, relaxed);
}

THREAD(cas_y_then_x)
{
	uint32_t one = 1, two = 2;

	r[0] = atom_cas(&y, &one, 5, relaxed, relaxed);
	r[1] = atom_cas(&x, &two, 5, relaxed, relaxed) ? 9 : two;
}

LITMUS(cas_fails_by_an_old_value, "0 0|0 1|1 1|1 0")
{
	start();
	two(set_x_then_y, cas_y_then_x);
	model_outcome("%u %u", r[0], r[1]);
}

/* ---- Plain data. ---- */

THREAD(publish)
{
	plain = 1;
	atom_store(&y, 1, release);
}

THREAD(publish_relaxed)
{
	plain = 1;
	atom_store(&y, 1, relaxed);
}

THREAD(publish_early)
{
	atom_store(&y, 1, release);
	plain = 1;
}

THREAD(consume)
{
	r[0] = atom_load(&y, acquire) ? plain : 0;
}

LITMUS(plain_published, "0|1")
{
	start();
	two(publish, consume);
	model_outcome("%u", r[0]);
}

MODEL_FAILS(plain_race, MODEL_RACE)
{
	start();
	two(publish_relaxed, consume);
}

MODEL_FAILS(plain_race_after_the_release, MODEL_RACE)
{
	start();
	two(publish_early, consume);
}

/* A fence orders words, and through them plain data, but alone it orders none. */
THREAD(fence_write)
{
	plain = 1;
	atom_fence(seq_cst);
}

THREAD(fence_read)
{
	atom_fence(seq_cst);
	r[0] = plain;
}

MODEL_FAILS(plain_race_around_fences, MODEL_RACE)
{
	start();
	two(fence_write, fence_read);
}

THREAD(spin_for_y)
{
	while (!atom_load(&y, relaxed))
		atom_pause();
	r[0] = plain;
}

MODEL_FAILS(plain_race_behind_a_relaxed_loop, MODEL_RACE)
{
	start();
	two(publish, spin_for_y);
}

/* The same found where the racing execution is not the first, and the body passes fences: what it knew in the
 * execution before must not count. */
THREAD(read_if_x)
{
	if (atom_load(&x, relaxed))
		r[0] = plain;
}

THREAD(write_then_x)
{
	plain = 1;
	atom_store(&x, 1, relaxed);
}

MODEL_FAILS(plain_race_after_fences_of_the_body, MODEL_RACE)
{
	start();
	atom_fence(seq_cst);
	atom_store(&x, 0, relaxed);
	two(read_if_x, write_then_x);
	atom_fence(seq_cst);
}

THREAD(touch_gone)
{
	atom_store(&x, 1, relaxed);
}

MODEL_FAILS(memory_that_is_gone, MODEL_GONE)
{
	start();
	model_gone(&x, sizeof x);
	model_thread("A", touch_gone, NULL);
	model_run();
}

/* ---- Sleeping, spinning, dying. ---- */

THREAD(sleep_on_y)
{
	while (!atom_load(&y, acquire))
		weft__wait(&y, 0, WEFT_FOREVER, WEFT__PRIVATE);
}

THREAD(set_y_and_wake)
{
	atom_store(&y, 1, release);
	weft__wake(&y, 1, WEFT__PRIVATE);
}

THREAD(set_y_only)
{
	atom_store(&y, 1, release);
}

MODEL(sleep_and_wake)
{
	start();
	model_spurious(1);
	two(sleep_on_y, set_y_and_wake);
}

MODEL_FAILS(wake_forgotten, MODEL_DEADLOCK)
{
	start();
	two(sleep_on_y, set_y_only);
}

MODEL(spin_sees_it_in_the_end)
{
	start();
	two(set_y_only, spin_for_y);
}

MODEL_FAILS(spin_for_nothing, MODEL_LIVELOCK)
{
	start();
	two(spin_for_y, claim_a);
}

/* A loop that counts its rounds ends even if nothing comes. */
THREAD(spin_ten_times)
{
	for (int i = 0; i < 10 && !atom_load(&y, relaxed); i++)
		atom_pause();
	r[0] = atom_load(&y, relaxed);
}

LITMUS(spin_gives_up, "0|1")
{
	start();
	model_impatient();
	two(spin_ten_times, set_y_only);
	model_outcome("%u", r[0]);
}

THREAD(retry_without_pause)
{
	while (!atom_load(&x, relaxed)) {}
}

MODEL_FAILS(endless_loop, MODEL_ENDLESS)
{
	start();
	model_thread("A", retry_without_pause, NULL);
	model_run();
}

LITMUS(death_between_two_stores, "0 0|1 0|1 1")
{
	int a;

	start();
	a = model_thread("A", set_x_then_y, NULL);
	model_mortal(a);
	model_run();
	model_assert(model_died(a) == (y == 0));
	model_outcome("%u %u", x, y);
}
