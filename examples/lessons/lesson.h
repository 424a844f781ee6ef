/* SPDX-License-Identifier: MIT
 *
 * lesson.h -- what the lessons have in common: a check of every return value, output that other processes do not tear,
 * the time that something took, and loops that the compiler does not run itself.
 */
#ifndef LESSONS_LESSON_H
#define LESSONS_LESSON_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

/* What a call returned; but if that is an error, a negative errno, the process says so and ends. A program with more to
 * lose looks at the error: see primes.c, a folder up. */
#define check(call) lesson_check(call, #call)

static inline int lesson_check(ssize_t returned, const char *call)
{
	if (returned < 0) {
		fprintf(stderr, "%s: %s\n", call, weft_strerror((int)returned));
		exit(1);
	}
	return (int)returned;
}

/* printf, but written at once: others write to the same place, and a process may be killed before it ends. */
WEFT_PRINTF(1, 2)
static inline void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	flockfile(stdout);
	vprintf(fmt, args);
	fflush(stdout);
	funlockfile(stdout);
	va_end(args);
}

static inline double seconds_since(weft_time start)
{
	return (double)(weft_now() - start) / 1e9;
}

/* The n-th argument of the program as a number, or what it is without one. */
static inline long argument(int argc, char **argv, int n, long otherwise)
{
	return n < argc ? strtol(argv[n], NULL, 10) : otherwise;
}

/* From here on the compiler does not know the value of x. Else it would see what a loop that only counts comes to, and
 * there would be nothing left to measure. */
#define FORGET(x) __asm__("" : "+r"(x))

#endif
