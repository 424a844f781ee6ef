/* SPDX-License-Identifier: MIT
 *
 * checker_explore.c -- which execution comes next. Wherever an execution could go on in several ways it asks
 * choose(). The answers, in order, are the execution: with the same answers it is the same again. So
 *
 *   depth first   changes the last answer that can still be changed, until none can
 *   random        answers by a generator whose seed is the number of the execution
 *   PCT           (Burckhardt and others, 2010) gives each thread a priority and runs the highest; at
 *                 depth - 1 points, drawn beforehand, the running thread gets the lowest
 *   replay        answers from a text
 */
#include "checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHOICES = 1 << 14, OUTCOMES = 64, CHANGES = 8 };

struct options options;

static struct {
	uint8_t chosen, n;
} stack[CHOICES];
static unsigned depth, position;
static bool next_exists;
static const char *script; /* of a replay: the answers still to come */
static uint64_t random_state;
static unsigned changes[CHANGES], length; /* PCT: at which steps; steps of the longest execution so far */

static unsigned outcomes_seen;
static char outcomes[OUTCOMES][64];

void too_large(const char *what)
{
	fprintf(stderr, "model: too many %s for the checker's tables\n", what);
	exit(2);
}

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static unsigned answer(unsigned n, unsigned fresh)
{
	if (position < depth) {
		if (stack[position].n != n) {
			fprintf(stderr,
				"model: an execution did not repeat itself (choice %u: of %u, was of %u): "
				"is everything set up in the body?\n",
				position, n, stack[position].n);
			exit(2);
		}
		return stack[position++].chosen;
	}
	if (depth == CHOICES)
		too_large("choices");
	stack[depth].chosen = (uint8_t)fresh;
	stack[depth++].n = (uint8_t)n;
	position++;
	return fresh;
}

static unsigned scripted(unsigned n);

/* Half of all loads read the latest store, as most do in life. */
unsigned choose(unsigned n)
{
	if (n < 2)
		return 0;
	if (script)
		return scripted(n);
	if (position < depth || options.mode == MODE_DFS)
		return answer(n, 0);
	return answer(n, draw() % 2 ? 0 : (unsigned)(draw() % n));
}

static unsigned by_priority(unsigned n, const unsigned threads[], const bool plain[])
{
	unsigned best = 0;

	if (draw() % 16 == 0 && !plain[n - 1]) /* deaths, deadlines */
		return n - 1;
	for (unsigned i = 0; i < CHANGES; i++)
		if (changes[i] == run.steps)
			run.thread[run.current].priority = -(int)i;
	for (unsigned i = 1; i < n; i++)
		if (plain[i] && run.thread[threads[i]].priority > run.thread[threads[best]].priority)
			best = i;
	return best;
}

unsigned choose_thread(unsigned n, const unsigned threads[], const bool plain[])
{
	if (n < 2)
		return 0;
	if (script)
		return scripted(n);
	if (position < depth || options.mode == MODE_DFS)
		return answer(n, 0);
	return answer(n, options.mode == MODE_PCT ? by_priority(n, threads, plain) : (unsigned)(draw() % n));
}

static void draw_priorities(void)
{
	for (unsigned i = 0; i < MODEL_THREADS; i++)
		run.thread[i].priority = 1 + (int)(draw() % 1000000);
	for (unsigned i = 0; i < CHANGES; i++)
		changes[i] = i + 1 < options.depth ? (unsigned)(draw() % (length + 1)) : UINT32_MAX;
}

/* ---- A text that stands for an execution: the mode's letter, the bound, the choices. ---- */

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-+";

void print_replay(void)
{
	unsigned last = position;

	while (last && !stack[last - 1].chosen) /* what is not written is 0 */
		last--;
	printf("%c%u,%u:", options.mode == MODE_DFS ? 'd' : 'r', options.preemptions, options.old_reads);
	for (unsigned i = 0; i < last; i++)
		putchar(digits[stack[i].chosen]);
	putchar('\n');
}

static unsigned scripted(unsigned n)
{
	const char *digit = *script ? strchr(digits, *script++) : digits;

	if (!digit || digit - digits >= (int)n) {
		fprintf(stderr, "model: this is a replay of something else\n");
		exit(2);
	}
	return answer(n, (unsigned)(digit - digits));
}

/* ---- Litmus tests: which outcomes there were. ---- */

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p; p = strchr(p, '|')) {
		p += *p == '|';
		if (!strncmp(p, word, n) && (p[n] == '|' || !p[n]))
			return true;
	}
	return false;
}

/* An outcome that is not listed is a failure at once. */
static void note_outcome(const struct model *m)
{
	for (unsigned i = 0; i < outcomes_seen; i++)
		if (!strcmp(outcomes[i], run.outcome))
			return;
	if (outcomes_seen == OUTCOMES)
		too_large("outcomes");
	strcpy(outcomes[outcomes_seen++], run.outcome);
	if (!has_word(m->outcomes, run.outcome)) {
		run.failure = MODEL_OUTCOME;
		snprintf(run.text, sizeof run.text, "an outcome that is forbidden: %s", run.outcome);
	}
}

static void check_all_seen(const struct model *m)
{
	unsigned listed = 1;

	for (const char *p = m->outcomes; *p; p++)
		listed += *p == '|';
	if (listed == outcomes_seen)
		return;
	run.failure = MODEL_OUTCOME;
	snprintf(run.text, sizeof run.text, "%u of the outcomes %s did not come up", listed - outcomes_seen,
		 m->outcomes);
}

/* ---- All executions of a model. ---- */

/* The next one in depth-first order: false, there is none. */
static bool next(void)
{
	depth = position;
	while (depth && stack[depth - 1].chosen + 1 == stack[depth - 1].n)
		depth--;
	if (!depth)
		return false;
	stack[depth - 1].chosen++;
	return true;
}

static bool begin(uint64_t i)
{
	position = 0;
	if (options.mode == MODE_DFS)
		return i == 0 || next_exists;
	random_state = options.seed + i;
	depth = 0;
	if (options.mode == MODE_PCT)
		draw_priorities();
	return i < options.runs;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool explore(const struct model *m, struct explored *ret)
{
	double start = seconds();

	*ret = (struct explored){0};
	depth = outcomes_seen = length = 0;
	next_exists = true;
	if (options.replay) {
		char mode = 0;
		int used = 0;

		sscanf(options.replay, "%c%u,%u:%n", &mode, &options.preemptions, &options.old_reads, &used);
		options.mode = mode == 'd' ? MODE_DFS : MODE_RANDOM;
		script = options.replay + used;
	}
	while (begin(ret->executions)) {
		run_begin(m);
		ret->executions++;
		ret->steps += run.steps;
		length = run.steps > length ? run.steps : length;
		if (!run.failure && m->outcomes)
			note_outcome(m);
		if (run.failure || script)
			break;
		next_exists = options.mode == MODE_DFS && next();
	}
	ret->seconds = seconds() - start;
	if (!run.failure && m->outcomes && options.mode == MODE_DFS && !script)
		check_all_seen(m);
	return !run.failure;
}
