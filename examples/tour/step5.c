/* SPDX-License-Identifier: MIT
 *
 * step5.c -- a function that crashes, in worker processes: it costs itself and nothing else.
 *
 *   step5 [EXECUTOR]   processes, with any options
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

/* Somebody else's library: it adds up at most three numbers, and ends the process if there are more. */
static long careless_sum(const char *line)
{
	long n[3], sum = 0;
	int count = 0;
	char *end;

	for (long x = strtol(line, &end, 10); end != line; x = strtol(line, &end, 10)) {
		if (count == 3)
			abort();
		n[count++] = x;
		line = end;
	}
	while (count > 0)
		sum += n[--count];
	return sum;
}

static int add_line(weft_call *call, const void *arg, void *result)
{
	(void)call;
	*(long *)result = careless_sum(arg);
	return 0;
}

/* Works at the second attempt: the first one dies. *arg points to a word that all processes share. */
static int second_try(weft_call *call, const void *arg, void *result)
{
	int *tries = *(int *const *)arg;

	(void)call;
	if (++*tries == 1)
		abort();
	*(long *)result = *tries;
	return 0;
}

static void tell(weft_task *t)
{
	weft_future *f = weft_task_future(t);
	struct weft_death death;
	int err = weft_future_wait(f, WEFT_FOREVER), status = err ? err : weft_future_status(f);

	if (status >= 0)
		printf("%s: %ld\n", t->name, *(long *)t->result);
	else if (weft_future_death(f, &death) == 0)
		printf("%s: %s: %s\n", t->name, weft_strerror(status), strsignal(death.signal));
	else
		printf("%s: %s\n", t->name, weft_strerror(status));
}

static int run(weft_executor *ex, weft_region *shared)
{
	static const char *const text[] = {"3 4 5", "1 2 3 4", "10 20 30"};
	long sum[4];
	weft_task t[4];
	int *tries, err = weft_region_alloc(shared, sizeof *tries, (void **)&tries);

	if (err)
		return err;
	*tries = 0;
	for (int i = 0; i < 3; i++)
		t[i] = (weft_task){
			.name = text[i], .fn = add_line, .arg = text[i], .arg_size = strlen(text[i]) + 1};
	t[3] = (weft_task){.name = "tries", .fn = second_try, .arg = &tries, .arg_size = sizeof tries};
	t[3].flags = WEFT_TASK_IDEMPOTENT; /* may be begun again where its worker died */
	for (int i = 0; i < 4; i++) {
		t[i].result = &sum[i];
		t[i].result_size = sizeof sum[i];
	}
	err = weft_submit_many(ex, t, 4, NULL);
	for (int i = 0; i < 4 && !err; i++)
		tell(&t[i]);
	return err;
}

int main(int argc, char **argv)
{
	weft_region *shared = NULL;
	weft_executor *ex = NULL;
	int err = weft_region_new(&shared, NULL);

	if (!err)
		err = weft_executor_open(&ex, argc > 1 ? argv[1] : "processes");
	if (!err)
		err = run(ex, shared);
	weft_executor_free(ex);
	weft_region_free(shared);
	return err ? fprintf(stderr, "step5: %s\n", weft_strerror(err)), 1 : 0;
}
