/* SPDX-License-Identifier: MIT
 *
 * context.h -- a flow of control with a stack of its own, and the switch from one to another: a call that returns
 * in the other one. Within one thread only.
 *
 * What the calling convention has a function keep is kept: registers, and the control words of floating point.
 * Signal masks belong to the thread. Hardware shadow stacks are not known here: context.c is compiled without
 * the mark of being fit for them, so the loader leaves them off for the whole program.
 */
#ifndef WEFT_CORE_CONTEXT_H
#define WEFT_CORE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define WEFT__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT__ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WEFT__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT__TSAN 1
#endif
#endif

#if (!defined(__x86_64__) || defined(__ILP32__)) && !defined(__aarch64__)
#define WEFT__UCONTEXT 1
#endif

#ifdef WEFT__UCONTEXT
#include <ucontext.h>
#endif

struct weft__context {
	void *sp; /* while it does not run */
#ifdef WEFT__UCONTEXT
	ucontext_t u;
#endif
	void (*entry)(void *arg);
	void *arg;
	/* Of its stack: what the sanitizers want to know. */
	const void *low;
	size_t size;
#ifdef WEFT__TSAN
	void *tool;
#else
	unsigned tool; /* valgrind's number of it */
#endif
};

/* A context that will call entry(arg), which must not return, on the size bytes from low. */
void weft__context_init(struct weft__context *c, void *low, size_t size, void (*entry)(void *arg), void *arg);

/* The one that runs. */
void weft__context_adopt(struct weft__context *c);

/* From the one that runs. */
void weft__context_switch(struct weft__context *from, struct weft__context *to);

/* The same, and from is never switched to again. */
void weft__context_leave(struct weft__context *from, struct weft__context *to);

/* Not of the one that runs. Its stack is the caller's again. */
void weft__context_fini(struct weft__context *c);

#endif
