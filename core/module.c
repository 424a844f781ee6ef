/* SPDX-License-Identifier: MIT
 *
 * module.c -- the files that code comes from: where they lie, which build they are, loading one.
 *
 * The path is asked of the kernel, not of the loader, which only knows what dlopen was given: a relative path
 * means another file once the program has changed its directory. Before a file is loaded, which runs code of
 * it, its build-id is read from the disk. Should it be replaced between the two, who looks for the token's
 * function afterwards will not find it; only constructors will have run.
 */
#include "module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PHDRS_MAX = 128,
	NOTES_MAX = 16384 /* bytes of a segment of notes */
};

/* A line of maps: from-to rwxp offset device inode path, where \012 stands for a newline. */
static bool holds(const char *line, uintptr_t address, const char **ret_path)
{
	uintptr_t from, to;
	int at = 0;

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &from, &to, &at) != 2 ||
	    address < from || address >= to)
		return false;
	*ret_path = line + at;
	return true;
}

static int copy_path(const char *path, char *ret, size_t size)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(path);

	if (path[0] != '/' || strstr(path, "\\012") ||
	    (len > sizeof deleted && !strcmp(path + len - (sizeof deleted - 1), deleted)))
		return -ENOENT;
	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(ret, path, len + 1);
	return 0;
}

int weft__module_path(weft_fn *fn, char *ret, size_t size)
{
	char *line = NULL;
	size_t room = 0;
	int err = -ENOENT;
	const char *path = NULL;
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && !path && getline(&line, &room, maps) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (holds(line, (uintptr_t)fn, &path))
			err = copy_path(path, ret, size);
	}
	free(line);
	if (maps)
		fclose(maps);
	return err;
}

static bool read_at(int fd, void *buffer, size_t size, uint64_t at)
{
	return at <= INT64_MAX && pread(fd, buffer, size, (off_t)at) == (ssize_t)size;
}

static bool is_ours(const ElfW(Ehdr) * e)
{
	return !memcmp(e->e_ident, ELFMAG, SELFMAG) &&
	       e->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
	       e->e_phentsize == sizeof(ElfW(Phdr)) && e->e_phnum <= PHDRS_MAX;
}

static int read_id(int fd, struct weft__token *ret)
{
	ElfW(Ehdr) e;
	ElfW(Phdr) p[PHDRS_MAX];
	unsigned char notes[NOTES_MAX];

	if (!read_at(fd, &e, sizeof e, 0) || !is_ours(&e) ||
	    !read_at(fd, p, e.e_phnum * sizeof *p, e.e_phoff))
		return -ENOEXEC;
	for (size_t i = 0; i < e.e_phnum; i++)
		if (p[i].p_type == PT_NOTE && p[i].p_filesz <= sizeof notes &&
		    read_at(fd, notes, p[i].p_filesz, p[i].p_offset) &&
		    weft__token_notes(notes, p[i].p_filesz, p[i].p_align == 8 ? 8 : 4, ret))
			return 0;
	return -ENOEXEC;
}

int weft__module_id(const char *path, struct weft__token *ret)
{
	int err, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	memset(ret, 0, sizeof *ret);
	err = read_id(fd, ret);
	close(fd);
	return err;
}

int weft__module_load(const char *path, const struct weft__token *token, char *why, size_t size)
{
	struct weft__token there;
	int err = weft__module_id(path, &there);

	if (err && err != -ENOEXEC)
		snprintf(why, size, "%s: %s", weft_strerror(err), path);
	else if (err || !weft__token_same_file(&there, token))
		snprintf(why, size, "another build than the caller's: %s", path);
	else if (!dlopen(path, RTLD_NOW | RTLD_LOCAL))
		snprintf(why, size, "%s", dlerror()); /* NOLINT(concurrency-mt-unsafe): per thread in fact */
	else
		return 0;
	return -ENOEXEC;
}
