/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Limits that are read back from a device: they are corrected, or the device is refused.
 * /sys is replaced by a table of attributes, which a kernel may refuse to change.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/nbd.h>

#include "common/parse.h"
#include "common/scope.h"
#include "kernel/device-node.h"
#include "kernel/limits.h"
#include "kernel/sysfs.h"

#define ROTATIONAL   (1 << 4)
#define WRITE_ZEROES (1 << 6)
#define ALL                                                             \
	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | \
		NBD_FLAG_SEND_TRIM | WRITE_ZEROES)
#define NONE NBD_FLAG_HAS_FLAGS

static struct attribute {
	const char *name;
	char value[32];
} attributes[16];

static const char *stuck; /* the attribute that no write changes */

static struct attribute *find(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(attributes); i++)
		if (attributes[i].name && strcmp(attributes[i].name, name) == 0)
			return &attributes[i];
	return NULL;
}

static void set(const char *name, const char *value)
{
	struct attribute *a = find(name);

	assert_non_null(a);
	snprintf(a->value, sizeof(a->value), "%s", value);
}

int sysfs_get(unsigned index, const char *name, char *text, size_t size)
{
	const struct attribute *a = find(name);

	assert_int_equal(index, 5);
	if (!a)
		return -ENOENT;
	snprintf(text, size, "%s", a->value);
	return 0;
}

int sysfs_get_number(unsigned index, const char *name, uint64_t max, uint64_t *ret)
{
	char text[32];
	int r = sysfs_get(index, name, text, sizeof(text));

	return r < 0 ? r : parse_u64(text, 0, max, ret);
}

int sysfs_set(unsigned index, const char *name, const char *text)
{
	assert_int_equal(index, 5);
	assert_non_null(find(name));
	if (!stuck || strcmp(stuck, name) != 0)
		set(name, text);
	return 0;
}

int sysfs_limit_request(unsigned index, uint64_t bytes, struct error *err _unused_)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, bytes / 1024);
	return sysfs_set(index, "queue/max_sectors_kb", text);
}

int device_node_set_read_only(unsigned index, bool read_only)
{
	return sysfs_set(index, "ro", read_only ? "1" : "0");
}

/* What newer kernels make of a server that can do all, or nothing. */
static const struct attribute of_all[] = {{"size", "2048"},
	{"queue/logical_block_size", "512"}, {"queue/max_sectors_kb", "1024"},
	{"queue/write_zeroes_max_bytes", "4294966784"}, {"queue/fua", "1"},
	{"queue/discard_max_bytes", "4294966784"}, {"queue/write_cache", "write back"},
	{"queue/rotational", "0"}, {"queue/iostats", "1"}, {"ro", "0"},
	{"queue/minimum_io_size", "512"}, {"queue/discard_max_hw_bytes", "4294966784"}};
static const struct attribute of_none[] = {{"size", "2048"},
	{"queue/logical_block_size", "512"}, {"queue/max_sectors_kb", "1024"},
	{"queue/write_zeroes_max_bytes", "0"}, {"queue/fua", "0"},
	{"queue/discard_max_bytes", "0"}, {"queue/write_cache", "write through"},
	{"queue/rotational", "0"}, {"queue/iostats", "1"}, {"ro", "0"},
	{"queue/minimum_io_size", "512"}};

struct row {
	const char *name, *attribute, *value; /* what is otherwise there */
	uint16_t flags;
	const char *mended; /* what it becomes; NULL: the error names it */
};

static const struct row rows[] = {
	{"all is well", "ro", "0", ALL, "0"},
	{"too small", "size", "2040", ALL, NULL},
	{"too large", "size", "2056", ALL, NULL},
	{"not there", "size", "0", ALL, NULL},
	{"other blocks", "queue/logical_block_size", "4096", ALL, NULL},
	{"larger requests", "queue/max_sectors_kb", "4096", ALL, "1024"},
	{"smaller requests", "queue/max_sectors_kb", "64", ALL, "1024"},
	{"6.1 writes no zeroes", "queue/write_zeroes_max_bytes", "0", ALL, "0"},
	{"another's zeroes", "queue/write_zeroes_max_bytes", "4294966784", NONE, NULL},
	{"FUA is made of flushes", "queue/fua", "0", ALL, "0"},
	{"FUA that no server knows", "queue/fua", "1", NONE, NULL},
	{"discarding off", "queue/discard_max_bytes", "0", ALL, "0"},
	{"discarding that no server knows", "queue/discard_max_bytes", "512", NONE, "0"},
	{"no flushes", "queue/write_cache", "write through", ALL, "write back"},
	{"flushes that no server knows", "queue/write_cache", "write back", NONE,
		"write through"},
	{"not rotational", "queue/rotational", "1", ALL, "0"},
	{"rotational", "queue/rotational", "0", ALL | ROTATIONAL, "1"},
	{"no statistics", "queue/iostats", "0", NONE, "1"},
	{"not writable", "ro", "1", ALL, "0"},
	{"writable", "ro", "0", ALL | NBD_FLAG_READ_ONLY, "1"},
};

static struct limits begin(const struct row *row)
{
	memset(attributes, 0, sizeof(attributes));
	if (row->flags == NONE)
		memcpy(attributes, of_none, sizeof(of_none));
	else
		memcpy(attributes, of_all, sizeof(of_all));
	stuck = NULL;
	set(row->attribute, row->value);
	return (struct limits){.size = UINT64_C(1) << 20,
		.block_size = 512,
		.request = 1 << 20,
		.flags = row->flags};
}

static void test_rows(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct row *row = &rows[i];
		const struct limits l = begin(row);
		struct error err = {0};
		int r;

		print_message("%s\n", row->name);
		r = limits_apply(5, &l, &err);
		if (row->mended) {
			assert_int_equal(r, 0);
			assert_string_equal(find(row->attribute)->value, row->mended);
		} else {
			assert_int_equal(r, -EREMOTEIO);
			assert_int_equal(err.fault, FAULT_KERNEL);
			assert_non_null(strstr(err.text, row->attribute));
		}
	}
}

/* What a write does not change is told, unless a kernel may have it so. */
static void test_stuck(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct row *row = &rows[i];
		const struct limits l = begin(row);
		struct error err = {0};
		bool less = strcmp(row->name, "smaller requests") == 0;

		if (!row->mended || strcmp(row->mended, row->value) == 0)
			continue;
		print_message("%s\n", row->name);
		stuck = row->attribute;
		if (less) {
			assert_int_equal(limits_apply(5, &l, &err), 0);
			continue;
		}
		assert_int_equal(limits_apply(5, &l, &err), -EREMOTEIO);
		assert_non_null(strstr(err.text, row->attribute));
	}
}

static void test_unreadable(void **state _unused_)
{
	const struct limits l = begin(&rows[0]);
	struct error err = {0};

	for (size_t i = 0; i < ELEMENTSOF(attributes); i++)
		if (attributes[i].name && strcmp(attributes[i].name, "queue/fua") == 0)
			attributes[i].name = NULL;
	assert_int_equal(limits_apply(5, &l, &err), -ENOENT);
	assert_non_null(strstr(err.text, "queue/fua"));
}

static void test_stale(void **state _unused_)
{
	struct limits l = begin(&rows[0]);

	assert_false(limits_are_stale(5, &l));
	l.flags &= (uint16_t)~WRITE_ZEROES;
	assert_true(limits_are_stale(5, &l));
	set("queue/write_zeroes_max_bytes", "0");
	assert_false(limits_are_stale(5, &l));
	set("queue/minimum_io_size", "4096");
	assert_true(limits_are_stale(5, &l));
	l.block_size = 4096;
	assert_false(limits_are_stale(5, &l));
	set("queue/discard_max_bytes", "0");
	assert_true(limits_are_stale(5, &l));
	l.flags &= (uint16_t)~NBD_FLAG_SEND_TRIM;
	assert_false(limits_are_stale(5, &l));
	/* a device that is not there, or of a kernel without these */
	memset(attributes, 0, sizeof(attributes));
	assert_false(limits_are_stale(5, &l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
