/* SPDX-License-Identifier: MIT
 *
 * plugin.c -- a file that tests load with dlopen: a task in it, and a constructor that counts. It is built twice,
 * so that the builds differ.
 */
#include <stdint.h>

#include <weft/weft.h>

static int loaded;

__attribute__((constructor)) static void load(void)
{
	loaded += PLUGIN_BUILD;
}

/* Adds to its argument, unless it is an init; says which build it is. */
WEFT_API int plugin_fn(weft_call *call, const void *arg, void *result);
int plugin_fn(weft_call *call, const void *arg, void *result)
{
	(void)call;
	if (result)
		*(uint64_t *)result = *(const uint64_t *)arg + 1000;
	return loaded;
}
