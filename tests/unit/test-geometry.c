/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an export becomes as a block device, and which exports fit that device later. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attachment/geometry.h"

#define GIB  (UINT64_C(1) << 30)
#define MIB  (UINT32_C(1) << 20)
#define READ NBD_FLAG_READ_ONLY
#define ALL                                                                             \
	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |                 \
		NBD_FLAG_ROTATIONAL | NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES | \
		NBD_FLAG_CAN_MULTI_CONN)

#define UNKNOWN_FLAGS (1 << 9 | 1 << 15)

static uint64_t or_else(uint64_t given, uint64_t ordinary)
{
	return given ? given : ordinary;
}

/* 0: the ordinary, of which 512-byte blocks and requests of 4 MiB are made. */
struct choice {
	const char *name;
	uint64_t size;
	uint32_t minimum, maximum;
	uint16_t lost, gained;
	uint32_t asked_block;
	bool asked_read_only;
	const char *reason; /* NULL: this is chosen: */
	uint64_t chosen_size;
	uint32_t chosen_block, chosen_maximum;
	uint16_t missing, added;
};

static const struct choice choices[] = {
	{"ordinary", .size = GIB},
	{"bytes", .minimum = 1},
	{"large blocks", .minimum = 4096, .chosen_block = 4096},
	{"odd size", .size = GIB + 511},
	{"odd size, large blocks", .size = GIB - 1, .minimum = 4096,
		.chosen_size = GIB - 4096, .chosen_block = 4096},
	{"one block", .size = 512, .chosen_size = 512},
	{"small requests", .maximum = 65536, .chosen_maximum = 65536},
	{"least requests", .maximum = 4096, .chosen_maximum = 4096},
	{"any requests", .maximum = NBD_MAXIMUM_UNLIMITED},
	{"blocks as asked", .asked_block = 4096, .chosen_block = 4096},
	{"no smaller than asked", .minimum = 4096, .asked_block = 4096,
		.chosen_block = 4096},
	{"read-only", .gained = READ, .added = READ},
	{"read-only as asked", .asked_read_only = true, .added = READ},
	{"no flush: no FUA", .lost = NBD_FLAG_SEND_FLUSH,
		.missing = NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA},
	{"unknown abilities", .gained = UNKNOWN_FLAGS},
	{"no abilities", .lost = ALL & ~NBD_FLAG_HAS_FLAGS,
		.missing = ALL & ~NBD_FLAG_HAS_FLAGS},

	{"blocks too small", .minimum = 4096, .asked_block = 512,
		.reason = "--block-size 512 is too small"},
	{"requests too small", .maximum = 4095, .reason = "at most 4095 bytes"},
	{"requests below a block", .minimum = 8192, .maximum = 4096,
		.reason = "at most 4096 bytes"},
	{"requests below as asked", .maximum = 4096, .asked_block = 8192,
		.reason = "at most 4096 bytes"},
	{"one byte", .size = 1, .reason = "the export has 1 bytes"},
	{"below a block", .size = 511, .reason = "less than one block of 512"},
	{"below as asked", .size = 4095, .asked_block = 4096,
		.reason = "less than one block of 4096"},
};

static void check_chosen(const struct choice *row, const struct state *s)
{
	if (s->size != or_else(row->chosen_size, GIB) ||
		s->block_size != or_else(row->chosen_block, 512) ||
		s->maximum != or_else(row->chosen_maximum, 4 * MIB) ||
		s->flags != ((ALL & ~row->missing) | row->added))
		fail_msg("%s: %ju in %u, %u, flags %x", row->name, (uintmax_t)s->size,
			s->block_size, s->maximum, s->flags);
}

static void check_choice(const struct choice *row)
{
	const struct target t = {
		.block_size = row->asked_block, .read_only = row->asked_read_only};
	const struct nbd_export export = {
		.size = or_else(row->size, GIB),
		.flags = (uint16_t)((ALL & ~row->lost) | row->gained),
		.minimum = (uint32_t)or_else(row->minimum, 512),
		.preferred = 4096,
		.maximum = (uint32_t)or_else(row->maximum, 32 * MIB),
	};
	struct state state = {.n_links = 1};
	struct error err = {0};
	int r = geometry_choose(&t, &export, &state, &err);

	if (r != (row->reason ? -EINVAL : 0) ||
		(row->reason && !strstr(err.text, row->reason)))
		fail_msg("%s: %d, %s", row->name, r, err.text);
	if (r == 0)
		check_chosen(row, &state);
}

static void test_choose(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(choices); i++)
		check_choice(&choices[i]);
}

/* Whose limit it is: the server's export does not fit, or the kernel cannot. */
static void test_choose_faults(void **state _unused_)
{
	static const struct {
		struct nbd_export export;
		enum fault fault;
	} rows[] = {
		{{0, ALL, 1, 4096, 32 * MIB, ""}, FAULT_REFUSED},
		{{GIB, ALL, 8192, 8192, 32 * MIB, ""}, FAULT_REFUSED},
		{{GIB, ALL, 1, 4096, 2048, ""}, FAULT_KERNEL},
	};
	const struct target t = {.block_size = 4096};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct state chosen = {0};
		struct error err = {0};

		assert_int_equal(
			geometry_choose(&t, &rows[i].export, &chosen, &err), -EINVAL);
		assert_int_equal(err.fault, rows[i].fault);
	}
}

/* What became of the export that a device was made of; 0: as it was. */
struct later {
	const char *name;
	uint64_t size;
	uint16_t lost, gained;
	uint32_t minimum, maximum;
	bool no_tls;
	const char *reason; /* NULL: it fits, with this size: */
	uint64_t accepted;
};

struct device {
	struct nbd_export export;
	uint32_t asked_block;
	bool read_only;
	unsigned links;
	bool tls;
};

static void check_later(const struct device *d, const struct later *row)
{
	const struct target t = {.block_size = d->asked_block, .read_only = d->read_only};
	struct server_facts facts = {.export = d->export, .tls = d->tls && !row->no_tls};
	struct state state = {.n_links = d->links, .tls = d->tls};
	struct nbd_export *e = &facts.export;
	uint64_t size = 4711;
	struct error err = {0};
	int r;

	assert_int_equal(geometry_choose(&t, &d->export, &state, NULL), 0);
	e->size = or_else(row->size, e->size);
	e->minimum = (uint32_t)or_else(row->minimum, e->minimum);
	e->maximum = (uint32_t)or_else(row->maximum, e->maximum);
	e->flags = (uint16_t)((e->flags | row->gained) & ~row->lost);
	r = geometry_check(&t, &facts, &state, &size, &err);
	if (row->reason) {
		if (r != -ESTALE || !strstr(err.text, row->reason) ||
			err.fault != (row->no_tls ? FAULT_TLS : FAULT_REFUSED) ||
			size != 4711)
			fail_msg("%s: %d, fault %d: %s", row->name, r, err.fault,
				err.text);
	} else if (r != 0 || size != row->accepted) {
		fail_msg("%s: %d (%s), %ju", row->name, r, err.text, (uintmax_t)size);
	}
}

static void check_all(const struct device *d, const struct later *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_later(d, &rows[i]);
}
#define CHECK_ALL(device, rows) check_all(device, rows, ELEMENTSOF(rows))

/* several links, TLS, everything that a server can do */
static const struct device rich = {
	.export = {GIB, ALL, 512, 4096, 32 * MIB, ""}, .links = 4, .tls = true};

static void test_rich(void **state _unused_)
{
	static const struct later rows[] = {
		{"the same", .accepted = GIB},
		{"larger", .size = 2 * GIB, .accepted = 2 * GIB},
		{"a bit larger", .size = GIB + 511, .accepted = GIB},
		{"a block larger", .size = GIB + 1023, .accepted = GIB + 512},
		{"smaller", .size = GIB - 1, .reason = "has shrunk from 1073741824"},
		{"a block smaller", .size = GIB - 512, .reason = "to 1073741312"},
		{"read-only", .gained = READ, .reason = "is read-only now"},
		{"larger blocks", .minimum = 4096, .reason = "was 512 and is 4096"},
		{"smaller blocks", .minimum = 1, .accepted = GIB},
		{"smaller requests", .maximum = 4 * MIB - 1, .reason = "accepts 4194303"},
		{"as small as can be", .maximum = 4 * MIB, .accepted = GIB},
		{"larger requests", .maximum = NBD_MAXIMUM_UNLIMITED, .accepted = GIB},
		{"no flush", .lost = NBD_FLAG_SEND_FLUSH, .reason = "device uses: flush"},
		{"no FUA", .lost = NBD_FLAG_SEND_FUA, .reason = "forced unit access"},
		{"no trim", .lost = NBD_FLAG_SEND_TRIM, .reason = "device uses: trim"},
		{"no zeroes", .lost = NBD_FLAG_SEND_WRITE_ZEROES,
			.reason = "device uses: write zeroes"},
		{"no disk", .lost = NBD_FLAG_ROTATIONAL, .accepted = GIB},
		{"alone", .lost = NBD_FLAG_CAN_MULTI_CONN,
			.reason = "only one connection now"},
		{"no TLS", .no_tls = true, .reason = "no longer offers TLS"},
		{"unknown abilities", .gained = UNKNOWN_FLAGS, .accepted = GIB},
	};

	CHECK_ALL(&rich, rows);
}

/* one link without TLS to a server that can do next to nothing */
static const struct device poor = {
	.export = {GIB - 1, NBD_FLAG_HAS_FLAGS | READ, 4096, 4096, 65536, ""},
	.links = 1};

static void test_poor(void **state _unused_)
{
	static const struct later rows[] = {
		{"the same", .accepted = GIB - 4096},
		{"whole", .size = GIB, .accepted = GIB},
		{"less of the last block", .size = GIB - 4095, .accepted = GIB - 4096},
		{"no last block", .size = GIB - 4097, .reason = "has shrunk"},
		{"more abilities", .gained = ALL, .accepted = GIB - 4096},
		{"writable", .lost = READ, .reason = "no longer read-only"},
		{"smaller blocks", .minimum = 512, .reason = "was 4096 and is 512"},
		{"larger blocks", .minimum = 8192, .reason = "was 4096 and is 8192"},
		{"smaller requests", .maximum = 65535, .reason = "accepts 65535 bytes"},
		{"larger requests", .maximum = 65537, .accepted = GIB - 4096},
	};

	CHECK_ALL(&poor, rows);
}

/* Where it was asked for, the server's word does not matter as long as it is less. */
static void test_as_asked(void **state _unused_)
{
	static const struct device asked = {.export = {GIB, ALL, 512, 4096, 32 * MIB, ""},
		.asked_block = 4096,
		.read_only = true,
		.links = 1};
	static const struct later rows[] = {
		{"the same", .accepted = GIB},
		{"read-only", .gained = READ, .accepted = GIB},
		{"bytes", .minimum = 1, .accepted = GIB},
		{"blocks as asked", .minimum = 4096, .accepted = GIB},
		{"larger blocks", .minimum = 8192, .reason = "was 4096 and is 8192"},
		{"alone", .lost = NBD_FLAG_CAN_MULTI_CONN, .accepted = GIB},
	};

	CHECK_ALL(&asked, rows);
}

/* A device that was made without TLS may have it. */
static void test_tls_gained(void **state _unused_)
{
	const struct server_facts facts = {.export = rich.export, .tls = true};
	const struct target t = {.tls = TLS_MODE_PREFER};
	struct state device = {.n_links = 1};
	uint64_t size;

	assert_int_equal(geometry_choose(&t, &rich.export, &device, NULL), 0);
	assert_int_equal(geometry_check(&t, &facts, &device, &size, NULL), 0);
	assert_int_equal(size, GIB);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_choose_faults),
		cmocka_unit_test(test_rich),
		cmocka_unit_test(test_poor),
		cmocka_unit_test(test_as_asked),
		cmocka_unit_test(test_tls_gained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
