/* SPDX-License-Identifier: MIT
 *
 * trace_start.c -- the beginning and the end of a trace: its files, and the processes that write into them.
 *
 * The raw file has its size, and its blocks, from the beginning: a thread that writes to a mapped page for which
 * the disk has no room would be killed. A lock on it (flock) says that a program is at it; it ends with the program,
 * however that ends. So who finds it locked takes another name, and who does not may throw away what is there.
 */
#include "clock.h"
#include "forked.h"
#include "probe.h"
#include "trace_file.h"
#include "trace_json.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <weft/trace.h>

enum {
	DEFAULT_SIZE = 32 << 20,
	LEAST_SIZE = 512 << 10,
	TRIES = 8 /* to get hold of a file that others remove */
};

static struct {
	struct weft__lock lock; /* all that begins and ends */
	int fd;                 /* of the raw file, which it locks */
	dev_t device;
	ino_t inode;
	pid_t owner; /* 0: this process has no trace of its own */
	size_t size;
	char path[PATH_MAX], raw[PATH_MAX];
	char program[TRACE_PATH];
	bool missing; /* the part of a rank has not come */
} own;

static struct {
	struct weft__lock lock;
	void (*fn)(void *ctx);
	void *ctx;
} on_stop;

/* ---- Names ---- */

/* "%p" becomes the process number. */
static int expand(const char *path, char ret[PATH_MAX])
{
	size_t n = 0;

	for (; *path; path++) {
		int more = path[0] == '%' && path[1] == 'p' ? snprintf(ret + n, PATH_MAX - n, "%d", getpid())
							    : snprintf(ret + n, PATH_MAX - n, "%c", *path);

		path += path[0] == '%' && path[1] == 'p';
		n += (size_t)more;
		if (n >= PATH_MAX - sizeof ".raw")
			return -ENAMETOOLONG;
	}
	return n ? 0 : -EINVAL;
}

/* t.json becomes t.1234.json. */
static int add(char path[PATH_MAX], const char *format, int number)
{
	char old[PATH_MAX], what[32];
	const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
	size_t stem = dot && dot > path && (!slash || dot > slash + 1) ? (size_t)(dot - path) : strlen(path);

	strcpy(old, path);
	snprintf(what, sizeof what, format, number);
	if (snprintf(path + stem, PATH_MAX - stem, ".%s%s", what, old + stem) >=
	    (int)(PATH_MAX - stem - sizeof ".raw"))
		return -ENAMETOOLONG;
	return 0;
}

/* ---- The raw file ---- */

/* Is what fd leads to still what the path leads to? */
static bool is_at(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Opens and locks the raw file of own.path. -EWOULDBLOCK: a program is at it. */
static int lock_raw(void)
{
	int err = -EBUSY;

	snprintf(own.raw, sizeof own.raw, "%.*s.raw", (int)(PATH_MAX - sizeof ".raw"), own.path);
	for (int i = 0; i < TRIES && err == -EBUSY; i++) {
		int fd = open(own.raw, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB))
			err = -errno;
		else if (is_at(fd, own.raw)) /* else who had it has just removed it */
			return fd;
		close(fd);
	}
	return err;
}

static int fill_file(int fd, size_t size)
{
	if (ftruncate(fd, 0)) /* of a program that was killed */
		return -errno;
	return -posix_fallocate(fd, 0, (off_t)size);
}

static struct trace_head *map(int fd, size_t size)
{
	void *h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return h == MAP_FAILED ? NULL : h;
}

static uint32_t chunks_in(size_t size)
{
	return (uint32_t)((size - sizeof(struct trace_head)) / sizeof(struct trace_chunk));
}

static void write_head(struct trace_head *h, size_t size, uint32_t rank)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	h->size = size;
	h->pid = getpid();
	h->n_chunks = chunks_in(size);
	h->began = weft_now();
	h->began_wall = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
	if (readlink("/proc/self/exe", h->program, sizeof h->program - 1) < 0)
		h->program[0] = 0;
	if (gethostname(h->host, sizeof h->host - 1))
		h->host[0] = 0;
	h->rank = rank;
	/* Any function of it will do; without a build-id its symbols are not looked up. */
	weft__token_make((weft_fn *)(uintptr_t)getauxval(AT_ENTRY), &h->id);
	h->magic = TRACE_MAGIC;
}

/* ---- Beginning ---- */

/* From here on it is written to. Nobody is in. */
static void switch_on(struct trace_head *h, uint32_t n_chunks, const char *process)
{
	const char *slash;

	weft__trace.head = h;
	weft__trace.n_chunks = n_chunks;
	snprintf(weft__trace.process, sizeof weft__trace.process, "%s", process);
	weft__trace.program = own.owner ? 0 : h->pid;
	memcpy(own.program, h->program, sizeof own.program);
	slash = strrchr(own.program, '/');
	weft__trace.file = slash ? slash + 1 : own.program;
	weft__trace_forget();
	/* T4 release: all of this; pairs with enter in trace.c. */
	atom_or(&weft__probes.on, WEFT__PROBE_TRACE, release);
}

/* Could it be written to? Better to know now. */
static int check_target(void)
{
	int fd = open(own.path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno == ENOENT ? 0 : -errno;
}

static int open_files(const char *path, size_t size)
{
	int err = expand(path, own.path), fd;

	if (err)
		return err;
	fd = lock_raw();
	if (fd == -EWOULDBLOCK) {
		err = add(own.path, "%d", getpid());
		fd = err ? err : lock_raw();
	}
	if (fd < 0)
		return fd;
	err = check_target();
	if (!err)
		err = fill_file(fd, size);
	if (!err)
		return fd;
	unlink(own.raw);
	close(fd);
	return err;
}

/* Under the lock. */
static int begin(const char *path, size_t size, uint32_t rank)
{
	struct trace_head *h;
	struct stat s;
	int fd;

	if (own.owner == getpid())
		return -EALREADY;
	fd = open_files(path, size);
	if (fd < 0)
		return fd;
	h = map(fd, size);
	if (!h || fstat(fd, &s)) {
		unlink(own.raw);
		close(fd);
		return -ENOMEM;
	}
	own.fd = fd;
	own.device = s.st_dev;
	own.inode = s.st_ino;
	own.size = size;
	own.owner = getpid();
	own.missing = false;
	write_head(h, size, rank);
	weft__trace_switch_off(); /* a parent's, which this process has been writing to */
	if (weft__trace.head)
		munmap(weft__trace.head, weft__trace.head->size);
	switch_on(h, chunks_in(size), program_invocation_short_name);
	return 0;
}

int weft_trace_start(const char *path, size_t size)
{
	int err;

	size = size ? size : DEFAULT_SIZE;
	if (!path || !*path || size < LEAST_SIZE || size > (size_t)WEFT__TRACE_MOST_MIB << 20)
		return -EINVAL;
	weft__generation(); /* so that forks are heard of */
	weft__lock(&own.lock);
	err = begin(path, size, 0);
	weft__unlock(&own.lock);
	return err;
}

/* ---- Those who write too ---- */

/* The raw file, unless the program has closed the descriptor, and given its number to another. */
static int own_fd(void)
{
	struct stat s;

	return own.owner == getpid() && !fstat(own.fd, &s) && s.st_dev == own.device && s.st_ino == own.inode
		       ? own.fd
		       : -1;
}

int weft__trace_share(void)
{
	int fd;

	if (weft__probed())
		weft__trace_open();
	weft__lock(&own.lock);
	fd = own_fd();
	if (fd >= 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	weft__unlock(&own.lock);
	return fd;
}

void weft__trace_attach(int fd, const char *process)
{
	struct stat s = {.st_size = 0};
	struct trace_head *h = NULL;

	/* Relaxed: this process has one thread. */
	atom_store(&weft__probes.on, 0, relaxed);
	own.owner = 0;
	if (weft__trace.head)
		munmap(weft__trace.head, weft__trace.head->size);
	weft__trace.head = NULL;
	if (fd >= 0 && !fstat(fd, &s) && s.st_size >= LEAST_SIZE)
		h = map(fd, (size_t)s.st_size);
	if (!h)
		return;
	switch_on(h, chunks_in((size_t)s.st_size), process);
	weft__trace_record(WEFT__TRACE_NOTHING, 0, 0, 0); /* so that it has a line, whatever becomes of it */
}

void weft__trace_forked(void)
{
	own.lock = on_stop.lock = (struct weft__lock){0};
	on_stop.fn = NULL;
	weft__trace_env_forked();
	weft__trace_users_reset();
	weft__trace_forget();
}

/* ---- The end ---- */

static int write_trace(const struct trace_head *h)
{
	int fd = open(own.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), err;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = weft__trace_json(h, own.size, out);
	if (fclose(out) && !err)
		err = -errno;
	return err;
}

static struct trace_head *shut(void)
{
	weft__trace_switch_off();
	/* Relaxed: other processes that still write come too late. */
	atom_store(&weft__trace.head->closed, 1, relaxed);
	return weft__trace.head;
}

static void let_go(bool keep)
{
	int fd = own_fd();

	if (!keep)
		unlink(own.raw);
	munmap(weft__trace.head, own.size);
	weft__trace.head = NULL;
	if (fd >= 0)
		close(fd);
	own.owner = 0;
}

/* Under the lock. */
static int end(void)
{
	struct trace_head *h = shut();
	int err;

	err = write_trace(h);
	let_go(err || own.missing);
	return err;
}

/* Is it the part of a rank? Then rank 0 ends it. */
static bool has_part(void)
{
	return own.owner == getpid() && weft__trace.head->rank;
}

int weft_trace_stop(void)
{
	int err;

	weft__lock(&on_stop.lock);
	if (on_stop.fn)
		on_stop.fn(on_stop.ctx);
	weft__unlock(&on_stop.lock);
	weft__lock(&own.lock);
	if (own.owner == getpid() && !has_part())
		err = end();
	else
		err = weft__trace.head ? -ECHILD : -ENOENT;
	weft__unlock(&own.lock);
	return err;
}

void weft__trace_on_stop(void (*fn)(void *), void *ctx)
{
	weft__lock(&on_stop.lock);
	on_stop.fn = fn;
	on_stop.ctx = ctx;
	weft__unlock(&on_stop.lock);
}

/* ---- Ranks of a job ---- */

bool weft__trace_where(char *ret, size_t room, size_t *ret_size)
{
	char link[32];
	ssize_t n = -1;

	if (weft__probed())
		weft__trace_open();
	weft__lock(&own.lock);
	snprintf(link, sizeof link, "/proc/self/fd/%d", own_fd());
	if (weft__trace.head && !weft__trace.head->rank)
		n = readlink(link, ret, room - 1);
	*ret_size = own.size;
	weft__unlock(&own.lock);
	if (n <= (ssize_t)strlen(".raw"))
		return false;
	ret[(size_t)n - strlen(".raw")] = 0;
	return true;
}

void weft__trace_missing(uint32_t rank)
{
	weft__lock(&own.lock);
	if (own.owner == getpid()) {
		own.missing = true;
		fprintf(stderr, "weft: rank %u is lost, and is not in %s; %s stays, for weft-trace convert\n",
			rank, own.path, own.raw);
	}
	weft__unlock(&own.lock);
}

int weft__trace_part_begin(const char *path, size_t size, uint32_t rank)
{
	char file[PATH_MAX];
	int err;

	if (size < LEAST_SIZE || size > (size_t)WEFT__TRACE_MOST_MIB << 20 || strlen(path) >= PATH_MAX)
		return -EINVAL;
	strcpy(file, path);
	err = add(file, "rank%d", (int)rank);
	weft__generation();
	weft__lock(&own.lock);
	if (!err)
		err = begin(file, size, rank);
	weft__unlock(&own.lock);
	if (!err)
		weft__trace_record(WEFT__TRACE_NOTHING, 0, 0, 0); /* so that it has a line */
	return err;
}

void weft__trace_part_clock(const struct trace_clock *two)
{
	weft__lock(&own.lock);
	if (has_part())
		memcpy(weft__trace.head->clock, two, sizeof weft__trace.head->clock);
	weft__unlock(&own.lock);
}

const struct trace_head *weft__trace_part_end(size_t *ret_size)
{
	const struct trace_head *h = NULL;

	weft__lock(&own.lock);
	if (has_part()) {
		h = shut();
		*ret_size = own.size;
	}
	weft__unlock(&own.lock);
	return h;
}

void weft__trace_part_free(void)
{
	weft__lock(&own.lock);
	if (has_part()) {
		weft__trace_switch_off();
		let_go(false);
	}
	weft__unlock(&own.lock);
}

void weft_trace_mark(const char *text)
{
	if (text && weft__probed())
		weft__trace_record(WEFT__TRACE_MARK, 0, weft__trace_name(text), 0);
}

/* The end of the program. What other threads still do is cut off. */
__attribute__((destructor)) static void end_with_program(void)
{
	int err;

	if (own.owner != getpid() || has_part()) /* a part that was not sent stays, for weft-trace convert */
		return;
	err = weft_trace_stop();
	if (err)
		fprintf(stderr, "weft: %s: %s; what was traced is in %s\n", own.path, weft_strerror(err),
			own.raw);
}
