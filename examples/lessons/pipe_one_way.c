/* SPDX-License-Identifier: MIT
 *
 * pipe_one_way.c -- Pipe(), a child that sends, a parent that receives: messages stay whole, of whatever size.
 *
 * Both ends lie in shared memory, so an end is handed to a process as it is.
 */
#include <weft/pipe.h>
#include <weft/process.h>

#include "lesson.h"

static int talk(weft_call *call, const void *arg, void *result)
{
	static const char *const words[] = {"hello", "from", "the child"};
	weft_pipe *out = *(weft_pipe *const *)arg;

	(void)call, (void)result;
	for (size_t i = 0; i < 3; i++)
		check(weft_pipe_send(out, words[i], strlen(words[i]) + 1, WEFT_FOREVER));
	return weft_pipe_close(out);
}

int main(void)
{
	weft_pipe *in, *out;
	weft_process *p;
	char word[64];
	ssize_t n;

	check(weft_pipe_new(&in, &out, NULL));
	check(weft_process_start(&p, talk, &out, sizeof out, NULL));
	while ((n = weft_pipe_recv(in, word, sizeof word, WEFT_FOREVER)) >= 0)
		say("received %zd bytes: %s\n", n, word);
	check(n == -EPIPE ? 0 : n); /* the other end is closed */
	say("the other end is closed\n");
	check(weft_process_join(p, WEFT_FOREVER));
	weft_process_free(p);
	weft_pipe_close(in);
	return 0;
}
