/* SPDX-License-Identifier: MIT
 *
 * worker_filter.c -- which system calls a worker in a sandbox may make: a seccomp filter, in the kernel's own
 * machine code, from a list of what is allowed.
 *
 * What is not allowed fails with -EPERM, so that a library that tries something can go on without it. Calls
 * that came after this list, and clone3, whose arguments a filter cannot see, fail with -ENOSYS: the C library
 * then takes the older way. A call in the numbering of another architecture kills the process.
 *
 * The program is a sequence of pieces, each of which ends by returning or falls through with the number of the
 * call in the accumulator. Of the 64 bits of an argument the kernel uses as many as the call's type has, so
 * for an int or a set of flags the lower half is what counts, and for a pointer both halves.
 */
#include "worker_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "offsets of halves of arguments are those of little-endian machines"
#endif

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

enum {
	FILTER_MAX = 512,
	LAST_KNOWN = 462, /* map_shadow_stack and mseal were the newest when the list was made */
	REFUSE = SECCOMP_RET_ERRNO | EPERM,
	REFUSE_NEW = SECCOMP_RET_ERRNO | ENOSYS
};

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short n;
};

/* Calls whose arguments do not matter: on memory, on descriptors that are there already, on the caller's own
 * threads and signals, on clocks. */
static const int allowed[] = {
	/* memory */
	SYS_brk,
	SYS_madvise,
	SYS_mremap,
	SYS_munmap,
	/* files that are open */
	SYS_close,
	SYS_close_range,
	SYS_fstat,
	SYS_lseek,
	SYS_pread64,
	SYS_preadv,
	SYS_pwrite64,
	SYS_pwritev,
	SYS_write,
	SYS_writev,
	SYS_eventfd2,
	SYS_pipe2,
	SYS_ppoll,
	SYS_pselect6,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
#ifdef SYS_poll
	SYS_poll,
	SYS_select,
	SYS_epoll_wait,
	SYS_pipe,
#endif
	/* threads */
	SYS_exit,
	SYS_exit_group,
	SYS_futex,
	SYS_getcpu,
	SYS_gettid,
	SYS_membarrier,
	SYS_rseq,
	SYS_sched_getaffinity,
	SYS_sched_yield,
	SYS_set_robust_list,
	SYS_set_tid_address,
	/* signals */
	SYS_restart_syscall,
	SYS_rt_sigaction,
	SYS_rt_sigpending,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_rt_sigsuspend,
	SYS_rt_sigtimedwait,
	SYS_sigaltstack,
#ifdef SYS_pause
	SYS_pause,
#endif
	/* who and when */
	SYS_clock_getres,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_getegid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getpid,
	SYS_getppid,
	SYS_getrandom,
	SYS_getrusage,
	SYS_gettimeofday,
	SYS_getuid,
	SYS_nanosleep,
	SYS_times,
#ifdef SYS_time
	SYS_time,
#endif
};

/* Calls by which the bell's count could be taken from the pool, or its descriptor copied. */
static const int not_on_bell[] = {
	SYS_read, SYS_readv, SYS_dup, SYS_dup3,
#ifdef SYS_dup2
	SYS_dup2,
#endif
};

static const int commands_of_fcntl[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL};

static void add(struct filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	f->code[f->n++] = (struct sock_filter){code, jt, jf, k};
}

static void load(struct filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static size_t lower_half(int arg)
{
	return offsetof(struct seccomp_data, args) + 8 * (size_t)arg;
}

static void give(struct filter *f, uint32_t verdict)
{
	add(f, BPF_RET | BPF_K, 0, 0, verdict);
}

/* If the accumulator is k: the verdict. */
static void give_if(struct filter *f, uint32_t k, uint32_t verdict)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k);
	give(f, verdict);
}

/* A piece for one call; close_piece lets other calls jump over it. */
static unsigned short open_piece(struct filter *f, int call)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, (uint32_t)call);
	return f->n;
}

static void close_piece(struct filter *f, unsigned short begun)
{
	f->code[begun - 1].jf = (uint8_t)(f->n - begun);
}

/* Allowed if argument arg is one of k. */
static void allow_if_one_of(struct filter *f, int call, int arg, const int k[], size_t n)
{
	unsigned short begun = open_piece(f, call);

	load(f, lower_half(arg));
	for (size_t i = 0; i < n; i++)
		give_if(f, (uint32_t)k[i], SECCOMP_RET_ALLOW);
	give(f, REFUSE);
	close_piece(f, begun);
}

/* Allowed if argument arg has all bits of set and none of clear. */
static void allow_if_bits(struct filter *f, int call, int arg, uint32_t set, uint32_t clear)
{
	unsigned short begun = open_piece(f, call);

	load(f, lower_half(arg));
	add(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, set | clear);
	give_if(f, set, SECCOMP_RET_ALLOW);
	give(f, REFUSE);
	close_piece(f, begun);
}

static void allow_unless(struct filter *f, int call, int arg, uint32_t k)
{
	unsigned short begun = open_piece(f, call);

	load(f, lower_half(arg));
	give_if(f, k, REFUSE);
	give(f, SECCOMP_RET_ALLOW);
	close_piece(f, begun);
}

/* To look at limits, the own ones, and not to set them: pid 0 and no new limit. */
static void allow_reading_limits(struct filter *f)
{
	unsigned short begun = open_piece(f, SYS_prlimit64);
	const size_t zero[] = {lower_half(0), lower_half(2), lower_half(2) + 4};

	for (size_t i = 0; i < sizeof zero / sizeof zero[0]; i++) {
		load(f, zero[i]);
		add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
		give(f, REFUSE);
	}
	give(f, SECCOMP_RET_ALLOW);
	close_piece(f, begun);
}

/* On the bell nothing, on other descriptors the harmless commands. */
static void allow_fcntl(struct filter *f, int bell)
{
	unsigned short begun = open_piece(f, SYS_fcntl);

	load(f, lower_half(0));
	give_if(f, (uint32_t)bell, REFUSE);
	load(f, lower_half(1));
	for (size_t i = 0; i < sizeof commands_of_fcntl / sizeof commands_of_fcntl[0]; i++)
		give_if(f, (uint32_t)commands_of_fcntl[i], SECCOMP_RET_ALLOW);
	give(f, REFUSE);
	close_piece(f, begun);
}

static void check_architecture(struct filter *f)
{
	load(f, offsetof(struct seccomp_data, arch));
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCHITECTURE);
	give(f, SECCOMP_RET_KILL_PROCESS);
	load(f, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
	add(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000); /* x32: other calls by the same numbers */
	give(f, SECCOMP_RET_KILL_PROCESS);
#endif
}

static void write_filter(struct filter *f, int bell)
{
	static const int names[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE}, terminal[] = {TCGETS};
	const int self[] = {getpid()};

	check_architecture(f);
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		give_if(f, (uint32_t)allowed[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < sizeof not_on_bell / sizeof not_on_bell[0]; i++)
		allow_unless(f, not_on_bell[i], 0, (uint32_t)bell);
	allow_fcntl(f, bell);
	allow_if_bits(f, SYS_mmap, 2, 0, PROT_EXEC);
	allow_if_bits(f, SYS_mprotect, 2, 0, PROT_EXEC);
	/* A thread, not a process, and in no new namespace. */
	allow_if_bits(f, SYS_clone, 0, CLONE_THREAD | CLONE_VM,
		      CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
			      CLONE_NEWPID | CLONE_NEWNET);
	allow_if_one_of(f, SYS_kill, 0, self, 1);
	allow_if_one_of(f, SYS_tgkill, 0, self, 1);
	allow_if_one_of(f, SYS_tkill, 0, self,
			1); /* to the first thread, whose number it is: abort() of musl */
	allow_if_one_of(f, SYS_prctl, 0, names, 3);
	allow_if_one_of(f, SYS_ioctl, 1, terminal, 1);
	allow_reading_limits(f);
	give_if(f, SYS_clone3, REFUSE_NEW);
	add(f, BPF_JMP | BPF_JGT | BPF_K, 0, 1, LAST_KNOWN);
	give(f, REFUSE_NEW);
	give(f, REFUSE);
}

int worker_filter_install(int bell)
{
	struct filter f = {.n = 0};
	struct sock_fprog program = {.filter = f.code};
	long answer;

	if (!worker_filter_possible())
		return -ENOTSUP;
	write_filter(&f, bell);
	program.len = f.n;
	/* All threads: init may have started some. The answer may be the id of one that has other filters. */
	answer = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	return answer < 0 ? -errno : answer > 0 ? -EBUSY : 0;
}

bool worker_filter_possible(void)
{
	uint32_t kill = SECCOMP_RET_KILL_PROCESS;

	return ARCHITECTURE && !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill);
}
