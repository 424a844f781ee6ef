/* SPDX-License-Identifier: MIT
 *
 * top_names.c -- see top_names.h.
 *
 * A task's name is a literal as a rule, so it lies in the file that the process has mapped there, and is read from
 * that file: this needs no more rights than the map. Other names are read from the process's memory, which some systems
 * allow to parents only (Yama's ptrace_scope); without it the function's name has to do.
 */
#include "top_names.h"
#include "elf_symbols.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NAME_MOST = 64, RANGES_MOST = 65536, FILES_MOST = 256, PROCESSES_MOST = 64 };

struct file {
	dev_t device;
	ino_t inode;
	char *base; /* its name without folders */
	int fd;
	bool tried; /* to read its symbols */
	struct weft__elf *elf;
};

struct range {
	uint64_t from, to, offset;
	bool is_writable;
	int file; /* in files; -1: none */
};

struct process {
	pid_t pid;
	struct range *range;
	size_t n;
};

struct top_names {
	struct file file[FILES_MOST];
	int n_files;
	struct process process[PROCESSES_MOST];
	unsigned next; /* process to be forgotten */
};

struct top_names *top_names_new(void)
{
	return calloc(1, sizeof(struct top_names));
}

void top_names_free(struct top_names *names)
{
	if (!names)
		return;
	for (int i = 0; i < names->n_files; i++) {
		close(names->file[i].fd);
		weft__elf_free(names->file[i].elf);
		free(names->file[i].base);
	}
	for (int i = 0; i < PROCESSES_MOST; i++)
		free(names->process[i].range);
	free(names);
}

/* ---- The map of a process ---- */

/* As the process sees it: through its own root; or by what it was started from, be that deleted. */
static int open_mapped(pid_t pid, const char *path, bool is_program)
{
	char full[4096 + 32];
	struct stat s;
	int fd;

	snprintf(full, sizeof full, is_program ? "/proc/%d/exe" : "/proc/%d/root%s", (int)pid,
		 is_program ? "" : path);
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &s) || !S_ISREG(s.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int known_file(const struct top_names *names, const struct stat *s)
{
	for (int i = 0; i < names->n_files; i++)
		if (names->file[i].device == s->st_dev && names->file[i].inode == s->st_ino)
			return i;
	return -1;
}

/* The number of a mapped file; -1: it cannot be opened, or there are too many. */
static int find_file(struct top_names *names, pid_t pid, const char *path, const char *program)
{
	const char *base = strrchr(path, '/') + 1;
	int fd = open_mapped(pid, path, !strcmp(path, program)), at;
	struct stat s;

	if (fd < 0)
		return -1;
	at = fstat(fd, &s) ? -1 : known_file(names, &s);
	if (at >= 0 || names->n_files == FILES_MOST) {
		close(fd);
		return at;
	}
	names->file[names->n_files] =
		(struct file){.device = s.st_dev, .inode = s.st_ino, .base = strdup(base), .fd = fd};
	return names->n_files++;
}

static void read_program(pid_t pid, char ret[4096])
{
	char path[32];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	n = readlink(path, ret, 4095);
	ret[n > 0 ? n : 0] = '\0';
}

static bool add_range(struct process *p, const struct range *r)
{
	struct range *more =
		p->n & (p->n - 1) ? p->range : realloc(p->range, (p->n ? 2 * p->n : 1) * sizeof *more);

	if (!more || p->n == RANGES_MOST)
		return false;
	p->range = more;
	p->range[p->n++] = *r;
	return true;
}

static void read_map(struct top_names *names, struct process *p)
{
	char line[4096 + 128], program[4096], last[4096] = "", mode[8];
	int at, file = -1;
	bool more = true;
	FILE *f;

	snprintf(line, sizeof line, "/proc/%d/maps", (int)p->pid);
	read_program(p->pid, program);
	f = fopen(line, "re");
	p->n = 0;
	while (f && more && fgets(line, sizeof line, f)) {
		struct range r;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %n", &r.from, &r.to, mode,
			   &r.offset, &at) != 4)
			continue;
		if (strcmp(line + at, last)) { /* the parts of one file follow each other */
			snprintf(last, sizeof last, "%s", line + at);
			file = *last == '/' ? find_file(names, p->pid, last, program) : -1;
		}
		r.is_writable = mode[1] == 'w';
		r.file = file;
		more = add_range(p, &r);
	}
	if (f)
		fclose(f);
}

static const struct range *find_range(const struct process *p, uint64_t address)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address < p->range[middle].from)
			high = middle;
		else if (address >= p->range[middle].to)
			low = middle + 1;
		else
			return &p->range[middle];
	}
	return NULL;
}

static struct process *find_process(struct top_names *names, pid_t pid)
{
	struct process *p;

	for (int i = 0; i < PROCESSES_MOST; i++)
		if (names->process[i].pid == pid)
			return &names->process[i];
	p = &names->process[names->next++ % PROCESSES_MOST];
	p->pid = pid;
	read_map(names, p);
	return p;
}

/* What is mapped there now; the map is read anew where nothing was, or no file. */
static const struct range *look_up(struct top_names *names, pid_t pid, uint64_t address)
{
	struct process *p = find_process(names, pid);
	const struct range *r = find_range(p, address);

	if (!r) {
		read_map(names, p);
		r = find_range(p, address);
	}
	return r;
}

/* ---- Names ---- */

/* Up to its end, or the first byte that cannot be printed. */
static void clean(char *text, size_t size)
{
	size_t i = 0;

	while (i < size - 1 && text[i]) {
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 127)
			text[i] = '?';
		i++;
	}
	text[i] = '\0';
}

static bool read_text(struct top_names *names, pid_t pid, uint64_t address, char *ret, size_t size)
{
	const struct range *r = look_up(names, pid, address);
	size_t most = size < NAME_MOST ? size : NAME_MOST;
	ssize_t n;

	if (!r)
		return false;
	if (most > r->to - address)
		most = (size_t)(r->to - address);
	memset(ret, 0, size);
	if (r->file >= 0 && !r->is_writable)
		n = pread(names->file[r->file].fd, ret, most, (off_t)(address - r->from + r->offset));
	else
		n = process_vm_readv(pid, &(struct iovec){ret, most}, 1,
				     &(struct iovec){(void *)(uintptr_t)address, most}, 1, 0);
	if (n <= 0 || !*ret)
		return false;
	clean(ret, size);
	return true;
}

static const char *symbol(struct file *f, uint64_t offset)
{
	if (!f->tried) {
		f->tried = true;
		f->elf = weft__elf_read(f->fd);
	}
	return f->elf ? weft__elf_at_offset(f->elf, offset) : NULL;
}

void top_names_task(struct top_names *names, struct top_place fn, struct top_place name, char *ret,
		    size_t size)
{
	const struct range *r;
	const char *found;
	struct file *f;
	uint64_t offset;

	if (name.address && read_text(names, name.pid, name.address, ret, size))
		return;
	r = look_up(names, fn.pid, fn.address);
	if (!r || r->file < 0) {
		snprintf(ret, size, "0x%" PRIx64, fn.address);
		return;
	}
	f = &names->file[r->file];
	offset = fn.address - r->from + r->offset;
	found = symbol(f, offset);
	if (found && *found)
		snprintf(ret, size, "%s", found);
	else
		snprintf(ret, size, "%s+0x%" PRIx64, f->base ? f->base : "?", offset);
	clean(ret, size);
}
