/* SPDX-License-Identifier: MIT
 *
 * checker_trace.c -- what happened: each step of an execution is noted as it is made, and printed, as a
 * table, if the execution goes wrong.
 */
#include "checker.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct step {
	const struct thread *thread;
	const struct model_site *site;
	const struct loc *loc;
	const struct store *read;
	const char *note;
	uint64_t value, before;
	unsigned latest; /* how many stores there were before the latest one */
	enum step_kind kind;
	enum model_order order;
};

static struct step trace[STEPS];
static struct {
	const void *word;
	const char *name;
} names[NAMES];
static unsigned n_names;

/* A body names its words in each execution anew. */
void model_name(const void *word, const char *name)
{
	for (unsigned i = 0; i < n_names; i++)
		if (names[i].word == word) {
			names[i].name = name;
			return;
		}
	if (n_names == NAMES)
		too_large("names");
	names[n_names].word = word;
	names[n_names++].name = name;
}

/* The name that the model gave it, or what is written where it was used first, with its number. */
const char *loc_name(const struct loc *loc, char ret[64])
{
	for (unsigned i = 0; i < n_names; i++)
		if (names[i].word == loc->word) {
			snprintf(ret, 64, "%s", names[i].name);
			return ret;
		}
	snprintf(ret, 64, "%.40s#%u", loc->what + (*loc->what == '&'), loc_number(loc));
	return ret;
}

static struct step *new_step(enum step_kind kind, const struct thread *t)
{
	struct step *s = &trace[run.steps];

	if (run.steps + 1 < STEPS)
		run.steps++;
	s->kind = kind;
	s->thread = t;
	s->site = NULL;
	s->loc = NULL;
	s->read = NULL;
	return s;
}

void step_add(enum step_kind kind, const struct thread *t, const struct model_site *site,
	      const struct loc *loc, uint64_t value, uint64_t before, const struct store *read)
{
	struct step *s = new_step(kind, t);

	s->site = site;
	s->loc = loc;
	s->read = read;
	s->value = value;
	s->before = before;
	s->latest = loc ? loc->latest->at : 0;
}

void step_note(const struct thread *t, const char *note)
{
	new_step(STEP_NOTE, t)->note = note;
}

const char *failure_name(enum model_failure failure)
{
	static const char *const name[] = {"nothing",           "assertion",     "data race",
					   "deadlock",          "livelock",      "use of memory that is gone",
					   "endless execution", "wrong outcomes"};

	return name[failure];
}

/* file:line of an address, by addr2line if it is there, else the function's name. */
void trace_where(char *ret, size_t size, const void *pc)
{
	char command[512];
	const char *base;
	Dl_info info;
	FILE *f;

	snprintf(ret, size, "%p", pc);
	if (!dladdr(pc, &info) || !info.dli_fname)
		return;
	if (info.dli_sname)
		snprintf(ret, size, "%s", info.dli_sname);
	snprintf(command, sizeof command, "addr2line -s -e '%s' %#tx 2>/dev/null", info.dli_fname,
		 (const char *)pc - (const char *)info.dli_fbase - 1);
	f = popen(command, "r");
	if (!f)
		return;
	if (fgets(command, sizeof command, f) && command[0] != '?') {
		command[strcspn(command, " \n")] = 0;
		base = strrchr(command, '/');
		snprintf(ret, size, "%s", base ? base + 1 : command);
	}
	pclose(f);
}

static void print_value(char *ret, size_t size, const struct loc *loc, uint64_t value)
{
	bool odd = loc->size == 8 && value > 0xffffffff;

	if (odd)
		snprintf(ret, size, "%#jx", (uintmax_t)value);
	else
		snprintf(ret, size, "%ju", (uintmax_t)value);
}

static void print_effect(const struct step *s)
{
	char value[32] = "", before[32] = "";
	enum model_op op = s->site->op;

	if (s->loc) {
		print_value(value, sizeof value, s->loc, s->value);
		print_value(before, sizeof before, s->loc, s->before);
	}
	switch (s->kind) {
	case STEP_FAILED_CAS:
		printf("is %s, not %s", value, before);
		break;
	case STEP_SLEEP:
		printf("sleeps while it is %s", value);
		break;
	case STEP_NO_SLEEP:
		printf("does not sleep: is %s, not %s", value, before);
		break;
	case STEP_WAKE:
		printf("wakes %ju", (uintmax_t)s->value);
		break;
	case STEP_WOKEN:
		printf(s->value ? "the deadline has come" : "woken");
		break;
	default:
		if (op == MODEL_LOAD || op == MODEL_STORE)
			printf("%s", value);
		else if (s->loc)
			printf("%s -> %s", before, value);
	}
	if (s->read && s->read->at < s->latest)
		printf("   (old: %u newer %s written by then)", s->latest - s->read->at,
		       s->latest - s->read->at == 1 ? "one was" : "ones were");
}

static void print_step(unsigned i, const struct step *s)
{
	char place[128] = "", what[64] = "", op[64] = "";
	const char *base;

	if (s->kind == STEP_NOTE) {
		printf("%5u  %-10s %s\n", i, s->thread->name, s->note);
		return;
	}
	if (s->site) {
		/* File names are unique in the tree, so the folder is not needed. */
		base = strrchr(s->site->file, '/');
		snprintf(place, sizeof place, "%s:%d", base ? base + 1 : s->site->file, s->site->line);
		snprintf(op, sizeof op, "%s %s", op_name(s->site->op),
			 order_name(s->kind == STEP_FAILED_CAS ? s->site->failure : s->site->order));
	}
	if (s->kind >= STEP_SLEEP)
		snprintf(op, sizeof op, "%s", s->kind == STEP_WAKE ? "wake" : "wait");
	if (s->loc)
		loc_name(s->loc, what);
	printf("%5u  %-10s %-26s %-14s %-20s ", i, s->thread->name, place, op, what);
	print_effect(s);
	putchar('\n');
}

void trace_print(const struct model *m)
{
	printf("\n%s: %s\n  %s\n\n", m->name, failure_name(run.failure), run.text);
	printf("%5s  %-10s %-26s %-14s %-20s %s\n", "step", "thread", "where", "operation", "word", "value");
	for (unsigned i = 0; i < run.steps; i++)
		if (trace[i].kind == STEP_NOTE || trace[i].site)
			print_step(i + 1, &trace[i]);
}
