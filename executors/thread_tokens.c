/* SPDX-License-Identifier: MIT
 *
 * thread_tokens.c -- how many tasks may wait. There is one token for each place in the pool's queue. A
 * submission needs one; a task gives it back when it leaves the queue.
 *
 * Most lie at hand in the queues, under their locks, so that the common word is seldom touched. Who finds
 * none gathers those of all others before he says that the pool is full: so it is full at its limit, not
 * before. What must be taken in any case (a continuation) goes into debt, which later ones pay off.
 *
 *   tag  word          from -> to    order          carries
 *   T4   tokens, debt  any           RMW relaxed    nothing: they are numbers
 */
#include "thread_parts.h"

static uint32_t tokens_from_all(struct thread_pool *p)
{
	/* T4 relaxed, all. */
	uint64_t have = atom_load(&p->tokens, relaxed);

	while (have) {
		uint32_t n =
			have > THREAD_TOKEN_STEP * (uint64_t)(p->shards + p->size) ? THREAD_TOKEN_STEP : 1;

		if (atom_cas(&p->tokens, &have, have - n, relaxed, relaxed))
			return n;
	}
	return 0;
}

bool thread_token_get(struct thread_pool *p, uint32_t *at_hand)
{
	if (!*at_hand)
		*at_hand = tokens_from_all(p);
	if (!*at_hand)
		return false;
	--*at_hand;
	return true;
}

void thread_token_put_slowly(struct thread_pool *p, uint32_t *at_hand)
{
	/* T4 relaxed, all. */
	uint32_t debt = atom_load(&p->debt, relaxed);

	while (debt)
		if (atom_cas(&p->debt, &debt, debt - 1, relaxed, relaxed))
			return;
	if (++*at_hand >= 2 * THREAD_TOKEN_STEP) {
		*at_hand -= THREAD_TOKEN_STEP;
		atom_add(&p->tokens, THREAD_TOKEN_STEP, relaxed);
	}
}

static void gather(struct thread_pool *p, uint32_t *at_hand)
{
	atom_add(&p->tokens, *at_hand, relaxed);
	*at_hand = 0;
}

/* What all queues have at hand becomes everybody's. */
void thread_tokens_gather(struct thread_pool *p)
{
	for (unsigned i = 0; i < p->shards; i++) {
		weft__lock(&p->shard[i].bias.lock);
		gather(p, &p->shard[i].tokens);
		weft__unlock(&p->shard[i].bias.lock);
	}
	for (unsigned i = 0; i < p->size; i++) {
		weft__bias_lock(&p->seat[i].queue.bias);
		gather(p, &p->seat[i].queue.tokens);
		weft__bias_unlock(&p->seat[i].queue.bias);
	}
	weft__lock(&p->ladder.lock);
	gather(p, &p->ladder.tokens);
	weft__unlock(&p->ladder.lock);
}
