/* SPDX-License-Identifier: MIT
 *
 * kit_names.h -- included ahead of sources of the library (CMakeLists.txt), which then call kit_system.h's functions.
 */
#ifndef TESTS_MODEL_KIT_NAMES_H
#define TESTS_MODEL_KIT_NAMES_H

#include "kit_system.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#undef pthread_cleanup_push
#undef pthread_cleanup_pop
#define calloc                        kit_calloc
#define malloc                        kit_malloc
#define free                          kit_free
#define pthread_once                  kit_once
#define pthread_create                kit_thread_create
#define pthread_join                  kit_thread_join
#define pthread_detach                kit_thread_detach
#define pthread_self                  kit_thread_self
#define pthread_atfork                kit_atfork
#define pthread_cleanup_push(fn, arg) kit_cleanup_push(fn, arg)
#define pthread_cleanup_pop(runs)     kit_cleanup_pop(runs)
#define prctl                         kit_prctl
#define close                         kit_close
#define mmap                          kit_mmap
#define munmap                        kit_munmap
#define weft__memfd                   kit_memfd
#endif
