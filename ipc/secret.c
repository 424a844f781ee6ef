/* SPDX-License-Identifier: MIT
 *
 * secret.c -- libsodium, loaded when it is first asked for. Its functions are declared here, so that it is not needed
 * to build; they are the same behind both of the names that it has had since 2017.
 *
 *   tag  word    from -> to         order               carries
 *   S1   loaded  load -> the users  CAS rel -> load acq  the addresses of the functions
 *
 * Progress: two that load at the same time get the same, and one of them throws his away. Who fails, for want of a
 * descriptor say, can try again. ABA, wrap-around: it changes once. Death, forks: nobody waits for anybody.
 */
#include "secret.h"
#include "atomic.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

struct sodium {
	int (*init)(void);
	void (*random)(void *ret, size_t size);
	int (*hash)(unsigned char *ret, const unsigned char *data, unsigned long long size);
	int (*mac)(unsigned char *ret, const unsigned char *data, unsigned long long size,
		   const unsigned char *key);
	int (*verify)(const unsigned char *mac, const unsigned char *data, unsigned long long size,
		      const unsigned char *key);
};

static atom_ptr loaded;

static bool find(void *library, const char *name, void *ret)
{
	*(void **)ret = dlsym(library, name);
	return *(void **)ret != NULL;
}

static bool open_library(struct sodium *ret)
{
	static const char *const names[] = {"libsodium.so.23", "libsodium.so.26"};
	void *library = NULL;

	for (unsigned i = 0; i < sizeof names / sizeof *names && !library; i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return library && find(library, "sodium_init", &ret->init) &&
	       find(library, "randombytes_buf", &ret->random) &&
	       find(library, "crypto_hash_sha256", &ret->hash) &&
	       find(library, "crypto_auth_hmacsha256", &ret->mac) &&
	       find(library, "crypto_auth_hmacsha256_verify", &ret->verify) && ret->init() >= 0;
}

static const struct sodium *load(void)
{
	struct sodium *mine = malloc(sizeof *mine);
	void *other = NULL;

	if (!mine)
		return NULL;
	/* S1 release: pairs with the load in sodium. Acquire: another may have been first. */
	if (open_library(mine) && atom_cas(&loaded, &other, mine, acq_rel, acquire))
		return mine;
	free(mine);
	return other;
}

/* NULL: there is none, for now. */
static const struct sodium *sodium(void)
{
	/* S1 acquire: pairs with the CAS in load. */
	const struct sodium *s = atom_load(&loaded, acquire);

	return s ? s : load();
}

int weft__secret_key(const void *secret, size_t size, uint8_t ret[SECRET_KEY_SIZE])
{
	const struct sodium *s = sodium();

	if (!s)
		return -ENOSYS;
	s->hash(ret, secret, size);
	return 0;
}

void weft__secret_mac(const uint8_t key[SECRET_KEY_SIZE], const void *data, size_t size,
		      uint8_t ret[SECRET_MAC_SIZE])
{
	sodium()->mac(ret, data, size, key);
}

bool weft__secret_verify(const uint8_t key[SECRET_KEY_SIZE], const void *data, size_t size,
			 const uint8_t mac[SECRET_MAC_SIZE])
{
	return !sodium()->verify(mac, data, size, key);
}

void weft__secret_random(void *ret, size_t size)
{
	sodium()->random(ret, size);
}
