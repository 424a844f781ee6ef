/* SPDX-License-Identifier: MIT
 *
 * armour_parser.h -- the parser of armour.c. It adds, multiplies and repeats text; and it has bugs, as parsers do.
 * Nobody has armoured it: it is as it came from wherever parsers come from.
 */
#ifndef EXAMPLES_ARMOUR_PARSER_H
#define EXAMPLES_ARMOUR_PARSER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*   sum = product { "+" product }     product = atom { "*" atom }
 *   atom = number | "(" sum ")" | name | text [ "^" number ]
 *
 * A text is worth its length, after it has been doubled so many times as the number says. */
struct parser {
	const char *at;
	bool out_of_memory;
};

static uint64_t sum(struct parser *p);

static void skip_comment(struct parser *p)
{
	/* Bug: a comment without an end has none. */
	while (p->at[0] != '*' || p->at[1] != '/')
		p->at += p->at[0] != '\0';
	p->at += 2;
}

static void skip_blanks(struct parser *p)
{
	while (*p->at == ' ' || (p->at[0] == '/' && p->at[1] == '*')) {
		if (*p->at == ' ')
			p->at++;
		else
			skip_comment(p);
	}
}

static uint64_t number(struct parser *p)
{
	uint64_t n = 0;

	while (*p->at >= '0' && *p->at <= '9')
		n = n * 10 + (uint64_t)(*p->at++ - '0');
	return n;
}

static uint64_t text(struct parser *p)
{
	const char *end = strchr(++p->at, '"'); /* the generator always closes it */
	size_t size = (size_t)(end - p->at);
	char *copy = malloc(size + 1), *twice;

	/* Bug: nobody ever frees the copy. */
	if (copy)
		memcpy(copy, p->at, size);
	p->at = end + 1;
	if (*p->at == '^') {
		p->at++;
		/* Bug: there is no limit to how often. */
		for (uint64_t n = number(p); copy && n; n--) {
			twice = malloc(2 * size);
			if (twice) {
				memcpy(twice, copy, size);
				memcpy(twice + size, copy, size);
			}
			copy = twice;
			size *= 2;
		}
	}
	p->out_of_memory |= !copy;
	return size;
}

static const struct {
	const char *name;
	uint64_t value;
} variables[] = {{"one", 1}, {"ten", 10}};

/* Not inlined: who sees what is done with NULL may take it that there is none, and never cease to look. */
__attribute__((noinline)) static const uint64_t *find_variable(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		if (strlen(variables[i].name) == length && !strncmp(name, variables[i].name, length))
			return &variables[i].value;
	return NULL;
}

static uint64_t name(struct parser *p)
{
	size_t length = strspn(p->at, "abcdefghijklmnopqrstuvwxyz");
	const uint64_t *value = find_variable(p->at, length);

	p->at += length;
	return *value; /* Bug: it may be unknown */
}

static uint64_t atom(struct parser *p)
{
	uint64_t value;

	skip_blanks(p);
	if (*p->at == '"')
		return text(p);
	if (*p->at >= 'a' && *p->at <= 'z')
		return name(p);
	if (*p->at != '(')
		return number(p);
	p->at++;
	value = sum(p); /* Bug: as deep as the input likes */
	skip_blanks(p);
	if (*p->at++ != ')')
		abort();
	return value;
}

static uint64_t product(struct parser *p)
{
	uint64_t value = atom(p);

	for (skip_blanks(p); *p->at == '*'; skip_blanks(p)) {
		p->at++;
		value *= atom(p);
	}
	return value;
}

static uint64_t sum(struct parser *p)
{
	uint64_t value = product(p);

	for (skip_blanks(p); *p->at == '+'; skip_blanks(p)) {
		p->at++;
		value += product(p);
	}
	return value;
}

#endif
