/* SPDX-License-Identifier: MIT
 *
 * io_name.c -- weft_getaddrinfo. The C library blocks in it, for as long as the name servers like, and no cancel
 * reaches it. So another thread calls it (offload.c), and a task that gives up leaves that thread alone with the
 * lookup: all of it is on the heap.
 */
#include "io_request.h"
#include "offload.h"
#include "state.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/socket.h>

struct lookup {
	struct addrinfo hints, *found;
	char *node, *service;
	int err;
	bool has_hints;
};

/* A negative errno for what getaddrinfo returned. */
static int error_of(int eai)
{
	switch (eai) {
	case 0:
		return 0;
	case EAI_SYSTEM:
		return errno ? -errno : -EIO;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_SERVICE:
		return -ENOENT;
	case EAI_FAMILY:
	case EAI_ADDRFAMILY:
		return -EAFNOSUPPORT;
	case EAI_SOCKTYPE:
		return -ESOCKTNOSUPPORT;
	case EAI_BADFLAGS:
		return -EINVAL;
	case EAI_OVERFLOW:
		return -ENAMETOOLONG;
	default:
		return -EREMOTEIO;
	}
}

static void look_up(void *lookup)
{
	struct lookup *l = lookup;

	errno = 0;
	l->err = error_of(getaddrinfo(l->node, l->service, l->has_hints ? &l->hints : NULL, &l->found));
}

static void lookup_free(void *lookup)
{
	struct lookup *l = lookup;

	if (l->found)
		freeaddrinfo(l->found);
	free(l->node);
	free(l->service);
	free(l);
}

/* strdup, but NULL is fine. True: done. */
static bool copy(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return !text || *ret;
}

static struct lookup *lookup_new(const char *node, const char *service, const struct addrinfo *hints)
{
	struct lookup *l = calloc(1, sizeof *l);
	bool copied;

	if (!l)
		return NULL;
	l->has_hints = hints;
	if (hints)
		l->hints = *hints;
	copied = copy(node, &l->node);
	if (copy(service, &l->service) && copied)
		return l;
	lookup_free(l);
	return NULL;
}

/* Addresses in digits need nobody to be asked. True: done. */
static bool look_up_digits(const char *node, const char *service, const struct addrinfo *hints,
			   struct addrinfo **ret)
{
	struct addrinfo only = {0};

	if (service && service[strspn(service, "0123456789")])
		return false;
	if (hints)
		only = *hints;
	only.ai_flags |= AI_NUMERICHOST;
	return node && !getaddrinfo(node, service, &only, ret);
}

int weft_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		     struct addrinfo **ret)
{
	struct lookup *l;
	int err = weft__io_given_up(WEFT_FOREVER);

	if (err || look_up_digits(node, service, hints, ret))
		return err;
	l = lookup_new(node, service, hints);
	if (!l)
		return -ENOMEM;
	err = weft__current ? weft__offload_until(look_up, lookup_free, l, WEFT_FOREVER) : -EAGAIN;
	if (err == -EAGAIN)
		weft__offload(look_up, l);
	else if (err)
		return err;
	err = l->err;
	if (!err) {
		*ret = l->found;
		l->found = NULL;
	}
	lookup_free(l);
	return err;
}
