/* SPDX-License-Identifier: MIT
 *
 * model_bias.c -- core/bias.c: the lock that is cheap for its owner. What it protects is plain data, so any
 * hole in it is a data race to the checker.
 */
#include "bias.h"
#include "model.h"

#define THREAD(name) static void name(void *arg __attribute__((unused)))

enum { CALM = 512 }; /* as in bias.c */

static struct weft__bias bias;
static int data;

static void start(void)
{
	bias = (struct weft__bias){.calm = 0};
	data = 0;
	model_name(&bias.lock.word, "lock");
	model_name(&bias.busy, "busy");
	model_name(&bias.shared, "shared");
}

static void owner_adds(void)
{
	bool biased = weft__bias_enter(&bias);

	data++;
	weft__bias_leave(&bias, biased);
}

THREAD(owner)
{
	owner_adds();
	owner_adds();
}

THREAD(stranger)
{
	weft__bias_lock(&bias);
	data++;
	weft__bias_unlock(&bias);
}

THREAD(trying_stranger)
{
	if (weft__bias_trylock(&bias)) {
		data++;
		weft__bias_unlock(&bias);
	}
}

MODEL(bias_excludes)
{
	start();
	model_thread("owner", owner, NULL);
	model_thread("stranger", stranger, NULL);
	model_run();
	model_assert(data == 3);
}

MODEL(bias_two_strangers)
{
	start();
	model_preemptions(-1);
	model_thread("owner", owner, NULL);
	model_thread("stranger 1", stranger, NULL);
	model_thread("stranger 2", stranger, NULL);
	model_run();
	model_assert(data == 4);
}

MODEL(bias_trylock)
{
	start();
	model_thread("owner", owner, NULL);
	model_thread("stranger", trying_stranger, NULL);
	model_run();
	model_assert(data == 2 || data == 3);
}

/* The owner takes the bias back while a stranger comes. */
MODEL(bias_returns)
{
	start();
	bias.shared = 1;
	bias.calm = CALM;
	model_thread("owner", owner, NULL);
	model_thread("stranger", stranger, NULL);
	model_run();
	model_assert(data == 3);
}

/* A spinner that loses patience sleeps in the lock, and is woken. */
MODEL(bias_impatient)
{
	start();
	model_impatient();
	bias.shared = 1;
	model_thread("owner", owner, NULL);
	model_thread("stranger", stranger, NULL);
	model_run();
	model_assert(data == 3);
}
