/* SPDX-License-Identifier: MIT
 *
 * subprocess_probe.c -- a program for the tests of programs: tells what it has been given, or does what they need.
 *
 *   args ARG...      each in a line, in brackets
 *   fds              the numbers of its open descriptors
 *   signals          how many signals it has blocked, ignored, or handled
 *   group            "leads", if it leads its process group, and "session", if it leads its session
 *   ready SIGNAL     "ready PID", having set SIGNAL to be ignored; then it sleeps
 *   family           "PID PID": itself and a child of it, which holds its descriptors; both sleep
 *   leave            the child alone, "PID": it sleeps, its parent has ended
 *   flood OUT ERR    so many bytes to out and to err, a bit each in turn
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int fds[64], n = 0;

	for (struct dirent *e; (e = readdir(dir));) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] != '.' && fd != dirfd(dir) && n < 64)
			fds[n++] = fd;
	}
	closedir(dir);
	for (int i = 0; i < n; i++)
		printf("%d%c", fds[i], i + 1 < n ? ' ' : '\n');
}

static void print_signals(void)
{
	int blocked = 0, changed = 0;
	struct sigaction action;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig < NSIG; sig++) {
		blocked += sigismember(&mask, sig) == 1;
		changed += !sigaction(sig, NULL, &action) && action.sa_handler != SIG_DFL;
	}
	printf("blocked %d changed %d\n", blocked, changed);
}

static void print_group(void)
{
	printf("%s%s\n", getpgrp() == getpid() ? "leads" : "member", getsid(0) == getpid() ? " session" : "");
}

static _Noreturn void sleep_on(void)
{
	fflush(stdout);
	for (;;)
		pause();
}

static int family(int stays)
{
	pid_t child = fork();

	if (!child)
		sleep_on();
	if (!stays) {
		printf("%d\n", (int)child);
		return 0;
	}
	printf("%d %d\n", (int)getpid(), (int)child);
	sleep_on();
}

static void write_some(int fd, long *left)
{
	static char block[3000];
	ssize_t n =
		*left > 0 ? write(fd, block, *left < (long)sizeof block ? (size_t)*left : sizeof block) : 0;

	if (n < 0)
		exit(1);
	*left -= n;
}

static int flood(long out, long err)
{
	while (out > 0 || err > 0) {
		write_some(1, &out);
		write_some(2, &err);
	}
	return 0;
}

static int do_as(const char *what, int n, char *args[])
{
	if (!strcmp(what, "args"))
		for (int i = 0; i < n; i++)
			printf("[%s]\n", args[i]);
	else if (!strcmp(what, "fds"))
		print_fds();
	else if (!strcmp(what, "signals"))
		print_signals();
	else if (!strcmp(what, "group"))
		print_group();
	else if (!strcmp(what, "family") || !strcmp(what, "leave"))
		return family(*what == 'f');
	else if (!strcmp(what, "flood") && n == 2)
		return flood(atol(args[0]), atol(args[1]));
	else if (!strcmp(what, "ready") && n == 1) {
		signal(atoi(args[0]), SIG_IGN);
		printf("ready %d\n", (int)getpid());
		sleep_on();
	} else
		return 2;
	return 0;
}

int main(int argc, char **argv)
{
	return argc < 2 ? 2 : do_as(argv[1], argc - 2, argv + 2);
}
