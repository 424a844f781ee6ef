/* SPDX-License-Identifier: MIT
 *
 * open.c -- from a text to an executor. The one place that knows which kinds there are.
 */
#include "module.h"
#include "spec.h"
#include <weft/mpi.h>
#include <weft/process_pool.h>
#include <weft/thread_pool.h>
#include <weft/uring.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_inline(weft_executor **ret, const struct weft__spec *spec)
{
	static const char *const keys[] = {NULL};
	int err = spec->has_count ? -EINVAL : weft__spec_only(spec, keys);

	if (!err)
		*ret = weft_inline();
	return err;
}

static int open_threads(weft_executor **ret, const struct weft__spec *spec)
{
	static const char *const keys[] = {"queue", "name", "pin", "spin", NULL};
	struct weft_thread_pool_opts o = {.size = sizeof o, .threads = spec->count};
	uint32_t pin = 0, spin = 50;
	int err = weft__spec_only(spec, keys);

	if (!err)
		err = weft__spec_u32(spec, "queue", 1, 1u << 30, &o.queue);
	if (!err)
		err = weft__spec_u32(spec, "pin", 0, 1, &pin);
	if (!err)
		err = weft__spec_u32(spec, "spin", 0, 1000000, &spin);
	if (pin)
		o.flags |= WEFT_THREADS_PIN;
	o.spin = spin ? spin : WEFT_SPIN_NEVER;
	o.name = weft__spec_find(spec, "name");
	return err ? err : weft_thread_pool_new(ret, &o);
}

static int parse_start(const struct weft__spec *spec, enum weft_start *ret)
{
	const char *how = weft__spec_find(spec, "start");

	if (!how || !strcmp(how, "nursery"))
		*ret = WEFT_START_NURSERY;
	else if (!strcmp(how, "fork"))
		*ret = WEFT_START_FORK;
	else if (!strcmp(how, "spawn"))
		*ret = WEFT_START_SPAWN;
	else
		return -EINVAL;
	return 0;
}

static int parse_flag(const struct weft__spec *spec, const char *key, uint32_t flag, uint32_t *flags)
{
	uint32_t on = 0;
	int err = weft__spec_u32(spec, key, 0, 1, &on);

	*flags |= on ? flag : 0;
	return err;
}

static int open_processes(weft_executor **ret, const struct weft__spec *spec)
{
	static const char *const keys[] = {"queue",   "name",    "start",     "max_tasks",  "slot",
					   "max_rss", "max_cpu", "max_files", "max_memory", "nice",
					   "pin",     "sandbox", "large",     NULL};
	struct weft_process_pool_opts o = {.size = sizeof o, .workers = spec->count};
	const struct {
		const char *key;
		uint32_t min, max, *value;
	} numbers[] = {
		{"queue", 1, 1u << 30, &o.queue},           {"max_tasks", 1, UINT32_MAX, &o.max_tasks},
		{"slot", 64, 1u << 28, &o.slot_size},       {"max_rss", 1, 1u << 20, &o.max_rss},
		{"max_cpu", 1, 1000000, &o.max_cpu},        {"max_files", 8, 1u << 20, &o.max_files},
		{"max_memory", 1, 1u << 20, &o.max_memory}, {"nice", 0, 19, &o.nice},
	};
	uint32_t large = 0;
	int err = weft__spec_only(spec, keys);

	if (!err)
		err = parse_start(spec, &o.start);
	for (size_t i = 0; !err && i < sizeof numbers / sizeof numbers[0]; i++)
		err = weft__spec_u32(spec, numbers[i].key, numbers[i].min, numbers[i].max, numbers[i].value);
	if (!err)
		err = parse_flag(spec, "pin", WEFT_PROCESSES_PIN, &o.flags);
	if (!err)
		err = parse_flag(spec, "sandbox", WEFT_PROCESSES_SANDBOX, &o.flags);
	if (!err)
		err = weft__spec_u32(spec, "large", 1u << 20, UINT32_MAX, &large);
	o.large_limit = large;
	o.name = weft__spec_find(spec, "name");
	return err ? err : weft_process_pool_new(ret, &o);
}

static int parse_engine(const struct weft__spec *spec, enum weft_uring_engine *ret)
{
	const char *engine = weft__spec_find(spec, "engine");

	if (!engine || !strcmp(engine, "any"))
		*ret = WEFT_URING_ANY;
	else if (!strcmp(engine, "io_uring"))
		*ret = WEFT_URING_RING;
	else if (!strcmp(engine, "epoll"))
		*ret = WEFT_URING_EPOLL;
	else
		return -EINVAL;
	return 0;
}

static int open_uring(weft_executor **ret, const struct weft__spec *spec)
{
	static const char *const keys[] = {"queue",   "name",   "stack",     "slack",
					   "entries", "engine", "long_turn", NULL};
	struct weft_uring_opts o = {.size = sizeof o, .lanes = spec->count};
	uint32_t slack = 50, long_turn = 10000;
	int err = weft__spec_only(spec, keys);

	if (!err)
		err = weft__spec_u32(spec, "queue", 1, 1u << 30, &o.queue);
	if (!err)
		err = weft__spec_u32(spec, "stack", 16384, 64u << 20, &o.stack_size);
	if (!err)
		err = weft__spec_u32(spec, "slack", 0, 1000000, &slack);
	if (!err)
		err = weft__spec_u32(spec, "entries", 1, 32768, &o.entries);
	if (!err)
		err = weft__spec_u32(spec, "long_turn", 0, 60000000, &long_turn);
	if (!err)
		err = parse_engine(spec, &o.engine);
	o.slack = slack ? slack : WEFT_SLACK_NONE;
	o.long_turn = long_turn ? long_turn : WEFT_LONG_TURN_NONE;
	o.name = weft__spec_find(spec, "name");
	return err ? err : weft_uring_new(ret, &o);
}

/* "mpi" is a library of its own, which the program may have linked; else it is loaded, for good. */
struct mpi_library {
	int (*new)(weft_executor **ret, const struct weft_mpi_opts *opts);
	int (*serve)(const struct weft_mpi_opts *opts);
};

#pragma weak weft_mpi_new
#pragma weak weft_mpi_serve

/* What is loaded brings a libweft of its own, if this one is part of the program: that would not do. */
static bool is_for_us(void *library)
{
	int (*theirs)(weft_executor **, const char *);

	*(void **)(void *)&theirs = dlsym(library, "weft_executor_open");
	return theirs == weft_executor_open;
}

/* Beside the file that we lie in, else where libraries are looked for. Global: so MPI finds itself when it loads its
 * parts. */
static void *load_mpi(void)
{
	static const char name[] = "libweft-mpi.so.0";
	char path[PATH_MAX];
	weft_fn *here = (weft_fn *)(void (*)(void))weft_executor_open;
	void *library = NULL;
	char *end;

	if (!weft__module_path(here, path, sizeof path - sizeof name) && (end = strrchr(path, '/'))) {
		memcpy(end + 1, name, sizeof name);
		library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	}
	return library ? library : dlopen(name, RTLD_NOW | RTLD_GLOBAL);
}

static int find_mpi(struct mpi_library *ret)
{
	void *library;

	*ret = (struct mpi_library){weft_mpi_new, weft_mpi_serve};
	if (ret->new && ret->serve)
		return 0;
	library = load_mpi();
	if (!library || !is_for_us(library))
		return -ENOSYS;
	*(void **)(void *)&ret->new = dlsym(library, "weft_mpi_new");
	*(void **)(void *)&ret->serve = dlsym(library, "weft_mpi_serve");
	return ret->new && ret->serve ? 0 : -ENOSYS;
}

/* On a rank other than 0 the program has nothing more to do but serve. */
static int new_or_serve(weft_executor **ret, const struct weft_mpi_opts *o)
{
	struct mpi_library mpi;
	int err = find_mpi(&mpi);

	if (!err)
		err = mpi.serve(NULL);
	if (err == 1)
		exit(EXIT_SUCCESS); /* NOLINT(concurrency-mt-unsafe) */
	return err ? err : mpi.new(ret, o);
}

static int open_mpi(weft_executor **ret, const struct weft__spec *spec)
{
	static const char *const keys[] = {"queue", "name", "patience", "root", NULL};
	struct weft_mpi_opts o = {.size = sizeof o};
	char local[WEFT__SPEC_VALUE];
	uint32_t root = 1;
	int err = weft__spec_only(spec, keys);

	if (!err)
		err = weft__spec_u32(spec, "queue", 1, 1u << 30, &o.queue);
	if (!err)
		err = weft__spec_u32(spec, "patience", 100, 3600000, &o.patience);
	if (!err)
		err = weft__spec_u32(spec, "root", 0, 1, &root);
	o.flags = root ? 0 : WEFT_MPI_ROOT_IDLE;
	o.name = weft__spec_find(spec, "name");
	snprintf(local, sizeof local, "processes:%u", spec->count);
	o.local = spec->has_count ? local : NULL;
	return err ? err : new_or_serve(ret, &o);
}

static const struct {
	const char *kind;
	int (*open)(weft_executor **ret, const struct weft__spec *spec);
} kinds[] = {
	{"inline", open_inline}, {"threads", open_threads}, {"processes", open_processes},
	{"uring", open_uring},   {"mpi", open_mpi},
};

static const char *from_environment(void)
{
	/* As safe as any reading of the environment: the program must not change it meanwhile. */
	const char *text = getenv("WEFT_EXECUTOR"); /* NOLINT(concurrency-mt-unsafe) */

	return text && *text ? text : "threads";
}

int weft_executor_open(weft_executor **ret, const char *text)
{
	struct weft__spec spec;
	int err;

	if (!ret)
		return -EINVAL;
	if (!text)
		text = from_environment();
	err = weft__spec_parse(&spec, text);
	if (err)
		return err;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (!strcmp(spec.kind, kinds[i].kind))
			return kinds[i].open(ret, &spec);
	return -EINVAL;
}
