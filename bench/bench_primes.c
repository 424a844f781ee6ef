/* SPDX-License-Identifier: MIT
 *
 * bench_primes.c -- the list of examples/primes.c, one task for each number: work that has nothing to
 * do with the library, which shows what the library leaves of it.
 */
#include <errno.h>

#include <weft/weft.h>

#include "shim.h"

enum { LENGTH = 13, TIMES = 5, N = LENGTH * TIMES, PRIMES = 12 * TIMES };

static const uint64_t list[LENGTH] = {
	1116281,         1297337,         104395303,        472882027,       533000389,
	817504243,       982451653,       112272535095293,  112582705942171, 112272535095293,
	115280095190773, 115797848077099, 1099726899285419,
};

struct load {
	const char *spec;
	weft_executor *ex;
	uint64_t number[N];
	bool prime[N];
};

static int is_prime(weft_call *call, const void *in, void *out)
{
	uint64_t n = *(const uint64_t *)in, root = 0;
	bool prime =
		n > 1; /* not in *out all the while: its neighbours in the cache line are other threads' */

	for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1)
		if ((root | bit) * (root | bit) <= n)
			root |= bit;
	for (uint64_t i = 2; i <= root && prime; i++) {
		prime = n % i != 0;
		if (i % 65536 == 0 && weft_call_cancelled(call))
			return -ECANCELED;
	}
	*(bool *)out = prime;
	return 0;
}

static int setup(void *ctx)
{
	struct load *l = ctx;

	for (size_t i = 0; i < N; i++)
		l->number[i] = list[i % LENGTH];
	return weft_executor_open(&l->ex, l->spec);
}

static void teardown(void *ctx)
{
	struct load *l = ctx;

	weft_executor_free(l->ex);
	l->ex = NULL;
}

static int check_once(struct load *l)
{
	struct weft_map_opts opts = {.size = sizeof opts, .chunk = 1};
	size_t primes = 0;
	int err =
		weft_map(l->ex, is_prime, l->number, sizeof *l->number, l->prime, sizeof *l->prime, N, &opts);

	for (size_t i = 0; i < N; i++)
		primes += l->prime[i];
	bench_counter("primes", (double)primes);
	return err ? err : primes == PRIMES ? 0 : -EBADMSG;
}

static int run(void *ctx, size_t n)
{
	int err = 0;

	for (; n > 0 && !err; n--)
		err = check_once(ctx);
	return err;
}

int main(int argc, char **argv)
{
	static const char *const spec[] = BENCH_EXECUTORS;
	static struct load load[BENCH_N_EXECUTORS];

	for (size_t i = 0; i < BENCH_N_EXECUTORS; i++) {
		load[i].spec = spec[i];
		bench_add(&(struct bench){"primes", spec[i], setup, run, teardown, &load[i], 1, N});
	}
	return bench_main(argc, argv);
}
