/* SPDX-License-Identifier: MIT
 *
 * storm_rage.c -- the thread that goes after the workers: every one to four milliseconds it kills one of them.
 * In a mixed storm some get another signal, and some are stopped: half of these go on some milliseconds
 * later, the others stay so until their task's deadline has them killed, or for a fifth of a second.
 */
#include "storm.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SEARCH_EVERY = 16, WORKERS_MAX = 64, RECENT = 24 };

struct stopped {
	pid_t pid;
	weft_time until; /* 0: nobody */
};

/* Is it a worker of our group, and alive? Its number may have gone to somebody else. */
static bool is_worker(const char *pid)
{
	char path[300], text[256] = "", state, *name;
	int parent, group;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(text, sizeof text, f))
		*text = '\0';
	fclose(f);
	name = strstr(text, "(weft-worker)");
	return name && sscanf(strchr(name, ')') + 1, " %c %d %d", &state, &parent, &group) == 3 &&
	       group == getpgrp() && state != 'Z';
}

static unsigned find_workers(pid_t ret[WORKERS_MAX])
{
	DIR *dir = opendir("/proc");
	unsigned n = 0;

	for (struct dirent *e; dir && n < WORKERS_MAX && (e = readdir(dir));)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && is_worker(e->d_name))
			ret[n++] = (pid_t)strtol(e->d_name, NULL, 10);
	if (dir)
		closedir(dir);
	return n;
}

static bool killed_before(const struct rage *r, pid_t pid)
{
	for (uint32_t i = r->kills; i > 0 && i + WORKERS_MAX > r->kills; i--)
		if (r->kill[i - 1].pid == pid)
			return true;
	return false;
}

/* The workers that have told of themselves, the latest ones. */
static unsigned recall_workers(const struct rage *r, pid_t ret[WORKERS_MAX])
{
	uint32_t joined = storm_load(&r->board->joined);
	unsigned n = 0;

	for (uint32_t i = joined < ROSTER_MAX ? joined : ROSTER_MAX;
	     i > 0 && n < RECENT && i + RECENT > joined; i--) {
		pid_t pid = r->board->roster[i - 1].pid;
		char text[16];

		snprintf(text, sizeof text, "%d", pid);
		if (pid > 0 && !killed_before(r, pid) && is_worker(text))
			ret[n++] = pid;
	}
	return n;
}

/* A worker; 0: none. Now and then all processes are looked through, so that those are hit too which have just
 * been forked and have done nothing yet; that takes longer. */
static pid_t choose(struct rage *r, unsigned round)
{
	pid_t pid[WORKERS_MAX];
	unsigned n = round % SEARCH_EVERY ? recall_workers(r, pid) : find_workers(pid);

	if (!n)
		return 0;
	n = (unsigned)rand_r(&r->seed) % n;
	return killed_before(r, pid[n]) ? 0 : pid[n];
}

static void go_on(struct rage *r, struct stopped *s)
{
	kill(s->pid, SIGCONT);
	s->until = 0;
	r->continues++;
}

static void strike(struct rage *r, pid_t pid, struct stopped *s)
{
	static const int mixture[] = {SIGKILL, SIGKILL, SIGKILL, SIGKILL, SIGKILL,
				      SIGSEGV, SIGABRT, SIGTERM, SIGSTOP, SIGKILL};
	int sig = r->mixed ? mixture[(unsigned)rand_r(&r->seed) % 10] : SIGKILL;
	weft_time now = weft_now();

	if (sig == SIGSTOP) {
		if (s->until || kill(pid, SIGSTOP))
			return;
		*s = (struct stopped){pid, now + (rand_r(&r->seed) % 2 ? WEFT_MS(5) : WEFT_MS(200))};
		r->stops++;
		return;
	}
	if (s->until && s->pid == pid) /* its task's deadline is to kill it */
		return;
	if (r->kills == KILLS_MAX || kill(pid, sig))
		return;
	r->signals += sig != SIGKILL;
	r->kill[r->kills++] = (struct moment){pid, now};
}

static void *rage(void *arg)
{
	struct rage *r = arg;
	struct stopped stopped = {0};

	for (unsigned round = 1; !storm_load(&r->stop); round++) {
		struct timespec pause = {.tv_nsec = 1000000 + rand_r(&r->seed) % 3000000};
		pid_t pid;

		nanosleep(&pause, NULL);
		if (stopped.until && weft_now() >= stopped.until)
			go_on(r, &stopped);
		pid = choose(r, round);
		if (pid)
			strike(r, pid, &stopped);
	}
	if (stopped.until)
		go_on(r, &stopped);
	return NULL;
}

int storm_rage_begin(struct rage *r)
{
	r->kill = calloc(KILLS_MAX, sizeof *r->kill);
	return r->kill ? -pthread_create(&r->thread, NULL, rage, r) : -ENOMEM;
}

void storm_rage_end(struct rage *r)
{
	storm_store(&r->stop, 1);
	pthread_join(r->thread, NULL);
}
