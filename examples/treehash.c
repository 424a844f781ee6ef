/* SPDX-License-Identifier: MIT
 *
 * treehash.c -- the SHA-256 of every file of a directory tree, and of the tree.
 *
 *   treehash DIR                          a list that sha256sum -c can check
 *   treehash --io uring --hash threads    files read by fibers, hashed by a pool of threads
 *   treehash --total DIR                  one hash: is this tree the same as that one?
 *
 * What it does with weft: two executors, for two kinds of work. Reading waits, so many files are read at a time, each
 * by a task on the one that is good at waiting (part 2). Hashing computes, so it belongs to as many threads as there
 * are processors (part 1). While a block is hashed, the next one is read; and read_file() is a plain loop all the
 * same. In part 3 directories are listed, on the threads too: readdir(3) is no call that a fiber can wait in.
 *
 * The rest is output in order, whatever came first, and a progress bar.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/weft.h>

#include "sha256.h"
#include "treehash_args.h"
#include "treehash_screen.h"

static struct {
	weft_executor *io, *hash;
	int root; /* the directory */
} on;

/* ---- 1. Hashing --------------------------------------------------------------------------------- */

enum { BLOCK = 128 * 1024 };

struct block {
	struct sha256 *hash; /* of what comes before it, and then of it too */
	const char *data;
	size_t size;
};

/* The body of a task, for one block of a file. */
static int hash_block(weft_call *call, const void *arg, void *result)
{
	const struct block *b = arg;

	(void)call;
	(void)result;
	sha256_add(b->hash, b->data, b->size);
	bar_add(b->size);
	return 0;
}

/* ---- 2. Reading --------------------------------------------------------------------------------- */

/* One block is hashed while the next is read: two buffers take turns. The group has one task at most; it is how to
 * wait for that whatever happens, since the task works on what lies here. */
static int read_file(int fd, char *buffer, struct sha256 *hash)
{
	weft_group hashing = {.ex = on.hash};
	struct block block = {.hash = hash};
	weft_task task = {
		.fn = hash_block, .arg = &block, .arg_size = sizeof block, .flags = WEFT_TASK_LOCAL};
	int64_t at = 0;

	for (int turn = 0;; turn = !turn) {
		char *data = buffer + turn * BLOCK;
		ssize_t n = weft_pread_full(fd, data, BLOCK, at);
		int err = weft_group_wait(&hashing); /* for the block before, if there is one */
		if (n <= 0 || err)
			return n < 0 ? (int)n : err;
		block.data = data;
		block.size = (size_t)n;
		at += n;
		err = weft_group_submit(&hashing, &task);
		if (err == -EAGAIN) /* there is no room: a task is a function too */
			hash_block(NULL, &block, NULL);
		else if (err)
			return err;
	}
}

/* The body of a task, for one file. What fails is noted there, and is no reason not to read the others. */
static int hash_file(weft_call *call, const void *arg, void *result)
{
	struct entry *e = *(struct entry *const *)arg;
	char *buffer = weft_call_scratch(call, 2 * BLOCK);
	int fd = weft_openat(on.root, e->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct sha256 hash;

	(void)result;
	sha256_init(&hash);
	e->error = fd < 0 ? fd : buffer ? read_file(fd, buffer, &hash) : -ENOMEM;
	if (fd >= 0)
		weft_close(fd);
	sha256_end(&hash, e->hash);
	return 0;
}

/* ---- 3. Listing --------------------------------------------------------------------------------- */

struct entries {
	struct entry *at; /* n of them, and room for more */
	size_t n, room;
};

static struct {
	pthread_mutex_t lock;
	struct entries found, folders; /* the folders wait to be listed */
	bool no_memory;
} tree = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void add_entry(struct entries *to, struct entry e)
{
	pthread_mutex_lock(&tree.lock);
	if (to->n == to->room) {
		size_t room = 2 * to->room + 64;
		struct entry *more = realloc(to->at, room * sizeof *more);
		if (more) {
			to->at = more;
			to->room = room;
		}
	}
	if (e.path && to->n < to->room) {
		to->at[to->n++] = e;
	} else {
		tree.no_memory = true;
		free(e.path);
		free(e.link);
	}
	pthread_mutex_unlock(&tree.lock);
}

static void free_entries(struct entries *entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		free(entries->at[i].path);
		free(entries->at[i].link);
	}
	free(entries->at);
}

/* One name in a directory. */
static void list_name(int dir, const char *folder, const char *name)
{
	char path[PATH_MAX], link[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
	struct entry e = {.path = strdup(path), .kind = SPECIAL_ENTRY};
	struct stat st;
	ssize_t size;

	if ((size_t)n >= sizeof path) {
		e.error = -ENAMETOOLONG; /* what is in it could be opened in no way */
	} else if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		e.error = -errno;
	} else if (S_ISDIR(st.st_mode)) {
		add_entry(&tree.folders, e);
		return;
	} else if (S_ISREG(st.st_mode)) {
		e.kind = FILE_ENTRY;
		e.size = (uint64_t)st.st_size;
	} else if (S_ISLNK(st.st_mode)) {
		e.kind = LINK_ENTRY;
		size = readlinkat(dir, name, link, sizeof link);
		e.error = size < 0 ? -errno : 0;
		e.link = strndup(link, size < 0 ? 0 : (size_t)size);
	}
	add_entry(&tree.found, e);
}

/* One directory: "" is the root. */
static void list_folder(const char *path)
{
	int fd = openat(on.root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	errno = dir ? 0 : errno;
	for (struct dirent *d; dir && (d = readdir(dir)); errno = 0)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 && ++n)
			list_name(fd, path, d->d_name);
	err = -errno;
	if (err || (n == 0 && *path))
		add_entry(&tree.found,
			  (struct entry){.path = strdup(path), .kind = EMPTY_ENTRY, .error = err});
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

/* The body of a loop over directories. */
static int list_folders(weft_call *call, size_t begin, size_t end, void *ctx)
{
	const struct entry *folder = ctx;

	(void)call;
	for (size_t i = begin; i < end; i++)
		list_folder(folder[i].path);
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

/* Lists everything, sorted: first the root, then all directories in it, then all in those. */
static int list_tree(void)
{
	int err = 0;

	add_entry(&tree.folders, (struct entry){.path = strdup("")});
	while (tree.folders.n > 0 && !err) {
		struct entries level = tree.folders;
		tree.folders = (struct entries){.n = 0};
		err = weft_for(on.hash, list_folders, 0, level.n, 1, level.at);
		free_entries(&level);
	}
	if (err || tree.no_memory)
		return fail(1, "%s", weft_strerror(err ? err : -ENOMEM));
	if (tree.found.n > 0)
		qsort(tree.found.at, tree.found.n, sizeof *tree.found.at, by_path);
	return 0;
}

/* ---- 4. The work -------------------------------------------------------------------------------- */

/* With what is no file there is nothing to do. */
static bool is_done(const struct entry *e)
{
	return e->done || e->kind != FILE_ENTRY;
}

/* Prints what is done, as far as all before it is. */
static void print_done(void)
{
	static size_t next;

	if (next < tree.found.n && is_done(&tree.found.at[next]))
		bar_erase();
	for (; next < tree.found.n && is_done(&tree.found.at[next]); next++)
		print_entry(&tree.found.at[next]);
}

static int print_total(void)
{
	char hash[65];

	bar_erase();
	if (unreadable > 0)
		return fail(1, "%zu could not be read, so the tree has no hash", unreadable);
	sha256_end(&listing, hash);
	if (option.total)
		printf("%s  %s\n", hash, option.directory);
	else
		printf("# tree  %s\n", hash);
	return 0;
}

/* A task that goes from file to file. */
struct job {
	weft_task task;
	struct entry *entry;
};

/* Submits a job for the next file from *io_next on. Returns 1: it has one, 0: there are no more. */
static int start_job(struct job *job, weft_cq *q, size_t *io_next)
{
	int err;

	while (*io_next < tree.found.n && is_done(&tree.found.at[*io_next]))
		++*io_next;
	if (*io_next == tree.found.n)
		return 0;
	job->entry = &tree.found.at[(*io_next)++];
	job->task = (weft_task){
		.fn = hash_file, .arg = &job->entry, .arg_size = sizeof job->entry, .flags = WEFT_TASK_LOCAL};
	err = weft_submit_wait(on.io, &job->task, WEFT_FOREVER);
	if (!err)
		err = weft_cq_watch(q, weft_task_future(&job->task), job);
	return err ? err : 1;
}

/* As many files at a time as there are jobs. Whichever is done gets the next one. */
static int hash_files(weft_cq *q, struct job *jobs)
{
	size_t next = 0, running = 0;
	int more = 1;

	for (size_t i = 0; i < option.jobs && more > 0; i++) {
		more = start_job(&jobs[i], q, &next);
		running += more > 0;
		bar_update();
	}
	print_done();
	while (running > 0 && more >= 0) {
		void *tag;
		int err = weft_cq_next(q, NULL, &tag, bar_update());
		struct job *job = tag;

		if (err == -ETIMEDOUT)
			continue; /* to draw the bar */
		if (err)
			return err;
		job->entry->done = true;
		print_done();
		more = start_job(job, q, &next);
		running -= more == 0;
	}
	return more;
}

static int hash_tree(void)
{
	struct job *jobs = calloc(option.jobs, sizeof *jobs);
	weft_cq *q = NULL;
	uint64_t size = 0;
	int err = jobs ? weft_cq_new(&q) : -ENOMEM;

	for (size_t i = 0; i < tree.found.n; i++)
		size += tree.found.at[i].size;
	bar_start(size);
	sha256_init(&listing);
	if (!err)
		err = hash_files(q, jobs);
	weft_executor_stop(on.io, WEFT_STOP_CANCEL, WEFT_FOREVER); /* if we failed half-way */
	weft_cq_free(q);
	free(jobs);
	return err < 0 ? fail(1, "%s: %s", weft_executor_name(on.io), weft_strerror(err)) : print_total();
}

/* ---- 5. The beginning --------------------------------------------------------------------------- */

static int open_executor(weft_executor **ret, const char *name, const char *spec)
{
	const char *text = spec ? spec : "$WEFT_EXECUTOR";
	int err = weft_executor_open(ret, spec);

	if (err == -ENOSYS)
		return fail(2, "%s '%.40s': this build of weft lacks it", name, text);
	if (err == -EINVAL || err == -ERANGE)
		return fail(2, "%s '%.40s': no such executor; see treehash --help", name, text);
	if (err)
		return fail(1, "%s '%.40s': %s", name, text, weft_strerror(err));
	if (!(weft_executor_caps(*ret) & WEFT_CAP_LOCAL))
		return fail(2, "%s '%.40s': its tasks do not share our memory; see treehash --help", name,
			    text);
	return 0;
}

static int run(void)
{
	int status;

	on.root = open(option.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (on.root < 0)
		return fail(1, "%s: %s", option.directory, strerror(errno));
	status = open_executor(&on.hash, "--hash", option.hash);
	if (!status)
		status = open_executor(&on.io, "--io", option.io);
	if (!status)
		status = list_tree();
	if (!status)
		status = hash_tree();
	weft_executor_free(on.io);
	weft_executor_free(on.hash);
	free_entries(&tree.found);
	free_entries(&tree.folders);
	close(on.root);
	return status;
}

int main(int argc, char **argv)
{
	int status = parse_args(command_line, argc, argv, &option.help, &option.directory);

	if (!status && option.help)
		fputs(usage, stdout);
	else if (!status)
		status = run();
	if (fflush(stdout) != 0 || ferror(stdout))
		status = fail(status ? status : 1, "stdout: %s", strerror(errno));
	return status;
}
