/* SPDX-License-Identifier: MIT
 *
 * io_request.h -- one kernel call, as plain data. The public calls of weft/io.h fill one in and hand it to weft__io_do,
 * which gives it to the fiber's engine, or carries it out on the calling thread.
 *
 * An engine turns it into a request of its ring, or tries it (weft__io_try), waits for io->ready, tries again, and
 * has a helper thread call what can only be called (weft__io_call, offload.h). All of it lives, with all that it
 * points to, until the engine returns: so the engine returns only when the kernel is through with it, also if the
 * call was cancelled.
 *
 * An engine returns what the kernel did, if it did something: a request that was completed while it was cancelled
 * has succeeded. Else -ECANCELED or -ETIMEDOUT, and -EBADF if weft_close took the descriptor away.
 */
#ifndef WEFT_CORE_IO_REQUEST_H
#define WEFT_CORE_IO_REQUEST_H

#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <weft/base.h>

/* Which fields count, and the kernel call. offset -1: where the file's position is. */
enum weft__io_op {
	WEFT__IO_READ,    /* fd data size offset                read, pread */
	WEFT__IO_WRITE,   /* fd out size offset                 write, pwrite */
	WEFT__IO_READV,   /* fd iov size (entries) offset mode  readv, preadv; mode: RWF_* */
	WEFT__IO_WRITEV,  /* fd iov size (entries) offset mode  writev, pwritev; likewise */
	WEFT__IO_RECV,    /* fd data size flags (MSG_*)         recv */
	WEFT__IO_SEND,    /* fd out size flags                  send; MSG_NOSIGNAL is set already */
	WEFT__IO_RECVMSG, /* fd msg flags                       recvmsg */
	WEFT__IO_SENDMSG, /* fd msg flags                       sendmsg; likewise */
	WEFT__IO_SPLICE,  /* fd offset fd2 offset2 size flags   splice, from fd to fd2 */
	WEFT__IO_ACCEPT,  /* fd data (address) length flags     accept4 */
	WEFT__IO_CONNECT, /* fd out (address) size              connect */
	WEFT__IO_POLL,    /* fd flags (events)                  poll for one fd; result: its revents */
	WEFT__IO_OPEN,    /* fd path flags mode                 openat */
	WEFT__IO_CLOSE,   /* fd                                 close */
	WEFT__IO_FSYNC,   /* fd flags (1: data only)            fsync, fdatasync */
	WEFT__IO_STATX,   /* fd path flags mode (mask) data     statx */
	WEFT__IO_RENAME,  /* fd path fd2 path2 flags            renameat2 */
	WEFT__IO_UNLINK,  /* fd path flags                      unlinkat */
	WEFT__IO_OPS
};

struct weft__io {
	enum weft__io_op op;
	int fd, fd2;
	int flags;
	uint32_t mode;
	bool begun; /* a connect is under way: weft__io_try's */
	union {
		void *data;
		const void *out;
		const struct iovec *iov;
		struct msghdr *msg;
		const char *path2;
	};
	union {
		const char *path;
		socklen_t *length;
	};
	size_t size;
	int64_t offset, offset2;
	struct pollfd
		ready; /* after weft__io_try said -EAGAIN: what it waits for; fd -1: nothing says when, try
			      * again some milliseconds later */
};

/* One of READ, WRITE, RECV and SEND. at: the offset, or, on a socket, the flags. */
static inline struct weft__io weft__io_transfer(enum weft__io_op op, int fd, const void *data, size_t size,
						int64_t at)
{
	struct weft__io io = {.op = op, .fd = fd, .size = size, .offset = -1};

	io.out = data;
	if (op <= WEFT__IO_WRITEV)
		io.offset = at;
	else
		io.flags = (int)at;
	return io;
}

/* What is the same for all requests of a kind. */
struct weft__io_kind {
	const char *name;
	/* What fd must be ready for, so that it will probably not have to wait. 0: it waits for no descriptor, but
	 * perhaps for a disk: call, do not try. POLL waits for what its flags say; SPLICE for fd2 as well. */
	short events;
	/* It can wait for ever, and a cancel or a deadline ends that: weft__io_interruptible. The others are carried
	 * out in a cancelled task too: it has to clean up. */
	bool interruptible;
};

extern const struct weft__io_kind weft__io_kinds[WEFT__IO_OPS];

/* Carries it out for the calling task, fiber or thread, until deadline or the task's own: the result of the
 * kernel call, or a negative errno. */
int64_t weft__io_do(struct weft__io *io, weft_time deadline);

/* The same for one of READ, WRITE, RECV and SEND; no more of size than the kernel moves in one call. */
int64_t weft__io_do_transfer(enum weft__io_op op, int fd, const void *data, size_t size, int64_t at);

/* Can a cancel or a deadline end it? Positioned transfers are of files, whatever their kind says. */
static inline bool weft__io_interruptible(const struct weft__io *io)
{
	return weft__io_kinds[io->op].interruptible && (io->op > WEFT__IO_WRITEV || io->offset < 0);
}

/* weft__io_do again and again, for READ, WRITE, RECV and SEND, until all of io->size is done, or there is no more to read:
 * 0, or the error that ended it. *ret_done: bytes, also with an error. io is used up. */
int weft__io_do_all(struct weft__io *io, size_t *ret_done);

/* Why the calling task should stop: -ECANCELED, or -ETIMEDOUT for its deadline or this one. 0: it need not. */
int weft__io_given_up(weft_time deadline);

/* The kernel call on this thread, for as long as it takes. EINTR is retried; SIGPIPE is not raised. */
int64_t weft__io_call(struct weft__io *io);

/* The same if it need not wait. -EAGAIN: wait for io->ready, then try again | -EOPNOTSUPP: it waits for no
 * descriptor (a file, or one of those without events), so only weft__io_call can do it. O_NONBLOCK is not touched. */
int64_t weft__io_try(struct weft__io *io);

#endif
