/* SPDX-License-Identifier: MIT
 *
 * bank.c -- two threads pay the same amount in and out. At the end the balance should be what it was.
 *
 *   bank [TIMES]    that each of them does so: 100,000
 *
 * Without a lock Python reads the balance, adds, and writes it back; another thread may come in between, and its
 * booking is lost. In C that would be worse than a wrong number: two threads at one plain variable are undefined
 * behaviour. So here one look and one booking are safe by themselves, as they are in Python. What is left to show is
 * that this is not enough.
 */
#include <weft/lock.h>
#include <weft/thread.h>

#include "lesson.h"

static weft_lock word, transaction; /* zeroed: ready for use */
static long balance;                /* under word */

static long look(void)
{
	check(weft_lock_acquire(&word, WEFT_FOREVER));
	long b = balance;
	check(weft_lock_release(&word));
	return b;
}

static void book(long b)
{
	check(weft_lock_acquire(&word, WEFT_FOREVER));
	balance = b;
	check(weft_lock_release(&word));
}

struct customer {
	long amount, times;
	bool locks;
};

static int pay(weft_call *call, const void *arg, void *result)
{
	const struct customer *c = arg;

	(void)call, (void)result;
	for (long i = 0; i < c->times; i++) {
		if (c->locks)
			check(weft_lock_acquire(&transaction, WEFT_FOREVER));
		book(look() + c->amount);
		book(look() - c->amount);
		if (c->locks)
			check(weft_lock_release(&transaction));
	}
	return 0;
}

static long both(long times, bool locks)
{
	weft_thread *t[2];

	book(0);
	for (int i = 0; i < 2; i++) {
		struct customer c = {.amount = i == 0 ? 5 : 8, .times = times, .locks = locks};
		check(weft_thread_start(&t[i], pay, &c, sizeof c, NULL));
	}
	for (int i = 0; i < 2; i++) {
		check(weft_thread_join(t[i], WEFT_FOREVER));
		weft_thread_free(t[i]);
	}
	return look();
}

int main(int argc, char **argv)
{
	long times = argument(argc, argv, 1, 100000);

	say("balance without a lock: %ld\n", both(times, false));
	say("balance with a lock: %ld\n", both(times, true));
	return 0;
}
