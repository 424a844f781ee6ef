/* SPDX-License-Identifier: MIT
 *
 * token.h -- a function's name between processes: the build-id of its file, its offset in there.
 *
 * Two processes have the same function at different addresses, but the same file has the same build-id
 * and the same offsets everywhere. So static functions cross too, and nobody keeps a registry.
 */
#ifndef WEFT_CORE_TOKEN_H
#define WEFT_CORE_TOKEN_H

#include <weft/call.h>

enum {
	WEFT__TOKEN_ID_MIN = 8,  /* bytes: a shorter build-id is none, it would not tell files apart */
	WEFT__TOKEN_ID_MAX = 20, /* bytes: of a longer one the first 20 count */
};

/* 32 bytes without padding; unused bytes of build_id are 0. */
struct weft__token {
	uint8_t build_id[WEFT__TOKEN_ID_MAX];
	uint32_t id_len; /* bytes of build_id, WEFT__TOKEN_ID_MIN..WEFT__TOKEN_ID_MAX */
	uint64_t offset; /* from the load base (dlpi_addr), not from the start of the file */
};

/* The token of fn. 0 | -ENOEXEC: fn is not in an executable segment of a loaded file, or that file has no
 * build-id. Any thread; not a signal handler. */
int weft__token_make(weft_fn *fn, struct weft__token *ret);

/* The function of a token that somebody else sent; the token itself must be in memory that only this
 * process writes. What comes out lies in executable code of a loaded file; that it is the start of a
 * function, only its sender can know. 0 | -ENOEXEC: no loaded file has that build-id, or nothing
 * executable at that offset. Any thread; not a signal handler. */
int weft__token_find(const struct weft__token *t, weft_fn **ret);

/* The build of the program itself; offset is 0. 0 | -ENOEXEC: it has no build-id. Any thread. */
int weft__token_program(struct weft__token *ret);

/* Are both in the same build of the same file? */
bool weft__token_same_file(const struct weft__token *a, const struct weft__token *b);

/* Copies the build-id from a segment of ELF notes, left bytes at at, into the token; false: it is not there. */
bool weft__token_notes(const unsigned char *at, uint64_t left, uint64_t align, struct weft__token *token);

#endif
