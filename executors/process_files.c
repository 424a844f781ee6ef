/* SPDX-License-Identifier: MIT
 *
 * process_files.c -- descriptors that the program might close, and give their numbers to files of its own.
 *
 * A daemon that closes everything from 3 on, or a close too many, is enough. Then we must not read what is not
 * for us, or kill who is not ours. So we remember what each descriptor was, and compare before we use it. Two
 * limits: between the comparison and the use the program may close it after all; and all files that are no more
 * than a number to the kernel (eventfd, epoll; pidfd before Linux 6.9) look the same.
 */
#include "process_home.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void process_file_set(struct process_file *f, int fd)
{
	struct stat s = {.st_ino = 0};

	f->fd = fd;
	if (fd >= 0)
		fstat(fd, &s);
	f->device = s.st_dev;
	f->inode = s.st_ino;
}

int process_file_get(const struct process_file *f)
{
	struct stat s;

	if (f->fd < 0 || fstat(f->fd, &s) || s.st_dev != f->device || s.st_ino != f->inode)
		return -1;
	return f->fd;
}

void process_file_close(struct process_file *f)
{
	int fd = process_file_get(f);

	if (fd >= 0)
		close(fd);
	f->fd = -1;
}

int process_pidfd_get(struct process_file *f, pid_t pid)
{
	struct process_file again = {.fd = -1};

	if (f->fd < 0 || process_file_get(f) >= 0)
		return f->fd;
	/* Is it the same process? Then its pidfd is the same file. */
	process_file_set(&again, (int)syscall(SYS_pidfd_open, pid, 0));
	if (again.device == f->device && again.inode == f->inode)
		*f = again;
	else
		process_file_close(&again);
	return again.fd;
}

bool process_files_lost(const struct process_home *h)
{
	/* Without a nursery there is nothing to lose. */
	return h->sock.fd >= 0 && (process_file_get(&h->bell) < 0 || process_file_get(&h->sock) < 0 ||
				   process_file_get(&h->nursery) < 0);
}
