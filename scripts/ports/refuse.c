/* SPDX-License-Identifier: MIT
 *
 * refuse.c -- runs a program that some system calls are refused to, and all that it starts:
 *
 *   refuse no-uring PROGRAM...    those of io_uring with ENOSYS, as by a kernel that lacks them
 *   refuse container PROGRAM...   those that Docker's default profile keeps from containers without more
 *                                 capabilities than it gives, with EPERM; clone3 with ENOSYS, so that clone is used
 *
 * Docker's profile lists what is allowed. Here is the rest, as far as Linux had it when the profile was last looked at
 * (moby 24), since a filter of our own for what is allowed would refuse what newer kernels have got since then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALLS_MAX = 80, CODE_MAX = 2 * CALLS_MAX + 16 };

static const int uring[] = {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};

static const int kept_from_containers[] = {
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	/* namespaces and mounts */
	SYS_setns,
	SYS_unshare,
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_move_mount,
	SYS_open_tree,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
	SYS_mount_setattr,
	SYS_quotactl,
	SYS_swapon,
	SYS_swapoff,
	SYS_name_to_handle_at,
	SYS_open_by_handle_at,
	SYS_fanotify_init,
	/* the kernel itself */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_reboot,
	SYS_syslog,
	SYS_acct,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_lookup_dcookie,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_vhangup,
	SYS_nfsservctl,
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
	SYS_kexec_file_load,
	SYS_create_module,
	SYS_get_kernel_syms,
	SYS_query_module,
	SYS_uselib,
	SYS_ustat,
	SYS_sysfs,
	SYS__sysctl,
#endif
	/* other processes, keys, memory of other nodes */
	SYS_kcmp,
	SYS_pidfd_getfd,
	SYS_process_madvise,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	SYS_userfaultfd,
	SYS_mbind,
	SYS_set_mempolicy,
	SYS_get_mempolicy,
	SYS_migrate_pages,
	SYS_move_pages,
};

struct code {
	struct sock_filter line[CODE_MAX];
	unsigned short n;
};

static void add(struct code *c, struct sock_filter line)
{
	c->line[c->n++] = line;
}

static void refuse(struct code *c, int number, unsigned err)
{
	add(c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1));
	add(c, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err));
}

/* A new namespace by clone is refused; a process or thread is not. */
static void refuse_namespaces(struct code *c)
{
	unsigned flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
			 CLONE_NEWPID | CLONE_NEWNET;

	add(c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
	add(c,
	    (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])));
	add(c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1));
	add(c, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
	add(c, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
}

static int enter(struct code *c)
{
	struct sock_fprog program = {c->n, c->line};

	/* With the capability it goes without the flag, which would change what is to be tested. */
	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 0;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	struct code c = {.n = 0};

	add(&c, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	if (argc > 2 && !strcmp(argv[1], "no-uring")) {
		for (size_t i = 0; i < sizeof uring / sizeof *uring; i++)
			refuse(&c, uring[i], ENOSYS);
	} else if (argc > 2 && !strcmp(argv[1], "container")) {
		refuse(&c, SYS_clone3, ENOSYS);
		for (size_t i = 0; i < sizeof kept_from_containers / sizeof *kept_from_containers; i++)
			refuse(&c, kept_from_containers[i], EPERM);
		refuse_namespaces(&c);
	} else {
		fprintf(stderr, "usage: refuse no-uring|container PROGRAM...\n");
		return 2;
	}
	add(&c, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	if (enter(&c)) {
		perror("refuse");
		return 2;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
