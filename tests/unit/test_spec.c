/* SPDX-License-Identifier: MIT
 *
 * test_spec.c -- numbers, executor texts and options structs, each limit at its edge.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "spec.h"

#define TEXT_15 "abcdefghij_0123"
#define TEXT_63 "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static int parse(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	return weft__parse_u64(s, strlen(s), min, max, ret);
}

TEST(numbers)
{
	static const struct {
		const char *s;
		uint64_t min, max, x;
	} good[] = {
		{"0", 0, 0, 0},
		{"7", 7, 7, 7},
		{"0042", 1, 100, 42},
		{"0000000000000000000000000000001", 0, 1, 1},
		{"18446744073709551615", 0, UINT64_MAX, UINT64_MAX},
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		uint64_t x = 1000;
		CHECK_EQ(parse(good[i].s, good[i].min, good[i].max, &x), 0);
		CHECK_EQ(x, good[i].x);
	}
}

TEST(no_numbers)
{
	static const char *const bad[] = {"",
					  " ",
					  "-1",
					  "+1",
					  " 1",
					  "1 ",
					  "1\n",
					  "0x1",
					  "1e3",
					  "1.0",
					  "a",
					  "1a",
					  "99999999999999999999999x",
					  "\xd9\xa1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t x = 1000;
		CHECK_EQ(parse(bad[i], 0, UINT64_MAX, &x), -EINVAL);
		CHECK_EQ(x, 1000);
	}
}

TEST(numbers_outside)
{
	uint64_t x = 1000;
	CHECK_EQ(parse("0", 1, 10, &x), -ERANGE);
	CHECK_EQ(parse("11", 1, 10, &x), -ERANGE);
	CHECK_EQ(parse("18446744073709551616", 0, UINT64_MAX, &x), -ERANGE);
	CHECK_EQ(parse("18446744073709551620", 0, UINT64_MAX, &x), -ERANGE);
	CHECK_EQ(parse("184467440737095516150", 0, UINT64_MAX, &x), -ERANGE);
	CHECK_EQ(parse("36893488147419103233", 0, UINT64_MAX, &x), -ERANGE);
	CHECK_EQ(x, 1000);
}

TEST(numbers_end_where_told)
{
	uint64_t x = 0;
	CHECK_EQ(weft__parse_u64("123,456", 3, 0, 1000, &x), 0);
	CHECK_EQ(x, 123);
	CHECK_EQ(weft__parse_u64("1\0002", 3, 0, 1000, &x), -EINVAL);
	CHECK_EQ(weft__parse_u64(NULL, 0, 0, 1000, &x), -EINVAL);
}

TEST(good_texts)
{
	static const struct {
		const char *text, *kind;
		bool has_count;
		uint32_t count;
		size_t n;
	} rows[] = {
		{"inline", "inline", false, 0, 0},
		{"threads:1", "threads", true, 1, 0},
		{"threads:1024", "threads", true, WEFT_WORKERS_MAX, 0},
		{"threads:008", "threads", true, 8, 0},
		{"x", "x", false, 0, 0},
		{TEXT_15, TEXT_15, false, 0, 0},
		{"threads,queue=4", "threads", false, 0, 1},
		{"processes:4,start=fork,max_tasks=100", "processes", true, 4, 2},
		{"t," TEXT_15 "=" TEXT_63, "t", false, 0, 1},
		{"t,a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1", "t", false, 0, 16},
		{"t,a=b=c:d", "t", false, 0, 1},
		{"t,name=\xc3\xa9", "t", false, 0, 1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct weft__spec spec;
		memset(&spec, 0xff, sizeof spec);
		REQUIRE_EQ(weft__spec_parse(&spec, rows[i].text), 0);
		CHECK(!strcmp(spec.kind, rows[i].kind));
		CHECK_EQ(spec.has_count, rows[i].has_count);
		CHECK_EQ(spec.count, rows[i].count);
		CHECK_EQ(spec.n, rows[i].n);
	}
}

TEST(bad_texts)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"", -EINVAL},
		{":", -EINVAL},
		{":4", -EINVAL},
		{",", -EINVAL},
		{",a=1", -EINVAL},
		{"t:", -EINVAL},
		{"t:,a=1", -EINVAL},
		{"t:4:4", -EINVAL},
		{"t:-1", -EINVAL},
		{"t:+1", -EINVAL},
		{"t:4x", -EINVAL},
		{"t:0x4", -EINVAL},
		{"t:0", -ERANGE},
		{"t:1025", -ERANGE},
		{"t:4294967297", -ERANGE},
		{"t:99999999999999999999999", -ERANGE},
		{"T", -EINVAL},
		{"th reads", -EINVAL},
		{" threads", -EINVAL},
		{"threads ", -EINVAL},
		{"threads\n", -EINVAL},
		{"threads:4 ", -EINVAL},
		{"threads=4", -EINVAL},
		{"t-x", -EINVAL},
		{"t\xc3\xa9", -EINVAL},
		{TEXT_15 "4", -EINVAL},
		{"t,", -EINVAL},
		{"t,,a=1", -EINVAL},
		{"t,a=1,", -EINVAL},
		{"t,a", -EINVAL},
		{"t,a=", -EINVAL},
		{"t,a=,b=1", -EINVAL},
		{"t,=1", -EINVAL},
		{"t,=", -EINVAL},
		{"t,a:1", -EINVAL},
		{"t,A=1", -EINVAL},
		{"t,a =1", -EINVAL},
		{"t, a=1", -EINVAL},
		{"t,a= 1", -EINVAL},
		{"t,a=1 ", -EINVAL},
		{"t,a=1\t", -EINVAL},
		{"t,a=\x7f", -EINVAL},
		{"t,a=1,a=1", -EINVAL},
		{"t,a=1,b=2,a=3", -EINVAL},
		{"t," TEXT_15 "4=1", -EINVAL},
		{"t,a=" TEXT_63 "4", -EINVAL},
		{"t,a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1", -EINVAL},
	};
	struct weft__spec spec, same;
	memset(&spec, 0x5a, sizeof spec);
	same = spec;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		CHECK_EQ(weft__spec_parse(&spec, rows[i].text), rows[i].err);
		CHECK(!memcmp(&spec, &same, sizeof spec));
	}
	CHECK_EQ(weft__spec_parse(&spec, NULL), -EINVAL);
	CHECK_EQ(weft__spec_parse(NULL, "t"), -EINVAL);
}

TEST(options_are_found)
{
	struct weft__spec spec;
	REQUIRE_EQ(weft__spec_parse(&spec, "threads:2,queue=64,name=a=b:" TEXT_15 ",q=x"), 0);
	CHECK(!strcmp(weft__spec_find(&spec, "queue"), "64"));
	CHECK(!strcmp(weft__spec_find(&spec, "name"), "a=b:" TEXT_15));
	CHECK(!strcmp(weft__spec_find(&spec, "q"), "x"));
	CHECK(!weft__spec_find(&spec, "que"));
	CHECK(!weft__spec_find(&spec, ""));
	CHECK(!weft__spec_find(&spec, "64"));
}

TEST(number_options)
{
	struct weft__spec spec;
	uint32_t x = 77;
	REQUIRE_EQ(weft__spec_parse(&spec, "t,a=1,b=4294967295,c=4294967296,d=x,e=-1"), 0);
	CHECK_EQ(weft__spec_u32(&spec, "none", 1, 10, &x), 0);
	CHECK_EQ(x, 77);
	CHECK_EQ(weft__spec_u32(&spec, "a", 2, 10, &x), -ERANGE);
	CHECK_EQ(weft__spec_u32(&spec, "b", 1, 10, &x), -ERANGE);
	CHECK_EQ(weft__spec_u32(&spec, "c", 0, UINT32_MAX, &x), -ERANGE);
	CHECK_EQ(weft__spec_u32(&spec, "d", 0, UINT32_MAX, &x), -EINVAL);
	CHECK_EQ(weft__spec_u32(&spec, "e", 0, UINT32_MAX, &x), -EINVAL);
	CHECK_EQ(x, 77);
	CHECK_EQ(weft__spec_u32(&spec, "a", 1, 10, &x), 0);
	CHECK_EQ(x, 1);
	CHECK_EQ(weft__spec_u32(&spec, "b", 0, UINT32_MAX, &x), 0);
	CHECK_EQ(x, UINT32_MAX);
}

TEST(only_known_options)
{
	static const char *const both[] = {"queue", "name", NULL}, *const one[] = {"name", NULL},
				 *const none[] = {NULL};
	struct weft__spec spec, bare;
	REQUIRE_EQ(weft__spec_parse(&spec, "t,name=x,queue=1"), 0);
	REQUIRE_EQ(weft__spec_parse(&bare, "t"), 0);
	CHECK_EQ(weft__spec_only(&spec, both), 0);
	CHECK_EQ(weft__spec_only(&spec, one), -EINVAL);
	CHECK_EQ(weft__spec_only(&spec, none), -EINVAL);
	CHECK_EQ(weft__spec_only(&bare, both), 0);
	CHECK_EQ(weft__spec_only(&bare, none), 0);
}

/* An options struct of today, and of three releases before and after. */
struct opts {
	uint32_t size, a;
	uint64_t b;
};
struct opts_old {
	uint32_t size, a;
};
struct opts_new {
	struct opts opts;
	uint32_t c, d;
};

static bool is_opts(const struct opts *o, uint32_t a, uint64_t b)
{
	return o->size == sizeof *o && o->a == a && o->b == b;
}

TEST(opts_default)
{
	struct opts o = {1, 2, 3};
	CHECK_EQ(weft__opts_copy(&o, sizeof o, NULL), 0);
	CHECK(is_opts(&o, 0, 0));
}

TEST(opts_same_and_unset_size)
{
	struct opts o = {1, 2, 3}, same = {sizeof same, 4, 5}, unset = {0, 6, 7};
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &same), 0);
	CHECK(is_opts(&o, 4, 5));
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &unset), 0);
	CHECK(is_opts(&o, 6, 7));
}

TEST(opts_from_older_headers)
{
	struct opts o = {1, 2, 3};
	struct opts_old old = {sizeof old, 4};
	uint32_t only_size = sizeof only_size;
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &old), 0);
	CHECK(is_opts(&o, 4, 0));
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &only_size), 0);
	CHECK(is_opts(&o, 0, 0));
}

TEST(opts_from_newer_headers)
{
	struct opts o = {1, 2, 3};
	struct opts_new unknown = {{sizeof unknown, 4, 5}, 0, 1}, zero = {{sizeof zero, 4, 5}, 0, 0};
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &unknown), -EINVAL);
	CHECK(o.size == 1 && o.a == 2 && o.b == 3);
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &zero), 0);
	CHECK(is_opts(&o, 4, 5));
}

TEST(opts_of_no_size)
{
	struct opts o = {1, 2, 3};
	static union {
		uint32_t size;
		unsigned char bytes[WEFT__OPTS_MAX + 1];
	} src;
	for (uint32_t size = 1; size < 4; size++) {
		src.size = size;
		CHECK_EQ(weft__opts_copy(&o, sizeof o, &src), -EINVAL);
	}
	src.size = WEFT__OPTS_MAX + 1;
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &src), -EINVAL);
	CHECK(o.size == 1 && o.a == 2 && o.b == 3);
	src.size = WEFT__OPTS_MAX;
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &src), 0);
	src.bytes[WEFT__OPTS_MAX - 1] = 1;
	CHECK_EQ(weft__opts_copy(&o, sizeof o, &src), -EINVAL);
}
