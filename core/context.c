/* SPDX-License-Identifier: MIT
 *
 * context.c -- the switch, for x86-64 and aarch64; elsewhere by ucontext, which makes a system call each time.
 *
 * On x86-64 the switch is inlined where a fiber waits, and pushes nothing: assembly that says it overwrites all registers
 * leaves it to the compiler to keep what it needs, and the stack, the frame and where to go on lie in the context. There is
 * no call and no return in it, so the processor's memory of calls stays right: where fibers wait at the same depth of the
 * same calls, what it remembers of the one's callers is right for the other. (A called switch that leaves by a return
 * predicts that return wrongly, one that leaves by a jump all those after it.) Control words are always reloaded: to
 * compare them first is slower than that.
 *
 * Debuggers: the switch does not move the frame that it is in; and the first frame of a context says that there is none
 * above it. Elsewhere than on x86-64 both sides of the switch have the same frame, so one description fits both.
 */
#include "context.h"
#include "grind.h"

#include <stdint.h>
#include <string.h>

#ifdef WEFT__ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WEFT__TSAN
#include <sanitizer/tsan_interface.h>
#endif

#ifndef WEFT__UCONTEXT
void weft__context_entry(void);
#endif

#if defined(__x86_64__) && !defined(WEFT__UCONTEXT)

/* Its first two words: what it is to call. */
__asm__(".text\n"
	".p2align 4\n"
	".globl weft__context_entry\n"
	".hidden weft__context_entry\n"
	".type weft__context_entry, @function\n"
	"weft__context_entry:\n"
	".cfi_startproc\n"
	".cfi_undefined rip\n"
	"	movq 8(%rsp), %rdi\n"
	"	call *(%rsp)\n"
	"	ud2\n"
	".cfi_endproc\n"
	".size weft__context_entry, . - weft__context_entry\n");

static void prepare(struct weft__context *c, void *low, size_t size, void (*entry)(void *arg), void *arg)
{
	uintptr_t top = ((uintptr_t)low + size) & ~(uintptr_t)15;
	void **frame = (void **)(top - 16);

	memcpy(&frame[0], &entry, sizeof entry);
	frame[1] = arg;
	c->sp = frame;
	c->bp = NULL;
	c->ip = (void *)(uintptr_t)weft__context_entry;
	__asm__("stmxcsr %0" : "=m"(c->mxcsr));
	__asm__("fnstcw %0" : "=m"(c->x87));
}

#elif defined(__aarch64__)

void weft__context_exchange(void **from, void *to);

struct frame {
	uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30;
	uint64_t d[8];
	uint64_t fpcr, unused;
};

__asm__(".text\n"
	".p2align 6\n"
	".globl weft__context_exchange\n"
	".hidden weft__context_exchange\n"
	".type weft__context_exchange, %function\n"
	"weft__context_exchange:\n"
	".cfi_startproc\n"
	"	sub sp, sp, #176\n"
	".cfi_adjust_cfa_offset 176\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	".cfi_rel_offset x19, 0\n"
	".cfi_rel_offset x20, 8\n"
	".cfi_rel_offset x21, 16\n"
	".cfi_rel_offset x22, 24\n"
	".cfi_rel_offset x23, 32\n"
	".cfi_rel_offset x24, 40\n"
	".cfi_rel_offset x25, 48\n"
	".cfi_rel_offset x26, 56\n"
	".cfi_rel_offset x27, 64\n"
	".cfi_rel_offset x28, 72\n"
	".cfi_rel_offset x29, 80\n"
	".cfi_rel_offset x30, 88\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mrs x9, fpcr\n"
	"	str x9, [sp, #160]\n"
	"	mov x10, sp\n"
	"	str x10, [x0]\n"
	"	mov sp, x1\n"
	"	ldr x11, [sp, #160]\n"
	"	cmp x9, x11\n"
	"	b.ne 2f\n"
	"1:	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	".cfi_remember_state\n"
	"	add sp, sp, #176\n"
	".cfi_def_cfa_offset 0\n"
	".cfi_restore x19\n"
	".cfi_restore x20\n"
	".cfi_restore x21\n"
	".cfi_restore x22\n"
	".cfi_restore x23\n"
	".cfi_restore x24\n"
	".cfi_restore x25\n"
	".cfi_restore x26\n"
	".cfi_restore x27\n"
	".cfi_restore x28\n"
	".cfi_restore x29\n"
	".cfi_restore x30\n"
	"	ret\n"
	".cfi_restore_state\n"
	"2:	msr fpcr, x11\n"
	"	b 1b\n"
	".cfi_endproc\n"
	".size weft__context_exchange, . - weft__context_exchange\n"

	".globl weft__context_entry\n"
	".hidden weft__context_entry\n"
	".type weft__context_entry, %function\n"
	"weft__context_entry:\n"
	".cfi_startproc\n"
	".cfi_undefined x30\n"
	"	mov x0, x20\n"
	"	blr x19\n"
	"	brk #0\n"
	".cfi_endproc\n"
	".size weft__context_entry, . - weft__context_entry\n");

static void fill(struct frame *f, void (*entry)(void *arg), void *arg)
{
	__asm__("mrs %0, fpcr" : "=r"(f->fpcr));
	f->x19 = (uintptr_t)entry;
	f->x20 = (uintptr_t)arg;
	f->x30 = (uintptr_t)weft__context_entry;
}

static void prepare(struct weft__context *c, void *low, size_t size, void (*entry)(void *arg), void *arg)
{
	uintptr_t top = ((uintptr_t)low + size) & ~(uintptr_t)15;
	struct frame *f = (struct frame *)(top - sizeof *f);

	memset(f, 0, sizeof *f);
	fill(f, entry, arg);
	c->sp = f;
}

static void weft__context_swap(struct weft__context *from, struct weft__context *to)
{
	weft__context_exchange(&from->sp, to->sp);
}

#else

/* makecontext hands on integers: the address of the context in two halves. */
static void enter(unsigned high, unsigned low)
{
	struct weft__context *c = (struct weft__context *)(uintptr_t)((uint64_t)high << 32 | low);

	c->entry(c->arg);
}

static void prepare(struct weft__context *c, void *low, size_t size, void (*entry)(void *arg), void *arg)
{
	uint64_t address = (uintptr_t)c;

	getcontext(&c->u);
	c->u.uc_stack.ss_sp = low;
	c->u.uc_stack.ss_size = size;
	c->u.uc_link = NULL;
	c->entry = entry;
	c->arg = arg;
	makecontext(&c->u, (void (*)(void))(uintptr_t)enter, 2, (unsigned)(address >> 32), (unsigned)address);
}

static void weft__context_swap(struct weft__context *from, struct weft__context *to)
{
	swapcontext(&from->u, &to->u);
}

#endif

#ifdef WEFT__ASAN
static _Thread_local struct weft__context *came_from;

/* Also the way to learn where the stack of an adopted context lies. */
static void arrive(void *fake)
{
	__sanitizer_finish_switch_fiber(fake, &came_from->low, &came_from->size);
}

static void begin(void *context)
{
	struct weft__context *c = context;

	arrive(NULL);
	c->entry(c->arg);
}
#endif

void weft__context_init(struct weft__context *c, void *low, size_t size, void (*entry)(void *arg), void *arg)
{
#ifdef WEFT__ASAN
	c->low = low;
	c->size = size;
	c->entry = entry;
	c->arg = arg;
	entry = begin;
	arg = c;
#endif
	prepare(c, low, size, entry, arg);
#ifdef WEFT__TSAN
	c->tool = __tsan_create_fiber(0);
#else
	c->stack = weft__grind_stack(low, (char *)low + size);
#endif
}

void weft__context_adopt(struct weft__context *c)
{
	memset(c, 0, sizeof *c);
#ifdef WEFT__TSAN
	c->tool = __tsan_get_current_fiber();
#endif
}

#ifndef WEFT__CONTEXT_INLINE
/* Not looked into by TSan, whose own stack of calls is another one after the switch. */
#define NO_TSAN __attribute__((no_sanitize("thread")))

static inline NO_TSAN void switch_to(struct weft__context *from, struct weft__context *to, bool leaves)
{
#ifdef WEFT__ASAN
	void *fake = NULL;

	came_from = from;
	__sanitizer_start_switch_fiber(leaves ? NULL : &fake, to->low, to->size);
#endif
#ifdef WEFT__TSAN
	__tsan_switch_to_fiber(to->tool, 0);
#endif
	(void)leaves;
	weft__context_swap(from, to);
#ifdef WEFT__ASAN
	arrive(fake);
#endif
}

NO_TSAN void weft__context_switch(struct weft__context *from, struct weft__context *to)
{
	switch_to(from, to, false);
}

NO_TSAN void weft__context_leave(struct weft__context *from, struct weft__context *to)
{
	switch_to(from, to, true);
}
#endif

void weft__context_fini(struct weft__context *c)
{
#ifdef WEFT__TSAN
	__tsan_destroy_fiber(c->tool);
#else
	weft__grind_forget(c->stack);
#endif
}
