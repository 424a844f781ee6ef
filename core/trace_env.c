/* SPDX-License-Identifier: MIT
 *
 * trace_env.c -- WEFT_TRACE and WEFT_TRACE_SIZE, which ask for a trace from outside. The variables are read before
 * main(), while nobody changes the environment. The files come with the first executor or task: in a run that becomes a
 * nursery or a worker there is none. Whatever is wrong is said, and the program goes on (decision 0101).
 */
#include "forked.h"
#include "probe.h"
#include "spec.h"
#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/trace.h>

static struct weft__lock lock;
static char wanted[PATH_MAX];

__attribute__((constructor)) static void read_environment(void)
{
	const char *path =
		secure_getenv("WEFT_TRACE"); /* not of a program that has more rights than who runs it */

	if (!path || !*path)
		return;
	if (strlen(path) >= sizeof wanted) {
		fprintf(stderr, "weft: WEFT_TRACE: %s; nothing is traced\n", weft_strerror(-ENAMETOOLONG));
		return;
	}
	strcpy(wanted, path);
	atom_or(&weft__probes.on, WEFT__PROBE_PENDING, relaxed); /* before there are threads */
}

static int wanted_size(size_t *ret)
{
	const char *text = secure_getenv("WEFT_TRACE_SIZE");
	uint64_t mib;
	int err;

	if (!text || !*text)
		return 0;
	err = weft__parse_u64(text, strlen(text), 1, WEFT__TRACE_MOST_MIB, &mib);
	if (!err)
		*ret = (size_t)mib << 20;
	return err;
}

static void begin(void)
{
	size_t size = 0;
	int err = wanted_size(&size);
	const char *variable = err ? "_SIZE" : "";

	if (!err)
		err = weft_trace_start(wanted, size);
	if (err && err != -EALREADY)
		fprintf(stderr, "weft: WEFT_TRACE%s: %s; nothing is traced\n", variable, weft_strerror(err));
}

void weft__trace_open(void)
{
	weft__generation(); /* so that forks are heard of */
	weft__lock(&lock);
	/* Relaxed: under the lock. */
	if (atom_load(&weft__probes.on, relaxed) & WEFT__PROBE_PENDING) {
		begin();
		weft__trace_clear(WEFT__PROBE_PENDING);
	}
	weft__unlock(&lock);
}

void weft__trace_env_forked(void)
{
	lock = (struct weft__lock){0};
}
