/* SPDX-License-Identifier: MIT
 *
 * model_litmus.c -- the checker's own suite: small programs of which it is known what C11 lets them do. Each
 * lists the outcomes that must come up; every other one must not. After each, the case in words.
 */
#include "atomic.h"
#include "model.h"

static atom_u32 x, y;
static uint32_t r[4], plain;

static void start(void)
{
	x = y = 0;
	plain = 0;
	r[0] = r[1] = r[2] = r[3] = 9;
	model_name(&x, "x");
	model_name(&y, "y");
	model_preemptions(20); /* all there are */
}

static void two(void (*a)(void *), void (*b)(void *))
{
	model_thread("A", a, NULL);
	model_thread("B", b, NULL);
	model_run();
	model_outcome("%u %u", r[0], r[1]);
}

#define THREAD(name) static void name(void *arg __attribute__((unused)))

/* ---- MP, message passing: data, then a flag. ---- */

THREAD(mp_write_relaxed)
{
	atom_store(&x, 1, relaxed);
	atom_store(&y, 1, relaxed);
}

THREAD(mp_write_release)
{
	atom_store(&x, 1, relaxed);
	atom_store(&y, 1, release);
}

THREAD(mp_write_fence)
{
	atom_store(&x, 1, relaxed);
	atom_fence(seq_cst);
	atom_store(&y, 1, relaxed);
}

THREAD(mp_read_relaxed)
{
	r[0] = atom_load(&y, relaxed);
	r[1] = atom_load(&x, relaxed);
}

THREAD(mp_read_acquire)
{
	r[0] = atom_load(&y, acquire);
	r[1] = atom_load(&x, relaxed);
}

THREAD(mp_read_fence)
{
	r[0] = atom_load(&y, relaxed);
	atom_fence(seq_cst);
	r[1] = atom_load(&x, relaxed);
}

/* The flag may be seen without the data ... */
LITMUS(mp_relaxed, "0 0|0 1|1 1|1 0")
{
	start();
	two(mp_write_relaxed, mp_read_relaxed);
}

/* ... but not by an acquire of a release ... */
LITMUS(mp_release_acquire, "0 0|0 1|1 1")
{
	start();
	two(mp_write_release, mp_read_acquire);
}

/* ... for which it takes both. */
LITMUS(mp_release_relaxed, "0 0|0 1|1 1|1 0")
{
	start();
	two(mp_write_release, mp_read_relaxed);
}

LITMUS(mp_relaxed_acquire, "0 0|0 1|1 1|1 0")
{
	start();
	two(mp_write_relaxed, mp_read_acquire);
}

/* Fences do it around relaxed accesses, too, alone and mixed. */
LITMUS(mp_fences, "0 0|0 1|1 1")
{
	start();
	two(mp_write_fence, mp_read_fence);
}

LITMUS(mp_release_fence, "0 0|0 1|1 1")
{
	start();
	two(mp_write_release, mp_read_fence);
}

LITMUS(mp_fence_acquire, "0 0|0 1|1 1")
{
	start();
	two(mp_write_fence, mp_read_acquire);
}

/* ---- SB, store buffering: each writes its own and looks at the other's. ---- */

THREAD(sb_a_release)
{
	atom_store(&x, 1, release);
	r[0] = atom_load(&y, acquire);
}

THREAD(sb_b_release)
{
	atom_store(&y, 1, release);
	r[1] = atom_load(&x, acquire);
}

THREAD(sb_a_seq_cst)
{
	atom_store(&x, 1, seq_cst);
	r[0] = atom_load(&y, seq_cst);
}

THREAD(sb_b_seq_cst)
{
	atom_store(&y, 1, seq_cst);
	r[1] = atom_load(&x, seq_cst);
}

THREAD(sb_a_fence)
{
	atom_store(&x, 1, relaxed);
	atom_fence(seq_cst);
	r[0] = atom_load(&y, relaxed);
}

THREAD(sb_b_fence)
{
	atom_store(&y, 1, relaxed);
	atom_fence(seq_cst);
	r[1] = atom_load(&x, relaxed);
}

THREAD(sb_a_light)
{
	atom_store(&x, 1, relaxed);
	atom_fence_light();
	r[0] = atom_load(&y, relaxed);
}

THREAD(sb_b_light)
{
	atom_store(&y, 1, relaxed);
	atom_fence_light();
	r[1] = atom_load(&x, relaxed);
}

THREAD(sb_b_heavy)
{
	atom_store(&y, 1, relaxed);
	atom_fence_heavy();
	r[1] = atom_load(&x, relaxed);
}

THREAD(sb_a_rmw_then_relaxed)
{
	atom_add(&x, 1, seq_cst);
	r[0] = atom_load(&y, relaxed);
}

THREAD(sb_b_rmw_then_relaxed)
{
	atom_add(&y, 1, seq_cst);
	r[1] = atom_load(&x, relaxed);
}

THREAD(sb_a_rmw_then_seq_cst)
{
	atom_add(&x, 1, seq_cst);
	r[0] = atom_load(&y, seq_cst);
}

/* Both may miss the other's: release and acquire do not help ... */
LITMUS(sb_release_acquire, "0 0|0 1|1 0|1 1")
{
	start();
	two(sb_a_release, sb_b_release);
}

/* ... seq_cst does, for accesses and for fences, on both sides ... */
LITMUS(sb_seq_cst, "0 1|1 0|1 1")
{
	start();
	two(sb_a_seq_cst, sb_b_seq_cst);
}

LITMUS(sb_fences, "0 1|1 0|1 1")
{
	start();
	two(sb_a_fence, sb_b_fence);
}

LITMUS(sb_seq_cst_and_fence, "0 1|1 0|1 1")
{
	start();
	two(sb_a_seq_cst, sb_b_fence);
}

/* ... not on one. */
LITMUS(sb_one_fence, "0 0|0 1|1 0|1 1")
{
	start();
	two(sb_a_fence, sb_b_release);
}

/* A seq_cst read-modify-write is no fence for relaxed loads behind it: on x86 it is, on ARM it need not. */
LITMUS(sb_rmw_then_relaxed, "0 0|0 1|1 0|1 1")
{
	start();
	two(sb_a_rmw_then_relaxed, sb_b_rmw_then_relaxed);
}

LITMUS(sb_rmw_then_relaxed_and_fence, "0 0|0 1|1 0|1 1")
{
	start();
	two(sb_a_rmw_then_relaxed, sb_b_fence);
}

LITMUS(sb_rmw_then_seq_cst_and_fence, "0 1|1 0|1 1")
{
	start();
	two(sb_a_rmw_then_seq_cst, sb_b_fence);
}

/* A light fence and a heavy one are two fences; two light ones are nothing. */
LITMUS(sb_light_heavy, "0 1|1 0|1 1")
{
	start();
	two(sb_a_light, sb_b_heavy);
}

LITMUS(sb_light_light, "0 0|0 1|1 0|1 1")
{
	start();
	two(sb_a_light, sb_b_light);
}

LITMUS(sb_fence_heavy, "0 1|1 0|1 1")
{
	start();
	two(sb_a_fence, sb_b_heavy);
}

LITMUS(sb_fence_light, "0 0|0 1|1 0|1 1")
{
	start();
	two(sb_a_fence, sb_b_light);
}

/* ---- IRIW, independent reads of independent writes: do two readers see two writes in one order? ---- */

THREAD(write_x_release)
{
	atom_store(&x, 1, release);
}

THREAD(write_y_release)
{
	atom_store(&y, 1, release);
}

THREAD(write_x_seq_cst)
{
	atom_store(&x, 1, seq_cst);
}

THREAD(write_y_seq_cst)
{
	atom_store(&y, 1, seq_cst);
}

THREAD(read_xy_acquire)
{
	r[0] = atom_load(&x, acquire);
	r[1] = atom_load(&y, acquire);
}

THREAD(read_yx_acquire)
{
	r[2] = atom_load(&y, acquire);
	r[3] = atom_load(&x, acquire);
}

THREAD(read_xy_seq_cst)
{
	r[0] = atom_load(&x, seq_cst);
	r[1] = atom_load(&y, seq_cst);
}

THREAD(read_yx_seq_cst)
{
	r[2] = atom_load(&y, seq_cst);
	r[3] = atom_load(&x, seq_cst);
}

THREAD(read_xy_fence)
{
	r[0] = atom_load(&x, relaxed);
	atom_fence(seq_cst);
	r[1] = atom_load(&y, relaxed);
}

THREAD(read_yx_fence)
{
	r[2] = atom_load(&y, relaxed);
	atom_fence(seq_cst);
	r[3] = atom_load(&x, relaxed);
}

static void iriw(void (*wx)(void *), void (*wy)(void *), void (*rxy)(void *), void (*ryx)(void *))
{
	start();
	model_thread("Wx", wx, NULL);
	model_thread("Wy", wy, NULL);
	model_thread("Rxy", rxy, NULL);
	model_thread("Ryx", ryx, NULL);
	model_run();
	model_outcome("%s", r[0] == 1 && !r[1] && r[2] == 1 && !r[3] ? "differ" : "agree");
}

/* Not with release and acquire ... */
LITMUS(iriw_release_acquire, "agree|differ")
{
	iriw(write_x_release, write_y_release, read_xy_acquire, read_yx_acquire);
}

/* ... nor if the loads alone are seq_cst; if all are, or with fences between the loads, they do. */
LITMUS(iriw_seq_cst_loads, "agree|differ")
{
	iriw(write_x_release, write_y_release, read_xy_seq_cst, read_yx_seq_cst);
}

LITMUS(iriw_seq_cst, "agree")
{
	iriw(write_x_seq_cst, write_y_seq_cst, read_xy_seq_cst, read_yx_seq_cst);
}

LITMUS(iriw_fences, "agree")
{
	iriw(write_x_release, write_y_release, read_xy_fence, read_yx_fence);
}
