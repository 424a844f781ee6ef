/* SPDX-License-Identifier: MIT
 *
 * crash_denied.c -- a worker in a sandbox tries each system call that it is denied.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_kit.h"

#define CALL(name, ...)                                                                                      \
	{                                                                                                    \
#name, SYS_##name,                                                                           \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}
#define AT(s) (long)(intptr_t)(s)

static char zeros[256];
static const char path[] = "/tmp/crash-sandbox", *const no_argv[] = {"true", NULL};
static struct sock_filter allow_all = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
static struct sock_fprog one_filter = {1, &allow_all};
static const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
static struct iovec one_vector = {zeros, 8};

/* In their most innocent form: arguments with which they would succeed, or fail with another error. */
static const struct denied {
	const char *name;
	long nr, arg[6];
} denied[] = {
	/* files */
	CALL(openat, AT_FDCWD, AT("/dev/null"), O_RDONLY),
	CALL(openat, AT_FDCWD, AT(path), O_CREAT | O_WRONLY, 0600),
	CALL(openat, AT_FDCWD, AT("/proc/self/mem"), O_RDWR),
	CALL(newfstatat, AT_FDCWD, AT("/"), AT(zeros), 0),
	CALL(statx, AT_FDCWD, AT("/"), 0, 0, AT(zeros)),
	CALL(faccessat, AT_FDCWD, AT("/"), 0),
	CALL(readlinkat, AT_FDCWD, AT("/proc/self/exe"), AT(zeros), 8),
	CALL(getcwd, AT(zeros), 256),
	CALL(chdir, AT("/")),
	CALL(chroot, AT("/")),
	CALL(mkdirat, AT_FDCWD, AT(path), 0700),
	CALL(unlinkat, AT_FDCWD, AT(path), 0),
	CALL(renameat2, AT_FDCWD, AT(path), AT_FDCWD, AT(path), 0),
	CALL(linkat, AT_FDCWD, AT(path), AT_FDCWD, AT(path), 0),
	CALL(symlinkat, AT(path), AT_FDCWD, AT(path)),
	CALL(fchmodat, AT_FDCWD, AT(path), 0),
	CALL(fchownat, AT_FDCWD, AT(path), -1, -1, 0),
	CALL(utimensat, AT_FDCWD, AT(path), 0, 0),
	CALL(mknodat, AT_FDCWD, AT(path), 0, 0),
	CALL(truncate, AT(path), 0),
	CALL(ftruncate, 2, 0),
	CALL(fchmod, 2, 0600),
	CALL(fchown, 2, -1, -1),
	CALL(fallocate, 2, 0, 0, 1),
	CALL(flock, 2, 0),
	CALL(fsync, 2),
	CALL(getdents64, 0, AT(zeros), 8),
	CALL(memfd_create, AT("x"), 0),
	CALL(inotify_init1, 0),
	CALL(fanotify_init, 0, 0),
	CALL(name_to_handle_at, AT_FDCWD, AT("/"), AT(zeros), AT(zeros), 0),
	CALL(statfs, AT("/"), AT(zeros)),
	CALL(mount, 0, AT("/"), 0, 0, 0),
	CALL(umount2, AT("/nowhere"), 0),
	CALL(pivot_root, AT("/"), AT("/")),
	CALL(splice, 0, 0, 1, 0, 1, 0),
	CALL(sendfile, 1, 0, 0, 1),
	CALL(copy_file_range, 0, 0, 1, 0, 1, 0),
	CALL(vmsplice, 1, 0, 0, 0),
	CALL(tee, 0, 1, 1, 0),
	CALL(preadv2, 0, AT(&one_vector), 1, 0, 0, 0),
	CALL(openat2, AT_FDCWD, AT("/dev/null"), AT(zeros), 24),
	CALL(quotactl, 0, 0, 0, 0),
	/* sockets */
	CALL(socket, AF_UNIX, SOCK_STREAM, 0),
	CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, AT(zeros)),
	CALL(connect, 0, AT(zeros), 16),
	CALL(bind, 0, AT(zeros), 16),
	CALL(listen, 0, 1),
	CALL(accept4, 0, 0, 0, 0),
	CALL(sendto, 1, AT(zeros), 1, 0, 0, 0),
	CALL(sendmsg, 1, AT(zeros), 0),
	CALL(recvfrom, 0, AT(zeros), 1, 0, 0, 0),
	CALL(recvmsg, 0, AT(zeros), 0),
	CALL(getsockopt, 0, 1, 1, AT(zeros), AT(zeros)),
	/* io_uring and its like */
	CALL(io_uring_setup, 1, AT(zeros)),
	CALL(io_uring_enter, 0, 0, 0, 0),
	CALL(io_uring_register, 0, 0, 0, 0),
	CALL(io_setup, 1, AT(zeros)),
	CALL(userfaultfd, 0),
	CALL(bpf, 0, AT(zeros), 0),
	CALL(perf_event_open, AT(zeros), 0, -1, -1, 0),
	/* processes */
	CALL(execve, AT("/bin/true"), AT(no_argv), 0),
	CALL(execveat, AT_FDCWD, AT("/bin/true"), AT(no_argv), 0, 0),
	CALL(clone, SIGCHLD, 0),
	CALL(unshare, 0),
	CALL(setns, 0, 0),
	CALL(wait4, -1, 0, WNOHANG, 0),
	CALL(waitid, 0, 0, 0, 0),
	CALL(ptrace, 0, 0, 0, 0),
	CALL(process_vm_readv, 1, 0, 0, 0, 0, 0),
	CALL(process_vm_writev, 1, 0, 0, 0, 0, 0),
	CALL(kcmp, 1, 1, 0, 0, 0),
	CALL(pidfd_open, 1, 0),
	CALL(pidfd_send_signal, 0, 0, 0, 0),
	CALL(pidfd_getfd, 0, 0, 0),
	CALL(kill, 1, 0),
	CALL(kill, 0, 0),
	CALL(kill, -1, 0),
	CALL(tgkill, 1, 1, 0),
	CALL(tkill, 1, 0),
	CALL(rt_sigqueueinfo, 1, 1, AT(zeros)),
	CALL(rt_tgsigqueueinfo, 1, 1, 1, AT(zeros)),
	CALL(setsid, 0),
	CALL(setpgid, 0, 0),
	CALL(getpgid, 1),
	CALL(prlimit64, 0, RLIMIT_CORE, AT(&unlimited), 0),
	CALL(prlimit64, 1, RLIMIT_CORE, 0, 0),
	CALL(setrlimit, RLIMIT_CORE, AT(&unlimited)),
	CALL(setpriority, 0, 0, 0),
	CALL(sched_setaffinity, 0, 8, AT(zeros)),
	CALL(sched_setscheduler, 0, 0, AT(zeros)),
	CALL(ioprio_set, 1, 0, 0),
	CALL(process_madvise, 0, 0, 0, 0, 0),
	CALL(get_robust_list, 1, AT(zeros), AT(zeros)),
	CALL(move_pages, 1, 0, 0, 0, 0, 0),
	CALL(timer_create, 0, 0, AT(zeros)),
	CALL(setitimer, 0, 0, 0),
	CALL(timerfd_create, 0, 0),
	CALL(signalfd4, -1, AT(zeros), 8, 0),
	/* rights */
	CALL(setuid, 0),
	CALL(setgid, 0),
	CALL(setresuid, -1, -1, -1),
	CALL(setresgid, -1, -1, -1),
	CALL(setgroups, 0, 0),
	CALL(capset, AT(zeros), AT(zeros)),
	CALL(umask, 022),
	CALL(prctl, PR_SET_DUMPABLE, 1),
	CALL(prctl, PR_SET_PDEATHSIG, 0),
	CALL(prctl, PR_SET_SECCOMP, 1),
	CALL(prctl, PR_CAPBSET_DROP, 0),
	CALL(seccomp, SECCOMP_SET_MODE_FILTER, 0, AT(&one_filter)),
	CALL(keyctl, 0, 0, 0),
	CALL(add_key, AT("user"), AT("x"), AT(zeros), 1, -2),
	CALL(request_key, 0, 0, 0, 0),
	CALL(personality, 0xffffffff),
	CALL(acct, 0),
	CALL(reboot, 0, 0, 0),
	CALL(init_module, 0, 0, 0),
	CALL(finit_module, 0, 0, 0),
	CALL(delete_module, 0, 0),
	CALL(kexec_load, 0, 0, 0, 0),
	CALL(swapon, 0, 0),
	CALL(settimeofday, 0, 0),
	CALL(clock_settime, 0, 0),
	CALL(adjtimex, AT(zeros)),
	CALL(sethostname, 0, 0),
	CALL(syslog, 10, 0, 0),
	CALL(uname, AT(zeros)),
	CALL(sysinfo, AT(zeros)),
	/* memory that runs, memory that is shared */
	CALL(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	CALL(mmap, 0, 4096, PROT_EXEC | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	CALL(mprotect, 0, 0, PROT_EXEC),
	CALL(pkey_mprotect, 0, 0, PROT_READ, -1),
	CALL(shmget, 0, 4096, 0600),
	CALL(shmat, 0, 0, 0),
	CALL(msgget, 0, 0),
	CALL(semget, 0, 1, 0),
	CALL(mq_open, AT("/x"), 0, 0, 0),
	CALL(mlockall, 0),
	CALL(remap_file_pages, 0, 0, 0, 0, 0),
	CALL(mbind, 0, 0, 0, 0, 0, 0),
	/* of open descriptors */
	CALL(ioctl, 1, 0x5412, AT("x")) /* TIOCSTI */,
	CALL(ioctl, 0, 0x541b, AT(zeros)) /* FIONREAD */,
	CALL(fcntl, 1, F_SETOWN, 1),
	CALL(fcntl, 1, F_SETSIG, SIGKILL),
	CALL(fcntl, 1, F_SETLK, AT(zeros)),
	CALL(fcntl, 1, F_ADD_SEALS, 0),
#ifdef SYS_open
	CALL(open, AT("/dev/null"), O_RDONLY),
	CALL(creat, AT(path), 0600),
	CALL(stat, AT("/"), AT(zeros)),
	CALL(lstat, AT("/"), AT(zeros)),
	CALL(access, AT("/"), 0),
	CALL(unlink, AT(path)),
	CALL(mkdir, AT(path), 0700),
	CALL(rename, AT(path), AT(path)),
	CALL(readlink, AT("/proc/self/exe"), AT(zeros), 8),
	CALL(chmod, AT(path), 0),
	CALL(fork, 0),
	CALL(vfork, 0),
	CALL(alarm, 0),
	CALL(iopl, 0),
	CALL(ioperm, 0, 1, 0),
	CALL(modify_ldt, 0, 0, 0),
	CALL(arch_prctl, 0x1001, AT(zeros)),
	CALL(signalfd, -1, AT(zeros), 8),
	CALL(inotify_init, 0),
	CALL(uselib, 0),
#endif
};

enum { N_DENIED = sizeof denied / sizeof denied[0] };

/* Each that is not refused, as a bit. */
static int try_all_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg;
	for (int i = 0; i < N_DENIED; i++) {
		const struct denied *d = &denied[i];
		errno = 0;
		long answer =
			syscall(d->nr, d->arg[0], d->arg[1], d->arg[2], d->arg[3], d->arg[4], d->arg[5]);
		((bool *)result)[i] = answer != -1 || errno != EPERM;
	}
	return 0;
}

static void check_denied(const char *spec)
{
	weft_executor *ex = crash_open_sandbox(spec);
	bool got_through[N_DENIED] = {true};
	weft_task t = {.fn = try_all_fn, .result = got_through, .result_size = sizeof got_through};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	REQUIRE_EQ(weft_future_status(weft_task_future(&t)), 0);
	for (int i = 0; i < N_DENIED; i++) {
		if (got_through[i])
			fprintf(stderr, "%s (%ld)\n", denied[i].name, denied[i].arg[0]);
		CHECK(!got_through[i]);
	}
	CHECK_EQ(crash_stats(ex).deaths, 0);
	weft_executor_free(ex);
}

TEST(sandbox_denies)
{
	check_denied("processes:1,sandbox=1");
	check_denied("processes:1,sandbox=1,start=spawn");
}
