/* SPDX-License-Identifier: MIT
 *
 * thrown.c -- where the C++ runtime keeps, for each thread, which exceptions are being handled. The library is C and
 * links none; in a program with C++ tasks it is there when the program is loaded, and fibers must not mix it up.
 */
#include "fiber.h"

/* Hidden by the build's default, it would not be looked for in other libraries. */
__attribute__((weak, visibility("default"))) struct weft__handled *__cxa_get_globals(void);

struct weft__handled *weft__handled_here(void)
{
	return __cxa_get_globals ? __cxa_get_globals() : NULL;
}
