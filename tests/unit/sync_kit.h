/* SPDX-License-Identifier: MIT
 *
 * sync_kit.h -- crowds of threads and forks for the tests of what they share.
 */
#ifndef TESTS_SYNC_KIT_H
#define TESTS_SYNC_KIT_H

#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

enum { SYNC_CROWD = 16 };

/* What one of them runs: 0 is right. */
typedef int sync_fn(void *arg);

struct sync_member {
	sync_fn *fn;
	void *arg;
	int result;
	pthread_t thread;
	pid_t pid;
};

struct sync_crowd {
	struct sync_member thread[SYNC_CROWD], process[SYNC_CROWD];
	unsigned threads, processes;
};

static inline pid_t sync_fork(sync_fn *fn, void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(fn(arg));
	REQUIRE(pid > 0);
	return pid;
}

/* Its exit code, or minus the signal. */
static inline int sync_reap(pid_t pid)
{
	int status = 0;

	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline void *sync_thread_(void *arg)
{
	struct sync_member *m = arg;

	m->result = m->fn(m->arg);
	return NULL;
}

static inline void sync_start(struct sync_crowd *c, sync_fn *fn, void *arg, unsigned threads,
			      unsigned processes)
{
	*c = (struct sync_crowd){.threads = threads, .processes = processes};
	for (unsigned i = 0; i < processes; i++)
		c->process[i].pid = sync_fork(fn, arg);
	for (unsigned i = 0; i < threads; i++) {
		c->thread[i] = (struct sync_member){.fn = fn, .arg = arg};
		REQUIRE_EQ(pthread_create(&c->thread[i].thread, NULL, sync_thread_, &c->thread[i]), 0);
	}
}

static inline void sync_join(struct sync_crowd *c)
{
	for (unsigned i = 0; i < c->threads; i++) {
		pthread_join(c->thread[i].thread, NULL);
		CHECK_EQ(c->thread[i].result, 0);
	}
	for (unsigned i = 0; i < c->processes; i++)
		CHECK_EQ(sync_reap(c->process[i].pid), 0);
}

static inline void sync_run(sync_fn *fn, void *arg, unsigned threads, unsigned processes)
{
	struct sync_crowd crowd;

	sync_start(&crowd, fn, arg, threads, processes);
	sync_join(&crowd);
}

#endif
