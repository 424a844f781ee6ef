/* SPDX-License-Identifier: MIT
 *
 * queue_file.c -- queues with a name: a file in /dev/shm, with a head that says what it is.
 *
 * A file gets its name when it is complete, so nobody ever sees half of one, whenever its maker is killed. Of
 * one that exists nothing is believed: the head is copied, checked, and held against the file's own length;
 * then what it says is kept in private memory. The rest is checked where it is used: queue_ring.c.
 */
#include "queue_parts.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHM         "/dev/shm"
#define FILE_PREFIX SHM "/weft-queue."

enum { FILE_VERSION = 1, RING_AT = 4096, FILE_PAGE = 4096 };

static const char file_magic[8] = "weftq\n\r\0";

struct file_head {
	char magic[8];
	uint32_t version;
	uint32_t machine;
	uint64_t processes; /* the namespace in which numbers of threads mean something */
	uint64_t size;      /* of the file */
	uint64_t message_size;
	uint32_t units, capacity;
};

/* The order of bytes, the size of a pointer, and how the compiler lays out the ring. */
static uint32_t machine(void)
{
	const uint32_t order = 0x01020304;
	unsigned char first;

	memcpy(&first, &order, 1);
	return (uint32_t)first << 24 | (uint32_t)sizeof(void *) << 16 | (uint32_t)sizeof(struct queue_ring);
}

static uint64_t processes(void)
{
	struct stat s;

	return stat("/proc/self/ns/pid", &s) ? 0 : s.st_ino;
}

static uint64_t size_of(const struct queue_shape *s)
{
	return (RING_AT + (uint64_t)weft__queue_size(s) + FILE_PAGE - 1) / FILE_PAGE * FILE_PAGE;
}

static int path_of(const char *name, char *ret, size_t size)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = name ? strnlen(name, WEFT_QUEUE_NAME_MAX + 1) : 0;

	if (!n || n > WEFT_QUEUE_NAME_MAX || name[0] == '.' || strspn(name, allowed) != n)
		return -EINVAL;
	snprintf(ret, size, "%s%s", FILE_PREFIX, name);
	return 0;
}

/* ---- One that exists ---- */

static int check_head(const struct file_head *h, uint64_t file_size, struct queue_shape *ret)
{
	struct queue_shape s = {h->units, h->capacity, (size_t)h->message_size};

	if (memcmp(h->magic, file_magic, sizeof file_magic))
		return -EBADMSG;
	if (h->version != FILE_VERSION || h->machine != machine() || h->processes != processes())
		return -ESTALE;
	if (s.units < 16 || s.units & (s.units - 1) || s.units > WEFT_QUEUE_MEMORY_MAX / RING_UNIT ||
	    !s.capacity || s.capacity > WEFT_QUEUE_CAPACITY_MAX || !h->message_size ||
	    h->message_size > WEFT_QUEUE_MESSAGE_MAX || weft__ring_units(s.message_size) >= s.units)
		return -EBADMSG;
	if (h->size != size_of(&s) || h->size != file_size)
		return -EBADMSG;
	*ret = s;
	return 0;
}

static int check_file(int fd, struct queue_shape *ret)
{
	struct file_head h;
	struct stat s;
	ssize_t n;

	if (fstat(fd, &s))
		return -errno;
	if (!S_ISREG(s.st_mode) || s.st_uid != geteuid() || s.st_mode & (S_IRWXG | S_IRWXO))
		return -EPERM;
	n = pread(fd, &h, sizeof h, 0);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof h ? check_head(&h, (uint64_t)s.st_size, ret) : -EBADMSG;
}

/* A handle for the file, whose shape is known to be right. */
static int attach(int fd, const struct queue_shape *s, weft_queue **ret)
{
	size_t size = (size_t)size_of(s);
	weft_queue *q = malloc(sizeof *q);
	char *file;

	if (!q)
		return -ENOMEM;
	file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED) {
		free(q);
		return -ENOMEM;
	}
	weft__queue_init(q, s, (struct queue_ring *)(void *)(file + RING_AT));
	q->file = file;
	q->file_size = size;
	*ret = q;
	return 0;
}

static int open_file(const char *path, const struct queue_shape *wanted, weft_queue **ret)
{
	struct queue_shape s;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), err;

	if (fd < 0) /* a link, a directory, a socket */
		return errno == ELOOP || errno == EISDIR || errno == ENXIO ? -EPERM : -errno;
	err = check_file(fd, &s);
	if (!err && wanted && s.message_size < wanted->message_size)
		err = -EMSGSIZE;
	if (!err)
		err = attach(fd, &s, ret);
	close(fd);
	return err;
}

/* ---- A new one ---- */

static int fill_file(int fd, const struct queue_shape *s)
{
	struct file_head h = {.version = FILE_VERSION,
			      .machine = machine(),
			      .processes = processes(),
			      .size = size_of(s),
			      .message_size = s->message_size,
			      .units = s->units,
			      .capacity = s->capacity};
	struct rlimit most = {.rlim_cur = RLIM_INFINITY};
	int err;

	memcpy(h.magic, file_magic, sizeof file_magic);
	getrlimit(RLIMIT_FSIZE, &most);
	if (h.size > most.rlim_cur)
		return -EFBIG; /* ftruncate would send SIGXFSZ */
	if (fchmod(fd, S_IRUSR | S_IWUSR) || ftruncate(fd, (off_t)h.size))
		return -errno;
	do
		err = posix_fallocate(fd, 0, (off_t)h.size);
	while (err == EINTR);
	if (err)
		return -err;
	return pwrite(fd, &h, sizeof h, 0) == (ssize_t)sizeof h ? 0 : -EIO;
}

/* -EEXIST: somebody else was first. */
static int make_file(const char *path, const struct queue_shape *s, weft_queue **ret)
{
	int fd = open(SHM, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR), err;
	char proc[32];
	weft_queue *q;

	if (fd < 0)
		return -errno;
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	err = fill_file(fd, s);
	if (!err)
		err = attach(fd, s, &q);
	if (!err && linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW)) {
		err = errno == ENOENT ? -ENOSYS : -errno; /* there is no /proc */
		weft_queue_free(q);
	}
	close(fd);
	if (!err)
		*ret = q;
	return err;
}

int weft_queue_open(weft_queue **ret, const char *name, const struct weft_queue_opts *opts)
{
	char path[sizeof FILE_PREFIX + WEFT_QUEUE_NAME_MAX];
	struct weft_queue_opts o;
	struct queue_shape s;
	int err = ret ? path_of(name, path, sizeof path) : -EINVAL;

	if (!err)
		err = weft__opts_copy(&o, sizeof o, opts);
	if (!err)
		err = o.region ? -EINVAL : weft__queue_shape(&o, &s);
	if (err)
		return err;
	do { /* others may make and unlink it meanwhile */
		err = open_file(path, opts ? &s : NULL, ret);
		if (err == -ENOENT && opts)
			err = make_file(path, &s, ret);
	} while (err == -EEXIST);
	return err;
}

int weft_queue_unlink(const char *name)
{
	char path[sizeof FILE_PREFIX + WEFT_QUEUE_NAME_MAX];
	int err = path_of(name, path, sizeof path);

	if (err)
		return err;
	return unlink(path) ? -errno : 0;
}
