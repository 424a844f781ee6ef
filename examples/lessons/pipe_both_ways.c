/* SPDX-License-Identifier: MIT
 *
 * pipe_both_ways.c -- a Pipe() is a channel with two ends, and each end sends and receives: questions go one way,
 * answers come back by the same pipe.
 */
#include <weft/pipe.h>
#include <weft/process.h>

#include "lesson.h"

static int answer(weft_call *call, const void *arg, void *result)
{
	weft_pipe *end = *(weft_pipe *const *)arg;
	int x;

	(void)call, (void)result;
	while (weft_pipe_recv(end, &x, sizeof x, WEFT_FOREVER) == sizeof x) {
		x *= x;
		check(weft_pipe_send(end, &x, sizeof x, WEFT_FOREVER));
	}
	return weft_pipe_close(end);
}

int main(void)
{
	weft_pipe *mine, *yours;
	weft_process *p;

	check(weft_pipe_new(&mine, &yours, NULL));
	check(weft_process_start(&p, answer, &yours, sizeof yours, NULL));
	for (int i = 1; i <= 5; i++) {
		int square;
		check(weft_pipe_send(mine, &i, sizeof i, WEFT_FOREVER));
		check(weft_pipe_recv(mine, &square, sizeof square, WEFT_FOREVER));
		say("%d squared is %d\n", i, square);
	}
	check(weft_pipe_close(mine)); /* the child's recv ends */
	check(weft_process_join(p, WEFT_FOREVER));
	weft_process_free(p);
	say("the child has ended\n");
	return 0;
}
