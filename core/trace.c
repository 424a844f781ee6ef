/* SPDX-License-Identifier: MIT
 *
 * trace.c -- writing events into the file that all processes of a program have mapped.
 *
 * Each thread has a chunk of its own, so nobody waits for anybody: it writes an event, then says that there is one
 * more. If its process is killed in between, that event is not there; all before it are. A thread whose chunk is
 * full takes the next one by an addition; if there is none left it counts what it drops.
 *
 * The file may be unmapped while threads come by. So who writes says first that he is in, on one of some counters,
 * and looks at the switch again; who ends the trace turns the switch off, then waits until nobody is in.
 *
 *   tag  word       from -> to           order                        carries
 *   T1   chunk.n    record -> reader     store rel -> load acq        the events
 *   T2   users.in   record <-> off       add, load seq_cst <->        nothing: the writer sees that it is off, or
 *                                        store, load seq_cst          who turned it off sees the writer
 *   T3   users.in   record -> off        sub rel -> load acq          that it is done with the file
 *   T4   probes.on  begin -> record      or rel -> load of T2         weft__trace
 *
 * Names are in a table of the file, found by a hash of their text; the first who needs one writes it. Functions are
 * asked for their names where they start, since no locks are held there; each process remembers their numbers.
 *
 * Progress: record is wait-free, but for the loader, who is asked once for each function. ABA, wrap-around: chunks
 * are given out once; the count of them stops soon behind the last. Death: a process killed between taking a place
 * for a name and writing it leaves an empty name.
 */
#include "probe.h"
#include "trace_file.h"
#include "tracing.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { USERS = 64, KNOWN = 256 };

#ifndef WEFT__NO_PROBES
struct weft__probes weft__probes;
#endif
struct weft__trace weft__trace = {.file = ""};

static struct users {
	_Alignas(64) atom_u32 in;
} users[USERS];

/* Functions whose names have numbers: address << 16 | number. */
static atom_u64 known[KNOWN];

static _Thread_local struct mine {
	struct trace_chunk *chunk; /* NULL: there was none left */
	uint32_t epoch, user;      /* user 0: not chosen yet */
} mine __attribute__((tls_model("initial-exec")));

/* ---- In and out ---- */

atom_u32 *weft__trace_enter(void)
{
	static atom_u32 threads;
	atom_u32 *in;

	/* Relaxed, here and below: a number that differs from thread to thread; it is set before there are threads. */
	if (atom_load(&weft__probes.on, relaxed) & WEFT__PROBE_PENDING)
		weft__trace_open();
	if (!mine.user)
		mine.user = 1 + atom_add(&threads, 1, relaxed) % USERS;
	in = &users[mine.user - 1].in;
	/* T2, T4 seq_cst: pairs with switch_off. */
	atom_add(in, 1, seq_cst);
	if (atom_load(&weft__probes.on, seq_cst) & WEFT__PROBE_TRACE)
		return in;
	atom_sub(in, 1, relaxed); /* it has touched nothing */
	return NULL;
}

void weft__trace_leave(atom_u32 *in)
{
	/* T3 release: pairs with switch_off. */
	atom_sub(in, 1, release);
}

void weft__trace_clear(uint32_t bit)
{
	uint32_t on = atom_load(&weft__probes.on, relaxed);

	/* T2 seq_cst: pairs with enter. */
	while (!atom_cas(&weft__probes.on, &on, on & ~bit, seq_cst, relaxed)) {}
}

void weft__trace_switch_off(void)
{
	weft__trace_clear(WEFT__PROBE_TRACE);
	for (int i = 0; i < USERS; i++)
		/* T2 seq_cst, T3 acquire. They never wait in there. */
		while (atom_load(&users[i].in, seq_cst))
			sched_yield();
}

void weft__trace_users_reset(void)
{
	/* Relaxed: a child of fork has one thread. */
	for (int i = 0; i < USERS; i++)
		atom_store(&users[i].in, 0, relaxed);
}

/* ---- Events ---- */

static struct trace_chunk *take_chunk(struct trace_head *h)
{
	uint32_t i;

	/* Relaxed: chunks are zero when they are given out. */
	if (atom_load(&h->next, relaxed) >= weft__trace.n_chunks)
		return NULL;
	i = atom_add(&h->next, 1, relaxed);
	return i < weft__trace.n_chunks ? &h->chunk[i] : NULL;
}

static void introduce(struct trace_chunk *c)
{
	char comm[TRACE_COMM] = "";

	c->pid = getpid();
	c->tid = gettid();
	c->program = weft__trace.program ? weft__trace.program : c->pid;
	prctl(PR_GET_NAME, comm); /* in a sandbox it has none */
	memcpy(c->thread, comm, sizeof comm);
	memcpy(c->process, weft__trace.process, sizeof c->process);
}

/* The next chunk of the calling thread; if there is none it stays with the one that is full. */
static void open_chunk(struct trace_head *h, uint32_t epoch)
{
	struct trace_chunk *before = mine.epoch == epoch ? mine.chunk : NULL, *c = take_chunk(h);

	if (c && before)
		memcpy(&c->pid, &before->pid,
		       offsetof(struct trace_chunk, rest) - offsetof(struct trace_chunk, pid));
	else if (c)
		introduce(c);
	mine.epoch = epoch;
	mine.chunk = c ? c : before;
}

static void drop(struct trace_head *h, int64_t now)
{
	uint64_t never = 0;

	/* Relaxed, all: figures for people. */
	if (!atom_load(&h->full_at, relaxed))
		atom_cas(&h->full_at, &never, (uint64_t)now, relaxed, relaxed);
	if (mine.chunk)
		atom_store(&mine.chunk->dropped, atom_load(&mine.chunk->dropped, relaxed) + 1, relaxed);
	else
		atom_add(&h->dropped, 1, relaxed);
}

/* By one who is in. */
static void write_event(enum weft__trace_kind kind, uint64_t id, uint32_t a, uint64_t b)
{
	struct trace_head *h = weft__trace.head;
	/* Relaxed: it changes while nobody is in. */
	uint32_t epoch = atom_load(&weft__trace.epoch, relaxed), n;
	int64_t now = weft_now();

	if (atom_load(&h->closed, relaxed)) /* relaxed: by another process; what comes later is not read */
		return;
	if (mine.epoch != epoch || !mine.chunk || atom_load(&mine.chunk->n, relaxed) >= TRACE_EVENTS)
		open_chunk(h, epoch);
	/* Relaxed: ours to write; but another process may have, too. */
	n = mine.chunk ? atom_load(&mine.chunk->n, relaxed) : TRACE_EVENTS;
	if (n >= TRACE_EVENTS) {
		drop(h, now);
		return;
	}
	mine.chunk->event[n] = (struct trace_event){.time = now, .id = id, .kind = kind, .a = a, .b = b};
	/* T1 release: the event. */
	atom_store(&mine.chunk->n, n + 1, release);
}

void weft__trace_record(enum weft__trace_kind kind, uint64_t id, uint32_t a, uint64_t b)
{
	atom_u32 *in = weft__trace_enter();

	if (!in)
		return;
	write_event(kind, id, a, b);
	weft__trace_leave(in);
}

/* ---- Names ---- */

static uint64_t hash(const char *text, size_t *ret_size)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	size_t n = 0;

	for (; n < TRACE_NAME_MAX && text[n]; n++)
		h = (h ^ (unsigned char)text[n]) * UINT64_C(0x100000001b3);
	*ret_size = n;
	return h ? h : 1;
}

uint32_t weft__trace_number(struct trace_name *table, const char *text)
{
	size_t size;
	uint64_t key = hash(text, &size);

	for (uint32_t i = 0; i < TRACE_NAMES; i++) {
		uint32_t at = (uint32_t)(key + i) % TRACE_NAMES;
		uint64_t now = atom_load(&table[at].key, relaxed);

		/* Relaxed: who only has the number does not look at the text; T1 brings it to the reader. */
		if (!now && atom_cas(&table[at].key, &now, key, relaxed, relaxed)) {
			memcpy(table[at].text, text, size);
			return at + 1;
		}
		if (now == key)
			return at + 1;
	}
	return 0;
}

/* The file that the loader says; of the program itself that is what its starter has called it, in a worker
 * something else. */
static const char *file_of(const Dl_info *info)
{
	const char *file = info->dli_fname ? info->dli_fname : "?", *slash = strrchr(file, '/');

	if ((uintptr_t)getauxval(AT_PHDR) - (uintptr_t)info->dli_fbase < 4096) /* in its first page */
		return weft__trace.file;
	return slash ? slash + 1 : file;
}

/* As the loader calls it, or file and offset. */
static void describe(weft_fn *fn, char *ret, size_t size)
{
	void *at = (void *)(uintptr_t)fn;
	Dl_info info;

	if (!dladdr(at, &info))
		snprintf(ret, size, "%p", at);
	else if (info.dli_sname && info.dli_saddr == at)
		snprintf(ret, size, "%s", info.dli_sname);
	else
		snprintf(ret, size, "%.*s+0x%lx", TRACE_FILE_MAX, file_of(&info),
			 (unsigned long)((uintptr_t)fn - (uintptr_t)info.dli_fbase));
}

static atom_u64 *place_of(weft_fn *fn)
{
	uint64_t address = (uintptr_t)fn;

	return &known[(address >> 4 ^ address >> 12) % KNOWN];
}

/* 0: its name has yet to be found. */
static uint32_t known_number(weft_fn *fn)
{
	/* Relaxed: it is all in the one word. */
	uint64_t entry = atom_load(place_of(fn), relaxed);

	return entry >> 16 == (uintptr_t)fn ? (uint32_t)(entry & 0xffff) : 0;
}

void weft__trace_forget(void)
{
	/* Relaxed: nobody is in. */
	for (int i = 0; i < KNOWN; i++)
		atom_store(&known[i], 0, relaxed);
	atom_add(&weft__trace.epoch, 1, relaxed);
}

/* Asks the loader, which may hold a lock for long: so before anybody is in. */
static uint32_t number_of_function(weft_fn *fn)
{
	char text[TRACE_NAME_MAX + 1];
	uint32_t number;

	describe(fn, text, sizeof text);
	number = weft__trace_name(text);
	/* Relaxed, as above. */
	if (number && !((uint64_t)(uintptr_t)fn >> 48))
		atom_store(place_of(fn), (uint64_t)(uintptr_t)fn << 16 | number, relaxed);
	return number;
}

uint32_t weft__trace_name(const char *text)
{
	atom_u32 *in = weft__trace_enter();
	uint32_t number;

	if (!in)
		return 0;
	number = weft__trace_number(weft__trace.head->name, text);
	weft__trace_leave(in);
	return number;
}

void weft__trace_submit(const weft_task *t, const void *ex, const char *executor)
{
	weft__trace_record(WEFT__TRACE_SUBMIT, (uintptr_t)t, weft__trace_name(executor), (uintptr_t)ex);
}

void weft__trace_start(const void *id, const weft_task *t, uint32_t name)
{
	if (!name && t->name)
		name = weft__trace_name(t->name);
	else if (!name)
		name = known_number(t->fn);
	weft__trace_record(WEFT__TRACE_START, (uintptr_t)id, name ? name : number_of_function(t->fn), 0);
}
