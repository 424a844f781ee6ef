/* SPDX-License-Identifier: MIT
 *
 * model_rwlock.c -- ipc/rwlock.c: readers and writers, in private and shared memory, and when they die.
 */
#include "kit_locks.h"
#include "spin.h"

#include <string.h>
#include <weft/rwlock.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static weft_rwlock rw;
static int a, b; /* equal, but while somebody writes */
static int told_reading, told_writing;

static void start(unsigned flags)
{
	kit_locks_start();
	weft__spin_know(true);
	weft__lot_reset();
	model_assert(!weft_rwlock_init(&rw, flags));
	model_name(&rw, "gate");
	a = b = told_reading = told_writing = 0;
}

static void read_both(void)
{
	int err = weft_rwlock_read(&rw, WEFT_FOREVER);

	model_assert(!err || err == -EOWNERDEAD);
	model_assert(err || a == b);
	told_reading |= err == -EOWNERDEAD;
	model_assert(!weft_rwlock_release(&rw));
}

static void write_both(void)
{
	int err = weft_rwlock_write(&rw, WEFT_FOREVER);

	model_assert(!err || err == -EOWNERDEAD);
	model_assert(err || a == b);
	told_writing += err == -EOWNERDEAD;
	b = ++a;
	model_assert(!weft_rwlock_release(&rw));
}

THREAD(read_1)
{
	kit_locks_thread(1);
	read_both();
	kit_locks_end();
}

THREAD(write_1)
{
	kit_locks_thread(1);
	write_both();
	kit_locks_end();
}

THREAD(read_2)
{
	kit_locks_thread(2);
	read_both();
}

THREAD(write_2)
{
	kit_locks_thread(2);
	write_both();
}

THREAD(write_then_read_2)
{
	kit_locks_thread(2);
	write_both();
	read_both();
}

MODEL(rwlock_reader_and_writer)
{
	model_preemptions(-1);
	start(0);
	model_thread("reader", read_1, NULL);
	model_thread("writer", write_2, NULL);
	model_run();
	model_assert(a == 1 && b == 1);
}

MODEL(rwlock_reader_and_writer_shared)
{
	model_preemptions(-1);
	start(WEFT_SHARED);
	model_thread("reader", read_1, NULL);
	model_thread("writer", write_2, NULL);
	model_run();
	model_assert(a == 1 && b == 1);
}

MODEL(rwlock_writers)
{
	model_preemptions(-1);
	start(WEFT_SHARED);
	model_thread("A", write_1, NULL);
	model_thread("B", write_2, NULL);
	model_run();
	model_assert(a == 2 && b == 2);
}

MODEL(rwlock_reader_dies)
{
	int mortal;

	model_preemptions(-1);
	start(WEFT_SHARED);
	mortal = model_thread("reader", read_1, NULL);
	model_thread("writer", write_2, NULL);
	model_thread("kernel", kit_locks_kernel, NULL);
	model_mortal(mortal);
	model_run();
	model_assert(!told_writing && a == 1 && b == 1);
}

MODEL(rwlock_writer_dies)
{
	int mortal;

	model_preemptions(-1);
	start(WEFT_SHARED);
	mortal = model_thread("writer", write_1, NULL);
	model_thread("reader", read_2, NULL);
	model_thread("kernel", kit_locks_kernel, NULL);
	model_mortal(mortal);
	model_run();
	model_assert(model_died(mortal) || !told_reading);
}

/* Once mended, nobody is told any more. */
MODEL(rwlock_writer_dies_and_is_mended)
{
	int mortal;

	model_preemptions(-1);
	start(WEFT_SHARED);
	mortal = model_thread("writer", write_1, NULL);
	model_thread("next", write_then_read_2, NULL);
	model_thread("kernel", kit_locks_kernel, NULL);
	model_mortal(mortal);
	model_run();
	model_assert(told_writing <= 1 && a == b);
	model_assert(model_died(mortal) || (!told_writing && !told_reading));
}
