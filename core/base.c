/* SPDX-License-Identifier: MIT
 *
 * base.c -- the version, and what errors mean.
 *
 * An errno that the library gives a meaning of its own is described by that meaning, since the C
 * library's text ("Invalid cross-device link") would mislead.
 */
#include <weft/base.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

uint32_t weft_version(void)
{
	return WEFT_VERSION;
}

/* NULL: err has no meaning of the library's own. */
static const char *own_text(int err)
{
	switch (err) {
	case 0:
		return "success";
	case E2BIG:
		return "larger than can be handed over";
	case EADDRINUSE:
		return "address is taken";
	case EAGAIN:
		return "not now: full, empty or at a limit";
	case EBADMSG:
		return "worker sent garbage, or a queue is damaged";
	case EBUSY:
		return "in use: queued, running or held";
	case ECANCELED:
		return "cancelled";
	case ECHILD:
		return "another process's, or waited for elsewhere";
	case EDEADLK:
		return "would wait for itself";
	case EINPROGRESS:
		return "not done";
	case ENODATA:
		return "no worker died";
	case ENOEXEC:
		return "function not in the worker's program, or no program";
	case ENOSYS:
		return "not in this build, or not on this system";
	case ENOLCK:
		return "thread holds too many shared locks";
	case ENOMSG:
		return "next is of the other kind";
	case ENOSPC:
		return "no room left";
	case EOVERFLOW:
		return "more than can be addressed or counted";
	case EOWNERDEAD:
		return "worker died";
	case EPIPE:
		return "closed or broken";
	case ERANGE:
		return "number outside its limits";
	case ESHUTDOWN:
		return "executor is stopped";
	case ESTALE:
		return "stale: of another version, machine or namespace";
	case ETIMEDOUT:
		return "deadline passed";
	case EXDEV:
		return "other address space";
	default:
		return NULL;
	}
}

/* NULL: no such errno. strerror() of glibc is no use: its text for an unknown one is in a shared buffer. */
static const char *system_text(int err)
{
#ifdef __GLIBC__
	return strerrordesc_np(err);
#else
	/* musl gives every unknown errno the text of 0, all texts being constants. */
	const char *text = strerror(err);
	return text && strcmp(text, strerror(0)) != 0 ? text : NULL;
#endif
}

const char *weft_strerror(int err)
{
	/* -INT_MIN is no int, and no errno either. */
	int positive = err == INT_MIN ? INT_MAX : err < 0 ? -err : err;
	const char *text = own_text(positive);

	if (!text)
		text = system_text(positive);
	return text ? text : "unknown error";
}
