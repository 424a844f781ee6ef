/* SPDX-License-Identifier: MIT
 *
 * checker_sites.c -- the places in the sources where there is an atomic operation, and a weaker order in one
 * of them: the mutation run sets it by WEFT_MODEL_WEAKEN.
 *
 * A place is called "FILE FUNCTION OPERATION NUMBER", where NUMBER counts the operations of that kind in that
 * function, so that lines may come and go. An inline function is in several objects, and is one place.
 */
#include "checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern struct model_site *const __start_model_sites[] __attribute__((weak));
extern struct model_site *const __stop_model_sites[] __attribute__((weak));

const char *order_name(enum model_order order)
{
	static const char *const name[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst", "none"};

	return name[order];
}

const char *op_name(enum model_op op)
{
	static const char *const name[] = {"load", "store", "swap",  "add",   "sub",  "or",
					   "cas",  "fence", "light", "heavy", "pause"};

	return name[op];
}

static bool same_kind(const struct model_site *a, const struct model_site *b)
{
	return a->op == b->op && !strcmp(a->file, b->file) && !strcmp(a->func, b->func);
}

/* Lines of that kind before it. */
static unsigned number(const struct model_site *s)
{
	unsigned n = 1;

	for (struct model_site *const *p = __start_model_sites; p < __stop_model_sites; p++) {
		bool first = same_kind(*p, s) && (*p)->line < s->line;

		for (struct model_site *const *q = __start_model_sites; first && q < p; q++)
			first = !(same_kind(*q, *p) && (*q)->line == (*p)->line);
		n += first;
	}
	return n;
}

static void name_site(const struct model_site *s, bool failure, char ret[256])
{
	snprintf(ret, 256, "%s %s %s%s %u", s->file, s->func, op_name(s->op), failure ? "-failure" : "",
		 number(s));
}

/* "FILE FUNCTION OPERATION NUMBER ORDER" */
void sites_weaken(const char *key)
{
	const char *last = strrchr(key, ' ');
	bool found = false;

	for (struct model_site *const *p = __start_model_sites; last && p < __stop_model_sites; p++)
		for (int failure = 0; failure < 2; failure++) {
			enum model_order *order = failure ? &(*p)->failure : &(*p)->order;
			char name[256];

			if (failure && (*p)->op != MODEL_CAS)
				continue;
			name_site(*p, failure, name);
			if (strlen(name) != (size_t)(last - key) || strncmp(name, key, strlen(name)))
				continue;
			for (int o = MODEL_relaxed; o <= MODEL_none; o++)
				if (!strcmp(order_name((enum model_order)o), last + 1)) {
					*order = (enum model_order)o;
					found = true;
				}
		}
	if (!found) {
		fprintf(stderr, "model: no place or no order of that name: %s\n", key);
		exit(2);
	}
}

/* A line for each: how often it was come by, its name, its order. */
void sites_print(void)
{
	for (struct model_site *const *p = __start_model_sites; p < __stop_model_sites; p++) {
		char name[256];

		if ((*p)->op == MODEL_PAUSE)
			continue;
		name_site(*p, false, name);
		printf("site %ju %s %s\n", (uintmax_t)(*p)->touched, name, order_name((*p)->order));
		if ((*p)->op != MODEL_CAS)
			continue;
		name_site(*p, true, name);
		printf("site %ju %s %s\n", (uintmax_t)(*p)->touched, name, order_name((*p)->failure));
	}
}
