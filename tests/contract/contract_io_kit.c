/* SPDX-License-Identifier: MIT
 *
 * contract_io_kit.c -- see io_kit.h. Peers make the system's calls, not the library's.
 */
#include "io_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int io_unexpected(weft_call *call, const char *file, int line, const char *text, intmax_t value)
{
	const char *slash = strrchr(file, '/');
	fprintf(stderr, "%s:%d: in a body: %s (%jd)\n", slash ? slash + 1 : file, line, text, value);
	return weft_call_fail(call, -EPROTO, "line %d: %s (%jd)", line, text, value);
}

void io_run_in_task(weft_fn *fn)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	test_board(&ref);
	weft_task t = {.fn = fn, .arg = &ref, .arg_size = sizeof ref};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	weft_executor_free(ex);
}

void io_run(weft_fn *fn)
{
	test_ref ref;
	test_board(&ref);
	CHECK_EQ(fn(NULL, &ref, NULL), 0);
	io_run_in_task(fn);
}

static void *submit(void *start)
{
	struct io_start *s = start;
	s->err = weft_submit(s->ex, s->task);
	return NULL;
}

void io_start(struct io_start *s, weft_executor *ex, weft_task *t)
{
	*s = (struct io_start){.ex = ex, .task = t};
	REQUIRE_EQ(pthread_create(&s->thread, NULL, submit, s), 0);
}

void io_join(struct io_start *s)
{
	pthread_join(s->thread, NULL);
	REQUIRE_EQ(s->err, 0);
	test_wait(weft_task_future(s->task));
}

void io_old_kernel(void)
{
	const unsigned flags_at = offsetof(struct seccomp_data, args[5]);
	struct sock_filter rows[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_preadv2, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev2, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags_at),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, RWF_NOWAIT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof rows / sizeof *rows, .filter = rows};
	REQUIRE_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	REQUIRE_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

int io_listen(struct sockaddr_in *ret_address, int backlog)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, backlog) ||
	    getsockname(fd, (struct sockaddr *)ret_address, &size))
		abort();
	return fd;
}

bool io_connected(int ret_fd[2])
{
	struct sockaddr_in a;
	int listener = io_listen(&a, 1);
	ret_fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(ret_fd[0], (struct sockaddr *)&a, sizeof a) == 0;
	ret_fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return ok && ret_fd[1] >= 0;
}

/* A stream of AF_UNIX, for one of TCP is never full for good: 200 ms after the last byte it sends again what it has
 * got no answer to, and then it has room for more. */
bool io_connected_near(int ret_fd[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fd) == 0;
}

size_t io_fill(int fd)
{
	static const char zeros[4096];
	int flags = fcntl(fd, F_GETFL);
	size_t sum = 0;
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	for (ssize_t n; (n = write(fd, zeros, sizeof zeros)) > 0;)
		sum += (size_t)n;
	fcntl(fd, F_SETFL, flags);
	return sum;
}

char io_byte(size_t i)
{
	return (char)(i * 7 + i / 251);
}

static void send_all(int fd, size_t size, size_t at_a_time)
{
	char part[4096];
	for (size_t at = 0, n; at < size; at += n) {
		n = size - at < at_a_time ? size - at : at_a_time;
		for (size_t i = 0; i < n; i++)
			part[i] = io_byte(at + i);
		if (write(fd, part, n) != (ssize_t)n)
			return;
	}
}

static size_t swallow(int fd, size_t skip)
{
	char part[4096];
	size_t at = 0, right = 0;
	for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;)
		for (ssize_t i = 0; i < n; i++, at++)
			right += at >= skip && part[i] == io_byte(at - skip);
	return right;
}

static void *behave(void *peer)
{
	struct io_peer *p = peer;
	sigset_t pipe;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	if (p->manner != IO_DRIPS && p->manner != IO_SWALLOWS)
		test_sleep_ms(20);
	if (p->manner == IO_SENDS_LATE)
		send_all(p->fd, p->size, 4096);
	else if (p->manner == IO_DRIPS)
		send_all(p->fd, p->size, 1);
	else if (p->manner == IO_SWALLOWS)
		p->right = swallow(p->fd, 0);
	else if (p->manner == IO_SWALLOWS_LATE)
		p->right = swallow(p->fd, p->size);
	else if (p->manner == IO_SHUTS_LATE)
		shutdown(p->fd, SHUT_RDWR);
	else if (p->manner == IO_CONNECTS_LATE)
		p->right = connect(p->fd, (struct sockaddr *)&p->address, sizeof p->address) == 0;
	if (p->manner == IO_ACCEPTS_LATE) {
		int fd = accept(p->fd, NULL, NULL);
		p->right = fd >= 0;
		close(fd);
	}
	for (int i = 0; p->manner == IO_INTERRUPTS && i < 3; i++) {
		pthread_kill(p->victim, SIGUSR1);
		test_sleep_ms(5);
	}
	if (p->manner == IO_INTERRUPTS)
		send_all(p->fd, p->size, 4096);
	if (p->manner != IO_SENDS_LATE && p->manner != IO_SHUTS_LATE && p->manner != IO_ACCEPTS_LATE) {
		close(p->fd);
		p->fd = -1;
	}
	return NULL;
}

bool io_peer_start(struct io_peer *p)
{
	return pthread_create(&p->thread, NULL, behave, p) == 0;
}

void io_peer_join(struct io_peer *p)
{
	pthread_join(p->thread, NULL);
	if (p->fd >= 0)
		close(p->fd);
}
