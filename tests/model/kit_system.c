/* SPDX-License-Identifier: MIT
 *
 * kit_system.c -- see kit_system.h.
 */
#include "kit_system.h"

#include "exit_hold.h"
#include "forked.h"
#include "model.h"
#include "own_thread.h"
#include "spin.h"
#include "wait.h"

#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <weft/base.h>

enum { JOBS = 4, GIVEN_BACK = 64, OVER = 1 << 16 };

static struct job {
	void *(*fn)(void *);
	void *arg;
	atom_u32 ended, owned; /* somebody has joined or detached it */
} job[JOBS];
static atom_u32 jobs; /* how many, and OVER */
static unsigned starters;
static bool in_body;
static uint32_t n_jobs, taken;

void (*kit_destructor)(void);

static _Thread_local struct {
	pthread_t self;
	jmp_buf end;
	void (*cleanup)(void *);
	void *cleanup_arg;
} mine;

/* What has been given back, for the next execution to free; and what has not. Of the real thread, which is one. */
static void *given_back[GIVEN_BACK];
static unsigned n_given_back, n_taken;

/* ---- Memory ---- */

__attribute__((no_sanitize_thread)) static void forget_memory(void)
{
	while (n_given_back)
		free(given_back[--n_given_back]);
	n_taken = 0;
}

__attribute__((no_sanitize_thread)) void *kit_calloc(size_t n, size_t size)
{
	n_taken++;
	return calloc(n, size);
}

void *kit_malloc(size_t size)
{
	return kit_calloc(1, size);
}

/* It is the next one's to write into: a race with who has not done with it. */
static void wipe(uint32_t *p, size_t size)
{
	for (size_t i = 0; i < size / sizeof *p; i++)
		p[i] = 0;
}

__attribute__((no_sanitize_thread)) void kit_free(void *p)
{
	if (!p)
		return;
	model_assert(n_given_back < GIVEN_BACK && n_taken);
	given_back[n_given_back++] = p;
	n_taken--;
	wipe(p, malloc_usable_size(p));
	model_gone(p, malloc_usable_size(p));
}

/* ---- Threads ---- */

/* Which one is anybody's affair between two steps, and orders nothing. */
__attribute__((no_sanitize_thread)) static uint32_t next_job(void)
{
	model_assert(n_jobs < JOBS);
	return n_jobs++;
}

__attribute__((no_sanitize_thread)) static bool take_job(uint32_t n)
{
	if (taken == n)
		return false;
	mine.self = ++taken;
	return true;
}

int kit_thread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	uint32_t i = next_job();

	(void)attr;
	job[i].fn = fn;
	job[i].arg = arg;
	*ret = i + 1;
	atom_add(&jobs, 1, release);
	weft__wake(&jobs, INT_MAX, WEFT__PRIVATE);
	return 0;
}

int weft__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	return kit_thread_create(ret, NULL, fn, arg);
}

/* Its own, or that of one who waits for it. */
static struct job *own_job(pthread_t thread)
{
	struct job *j = &job[thread - 1];

	model_assert(thread && !atom_swap(&j->owned, 1, relaxed));
	return j;
}

int kit_thread_join(pthread_t thread, void **ret)
{
	struct job *j = own_job(thread);

	(void)ret;
	while (!atom_load(&j->ended, acquire))
		weft__wait(&j->ended, 0, WEFT_FOREVER, WEFT__PRIVATE);
	return 0;
}

int kit_thread_detach(pthread_t thread)
{
	own_job(thread);
	return 0;
}

pthread_t kit_thread_self(void)
{
	return mine.self;
}

void kit_cleanup_push(void (*fn)(void *), void *arg)
{
	mine.cleanup = fn;
	mine.cleanup_arg = arg;
}

void kit_cleanup_pop(bool runs)
{
	void (*fn)(void *) = mine.cleanup;

	mine.cleanup = NULL;
	if (runs)
		fn(mine.cleanup_arg);
}

void kit_thread_exit(void *unused)
{
	(void)unused;
	kit_cleanup_pop(mine.cleanup);
	longjmp(mine.end, 1);
}

static void run(struct job *j)
{
	if (!setjmp(mine.end))
		j->fn(j->arg);
	if (kit_destructor)
		kit_destructor();
	atom_store(&j->ended, 1, release);
	weft__wake(&j->ended, INT_MAX, WEFT__PRIVATE);
}

void kit_server(void *unused)
{
	uint32_t n;

	(void)unused;
	for (;;) {
		n = atom_load(&jobs, acquire);
		if (take_job(n % OVER))
			run(&job[mine.self - 1]);
		else if (n & OVER)
			return;
		else
			weft__wait(&jobs, n, WEFT_FOREVER, WEFT__PRIVATE);
	}
}

__attribute__((no_sanitize_thread)) void kit_starter_ends(void)
{
	if (--starters)
		return;
	atom_or(&jobs, OVER, release);
	weft__wake(&jobs, INT_MAX, WEFT__PRIVATE);
}

__attribute__((no_sanitize_thread)) bool kit_starters_are_gone(void)
{
	return !starters;
}

/* ---- What the library asks for besides ---- */

/* As the kernel's knowledge in kit_own.c. */
__attribute__((no_sanitize_thread)) int kit_once(pthread_once_t *once, void (*fn)(void))
{
	(void)once;
	if (in_body)
		fn();
	in_body = false;
	return 0;
}

int kit_prctl(int what, ...)
{
	(void)what;
	return 0;
}

/* Nothing is to run when the checker ends. */
int atexit(void (*fn)(void))
{
	(void)fn;
	return 0;
}

/* One: see kit_task.c. */
unsigned weft_cpu_count(void)
{
	return 1;
}

/* ---- An execution ---- */

void kit_system_start(unsigned n)
{
	forget_memory();
	memset(job, 0, sizeof job);
	jobs = n_jobs = taken = 0;
	starters = n;
	in_body = true;
	kit_destructor = NULL;
	/* What is done or asked for once must not be part of an execution. */
	weft__generation();
	weft__spin(&(struct weft__spinner){0}, &(struct weft__spin){0});
	weft__exit_hold();
	weft__exit_reset();
	model_name(&jobs, "jobs");
}

void kit_system_check(void)
{
	for (uint32_t i = 0; i < atom_load(&jobs, relaxed) % OVER; i++)
		model_assert(job[i].owned && job[i].ended);
	model_assert(!n_taken);
}
