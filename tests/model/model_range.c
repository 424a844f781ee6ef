/* SPDX-License-Identifier: MIT
 *
 * model_range.c -- core/range.c: runners that take from their own rows, and steal when they have nothing
 * more. Each unit goes to one of them, and none is lost.
 */
#include "model.h"
#include "range.h"

enum { RUNNERS = 3, UNITS = 6 };

static struct weft__range row[RUNNERS];
static uint32_t base, runners, most;
static bool once;           /* each steals at most once: three would take the checker too long */
static unsigned ran[UNITS]; /* plain: who runs a unit that another runs too, is a race */

static void run_row(uint32_t me)
{
	uint32_t at, n;

	while ((n = weft__range_take(&row[me], most, &at)))
		for (uint32_t i = 0; i < n; i++) {
			model_assert(at - base + i < UNITS);
			ran[at - base + i]++;
		}
}

static bool steal(uint32_t me)
{
	uint32_t at, n = 0;

	for (uint32_t i = 1; i < runners && !n; i++)
		n = weft__range_steal(&row[(me + i) % runners], &at);
	if (n)
		weft__range_set(&row[me], at, at + n);
	return n;
}

static void run(void *arg)
{
	uint32_t me = *(uint32_t *)arg;

	do
		run_row(me);
	while (steal(me) && !once);
	if (once)
		run_row(me);
}

/* The first has n units, the others none. */
static void loop(uint32_t from, uint32_t n, uint32_t how_many, uint32_t at_a_time)
{
	static uint32_t number[RUNNERS] = {0, 1, 2};
	static const char *const name[] = {"A", "B", "C"};

	base = from;
	once = how_many > 2;
	runners = how_many;
	most = at_a_time;
	for (uint32_t i = 0; i < UNITS; i++)
		ran[i] = 0;
	for (uint32_t i = 0; i < runners; i++) {
		weft__range_set(&row[i], base, i ? base : base + n);
		model_name(&row[i].word, name[i]);
		model_thread(name[i], run, &number[i]);
	}
	model_run();
	for (uint32_t i = 0; i < UNITS; i++)
		model_assert(ran[i] == (i < n));
}

MODEL(range_two)
{
	loop(0, 4, 2, 1);
}

MODEL(range_two_take_some)
{
	loop(7, UNITS, 2, 2);
}

/* The last number that a row can begin with is 2^32 - 2. */
MODEL(range_two_at_the_end)
{
	loop(UINT32_MAX - 4, 4, 2, 1);
}

/* The numbers pass the largest that is not negative. */
MODEL(range_two_in_the_middle)
{
	loop(INT32_MAX - 1, 4, 2, 1);
}

MODEL(range_three)
{
	loop(0, 3, 3, 1);
}

MODEL(range_three_at_the_end)
{
	loop(UINT32_MAX - 3, 3, 3, 1);
}

/* One that forgets what it has left, while another steals: what he has stolen is run, once. */
static uint32_t forgotten;

static void forget(void *arg)
{
	uint32_t at;

	(void)arg;
	if (weft__range_take(&row[0], 1, &at) == 1)
		ran[at]++;
	forgotten = weft__range_look(&row[0], &at);
	weft__range_set(&row[0], 4, 5);
	if (weft__range_take(&row[0], 1, &at) == 1)
		ran[at]++;
}

MODEL(range_forgotten)
{
	static uint32_t thief = 1;

	base = 0;
	once = false;
	runners = 2;
	most = 1;
	for (uint32_t i = 0; i < UNITS; i++)
		ran[i] = 0;
	weft__range_set(&row[0], 0, 4);
	weft__range_set(&row[1], 0, 0);
	model_thread("A", forget, NULL);
	model_thread("B", run, &thief);
	model_run();
	for (uint32_t i = 0; i < UNITS; i++)
		model_assert(ran[i] <= 1);
	model_assert(ran[0] == 1 && ran[4] == 1 && !ran[5]);
}
