/* SPDX-License-Identifier: MIT
 *
 * context.h -- a flow of control with a stack of its own, and the switch from one to another: a call that returns
 * in the other one. Within one thread only.
 *
 * What the calling convention has a function keep is kept: registers, and the control words of floating point.
 * Signal masks belong to the thread. Hardware shadow stacks are not known here: context.c is compiled without
 * the mark of being fit for them, so the loader leaves them off for the whole program.
 */
#ifndef WEFT_CORE_CONTEXT_H
#define WEFT_CORE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define WEFT__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT__ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WEFT__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT__TSAN 1
#endif
#endif

#if (!defined(__x86_64__) || defined(__ILP32__)) && !defined(__aarch64__)
#define WEFT__UCONTEXT 1
#endif

#ifdef WEFT__UCONTEXT
#include <ucontext.h>
#elif defined(__x86_64__) && !defined(WEFT__ASAN) && !defined(WEFT__TSAN)
#define WEFT__CONTEXT_INLINE 1 /* the sanitizers are told of each switch */
#endif

struct weft__context {
	/* While it does not run. */
	void *sp;
#ifdef __x86_64__
	void *bp, *ip;
	uint32_t mxcsr;
	uint16_t x87;
#endif
#ifdef WEFT__UCONTEXT
	ucontext_t u;
#endif
#if defined(WEFT__UCONTEXT) || defined(WEFT__ASAN)
	void (*entry)(void *arg);
	void *arg;
#endif
#ifdef WEFT__ASAN
	/* Its stack. */
	const void *low;
	size_t size;
#endif
#ifdef WEFT__TSAN
	void *tool;
#else
	unsigned stack; /* its number, for valgrind */
#endif
};

/* A context that will call entry(arg), which must not return, on the size bytes from low. */
void weft__context_init(struct weft__context *c, void *low, size_t size, void (*entry)(void *arg), void *arg);

/* The one that runs. */
void weft__context_adopt(struct weft__context *c);

#if defined(__x86_64__) && !defined(WEFT__UCONTEXT)
#ifdef __AVX512F__
#define WEFT__AVX512_CLOBBERS                                                                                \
	, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", \
		"xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define WEFT__AVX512_CLOBBERS
#endif

/* Why it is so: context.c. */
static inline __attribute__((always_inline)) void weft__context_swap(struct weft__context *from,
								     struct weft__context *to)
{
	__asm__ volatile(
		"leaq 1f(%%rip), %%rax\n\t"
		"movq %%rsp, %c[sp](%%rdi)\n\t"
		"movq %%rbp, %c[bp](%%rdi)\n\t"
		"movq %%rax, %c[ip](%%rdi)\n\t"
		"stmxcsr %c[mxcsr](%%rdi)\n\t"
		"fnstcw %c[x87](%%rdi)\n\t"
		"ldmxcsr %c[mxcsr](%%rsi)\n\t"
		"fldcw %c[x87](%%rsi)\n\t"
		"movq %c[bp](%%rsi), %%rbp\n\t"
		"movq %c[sp](%%rsi), %%rsp\n\t"
		"jmpq *%c[ip](%%rsi)\n"
		"1:"
		: "+D"(from), "+S"(to)
		: [sp] "i"(offsetof(struct weft__context, sp)), [bp] "i"(offsetof(struct weft__context, bp)),
		  [ip] "i"(offsetof(struct weft__context, ip)),
		  [mxcsr] "i"(offsetof(struct weft__context, mxcsr)),
		  [x87] "i"(offsetof(struct weft__context, x87))
		: "memory", "cc", "rax", "rcx", "rdx", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		  "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		  "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)",
		  "st(4)", "st(5)", "st(6)", "st(7)" WEFT__AVX512_CLOBBERS);
}
#endif

#ifdef WEFT__CONTEXT_INLINE
/* From the one that runs. */
static inline void weft__context_switch(struct weft__context *from, struct weft__context *to)
{
	weft__context_swap(from, to);
}

/* The same, and from is never switched to again. */
static inline void weft__context_leave(struct weft__context *from, struct weft__context *to)
{
	weft__context_swap(from, to);
}
#else
void weft__context_switch(struct weft__context *from, struct weft__context *to);
void weft__context_leave(struct weft__context *from, struct weft__context *to);
#endif

/* Not of the one that runs. Its stack is the caller's again. */
void weft__context_fini(struct weft__context *c);

#endif
