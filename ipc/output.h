/* SPDX-License-Identifier: MIT
 *
 * output.h -- memory for what a program writes: grown without copying, and cheap to touch for the first time.
 */
#ifndef WEFT_IPC_OUTPUT_H
#define WEFT_IPC_OUTPUT_H

#include <stddef.h>

/* At least twice as much room, or some where *io_data is NULL. 0, or -ENOMEM with nothing changed. */
int weft__output_grow(char **io_data, size_t *io_room);
/* No more than size bytes, 1 or more. Returns where they are. */
char *weft__output_fit(char *data, size_t size);
void weft__output_discard(char *data); /* NULL is fine */

#endif
