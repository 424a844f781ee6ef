/* SPDX-License-Identifier: MIT
 *
 * primes_pool.c -- ThreadPoolExecutor and ProcessPoolExecutor with max_workers=16, and map(is_prime, PRIMES). In Python
 * these are two programs, and the threads take turns. In C both pools compute at once, and which it is, is a string.
 *
 *   primes_pool               on threads:16
 *   primes_pool processes:16
 */
#include "lesson.h"

static const int64_t numbers[] = {112272535095293, 112582705942171, 112272535095293,
				  115280095190773, 115797848077099, 1099726899285419};
enum { N = sizeof numbers / sizeof *numbers };

static int is_prime(weft_call *call, const void *arg, void *result)
{
	int64_t n = *(const int64_t *)arg;
	bool *prime = result;

	(void)call;
	*prime = n == 2 || (n > 2 && n % 2 != 0);
	for (int64_t i = 3; *prime && i <= n / i; i += 2)
		*prime = n % i != 0;
	return 0;
}

int main(int argc, char **argv)
{
	bool prime[N];
	weft_executor *pool;
	weft_time start = weft_now();

	check(weft_executor_open(&pool, argc > 1 ? argv[1] : "threads:16"));
	check(weft_map(pool, is_prime, numbers, sizeof *numbers, prime, sizeof *prime, N, NULL));
	for (int i = 0; i < N; i++)
		say("%lld is prime: %s\n", (long long)numbers[i], prime[i] ? "True" : "False");
	say("%s: %.6f seconds\n", weft_executor_name(pool), seconds_since(start));
	weft_executor_free(pool);
	return 0;
}
