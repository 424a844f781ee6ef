/* SPDX-License-Identifier: MIT
 *
 * secret.h -- proofs that one knows a secret, by libsodium. It is loaded when it is first asked for: linked, it would
 * make the start of each program and worker 0.09 ms longer (decision 0091).
 */
#ifndef WEFT_IPC_SECRET_H
#define WEFT_IPC_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SECRET_KEY_SIZE = 32, SECRET_MAC_SIZE = 32 };

/* A key of a fixed size from a secret of any: its SHA-256. 0 | -ENOSYS: there is no libsodium. What follows is for who
 * has got a key. */
int weft__secret_key(const void *secret, size_t size, uint8_t ret[SECRET_KEY_SIZE]);

/* HMAC-SHA-256. */
void weft__secret_mac(const uint8_t key[SECRET_KEY_SIZE], const void *data, size_t size,
		      uint8_t ret[SECRET_MAC_SIZE]);

/* Is that the right one? Takes the same time whichever byte is wrong. */
bool weft__secret_verify(const uint8_t key[SECRET_KEY_SIZE], const void *data, size_t size,
			 const uint8_t mac[SECRET_MAC_SIZE]);

void weft__secret_random(void *ret, size_t size);

#endif
