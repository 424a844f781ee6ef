/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <weft/weft.h>

static int is_prime(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	bool prime = n > 1;
	(void)call;
	for (uint64_t i = 2; prime && i <= n / i; i++)
		prime = n % i != 0;
	*(bool *)result = prime;
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t n[] = {112272535095293, 112582705942171, 1099726899285419};
	bool prime[3];
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");

	if (!err)
		err = weft_map(ex, is_prime, n, sizeof *n, prime, sizeof *prime, 3, NULL);
	for (int i = 0; i < 3 && !err; i++)
		printf("%ju is prime: %s\n", (uintmax_t)n[i], prime[i] ? "true" : "false");
	weft_executor_free(ex);
	return err ? fprintf(stderr, "hello: %s\n", weft_strerror(err)), 1 : 0;
}
