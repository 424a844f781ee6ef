/* SPDX-License-Identifier: MIT
 *
 * shared.c -- weft_shared: items in a region, behind a head with their lock.
 */
#include <weft/shared.h>

#include <errno.h>
#include <string.h>

#define MAGIC UINT64_C(0x6465726168732d77)

struct head {
	weft_lock lock;
	weft_region *region;
	uint64_t n;
	uint64_t magic;
};

_Static_assert(sizeof(struct head) % 16 == 0, "the items are aligned to 16");

static struct head *head_of(const void *items)
{
	return (struct head *)(uintptr_t)items - 1;
}

int weft_shared_new(weft_region *r, size_t item_size, size_t n, void **ret)
{
	struct head *head = NULL;
	void *block;
	int err;

	if (!item_size || !n || !ret)
		return -EINVAL;
	if (n > (PTRDIFF_MAX - sizeof *head) / item_size)
		return -ENOMEM;
	err = weft_region_alloc(r, sizeof *head + n * item_size, &block);
	if (err)
		return err;
	memset(block, 0, sizeof *head + n * item_size);
	head = block;
	err = weft_lock_init(&head->lock, WEFT_SHARED);
	if (err) {
		weft_region_dealloc(r, block);
		return err;
	}
	head->region = r;
	head->n = n;
	head->magic = MAGIC;
	*ret = head + 1;
	return 0;
}

weft_lock *weft_shared_lock(void *items)
{
	return items ? &head_of(items)->lock : NULL;
}

size_t weft_shared_count(const void *items)
{
	return items ? head_of(items)->n : 0;
}

int weft_shared_free(void *items)
{
	struct head *head;

	if (!items)
		return 0;
	head = head_of(items);
	if (head->magic != MAGIC)
		return -EINVAL;
	head->magic = 0;
	return weft_region_dealloc(head->region, head);
}
