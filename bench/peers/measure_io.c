/* SPDX-License-Identifier: MIT
 *
 * measure_io.c -- workloads of input, output and waiting. Echo and fetch have their other end in a program of its own,
 * io_load, which is pinned to another CPU.
 */
#include "measure_io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t io_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Beside the program. */
static void path_of(char path[512], const char *name)
{
	char self[400] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	measure_must(n < 0 ? -errno : 0, "/proc/self/exe");
	snprintf(path, 512, "%s/%s", dirname(self), name);
}

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof set, &set); /* with one CPU it stays where it is */
}

static void open_peer(const struct measure_args *a)
{
	if (a->peer->io->open)
		a->peer->io->open();
}

/* ---- fibers ----------------------------------------------------------------------------------------- */

/* They compute and do not wait: CPU time says the same as the clock, and is hurt less by what else goes on. */
static void per_turn(const struct measure_args *a, void (*fn)(size_t n))
{
	double cpu;

	open_peer(a);
	fn(a->n / 10);
	cpu = measure_cpu_begin();
	fn(a->n);
	measure_figure("ns", measure_cpu_since(cpu) * 1e9 / (double)a->n);
}

static void switches(const struct measure_args *a)
{
	per_turn(a, a->peer->io->switches);
}

static bool has_switches(const struct peer *p)
{
	return p->io && p->io->switches;
}

static void fibers(const struct measure_args *a)
{
	per_turn(a, a->peer->io->fibers);
}

static bool has_fibers(const struct peer *p)
{
	return p->io && p->io->fibers;
}

static void tasks(const struct measure_args *a)
{
	per_turn(a, a->peer->io->tasks);
}

static bool has_tasks(const struct peer *p)
{
	return p->io && p->io->tasks;
}

static void yields(const struct measure_args *a)
{
	per_turn(a, a->peer->io->yields);
}

static bool has_yields(const struct peer *p)
{
	return p->io && p->io->yields;
}

static double resident(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	long size, pages = 0;

	if (!statm || fscanf(statm, "%ld %ld", &size, &pages) != 2)
		measure_must(-1, "/proc/self/statm");
	fclose(statm);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void crowd(const struct measure_args *a)
{
	int64_t begun;
	double before;
	size_t made;

	open_peer(a);
	if (a->peer->io->prepare_crowd)
		a->peer->io->prepare_crowd(a->n);
	before = resident();
	begun = measure_now();
	made = a->peer->io->crowd(a->n);
	measure_figure("us", (double)(measure_now() - begun) / 1e3 / (double)made);
	measure_figure("made", (double)made);
	measure_figure("rss_bytes", (resident() - before) / (double)made);
}

static bool has_crowd(const struct peer *p)
{
	return p->io && p->io->crowd;
}

/* ---- reads ------------------------------------------------------------------------------------------ */

enum { FILE_BLOCKS = 1 << 18 };

static void write_file(const char *path)
{
	enum { AT_ONCE = 256, WORDS = IO_BLOCK / sizeof(uint64_t) };
	uint64_t *data = measure_memory(AT_ONCE, IO_BLOCK);
	char name[600];
	int fd;

	snprintf(name, sizeof name, "%s.%d", path, (int)getpid());
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	measure_must(fd < 0 ? -errno : 0, name);
	for (uint64_t i = 0; i < FILE_BLOCKS; i++) {
		uint64_t *block = data + i % AT_ONCE * WORDS;
		block[0] = block[WORDS - 1] = i;
		if (i % AT_ONCE == AT_ONCE - 1)
			measure_must(write(fd, data, AT_ONCE * IO_BLOCK) == AT_ONCE * IO_BLOCK ? 0 : -EIO,
				     name);
	}
	measure_must(fsync(fd) || rename(name, path) ? -errno : 0, path);
	close(fd);
	free(data);
}

/* A file of 1 GiB, which stays for the next run. */
static int open_file(bool direct)
{
	char path[512];
	int fd;

	path_of(path, "io.data");
	fd = open(path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
	if (fd < 0 || lseek(fd, 0, SEEK_END) != (off_t)FILE_BLOCKS * IO_BLOCK) {
		write_file(path);
		fd = open(path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
	}
	measure_must(fd < 0 ? -errno : 0, path);
	return fd;
}

static void warm_up(int fd)
{
	enum { AT_ONCE = 1 << 20 };
	char *data = measure_memory(1, AT_ONCE);

	lseek(fd, 0, SEEK_SET);
	while (read(fd, data, AT_ONCE) > 0)
		;
	free(data);
}

static void measure_reads(const struct measure_args *a, int fd, unsigned depth, uint64_t blocks)
{
	struct io_reads r = {.fd = fd, .depth = depth, .blocks = blocks, .seed = 88172645463325252u};
	int64_t begun;
	double cpu, seconds;

	r.buffers = aligned_alloc(IO_BLOCK, (size_t)depth * IO_BLOCK);
	measure_must(r.buffers ? 0 : ENOMEM, "memory");
	memset(r.buffers, 0, (size_t)depth * IO_BLOCK);
	open_peer(a);
	r.left = a->n / 10;
	a->peer->io->reads(&r);
	r.left = a->n;
	cpu = measure_cpu_begin();
	begun = measure_now();
	a->peer->io->reads(&r);
	seconds = (double)(measure_now() - begun) / 1e9;
	cpu = measure_cpu_since(cpu);
	measure_figure("per_s", (double)a->n / seconds);
	measure_figure("cpu_ns", cpu * 1e9 / (double)a->n);
	measure_figure("cpu_us", cpu * 1e6 / (double)a->n);
}

static bool has_reads(const struct peer *p)
{
	return p->io && p->io->reads;
}

static void nothing(const struct measure_args *a, unsigned depth)
{
	measure_reads(a, open("/dev/null", O_RDONLY | O_CLOEXEC), depth, 0);
}

static void warm(const struct measure_args *a, unsigned depth)
{
	int fd = open_file(false);

	warm_up(fd);
	measure_reads(a, fd, depth, FILE_BLOCKS);
}

static void direct(const struct measure_args *a, unsigned depth)
{
	measure_reads(a, open_file(true), depth, FILE_BLOCKS);
}

#define DEPTH(kind, depth)                                                                                   \
	static void kind##depth(const struct measure_args *a)                                                \
	{                                                                                                    \
		kind(a, depth);                                                                              \
	}
DEPTH(nothing, 50)
DEPTH(nothing, 1000)
DEPTH(warm, 1)
DEPTH(warm, 32)
DEPTH(warm, 128)
DEPTH(direct, 1)
DEPTH(direct, 32)
DEPTH(direct, 128)

/* ---- the other end ---------------------------------------------------------------------------------- */

/* Runs io_load, and returns what it prints. */
static FILE *load(const char *what, unsigned a, size_t b, size_t c)
{
	char path[512], text[3][16];
	int out[2];

	path_of(path, "io_load");
	snprintf(text[0], sizeof text[0], "%u", a);
	snprintf(text[1], sizeof text[1], "%zu", b);
	snprintf(text[2], sizeof text[2], "%zu", c);
	measure_must(pipe2(out, O_CLOEXEC) ? -errno : 0, "pipe");
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(1);
		dup2(out[1], 1);
		execl(path, path, what, text[0], text[1], text[2], (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	return fdopen(out[0], "r");
}

static int listen_on(uint16_t *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&at, &size))
		measure_must(-errno, "listen");
	*ret_port = ntohs(at.sin_port);
	return fd;
}

struct served {
	const struct measure_args *a;
	int listener;
};

static void *serve(void *served)
{
	struct served *s = served;

	pin(0); /* what it starts inherits that */
	open_peer(s->a);
	s->a->peer->io->echo(s->listener);
	return NULL;
}

/* The figures come from the other end, which also looks at our CPU time. */
static void echo(const struct measure_args *a, size_t connections)
{
	struct served s = {.a = a};
	uint16_t port;
	pthread_t thread;
	char line[512];
	FILE *figures;

	s.listener = listen_on(&port);
	figures = load("echo", port, connections, a->n);
	measure_must(pthread_create(&thread, NULL, serve, &s), "pthread_create");
	if (!figures || !fgets(line, sizeof line, figures))
		measure_must(-EPIPE, "io_load");
	line[strcspn(line, "\n")] = 0;
	printf("%s", line);
}

static void echo50(const struct measure_args *a)
{
	echo(a, 50);
}

static void echo1000(const struct measure_args *a)
{
	echo(a, 1000);
}

static bool has_echo(const struct peer *p)
{
	return p->io && p->io->echo;
}

size_t io_request(char text[IO_TEXT], size_t i)
{
	return (size_t)snprintf(text, IO_TEXT,
				"GET /%zu HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", i);
}

void io_answer(const char *text, size_t size, size_t i)
{
	char wanted[IO_TEXT];
	size_t n = (size_t)snprintf(wanted, sizeof wanted, "\r\n\r\nthis is %zu\n", i);

	if (size < n || memcmp(text, "HTTP/1.1 200 ", 13) != 0 || memcmp(text + size - n, wanted, n) != 0)
		measure_must(-EBADMSG, "answer is wrong");
}

/* n URLs of 10 ms latency. */
static void fetch(const struct measure_args *a)
{
	FILE *other;
	unsigned port = 0;
	int64_t begun;
	double ms;

	open_peer(a);
	other = load("http", 10000, 0, 0);
	if (!other || fscanf(other, "%u", &port) != 1)
		measure_must(-EPIPE, "io_load");
	a->peer->io->fetch(a->n < 20 ? a->n : 20, (uint16_t)port);
	begun = measure_now();
	a->peer->io->fetch(a->n, (uint16_t)port);
	ms = (double)(measure_now() - begun) / 1e6;
	measure_figure("ms", ms);
	/* One after the other they take 10 ms each at least. */
	measure_figure("times", 10 * (double)a->n / ms);
}

static bool has_fetch(const struct peer *p)
{
	return p->io && p->io->fetch;
}

/* ---- sleepers --------------------------------------------------------------------------------------- */

enum { NAPS_MOST = 4 << 20 };

static struct {
	int64_t from, until;
	int64_t *late;
	size_t n;
} naps;

int64_t io_nap(uint64_t *seed)
{
	return (int64_t)(1 + io_random(seed) % 1000) * 1000000;
}

void io_woke(int64_t due)
{
	int64_t now = measure_now();

	if (now >= naps.from && now < naps.until && naps.n < NAPS_MOST)
		naps.late[naps.n++] = now - due;
}

static void *put_to_sleep(void *args)
{
	const struct measure_args *a = args;

	open_peer(a);
	a->peer->io->sleepers(a->n);
	return NULL;
}

static void wait_until(int64_t t)
{
	struct timespec at = {.tv_sec = (time_t)(t / 1000000000), .tv_nsec = (long)(t % 1000000000)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* After the first second and a half, in which they are made and have slept once; for three seconds. */
static void sleepers(const struct measure_args *a)
{
	pthread_t thread;
	double cpu;

	naps.late = measure_memory(NAPS_MOST, sizeof *naps.late);
	naps.from = measure_now() + 1500000000;
	naps.until = naps.from + 3000000000;
	measure_must(pthread_create(&thread, NULL, put_to_sleep, (void *)(uintptr_t)a), "pthread_create");
	wait_until(naps.from);
	cpu = measure_cpu_begin();
	wait_until(naps.until);
	cpu = measure_cpu_since(cpu);
	wait_until(naps.until + 10000000); /* the last one is there */
	measure_must(naps.n > 0 ? 0 : -1, "nobody has woken");
	measure_figure("cpu_us", cpu * 1e6 / (double)naps.n);
	measure_figure("naps", (double)naps.n);
	measure_percentiles(naps.late, naps.n);
}

static bool has_sleepers(const struct peer *p)
{
	return p->io && p->io->sleepers;
}

const struct measure_workload measure_io_workloads[] = {
	{"switch", 4000000, has_switches, switches},
	{"fiber", 2000000, has_fibers, fibers},
	{"yield", 2000000, has_yields, yields},
	{"task", 500000, has_tasks, tasks},
	{"crowd", 1000000, has_crowd, crowd},
	{"null50", 400000, has_reads, nothing50},
	{"null1000", 400000, has_reads, nothing1000},
	{"warm1", 100000, has_reads, warm1},
	{"warm32", 300000, has_reads, warm32},
	{"warm128", 300000, has_reads, warm128},
	{"direct1", 12000, has_reads, direct1},
	{"direct32", 40000, has_reads, direct32},
	{"direct128", 60000, has_reads, direct128},
	{"echo50", 1500, has_echo, echo50},
	{"echo1000", 1500, has_echo, echo1000},
	{"sleepers", 100000, has_sleepers, sleepers},
	{"fetch", 1000, has_fetch, fetch},
	{0},
};
