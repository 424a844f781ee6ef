/* SPDX-License-Identifier: MIT
 *
 * kit_system.h -- the C library, as models of threads and processes have it: their sources call these functions by
 * the names of the real ones (kit_names.h).
 *
 * A thread that the library starts is run by a thread of the model, of which there have to be enough: kit_server.
 */
#ifndef TESTS_MODEL_KIT_SYSTEM_H
#define TESTS_MODEL_KIT_SYSTEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* In the body: no thread has been started; so many of the model's may yet start some. */
void kit_system_start(unsigned starters);
void kit_system_check(void); /* after model_run: nothing is left behind */

/* A thread of a model: runs those that the library starts, one after another, until no starter is left. */
void kit_server(void *unused);
void kit_starter_ends(void); /* the last that a starter does */
bool kit_starters_are_gone(void);

/* What a thread does at its very end, as a destructor of its own data; NULL: nothing. */
extern void (*kit_destructor)(void);

/* Memory that is given back stays until the next execution, and who touches it fails. */
void *kit_calloc(size_t n, size_t size);
void *kit_malloc(size_t size);
void kit_free(void *p);

int kit_once(pthread_once_t *once, void (*fn)(void)); /* each time, in the body; else not at all */
int kit_thread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int kit_thread_join(pthread_t thread, void **ret);
int kit_thread_detach(pthread_t thread);
pthread_t kit_thread_self(void);
_Noreturn void kit_thread_exit(void *unused);
void kit_cleanup_push(void (*fn)(void *), void *arg);
void kit_cleanup_pop(bool runs);
int kit_prctl(int what, ...);

/* kit_own.c */
int kit_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int kit_close(int fd);
int kit_memfd(const char *name, size_t size);
void *kit_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int kit_munmap(void *p, size_t size);

#endif
