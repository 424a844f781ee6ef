/* SPDX-License-Identifier: MIT
 *
 * grind.h -- what valgrind is asked and told, by instructions that do nothing without it; where its header was not there
 * when the library was built, nothing.
 */
#ifndef WEFT_CORE_GRIND_H
#define WEFT_CORE_GRIND_H

#include <stdbool.h>

/* A sanitizer and valgrind do not go together. */
#if defined(__has_include) && !defined(WEFT__TSAN) && !defined(WEFT__ASAN)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define WEFT__GRIND 1
#endif
#endif

/* Does the program run on valgrind's processor? */
static inline bool weft__grind(void)
{
#ifdef WEFT__GRIND
	return RUNNING_ON_VALGRIND;
#else
	return false;
#endif
}

/* A stack, or it would take each switch for a huge frame. Returns its number. */
static inline unsigned weft__grind_stack(void *low, void *high)
{
#ifdef WEFT__GRIND
	return VALGRIND_STACK_REGISTER(low, high);
#else
	(void)low, (void)high;
	return 0;
#endif
}

static inline void weft__grind_forget(unsigned stack)
{
#ifdef WEFT__GRIND
	VALGRIND_STACK_DEREGISTER(stack);
#else
	(void)stack;
#endif
}

#endif
