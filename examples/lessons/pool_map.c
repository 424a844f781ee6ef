/* SPDX-License-Identifier: MIT
 *
 * pool_map.c -- Pool.map over range(10): the results come in the order of the arguments, whoever computes them.
 *
 *   pool_map             on four worker processes
 *   pool_map threads:4   on threads; or inline, or uring:2
 */
#include "lesson.h"

static int square(weft_call *call, const void *arg, void *result)
{
	int x = *(const int *)arg;

	(void)call;
	*(int *)result = x * x;
	return 0;
}

int main(int argc, char **argv)
{
	int x[10], squares[10];
	weft_executor *pool;

	for (int i = 0; i < 10; i++)
		x[i] = i;
	check(weft_executor_open(&pool, argc > 1 ? argv[1] : "processes:4"));
	check(weft_map(pool, square, x, sizeof *x, squares, sizeof *squares, 10, NULL));
	for (int i = 0; i < 10; i++)
		say("%d%c", squares[i], i < 9 ? ' ' : '\n');
	weft_executor_free(pool);
	return 0;
}
