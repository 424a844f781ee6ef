/* SPDX-License-Identifier: MIT
 *
 * worker_care.c -- what a worker looks after between tasks: functions in files that it does not have yet, its
 * limits, and traces that a task has left in the processor and in the signal mask.
 *
 * The floating point mode is put right after each task, which costs some nanoseconds. The signal mask would
 * cost a system call, a fifth of a microsecond, so it is put right when the worker runs out of work.
 */
#include "module.h"
#include "worker_start.h"

#include <errno.h>
#include <signal.h>

static const struct worker_plan *plan; /* of this process; NULL: none */
static int descriptor;                 /* any that is open */
static sigset_t mask;

/* Rounding, exceptions, denormals. */
struct float_mode {
#if defined(__x86_64__)
	uint32_t sse;
	uint16_t x87;
#elif defined(__aarch64__)
	uint64_t fpcr;
#else
	char nothing;
#endif
};

static struct float_mode mode;

/* The clobber keeps a compiler from taking two of these for one. */
static struct float_mode get_float_mode(void)
{
	struct float_mode m = {0};

#if defined(__x86_64__)
	m.sse = __builtin_ia32_stmxcsr() & ~0x3fU; /* without what has occurred */
	__asm__("fnstcw %0" : "=m"(m.x87) : : "memory");
#elif defined(__aarch64__)
	__asm__("mrs %0, fpcr" : "=r"(m.fpcr) : : "memory");
#endif
	return m;
}

static void set_float_mode(struct float_mode m)
{
#if defined(__x86_64__)
	__builtin_ia32_ldmxcsr(m.sse);
	__asm__("fldcw %0" : : "m"(m.x87) : "memory");
#elif defined(__aarch64__)
	__asm__("msr fpcr, %0" : : "r"(m.fpcr) : "memory");
#else
	(void)m;
#endif
}

static bool same_float_mode(struct float_mode a, struct float_mode b)
{
#if defined(__x86_64__)
	return a.sse == b.sse && a.x87 == b.x87;
#elif defined(__aarch64__)
	return a.fpcr == b.fpcr;
#else
	(void)a, (void)b;
	return true;
#endif
}

void worker_care_begin(const struct worker_plan *p, int fd)
{
	plan = p;
	descriptor = fd;
	mode = get_float_mode();
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
}

int worker_care_find(const struct weft__token *t, weft_fn **ret, weft_call *call)
{
	int err = weft__token_find(t, ret);
	const struct worker_module *m;

	if (err != -ENOEXEC || !plan)
		return err;
	m = plan_find(plan, t);
	if (!m || !m->path[0])
		return weft_call_fail(call, err, "its file is not in the worker, and no longer on disk");
	err = weft__module_load(m->path, t, call->text, sizeof call->text);
	call->has_text = err;
	return err ? err : weft__token_find(t, ret);
}

bool worker_care_after_task(void)
{
	if (!plan)
		return false;
	if (!same_float_mode(get_float_mode(), mode))
		set_float_mode(mode);
	return worker_limits_passed(plan, descriptor);
}

void worker_care_idle(void)
{
	if (plan)
		pthread_sigmask(SIG_SETMASK, &mask, NULL);
}
