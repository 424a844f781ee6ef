/* SPDX-License-Identifier: MIT
 *
 * plain_hooks.h -- the functions that the compiler calls, with -fsanitize=thread, at plain accesses. Included once, by
 * the file that has
 *
 *   static void access_plain(const void *p, size_t size, bool writes, const void *pc);
 */
#ifndef TESTS_MODEL_PLAIN_HOOKS_H
#define TESTS_MODEL_PLAIN_HOOKS_H

#include <string.h>

#define HOOK(name, size, writes)                                                                             \
	void name(void *p);                                                                                  \
	void name(void *p)                                                                                   \
	{                                                                                                    \
		access_plain(p, size, writes, __builtin_return_address(0));                                  \
	}
#define HOOKS(size)                                                                                          \
	HOOK(__tsan_read##size, size, false)                                                                 \
	HOOK(__tsan_write##size, size, true)                                                                 \
	HOOK(__tsan_unaligned_read##size, size, false)                                                       \
	HOOK(__tsan_unaligned_write##size, size, true)
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

#define RANGE_HOOK(name, writes)                                                                             \
	void name(void *p, size_t size);                                                                     \
	void name(void *p, size_t size)                                                                      \
	{                                                                                                    \
		access_plain(p, size, writes, __builtin_return_address(0));                                  \
	}
RANGE_HOOK(__tsan_read_range, false)
RANGE_HOOK(__tsan_write_range, true)

#define EMPTY_HOOK(name, ...)                                                                                \
	void name(__VA_ARGS__);                                                                              \
	void name(__VA_ARGS__)                                                                               \
	{                                                                                                    \
	}
EMPTY_HOOK(__tsan_init, void)
EMPTY_HOOK(__tsan_func_entry, void *pc __attribute__((unused)))
EMPTY_HOOK(__tsan_func_exit, void)

void *__tsan_memset(void *to, int c, size_t size);
void *__tsan_memset(void *to, int c, size_t size)
{
	access_plain(to, size, true, __builtin_return_address(0));
	return memset(to, c, size);
}

void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
	access_plain(from, size, false, __builtin_return_address(0));
	access_plain(to, size, true, __builtin_return_address(0));
	return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size)
{
	access_plain(from, size, false, __builtin_return_address(0));
	access_plain(to, size, true, __builtin_return_address(0));
	return memmove(to, from, size);
}

#endif
