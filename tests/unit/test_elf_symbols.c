/* SPDX-License-Identifier: MIT
 *
 * Names of functions in files of code (core/elf_symbols.c). The files are made here, and some are wrong;
 * tests/fuzz/fuzz_elf_symbols.c has more of those.
 */
#include "elf_symbols.h"

#include "harness.h"

#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Loaded at 0x10000, from offset 0x1000 of the file on; that the file has no such offset is nobody's concern. */
enum { LOADED = 0x10000, OFFSET = 0x1000, CODE = 0x800, SYMBOLS = 6 };

struct image {
	ElfW(Ehdr) head;
	ElfW(Phdr) segment[2];
	ElfW(Shdr) section[3]; /* none, symbols, their names */
	ElfW(Sym) symbol[SYMBOLS];
	char names[40];
};

static ElfW(Sym) symbol(unsigned name, unsigned at, unsigned size, int type)
{
	return (ElfW(Sym)){.st_name = name,
			   .st_value = LOADED + at,
			   .st_size = size,
			   .st_info = (unsigned char)type,
			   .st_shndx = 1};
}

/* In no order. "first" and "again" are one function; "label" has no size; what is no function has no name here. */
static struct image good(void)
{
	struct image i = {.head = {.e_phoff = offsetof(struct image, segment),
				   .e_phnum = 2,
				   .e_phentsize = sizeof(ElfW(Phdr)),
				   .e_shoff = offsetof(struct image, section),
				   .e_shnum = 3,
				   .e_shentsize = sizeof(ElfW(Shdr))},
			  .names = "\0first\0again\0last\0label\0data\0"};

	memcpy(i.head.e_ident, ELFMAG, SELFMAG);
	i.head.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	i.segment[0] = (ElfW(Phdr)){.p_type = PT_NOTE, .p_filesz = 1 << 20};
	i.segment[1] =
		(ElfW(Phdr)){.p_type = PT_LOAD, .p_offset = OFFSET, .p_vaddr = LOADED, .p_filesz = CODE};
	i.section[1] = (ElfW(Shdr)){.sh_type = SHT_SYMTAB,
				    .sh_link = 2,
				    .sh_offset = offsetof(struct image, symbol),
				    .sh_size = sizeof i.symbol,
				    .sh_entsize = sizeof(ElfW(Sym))};
	i.section[2] = (ElfW(Shdr)){.sh_offset = offsetof(struct image, names), .sh_size = sizeof i.names};
	i.symbol[1] = symbol(13, 0x400, 0x10, STT_FUNC); /* last */
	i.symbol[2] = symbol(1, 0x100, 0x80, STT_FUNC);  /* first */
	i.symbol[3] = symbol(7, 0x100, 0x80, STT_FUNC);  /* again */
	i.symbol[4] = symbol(18, 0x180, 0, STT_FUNC);    /* label */
	i.symbol[5] = symbol(24, 0x300, 8, STT_OBJECT);  /* data */
	return i;
}

static struct weft__elf *read_image(const struct image *i, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct weft__elf *elf;

	REQUIRE(fd >= 0);
	REQUIRE_EQ(write(fd, i, size), (ssize_t)size);
	elf = weft__elf_read(fd);
	close(fd);
	return elf;
}

static bool is(const char *name, const char *want)
{
	return name && want ? !strcmp(name, want) : name == want;
}

TEST(a_function_is_found_by_each_of_its_places)
{
	struct image i = good();
	struct weft__elf *elf = read_image(&i, sizeof i);
	static const struct {
		unsigned at;
		const char *name;
	} want[] = {{0, NULL},        {0xff, NULL},  {0x100, "first"}, {0x17f, "first"},
		    {0x180, "label"}, {0x181, NULL}, {0x300, NULL},    {0x400, "last"},
		    {0x40f, "last"},  {0x410, NULL}, {CODE - 1, NULL}};

	REQUIRE(elf);
	for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
		CHECK(is(weft__elf_at_offset(elf, OFFSET + want[k].at), want[k].name));
		CHECK(is(weft__elf_at_loaded(elf, want[k].at), want[k].name));
	}
	CHECK(!weft__elf_at_offset(elf, 0x100)); /* no part that is loaded */
	CHECK(!weft__elf_at_offset(elf, OFFSET + CODE));
	CHECK(!weft__elf_at_offset(elf, UINT64_MAX));
	weft__elf_free(elf);
}

TEST(exported_functions_will_do)
{
	struct image i = good();
	struct weft__elf *elf;

	i.section[1].sh_type = SHT_DYNSYM;
	elf = read_image(&i, sizeof i);
	REQUIRE(elf);
	CHECK(is(weft__elf_at_loaded(elf, 0x400), "last"));
	weft__elf_free(elf);
}

static void check_nothing_found(const struct image *i, size_t size)
{
	struct weft__elf *elf = read_image(i, size);

	if (elf)
		CHECK(!weft__elf_at_offset(elf, OFFSET + 0x400));
	weft__elf_free(elf);
}

/* A file that ends too early anywhere: it has no names. */
TEST(a_file_that_is_cut_has_no_names)
{
	struct image i = good();

	for (size_t size = 0; size < sizeof i; size++)
		check_nothing_found(&i, size);
}

/* One number of it is wrong. */
TEST(a_file_that_lies_has_no_names)
{
	struct image i;

#define WRONG(part, value) (i = good(), i.part = (value), check_nothing_found(&i, sizeof i))
	WRONG(head.e_ident[0], 'e');
	WRONG(head.e_ident[EI_CLASS], ELFCLASSNONE);
	WRONG(head.e_phnum, 0);
	WRONG(head.e_phnum, UINT16_MAX);
	WRONG(head.e_phentsize, 1);
	WRONG(head.e_phoff, UINT64_MAX - 8);
	WRONG(head.e_shnum, UINT16_MAX);
	WRONG(head.e_shentsize, 0);
	WRONG(head.e_shoff, INT64_MAX);
	WRONG(section[1].sh_link, 3);
	WRONG(section[1].sh_link, UINT32_MAX);
	WRONG(section[1].sh_entsize, 0);
	WRONG(section[1].sh_offset, UINT64_MAX);
	WRONG(section[1].sh_size, UINT64_MAX);
	WRONG(section[2].sh_size, 0);
	WRONG(section[2].sh_size, UINT64_MAX / 2);
	WRONG(section[2].sh_offset, sizeof i);
	WRONG(symbol[1].st_name, sizeof i.names);
	WRONG(symbol[1].st_name, UINT32_MAX);
	WRONG(symbol[1].st_shndx, SHN_UNDEF);
	WRONG(segment[1].p_type, PT_NULL);
#undef WRONG
}

/* The names are not ended by the file: they end where they were read. */
TEST(a_name_without_end_ends_with_the_names)
{
	struct image i = good();
	struct weft__elf *elf;

	i.symbol[1].st_name = sizeof i.names - 2;
	memcpy(i.names + sizeof i.names - 2, "xy", 2);
	elf = read_image(&i, sizeof i);
	REQUIRE(elf);
	CHECK(is(weft__elf_at_loaded(elf, 0x400), "xy"));
	weft__elf_free(elf);
}
