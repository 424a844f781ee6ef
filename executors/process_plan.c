/* SPDX-License-Identifier: MIT
 *
 * process_plan.c -- the pool's side of a plan: making it, and listing the files of the functions that come.
 */
#include "module.h"
#include "spin.h"
#include "stats.h"
#include "worker_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

size_t plan_size(void)
{
	return (sizeof(struct worker_plan) + 4095) & ~(size_t)4095;
}

static int seal(int fd)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

	return fcntl(fd, F_ADD_SEALS, seals) ? -errno : 0;
}

static int make_memory(struct worker_plan **ret)
{
	int err = 0, fd = memfd_create("weft-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	*ret = MAP_FAILED;
	if (ftruncate(fd, (off_t)plan_size()))
		err = -errno;
	if (!err)
		*ret = mmap(NULL, plan_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!err && *ret == MAP_FAILED)
		err = -ENOMEM;
	if (!err)
		err = seal(fd);
	if (!err)
		return fd;
	if (*ret != MAP_FAILED)
		munmap(*ret, plan_size());
	close(fd);
	return err;
}

/* Without a path only those workers have it that have it already. */
static int add_file_of(struct worker_plan *plan, weft_fn *fn, const struct weft__token *token)
{
	char path[PLAN_PATH];
	int err = weft__module_path(fn, path, sizeof path);

	return plan_add(plan, token, err ? "" : path);
}

/* Any address in its code will do. */
static int add_loaded(struct dl_phdr_info *file, size_t size, void *ctx)
{
	struct worker_plan *plan = ctx;
	struct weft__token token;

	(void)size;
	for (size_t i = 0; i < file->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &file->dlpi_phdr[i];
		weft_fn *fn = (weft_fn *)(uintptr_t)(file->dlpi_addr + p->p_vaddr);

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		if (!weft__token_make(fn, &token))
			add_file_of(plan, fn, &token);
		break;
	}
	return 0;
}

static int take_functions(struct worker_plan *plan, const struct weft_process_pool_opts *o)
{
	int err = 0;

	if (o->init)
		err = plan_token(plan, o->init, &plan->init);
	if (o->fini && !err)
		err = plan_token(plan, o->fini, &plan->fini);
	plan->init_arg_size = o->init_arg_size;
	if (o->init_arg_size)
		memcpy(plan->init_arg, o->init_arg, o->init_arg_size);
	return err;
}

int plan_create(struct worker_plan **ret, const struct weft_process_pool_opts *o)
{
	struct worker_plan *plan = NULL;
	int err, fd = make_memory(&plan);

	if (fd < 0)
		return fd;
	plan->slot_size = o->slot_size;
	plan->start = o->start;
	plan->max_rss = o->max_rss;
	plan->max_memory = o->max_memory;
	plan->max_cpu = o->max_cpu;
	plan->max_files = o->max_files;
	plan->nice = o->nice;
	plan->alone = weft__spin_alone();
	/* Nobody may look into who is in a sandbox, so there its descriptor would serve nobody. */
	plan->shown = weft__stats_wanted() && !(o->flags & WEFT_PROCESSES_SANDBOX);
	err = take_functions(plan, o);
	if (!err && o->flags & WEFT_PROCESSES_SANDBOX)
		dl_iterate_phdr(add_loaded, plan);
	plan->flags = o->flags;
	if (!err) {
		*ret = plan;
		return fd;
	}
	plan_destroy(plan);
	close(fd);
	return err;
}

int plan_renew(struct worker_plan **io)
{
	struct worker_plan *plan;
	int fd = make_memory(&plan);
	uint32_t n = atom_load(&(*io)->n_modules, relaxed); /* only we write it */

	if (fd < 0)
		return fd;
	memcpy(plan, *io, offsetof(struct worker_plan, module) + n * sizeof plan->module[0]);
	plan_destroy(*io);
	*io = plan;
	return fd;
}

void plan_destroy(struct worker_plan *plan)
{
	munmap(plan, plan_size());
}

const struct worker_module *plan_find(const struct worker_plan *plan, const struct weft__token *token)
{
	/* Relaxed: see worker_plan.h. */
	uint32_t n = atom_load((atom_u32 *)(uintptr_t)&plan->n_modules, relaxed);

	for (uint32_t i = 0; i < n; i++)
		if (weft__token_same_file(&plan->module[i].token, token))
			return &plan->module[i];
	return NULL;
}

int plan_add(struct worker_plan *plan, const struct weft__token *token, const char *path)
{
	uint32_t n = atom_load(&plan->n_modules, relaxed); /* only we write it */

	if (plan_find(plan, token))
		return 0;
	if (n == PLAN_MODULES || strlen(path) >= PLAN_PATH)
		return -ENOEXEC;
	plan->module[n].token = *token;
	strcpy(plan->module[n].path, path);
	atom_store(&plan->n_modules, n + 1, relaxed);
	return 0;
}

int plan_token(struct worker_plan *plan, weft_fn *fn, struct weft__token *ret)
{
	struct weft__token token;
	int err = weft__token_make(fn, &token);

	if (!err && !plan_find(plan, &token))
		err = plan->flags & WEFT_PROCESSES_SANDBOX ? -ENOEXEC : add_file_of(plan, fn, &token);
	if (!err)
		*ret = token;
	return err;
}
