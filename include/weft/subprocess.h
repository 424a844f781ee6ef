/* SPDX-License-Identifier: MIT
 *
 * weft/subprocess.h -- other programs: started, talked to, waited for, killed.
 *
 *   struct weft_output o;
 *   int err = weft_subprocess_run((const char *[]){"git", "log", "-1", NULL}, NULL, NULL, 0, &o, WEFT_FOREVER);
 *   if (!err && o.code == 0)
 *           fwrite(o.out, 1, o.out_size, stdout);
 *   weft_output_free(&o);
 *
 * What is promised of each:
 *
 *   - No shell is involved, but in weft_shell: arguments arrive as they are, whatever is in them [SUBPROCESS-1].
 *   - If it cannot be started the call says why, with the error that exec, chdir or open had [SUBPROCESS-2]: there is
 *     no child that lives on as a copy of the caller, and nothing to wait for.
 *   - It gets the descriptors it is meant to have, and no other [SUBPROCESS-3]; no signal is blocked there, and each
 *     has its default action.
 *   - It costs the same however large the calling process is: nothing is copied. The calling thread, and the fibers
 *     on it, stand still until exec has been done, some tenths of a millisecond.
 *   - It leaves no zombie, once it has been waited for or freed, and no descriptor [SUBPROCESS-4].
 *
 * It is a child of the calling process as any other: when it ends there is a SIGCHLD, and wait(2) finds it. If the
 * caller is a program that ignores SIGCHLD, or waits for whatever child there is, its exit code is read from its
 * pidfd all the same (from Linux 6.15); on older kernels it is lost then, and the calls say -ECHILD.
 */
#ifndef WEFT_SUBPROCESS_H
#define WEFT_SUBPROCESS_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A program that was started. From any thread or task, several at a time, but for weft_subprocess_communicate,
 * weft_subprocess_close and weft_subprocess_free, which want it to themselves. */
typedef struct weft_subprocess weft_subprocess;

/** What one of its standard descriptors is. */
enum weft_stdio_kind {
	WEFT_STDIO_DEFAULT, /* weft_subprocess_start: INHERIT. weft_subprocess_run says its own */
	WEFT_STDIO_INHERIT, /* the caller's */
	WEFT_STDIO_PIPE,    /* the other end is weft_subprocess_fd */
	WEFT_STDIO_NULL,    /* /dev/null */
	WEFT_STDIO_FD,      /* fd, which stays the caller's */
	WEFT_STDIO_FILE,    /* path is opened, with flags */
	WEFT_STDIO_MERGE    /* err only: where out goes */
};

struct weft_stdio {
	enum weft_stdio_kind kind;
	int fd; /* FD */
	const char *
		path; /* FILE; relative to the caller's working directory. Made with mode 0666 and the umask */
	int flags;    /* FILE: O_*; 0: O_RDONLY for in, O_WRONLY | O_CREAT | O_TRUNC for out and err */
};

/** A descriptor to hand on. */
struct weft_handed_fd {
	int fd; /* the caller's, and stays so */
	int as; /* its number there, 3 or more */
};

enum {
	/* It begins a process group. Then weft_subprocess_kill and its like go to all of the group: what it has
	 * started, too, unless that has made a group of its own. Such a program is in the background of
	 * a terminal: it cannot read there, and ^C does not reach it. */
	WEFT_SUBPROCESS_GROUP = 1,
	/* It begins a session, and a group with it: it has no terminal. */
	WEFT_SUBPROCESS_SESSION = 2
};

/** Which step of starting failed. */
enum weft_subprocess_step {
	WEFT_STEP_NONE,    /* none, or the arguments were wrong */
	WEFT_STEP_OPEN,    /* a file of in, out or err */
	WEFT_STEP_PIPE,    /* making pipes */
	WEFT_STEP_PROCESS, /* making a process */
	WEFT_STEP_GROUP,   /* its group or session, its death signal */
	WEFT_STEP_CWD,     /* cwd */
	WEFT_STEP_FDS,     /* putting descriptors in place */
	WEFT_STEP_EXEC     /* the program itself */
};

/** Options. Set size to sizeof(struct weft_subprocess_opts); 0 elsewhere is the default. */
struct weft_subprocess_opts {
	uint32_t size;          /* bytes; 0 counts as all of them */
	const char *const *env; /* "NAME=value", then NULL; default: the caller's */
	const char *cwd;        /* its working directory; default: the caller's */
	struct weft_stdio in, out, err;
	uint32_t flags; /* WEFT_SUBPROCESS_* */
	/* It gets this signal when the thread that starts it ends (PR_SET_PDEATHSIG): the thread, not the process.
	 * 0: none. The kernel forgets it where the program gains rights by exec. */
	int32_t death_signal;
	const char *program;                 /* what is executed; default: argv[0]. Searched for likewise */
	const struct weft_handed_fd *fds;    /* more descriptors for it */
	size_t n_fds;                        /* of fds */
	size_t output_most;                  /* bytes that are captured of out, and of err; 0: any */
	enum weft_subprocess_step *ret_step; /* NULL, or where to say what has failed */
};

/** What became of it. */
struct weft_output {
	int code;        /* its exit code; -N: signal N killed it */
	void *out, *err; /* NULL: not captured; else out_size, err_size bytes, and a NUL behind them */
	size_t out_size, err_size;
};

/** Starts a program.
 *
 * @param argv  Its arguments, the last followed by NULL. argv[0], or opts->program, is the program: with a slash, a
 *              path, and a relative one starts at opts->cwd; without, it is looked for in the directories of the
 *              caller's PATH.
 * @param opts  NULL: all defaults.
 * @return 0 | what failed, and opts->ret_step which step: -ENOENT: no such program, cwd or file; -EACCES: it may not
 *         be executed; -ENOEXEC: it is no program (a script without "#!"); -E2BIG; -EMFILE, -ENFILE, -EAGAIN,
 *         -ENOMEM; -ENOSYS: before Linux 5.4; -EBADF: a descriptor that is none; what else exec, chdir, open, setsid
 *         have | -EINVAL: a NULL, argv is empty, unknown options, fds with an "as" that is below 3 or there twice.
 * @owns   *ret is the caller's: weft_subprocess_free. Nothing of argv and opts is used any more.
 * @from   Any thread, or inside a task.
 * @waits  Until exec has been done; for files as weft_open.
 * @orders What the caller has done before, happens before the program's first step.
 * Example: err = weft_subprocess_start(&p, (const char *[]){"make", "-j2", NULL}, NULL); */
WEFT_API int weft_subprocess_start(weft_subprocess **ret, const char *const argv[],
				   const struct weft_subprocess_opts *opts);

/** Runs a program to its end, with input, and captures what it writes.
 *
 * in is a pipe if there is input, else /dev/null; out and err are pipes that are captured; opts may say otherwise.
 * It has a process group of its own, and it is killed if the calling process is. At the deadline, at a cancel of the
 * calling task, and where it writes more than opts->output_most, its whole group is killed (weft_subprocess_kill);
 * what it has written by then is in *ret.
 *
 * It has ended when the program has, and nobody has its pipes any more: if it leaves something running in the
 * background that still has them, the call waits for that, until the deadline.
 *
 * @param input       Its standard input; it may stop reading early. NULL: none.
 * @param input_size  Bytes.
 * @param ret         Set in any case, also where the call fails: with what there is.
 * @return 0: it has ended, however: ret->code | -ETIMEDOUT: the deadline, or that of the task; before the call:
 *         nothing has been started | -ECANCELED: the task was cancelled, likewise | -ENOBUFS: opts->output_most;
 *         that much is in *ret | -ECHILD: it has ended, but its code is unknown (top of this file) | -ENOMEM | as
 *         weft_subprocess_start; -EINVAL also: input, and in is no pipe.
 * @owns   *ret is the caller's: weft_output_free. input must not change during the call.
 * @from   Any thread, or inside a task.
 * @waits  For the program.
 * @orders As weft_subprocess_start and weft_subprocess_wait.
 * Example: err = weft_subprocess_run(argv, NULL, text, size, &o, weft_after(WEFT_SECONDS(5))); */
WEFT_API int weft_subprocess_run(const char *const argv[], const struct weft_subprocess_opts *opts,
				 const void *input, size_t input_size, struct weft_output *ret,
				 weft_time deadline);

/** Sends input to a program's pipe in, gathers what comes from out and err, all at once, and waits for its end.
 *
 * After -ETIMEDOUT or -ECANCELED it may be called again, with the same input: it goes on where it was, nothing is
 * lost. It does not kill: that is the caller's to do, and then to call it again.
 *
 * @param input       As weft_subprocess_run. Without a pipe there must be none. The pipe is closed after it.
 * @param input_size  Bytes.
 * @return 0: it has ended, and ret->code says how | -ETIMEDOUT, -ECANCELED: it still runs, or something it has
 *         started has its pipes | -ENOBUFS: opts->output_most, which then has been read and is kept: called again it
 *         says so again | -ENOMEM | -ECHILD, as weft_subprocess_run, with *ret set all but code | -EINVAL: a NULL;
 *         input, and no pipe | -ECHILD: p is the parent's, this is a fork of it.
 * @owns   *ret is the caller's: weft_output_free. Its pipes are closed. p has to be freed.
 * @from   Any thread, or inside a task; one at a time for each program, and nobody else uses its descriptors
 *         meanwhile.
 * @waits  For the program.
 * @orders As weft_subprocess_wait.
 * Example: err = weft_subprocess_communicate(p, "1 + 1\n", 6, &o, WEFT_FOREVER); */
WEFT_API int weft_subprocess_communicate(weft_subprocess *p, const void *input, size_t input_size,
					 struct weft_output *ret, weft_time deadline);

/** Frees what weft_subprocess_run or weft_subprocess_communicate has returned.
 *
 * @param o  NULL is fine. Zeros afterwards.
 * @owns   o->out and o->err are gone.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_output_free(&o); */
WEFT_API void weft_output_free(struct weft_output *o);

/** Waits until a program has ended.
 *
 * If the calling task is cancelled meanwhile the program runs on: it is the caller's. Beware of pipes: who only
 * waits does not read, and a program whose pipe is full does not end.
 *
 * @param ret_code  Its exit code; -N: signal N killed it. NULL: not wanted.
 * @param deadline  One that has passed, 0 say: does not wait.
 * @return 0, also if it had ended before | -ETIMEDOUT: also the deadline of the task | -ECANCELED | -ECHILD: it has
 *         ended, but its code is unknown (top of this file); or p is the parent's, this is a fork of it | -EINVAL: p
 *         is NULL.
 * @owns   Nothing. p has to be freed.
 * @from   Any thread, or inside a task; several at a time.
 * @waits  For the program.
 * @orders What the program did happens before.
 * Example: err = weft_subprocess_wait(p, &code, weft_after(WEFT_SECONDS(1))); */
WEFT_API int weft_subprocess_wait(weft_subprocess *p, int *ret_code, weft_time deadline);

/** Has it ended? Also in a cancelled task.
 *
 * @return 0: yes | -EINPROGRESS: no | -ECHILD, -EINVAL: as weft_subprocess_wait.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders As weft_subprocess_wait.
 * Example: if (weft_subprocess_poll(p, &code) == -EINPROGRESS) go_on(); */
WEFT_API int weft_subprocess_poll(weft_subprocess *p, int *ret_code);

/** Sends a signal to a program; with WEFT_SUBPROCESS_GROUP or _SESSION, to all of its group, also when the program
 * itself has ended (before Linux 6.9: as long as nobody has waited for it).
 *
 * @param sig  SIG*; 0: none, only looks whether there is anybody.
 * @return 0 | -ESRCH: it has ended | -EPERM: it has other rights by now | -EINVAL: p is NULL, or sig | -ECHILD: p is
 *         the parent's, this is a fork of it.
 * @owns   Nothing.
 * @from   Any thread, or inside a task. Never hits another process that has got the same number.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_subprocess_signal(p, SIGHUP); */
WEFT_API int weft_subprocess_signal(weft_subprocess *p, int sig);

/** weft_subprocess_signal with SIGTERM, which asks it to end.
 *
 * @return As weft_subprocess_signal.
 * @owns   Nothing.
 * @from   As weft_subprocess_signal.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_subprocess_terminate(p); */
WEFT_API int weft_subprocess_terminate(weft_subprocess *p);

/** weft_subprocess_signal with SIGKILL, which ends it.
 *
 * @return As weft_subprocess_signal.
 * @owns   Nothing.
 * @from   As weft_subprocess_signal.
 * @waits  Never: wait for it afterwards.
 * @orders Nothing.
 * Example: weft_subprocess_kill(p); */
WEFT_API int weft_subprocess_kill(weft_subprocess *p);

/** Its process number.
 *
 * @return The pid, also after its end, when it may be another's | -EINVAL: p is NULL.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: printf("%d\n", (int)weft_subprocess_pid(p)); */
WEFT_API pid_t weft_subprocess_pid(const weft_subprocess *p);

/** The caller's end of a pipe.
 *
 * @param which  0: in, to write to; 1: out, 2: err, to read from.
 * @return A descriptor | -EBADF: no pipe, or closed | -EINVAL: p is NULL, which.
 * @owns   It stays p's: close it by weft_subprocess_close. weft_subprocess_communicate makes it O_NONBLOCK.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: n = weft_read(weft_subprocess_fd(p, 1), buffer, sizeof buffer); */
WEFT_API int weft_subprocess_fd(const weft_subprocess *p, int which);

/** A descriptor that becomes readable when the program ends: for weft_poll and its like.
 *
 * @return A pidfd | -EINVAL: p is NULL.
 * @owns   It stays p's, until weft_subprocess_free.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: struct pollfd f = {.fd = weft_subprocess_pidfd(p), .events = POLLIN}; */
WEFT_API int weft_subprocess_pidfd(const weft_subprocess *p);

/** Closes the caller's end of a pipe: the program reads the end of its input, unless a fork of the caller has it too.
 *
 * @param which  As weft_subprocess_fd.
 * @return 0 | -EBADF, -EINVAL: as weft_subprocess_fd.
 * @owns   The descriptor is gone.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_subprocess_close(p, 0); */
WEFT_API int weft_subprocess_close(weft_subprocess *p, int which);

/** Frees a program's record. If the program still runs it is killed, as by weft_subprocess_kill.
 *
 * There is no zombie afterwards. Should it not end within a second (the kernel is busy with it), or may it not be
 * killed, it is reaped by a later weft_subprocess_start or weft_subprocess_free.
 *
 * @param p  NULL is fine. No other thread may be using it.
 * @return 0 | -EPERM: it runs on, with rights that the caller has not.
 * @owns   *p and its descriptors are gone. In a fork of the process that started it: only there.
 * @from   Any thread, or inside a task, also in a cancelled one.
 * @waits  For the end of what it has killed.
 * @orders Nothing.
 * Example: weft_subprocess_free(p); */
WEFT_API int weft_subprocess_free(weft_subprocess *p);

/** Has /bin/sh carry out a command, and waits for its end, as system(3) does: with the caller's descriptors,
 * environment and working directory. Signal dispositions stay as they are.
 *
 * The command is a program, in a language with quotes, variables and substitutions. Whatever is put into it is part
 * of that program: a file that is called "; rm -rf ~" does what its name says, and no quoting by hand is right for
 * all. So never build one from names, input, or anything else that was not written by the author. Hand such things
 * over as arguments:
 *
 *   snprintf(command, sizeof command, "wc -l %s", name);                                            // wrong
 *   argv = (const char *[]){"wc", "-l", "--", name, NULL};                       // right, with weft_subprocess_run
 *   argv = (const char *[]){"sh", "-c", "wc -l -- \"$1\" | sort", "sh", name, NULL}; // right, with a shell, too
 *
 * Without a deadline and outside of tasks the command shares the caller's process group, and ^C at a terminal ends
 * both. Else it has one of its own, which is killed with all that is in it at the deadline or at a cancel; such a
 * command cannot read from the terminal.
 *
 * @param ret_code  The exit code of the command; -N: signal N killed the shell. 127: the shell has not found it.
 *                  NULL: not wanted.
 * @return 0: it has ended | -EINVAL: command is NULL | -ETIMEDOUT, -ECANCELED: as weft_subprocess_run | -ECHILD: its
 *         code is unknown | as weft_subprocess_start.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  For the command.
 * @orders As weft_subprocess_wait.
 * Example: err = weft_shell("ls -l | sort -k5n", &code, WEFT_FOREVER); */
WEFT_API int weft_shell(const char *command, int *ret_code, weft_time deadline);

#ifdef __cplusplus
}
#endif
#endif
