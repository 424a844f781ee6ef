/* SPDX-License-Identifier: MIT
 *
 * weft/io.h -- input and output that a task can be called off from. Those for sockets are in weft/socket.h. The calls
 * are those of the system, with the same arguments and the same results, save that an error comes back as a negative
 * errno:
 *
 *   ssize_t n = weft_read(fd, buffer, sizeof buffer);
 *   if (n < 0)
 *           return weft_call_fail(call, (int)n, "read: %s", weft_strerror((int)n));
 *
 * What waiting means is the executor's business: on fibers the fiber is parked and its thread goes on with others;
 * on threads the thread sleeps, and another takes its place in the pool; elsewhere the caller sleeps. Outside of
 * tasks they are the plain calls of the system.
 *
 * What holds for all of them, so that one function does the same everywhere:
 *
 *   - They wait, also on an O_NONBLOCK descriptor and whatever SO_RCVTIMEO and SO_SNDTIMEO say. Who does not want
 *     to wait passes MSG_DONTWAIT, SPLICE_F_NONBLOCK, or polls with 0 ms.
 *   - In a task, a call that waits for a descriptor or for time ends with -ECANCELED as soon as the task is
 *     cancelled or its executor stopped, and with -ETIMEDOUT at the task's deadline [IO-1]. If that was so before the
 *     call, it does nothing else. What has been transferred counts more [IO-2]: then the call returns it.
 *   - Calls that concern files (positioned reads and writes, names, close, fsync) wait for the disk at most. They are
 *     not called off, and are done in a cancelled task too, so that it can clean up. A read or write where the
 *     file's position is, is not called off either once it has begun, if it is of a regular file. And weft_open is
 *     not, though it may wait for ever, at a FIFO or a terminal line: open those O_NONBLOCK, or in a section
 *     (weft_blocking_begin). In a worker's sandbox no read or write is called off: there is the deadline, which kills.
 *   - A signal handler that runs meanwhile does not end them: there is no -EINTR [IO-3].
 *   - None raises SIGPIPE [IO-4]: a writer to a closed pipe or connection gets -EPIPE.
 *   - They may do a part of what was asked for, as a read always could; on fibers and in tasks a write to a pipe or a
 *     socket may, too. weft_write_full and its kind do all.
 *   - Of the memory that was handed to a call, nothing is used any more when it returns, however it ends.
 *
 * A descriptor is a number of this process. In a worker process there are only those that the task has made.
 *
 * Two gaps on threads, where the kernel has no call that would not wait: a reader or writer of a pipe before Linux
 * 6.4, or of a terminal or device, and an accept on a socket without O_NONBLOCK, block beyond any cancel if another
 * process takes away in that very moment what they were told is there.
 */
#ifndef WEFT_IO_H
#define WEFT_IO_H

#include <poll.h>

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec; /* <sys/uio.h> */
struct statx; /* <sys/stat.h>, with _GNU_SOURCE */

/** Sleeps for a length of time, as nanosleep(2) does: not until a point in time.
 *
 * @param ns  Nanoseconds; 0 or less: does not sleep. WEFT_FOREVER: until the task is cancelled.
 * @return 0: the time is over | -ECANCELED, -ETIMEDOUT: see above.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  For ns nanoseconds.
 * @orders Nothing.
 * Example: if (weft_sleep(WEFT_MS(10)) < 0) return -ECANCELED; */
WEFT_API int weft_sleep(weft_time ns);

/** Lets others run, that share the thread or the processor: to be called now and then by a task that computes for
 * long between two waits.
 *
 * @return 0 | -ECANCELED, -ETIMEDOUT: see above.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  On fibers until the others that are ready have had their turn, in a task that was told to give up, too;
 *         elsewhere as sched_yield(2).
 * @orders Nothing.
 * Example: if (i % 1000 == 0 && (err = weft_yield())) return err; */
WEFT_API int weft_yield(void);

/* ---- Files ---- */

/** open(2).
 *
 * @param flags  O_*; with O_CREAT or O_TMPFILE the mode follows, a mode_t. Consider O_CLOEXEC.
 * @return A descriptor | what open(2) has, negative.
 * @owns   The descriptor is the caller's: weft_close.
 * @from   Any thread, or inside a task.
 * @waits  For the disk or the network behind it; for the other end of a FIFO. Not called off.
 * @orders Nothing.
 * Example: int fd = weft_open("log", O_WRONLY | O_CREAT | O_CLOEXEC, 0644); */
WEFT_API int weft_open(const char *path, int flags, ...);

/** openat(2): the same from a directory.
 *
 * @param dir  A descriptor of a directory, or AT_FDCWD.
 * @return As weft_open.
 * @owns   As weft_open.
 * @from   As weft_open.
 * @waits  As weft_open.
 * @orders Nothing.
 * Example: int fd = weft_openat(dir, "a", O_RDONLY | O_CLOEXEC); */
WEFT_API int weft_openat(int dir, const char *path, int flags, ...);

/** close(2), which also ends the waits for fd of other tasks in this process, with -EBADF [IO-5].
 *
 * Those are the calls of this header that wait for fd on the same executor, or in tasks on threads; not a poll
 * of several descriptors, and not who uses fd outside of tasks. As with close(2), a call that begins afterwards may
 * find the number to be another file's: so better have the tasks end first, by weft_shutdown or a cancel.
 *
 * @return 0 | -EBADF; what close(2) has, negative: fd is closed all the same.
 * @owns   fd is nobody's any more.
 * @from   Any thread, or inside a task. Also done in a cancelled one.
 * @waits  As close(2): for a disk or a network at most. Not called off.
 * @orders Nothing.
 * Example: weft_close(fd); */
WEFT_API int weft_close(int fd);

/** read(2).
 *
 * @return Bytes read; 0: the end | what read(2) has, negative | -ECANCELED, -ETIMEDOUT | -EBADF, also if fd is closed
 *         by weft_close meanwhile.
 * @owns   buffer is the caller's, and the kernel's during the call.
 * @from   Any thread, or inside a task.
 * @waits  Until there is something to read; for a regular file until the disk has answered.
 * @orders Nothing.
 * Example: ssize_t n = weft_read(fd, buffer, sizeof buffer); */
WEFT_API ssize_t weft_read(int fd, void *buffer, size_t size);

/** write(2), without SIGPIPE.
 *
 * @return Bytes written, perhaps fewer than size | what write(2) has, negative; -EPIPE: nobody reads there |
 *         -ECANCELED, -ETIMEDOUT | -EBADF, as weft_read.
 * @owns   data is the caller's, and must not change during the call.
 * @from   Any thread, or inside a task.
 * @waits  Until something can be written; for a regular file until the kernel has taken it.
 * @orders Nothing.
 * Example: ssize_t n = weft_write(fd, text, size); */
WEFT_API ssize_t weft_write(int fd, const void *data, size_t size);

/** pread(2).
 *
 * @param offset  From the start of the file; the file's own position is left alone.
 * @return Bytes read; 0: the end | what pread(2) has, negative; -ESPIPE: not for pipes and sockets.
 * @owns   As weft_read.
 * @from   Any thread, or inside a task.
 * @waits  For the disk. Not called off.
 * @orders Nothing.
 * Example: ssize_t n = weft_pread(fd, block, 4096, 4096 * i); */
WEFT_API ssize_t weft_pread(int fd, void *buffer, size_t size, int64_t offset);

/** pwrite(2).
 *
 * @param offset  As weft_pread.
 * @return Bytes written | what pwrite(2) has, negative.
 * @owns   As weft_write.
 * @from   Any thread, or inside a task.
 * @waits  For the disk. Not called off.
 * @orders Nothing.
 * Example: ssize_t n = weft_pwrite(fd, block, 4096, 4096 * i); */
WEFT_API ssize_t weft_pwrite(int fd, const void *data, size_t size, int64_t offset);

/** readv(2).
 *
 * @param n  Buffers, IOV_MAX at most.
 * @return As weft_read; -EINVAL: n.
 * @owns   As weft_read; the array too.
 * @from   Any thread, or inside a task.
 * @waits  As weft_read.
 * @orders Nothing.
 * Example: struct iovec v[2] = {{&head, sizeof head}, {body, size}}; n = weft_readv(fd, v, 2); */
WEFT_API ssize_t weft_readv(int fd, const struct iovec *iov, int n);

/** writev(2), without SIGPIPE.
 *
 * @param n  Buffers, IOV_MAX at most.
 * @return As weft_write; -EINVAL: n.
 * @owns   As weft_write; the array too.
 * @from   Any thread, or inside a task.
 * @waits  As weft_write.
 * @orders Nothing.
 * Example: struct iovec v[2] = {{&head, sizeof head}, {body, size}}; n = weft_writev(fd, v, 2); */
WEFT_API ssize_t weft_writev(int fd, const struct iovec *iov, int n);

/** preadv(2).
 *
 * @param n       Buffers, IOV_MAX at most.
 * @param offset  As weft_pread.
 * @return As weft_pread; -EINVAL: n.
 * @owns   As weft_readv.
 * @from   Any thread, or inside a task.
 * @waits  For the disk. Not called off.
 * @orders Nothing.
 * Example: ssize_t got = weft_preadv(fd, v, 2, 0); */
WEFT_API ssize_t weft_preadv(int fd, const struct iovec *iov, int n, int64_t offset);

/** pwritev(2).
 *
 * @param n       Buffers, IOV_MAX at most.
 * @param offset  As weft_pread.
 * @return As weft_pwrite; -EINVAL: n.
 * @owns   As weft_writev.
 * @from   Any thread, or inside a task.
 * @waits  For the disk. Not called off.
 * @orders Nothing.
 * Example: ssize_t put = weft_pwritev(fd, v, 2, 0); */
WEFT_API ssize_t weft_pwritev(int fd, const struct iovec *iov, int n, int64_t offset);

/** fsync(2).
 *
 * @return 0 | what fsync(2) has, negative.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Until the disk has it. Not called off.
 * @orders What was written to fd before is on the disk.
 * Example: if ((err = weft_fsync(fd)) < 0) return err; */
WEFT_API int weft_fsync(int fd);

/** fdatasync(2).
 *
 * @return 0 | what fdatasync(2) has, negative.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Until the disk has it. Not called off.
 * @orders What was written to fd before can be read back after a crash.
 * Example: if ((err = weft_fdatasync(fd)) < 0) return err; */
WEFT_API int weft_fdatasync(int fd);

/** statx(2).
 *
 * @param dir   A descriptor, or AT_FDCWD.
 * @param mask  STATX_*.
 * @return 0 | what statx(2) has, negative.
 * @owns   *ret is the caller's.
 * @from   Any thread, or inside a task.
 * @waits  For the disk or the network behind it. Not called off.
 * @orders Nothing.
 * Example: struct statx st; err = weft_statx(AT_FDCWD, path, 0, STATX_SIZE, &st); */
WEFT_API int weft_statx(int dir, const char *path, int flags, unsigned mask, struct statx *ret);

/** rename(2).
 *
 * @return 0 | what rename(2) has, negative.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  As weft_statx. Not called off.
 * @orders Nothing.
 * Example: err = weft_rename("log.new", "log"); */
WEFT_API int weft_rename(const char *from, const char *to);

/** unlink(2).
 *
 * @return 0 | what unlink(2) has, negative.
 * @owns   Nothing.
 * @from   Any thread, or inside a task. Also done in a cancelled one.
 * @waits  As weft_statx. Not called off.
 * @orders Nothing.
 * Example: weft_unlink("log.new"); */
WEFT_API int weft_unlink(const char *path);

/** splice(2): moves bytes between a pipe and another descriptor without copying them, and without SIGPIPE.
 *
 * @param off_in, off_out  NULL, or where in the file; advanced by what was moved.
 * @param flags            SPLICE_F_*; with SPLICE_F_NONBLOCK it does not wait: -EAGAIN.
 * @return Bytes moved; 0: the end of fd_in | what splice(2) has, negative | -ECANCELED, -ETIMEDOUT | -EBADF, as
 *         weft_read.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Until fd_in has something and fd_out has room.
 * @orders Nothing.
 * Example: ssize_t n = weft_splice(fd, NULL, pipe_in, NULL, 65536, SPLICE_F_MOVE); */
WEFT_API ssize_t weft_splice(int fd_in, int64_t *off_in, int fd_out, int64_t *off_out, size_t size,
			     unsigned flags);

/** poll(2).
 *
 * @param fds         revents is set where it returns a positive value.
 * @param timeout_ms  Milliseconds; negative: no limit; 0: does not wait.
 * @return How many entries have revents; 0: the time is over | what poll(2) has, negative | -ECANCELED, -ETIMEDOUT
 *         (the task's deadline) | -EBADF, as weft_read, if n is 1 | in a task, with n > 1: -EMFILE, -ENFILE, -ENOMEM.
 * @owns   fds is the caller's.
 * @from   Any thread, or inside a task.
 * @waits  Until one is ready or the time is over.
 * @orders Nothing.
 * Example: struct pollfd p = {.fd = fd, .events = POLLIN}; if (weft_poll(&p, 1, 100) == 0) give_up(); */
WEFT_API int weft_poll(struct pollfd *fds, nfds_t n, int timeout_ms);

/* ---- All of it. With an error it is unknown how much of it was done. ---- */

/** weft_read until size bytes are there.
 *
 * @param size  SSIZE_MAX at most.
 * @return size; less: the end came first | as weft_read; -EINVAL: size.
 * @owns   As weft_read.
 * @from   Any thread, or inside a task.
 * @waits  As weft_read, again and again.
 * @orders Nothing.
 * Example: if (weft_read_full(fd, &head, sizeof head) != sizeof head) return -EBADMSG; */
WEFT_API ssize_t weft_read_full(int fd, void *buffer, size_t size);

/** weft_write until all is written.
 *
 * @param size  SSIZE_MAX at most.
 * @return size, never less | as weft_write; -EINVAL: size; -EIO: a device takes nothing, and gives no error.
 * @owns   As weft_write.
 * @from   Any thread, or inside a task.
 * @waits  As weft_write, again and again.
 * @orders Nothing.
 * Example: ssize_t err = weft_write_full(fd, text, size); if (err < 0) return (int)err; */
WEFT_API ssize_t weft_write_full(int fd, const void *data, size_t size);

/** weft_pread until size bytes are there.
 *
 * @param size  SSIZE_MAX at most.
 * @return size; less: the end of the file | as weft_pread; -EINVAL: size.
 * @owns   As weft_pread.
 * @from   Any thread, or inside a task.
 * @waits  As weft_pread.
 * @orders Nothing.
 * Example: ssize_t n = weft_pread_full(fd, block, sizeof block, at); */
WEFT_API ssize_t weft_pread_full(int fd, void *buffer, size_t size, int64_t offset);

/** weft_pwrite until all is written.
 *
 * @param size  SSIZE_MAX at most.
 * @return size, never less | as weft_pwrite; -EINVAL: size; -EIO, as weft_write_full.
 * @owns   As weft_pwrite.
 * @from   Any thread, or inside a task.
 * @waits  As weft_pwrite.
 * @orders Nothing.
 * Example: ssize_t n = weft_pwrite_full(fd, block, sizeof block, at); */
WEFT_API ssize_t weft_pwrite_full(int fd, const void *data, size_t size, int64_t offset);

#ifdef __cplusplus
}
#endif
#endif
