/* SPDX-License-Identifier: MIT
 *
 * kit_own.c -- see kit_own.h.
 */
#include "kit_own.h"

#include "exit_hold.h"
#include "kit_system.h"
#include "worker_start.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

/* Descriptors: of nursery i SOCKET + i, and so on; of process i PIDFD + i. */
enum { BELL = 1, MEMFD, SOCKET = 10, NURSERY = 20, PLAN = 30, PIDFD = 40, FDS = 50, MESSAGES = 4 };

/* Of the one real thread: no data of the program's. */
#define KERNEL __attribute__((no_sanitize_thread))

struct kit_own kit_own;

static bool is_open[FDS];
static void *mapped[SOCKET];
static int memfds;

/* What the kernel knows is plain, and changes within a step. One word stands for all that may be slept on, and for what
 * the kernel orders: who is told of something knows all that came before it. */
static atom_u32 events;
static bool bell;

static struct nursery {
	bool dead;
	unsigned said, heard;
	struct nursery_msg out[MESSAGES];
} nursery[KIT_NURSERIES];
static struct worker_plan plan[KIT_NURSERIES];
static weft_executor *executor; /* of the futures */

/* The processes, which end in this order. */
static struct process {
	unsigned nursery;
	uint64_t epoch;
	struct own_task *task;
	bool exists;
} process[MESSAGES];

static void wake_all(void)
{
	weft__wake(&events, INT_MAX, WEFT__PRIVATE);
}

/* From here to the next operation it is one step. */
static void step(void)
{
	atom_add(&events, 1, acq_rel);
}

/* ---- Descriptors ---- */

void process_file_set(struct process_file *f, int fd)
{
	f->fd = fd;
	if (fd >= 0) {
		model_assert(!is_open[fd]);
		is_open[fd] = true;
	}
}

int process_file_get(const struct process_file *f)
{
	return f->fd >= 0 && is_open[f->fd] ? f->fd : -1;
}

int kit_close(int fd)
{
	model_assert(is_open[fd]);
	is_open[fd] = false;
	return 0;
}

void process_file_close(struct process_file *f)
{
	if (f->fd >= 0)
		kit_close(f->fd);
	f->fd = -1;
}

int process_pidfd_get(struct process_file *f, pid_t pid)
{
	(void)pid;
	return process_file_get(f);
}

bool process_files_lost(const struct process_home *h)
{
	(void)h;
	return false;
}

KERNEL int kit_memfd(const char *name, size_t size)
{
	int fd = MEMFD + memfds;

	(void)name, (void)size;
	if (kit_own.memfd_fails)
		return -EMFILE;
	model_assert(fd < SOCKET);
	memfds++;
	is_open[fd] = true;
	return fd;
}

void *kit_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	(void)at, (void)protection, (void)flags, (void)offset;
	return mapped[fd] = kit_calloc(1, size);
}

int kit_munmap(void *p, size_t size)
{
	(void)size;
	kit_free(p);
	return 0;
}

int kit_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
	(void)before, (void)parent, (void)child;
	return 0;
}

/* ---- Nurseries ---- */

KERNEL static void say(struct nursery *n, const struct nursery_msg *m)
{
	step();
	model_assert(n->said < MESSAGES);
	n->out[n->said++] = *m;
	wake_all();
}

KERNEL static void die(struct nursery *n)
{
	step();
	n->dead = true;
	wake_all();
}

void process_home_init(struct process_home *h, enum weft_start start)
{
	*h = (struct process_home){.start = start};
	h->bell.fd = h->sock.fd = h->nursery.fd = h->plan_fd.fd = -1;
}

int process_home_open(struct process_home *h)
{
	int i = (int)kit_own.nurseries;

	if (kit_own.open_fails)
		return -EMFILE;
	model_assert(i < KIT_NURSERIES);
	kit_own.nurseries++;
	process_file_set(&h->sock, SOCKET + i);
	process_file_set(&h->nursery, NURSERY + i);
	return 0;
}

void process_home_lose(struct process_home *h)
{
	die(&nursery[h->sock.fd - SOCKET]);
	process_file_close(&h->sock);
	process_file_close(&h->nursery);
}

void process_home_quit(struct process_home *h)
{
	if (h->sock.fd >= 0)
		die(&nursery[h->sock.fd - SOCKET]);
}

void process_home_fini(struct process_home *h)
{
	process_file_close(&h->sock);
	process_file_close(&h->nursery);
	process_file_close(&h->bell);
	process_file_close(&h->plan_fd);
}

int plan_create(struct worker_plan **ret, const struct weft_process_pool_opts *o)
{
	(void)o;
	*ret = &plan[kit_own.nurseries];
	return PLAN + (int)kit_own.nurseries;
}

int plan_token(struct worker_plan *p, weft_fn *fn, struct weft__token *ret)
{
	(void)p, (void)fn, (void)ret;
	return 0;
}

bool worker_is_in_sandbox(void)
{
	return false;
}

int weft__space_ref(void)
{
	return -ENOTSUP;
}

void weft__space_unref(void)
{
}

static void leave_outcome(const struct process *p)
{
	p->task->status = KIT_STATUS;
	atom_store(&p->task->state, OWN_DONE, release);
}

/* The process is there as soon as the nursery has been asked, or it never will be. */
KERNEL int nursery_send(int sock, const struct nursery_msg *m, const int fds[], size_t n)
{
	unsigned i = (unsigned)(sock - SOCKET);
	struct nursery_msg answer = {.kind = NURSERY_SPAWNED, .epoch = m->epoch};
	struct process *p = &process[kit_own.spawned];

	(void)n;
	model_assert(is_open[sock] && is_open[fds[0]] && m->kind == NURSERY_SPAWN);
	step();
	if (nursery[i].dead)
		return -EPIPE;
	if (kit_own.dies_when_asked) {
		nursery[i].dead = true;
		wake_all();
		return 0;
	}
	if (kit_own.spawn_fails) {
		answer.kind = NURSERY_FAILED;
		answer.error = -EAGAIN;
	} else {
		*p = (struct process){i, m->epoch, mapped[fds[0]], true};
		answer.pid = 1000 + (int)kit_own.spawned++;
	}
	nursery[i].out[nursery[i].said++] = answer;
	if (p->exists && kit_own.ends_at_once) {
		leave_outcome(p);
		answer.kind = NURSERY_DIED;
		nursery[i].out[nursery[i].said++] = answer;
	}
	wake_all();
	return 0;
}

KERNEL int nursery_recv(int sock, struct nursery_msg *ret, int ret_fds[NURSERY_FDS], int flags)
{
	struct nursery *n = &nursery[sock - SOCKET];

	(void)flags;
	model_assert(is_open[sock]);
	for (int i = 0; i < NURSERY_FDS; i++)
		ret_fds[i] = -1;
	if (n->heard == n->said)
		return n->dead ? 0 : -EAGAIN;
	*ret = n->out[n->heard++];
	if (ret->kind == NURSERY_SPAWNED)
		ret_fds[0] = PIDFD + ret->pid - 1000;
	atom_add(&events, 0, acquire);
	return 1;
}

void kit_own_kill_nursery(void *unused)
{
	(void)unused;
	die(&nursery[0]);
}

/* The number of events, if it does not exist yet. */
KERNEL static uint32_t is_to_come(const struct process *p)
{
	uint32_t seen = atom_add(&events, 0, acquire);

	return p->exists ? 0 : seen;
}

void kit_own_process_ends(void *number)
{
	unsigned i = number ? *(unsigned *)number : 0;
	struct process *p = &process[i];
	struct nursery_msg m = {.kind = NURSERY_DIED, .pid = 1000 + (int)i};
	uint32_t seen;

	while ((seen = is_to_come(p)))
		weft__wait(&events, seen, WEFT_FOREVER, WEFT__PRIVATE);
	leave_outcome(p);
	m.epoch = p->epoch;
	say(&nursery[p->nursery], &m);
}

unsigned kit_own_nursery_of(unsigned i)
{
	return process[i].nursery;
}

void weft__offload(void (*fn)(void *ctx), void *ctx)
{
	fn(ctx);
}

/* ---- The watcher's sleep ---- */

int own_bell_open(void)
{
	process_file_set(&own.bell, BELL);
	return 0;
}

KERNEL void own_ring(void)
{
	if (process_file_get(&own.bell) < 0)
		return;
	step();
	bell = true;
	wake_all();
}

/* Its processes went with it. */
void own_await_end(weft_process *p)
{
	(void)p;
}

struct sleep {
	unsigned n, home[KIT_NURSERIES];
	struct own_home *idle;
};

KERNEL static void prepare(struct sleep *s)
{
	struct list_node *i = own.homes;

	while (i) {
		struct own_home *h = list_entry(i, struct own_home, node);

		s->home[s->n++] = (unsigned)(h->base.sock.fd - SOCKET);
		if (!h->processes)
			s->idle = h;
		i = i->next == own.homes ? NULL : i->next;
	}
}

/* True: there is something to look at. */
KERNEL static bool is_over(const struct sleep *s)
{
	bool over = bell;

	bell = false;
	for (unsigned i = 0; i < s->n; i++)
		over |= nursery[s->home[i]].dead || nursery[s->home[i]].said > nursery[s->home[i]].heard;
	if (!over && s->idle && kit_starters_are_gone()) {
		s->idle->idle_since -= OWN_LINGER; /* time goes by */
		over = true;
	}
	return over;
}

/* Sleeps on what there was when it began, as poll does. */
void own_sleep(void)
{
	struct sleep s = {0};
	weft_time until;
	uint32_t seen;

	prepare(&s);
	until = s.idle && kit_own.lingers ? s.idle->idle_since + OWN_LINGER : WEFT_FOREVER;
	do
		seen = atom_add(&events, 0, acquire);
	while (!is_over(&s) && !weft__wait(&events, seen, until, WEFT__PRIVATE));
}

/* ---- An execution ---- */

static int body(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

KERNEL static void note_executor(weft_process *p)
{
	executor = p->future->ex;
}

int kit_own_process(weft_process **ret, uint32_t flags)
{
	struct weft_process_opts o = {.size = sizeof o, .name = "P", .flags = flags};

	int err = weft_process_start(ret, body, NULL, 0, &o);

	if (!err)
		note_executor(*ret);
	return err;
}

void kit_own_starter_ends(void)
{
	kit_starter_ends();
	step();
	wake_all();
}

void kit_own_start(unsigned starters)
{
	weft_process *p;

	memset(nursery, 0, sizeof nursery);
	memset(process, 0, sizeof process);
	memset(is_open, 0, sizeof is_open);
	memfds = 0;
	executor = NULL;
	own = (struct own){.bell.fd = -1};
	events = 1;
	bell = false;
	kit_system_start(starters);
	/* What is done once is done here, and not by those who meet. */
	kit_own = (struct kit_own){.memfd_fails = true};
	model_assert(kit_own_process(&p, 0) == -EMFILE);
	kit_own = (struct kit_own){0};
	model_name(&own.lock.word, "own.lock");
	model_name(&own.making.word, "own.making");
	model_name(&events, "events");
}

/* As make and own_watch do it, but that the process is still to come: it is given some time. */
void kit_own_nursery(void)
{
	struct own_home *h = kit_calloc(1, sizeof *h);

	process_home_init(&h->base, WEFT_START_NURSERY);
	weft__lock(&own.lock);
	model_assert(own_watch() == 0);
	h->base.bell = own.bell;
	process_home_open(&h->base);
	h->idle_since = weft_now();
	list_append(&own.homes, &h->node);
	weft__unlock(&own.lock);
}

void kit_own_check(void)
{
	model_assert(!own.homes && !own.watched && !own.makings);
	weft__exit_wait(); /* or it sleeps for ever */
	model_assert(!executor || !atom_load(&executor->load, relaxed));
	for (int i = 0; i < FDS; i++)
		model_assert(!is_open[i]);
	kit_system_check();
}
