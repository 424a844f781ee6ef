/* SPDX-License-Identifier: MIT
 *
 * fuzz_plain.c -- in the place of libFuzzer, for any compiler: fuzz_X FOLDER [N] tries each file of the folder,
 * and N inputs that are made of its files by random changes. An input that fails is left in fuzz-failed.
 */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { FILES_MAX = 256, INPUT_MAX = 4096, PATIENCE_S = 20 };

struct input {
	uint8_t data[INPUT_MAX];
	size_t size;
};

static struct input file[FILES_MAX], now;
static unsigned files;

static void try_it(const struct input *i)
{
	/* A copy of exactly that size, so that the sanitizers see who reads beyond. */
	uint8_t *data = malloc(i->size ? i->size : 1);

	if (!data)
		exit(2);
	memcpy(data, i->data, i->size);
	now = *i;
	alarm(PATIENCE_S);
	LLVMFuzzerTestOneInput(data, i->size);
	free(data);
}

/* What was tried is written down; then as if nobody had been here. */
static void on_abort(int sig)
{
	FILE *f = fopen("fuzz-failed", "wb");

	if (f) {
		fwrite(now.data, 1, now.size, f);
		fclose(f);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

static void read_folder(const char *path)
{
	DIR *dir = opendir(path);

	if (!dir) {
		perror(path);
		exit(2);
	}
	for (struct dirent *e; files < FILES_MAX && (e = readdir(dir));) {
		char name[4096];
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		f = fopen(name, "rb");
		if (!f)
			continue;
		file[files].size = fread(file[files].data, 1, INPUT_MAX, f);
		files++;
		fclose(f);
	}
	closedir(dir);
}

static void change(struct input *i, unsigned *seed)
{
	for (int n = 1 + rand_r(seed) % 8; n > 0; n--) {
		size_t at = i->size ? (size_t)rand_r(seed) % i->size : 0;

		switch (rand_r(seed) % 4) {
		case 0: /* one byte more */
			if (i->size == INPUT_MAX)
				break;
			memmove(i->data + at + 1, i->data + at, i->size - at);
			i->data[at] = (uint8_t)rand_r(seed);
			i->size++;
			break;
		case 1: /* shorter */
			i->size = at;
			break;
		case 2: /* from another one */
			at = (size_t)rand_r(seed) % files;
			if (i->size + file[at].size <= INPUT_MAX) {
				memcpy(i->data + i->size, file[at].data, file[at].size);
				i->size += file[at].size;
			}
			break;
		default:
			if (i->size)
				i->data[at] = (uint8_t)rand_r(seed);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned seed = 1;

	if (argc < 2)
		return 2;
	signal(SIGABRT, on_abort);
	signal(SIGSEGV, on_abort);
	signal(SIGALRM, on_abort);
	read_folder(argv[1]);
	for (unsigned i = 0; i < files; i++)
		try_it(&file[i]);
	for (unsigned long i = 0; i < n && files; i++) {
		struct input changed = file[(unsigned)rand_r(&seed) % files];

		change(&changed, &seed);
		try_it(&changed);
	}
	printf("%s: %u inputs, and %lu by random changes\n", argv[1], files, n);
	return files ? 0 : 2;
}
