/* SPDX-License-Identifier: MIT
 *
 * sites.c -- which places in the sources make lines move.
 */
#include "machine.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void site_moved(struct sites *s, const void *key, bool plain, double waited)
{
	size_t i = ((uintptr_t)key >> 2) % SITES;

	while (s->site[i].key && s->site[i].key != key)
		i = (i + 1) % SITES;
	s->site[i].key = key;
	s->site[i].plain = plain;
	s->site[i].moved++;
	s->site[i].waited += waited;
}

static int by_moved(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	return (x->moved < y->moved) - (x->moved > y->moved);
}

/* file:line of a place in the code, by addr2line. */
static void where(char *ret, size_t size, const void *pc)
{
	char command[512];
	Dl_info info;
	FILE *f;

	snprintf(ret, size, "%p", pc);
	if (!dladdr(pc, &info) || !info.dli_fname)
		return;
	snprintf(command, sizeof command, "addr2line -s -e '%s' %#tx 2>/dev/null", info.dli_fname,
		 (const char *)pc - (const char *)info.dli_fbase - 1);
	f = popen(command, "r");
	if (f && fgets(command, sizeof command, f) && command[0] != '?')
		snprintf(ret, size, "%.*s", (int)strcspn(command, " \n"), command);
	if (f)
		pclose(f);
}

/* The same line of a header is a site in each function that it is part of. */
static void describe(const struct site *s, char *ret, size_t size)
{
	const struct model_site *m = s->key;

	if (s->plain)
		where(ret, size, s->key);
	else
		snprintf(ret, size, "%s:%d %s(%s)",
			 strrchr(m->file, '/') ? strrchr(m->file, '/') + 1 : m->file, m->line, m->func,
			 m->what);
}

void sites_print(struct sites *s, double tasks, unsigned most)
{
	char place[160];

	qsort(s->site, SITES, sizeof *s->site, by_moved);
	for (unsigned i = 0; i < most && s->site[i].moved; i++) {
		describe(&s->site[i], place, sizeof place);
		printf("#   %7.3f a task, %8.1f ns waited: %s\n", (double)s->site[i].moved / tasks,
		       s->site[i].waited / tasks, place);
	}
}
