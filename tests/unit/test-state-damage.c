/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * No damaged state file is accepted. Each field is removed, and replaced by each other
 * type, in turn.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state-world.h"

#define PATH_SIZE 64
#define LONGEST   1024

/* The good text with one place changed; NULL: that place is not there. */
static int changed(const char *path, const char *replacement, bool with_target)
{
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(good);
	_cleanup_target_ struct target t;
	char parent[PATH_SIZE];
	json_object *holder;
	struct state s;

	target_init(&t);
	if (replacement) {
		json_object *value = json_tokener_parse(replacement);

		assert_int_equal(json_pointer_set(&o, path, value), 0);
	} else {
		snprintf(parent, sizeof(parent), "%s", path);
		*strrchr(parent, '/') = 0;
		assert_int_equal(json_pointer_get(o, parent, &holder), 0);
		json_object_object_del(holder, strrchr(path, '/') + 1);
	}
	return state_take(o, &s, with_target ? &t : NULL);
}

static void damage(const char *path, const char *replacement)
{
	int r = changed(path, replacement, true);

	if (r != -EBADMSG)
		fail_msg("\"%s\" %s: %d", path, replacement ? replacement : "removed", r);
}

static void damage_type(const char *path, json_type type)
{
	static const struct {
		json_type type;
		const char *text;
	} values[] = {
		{json_type_null, "null"},
		{json_type_boolean, "true"},
		{json_type_double, "1.5"},
		{json_type_int, "1"},
		{json_type_object, "{}"},
		{json_type_array, "[]"},
		{json_type_string, "\"1\""},
	};

	for (size_t i = 0; i < ELEMENTSOF(values); i++)
		if (values[i].type != type)
			damage(path, values[i].text);
}

/* Files of older versions lack these. */
static bool is_later(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	return strcmp(name, "repeated") == 0 || strcmp(name, "break-before-make") == 0 ||
		strcmp(name, "by-name") == 0 || strcmp(name, "encrypts") == 0 ||
		strcmp(path, "/address") == 0;
}

static unsigned damage_each(json_object *o, const char *path)
{
	json_type type = json_object_get_type(o);
	char below[PATH_SIZE];
	unsigned n = 1;

	damage_type(path, type);
	if (type == json_type_object) {
		json_object_object_foreach(o, key, value)
		{
			snprintf(below, sizeof(below), "%s/%s", path, key);
			if (is_later(below))
				assert_int_equal(changed(below, NULL, true), 0);
			else
				damage(below, NULL);
			n += damage_each(value, below);
		}
	}
	for (size_t i = 0; type == json_type_array && i < json_object_array_length(o);
		i++) {
		snprintf(below, sizeof(below), "%s/%zu", path, i);
		n += damage_each(json_object_array_get_idx(o, i), below);
	}
	return n;
}

static void test_each_field(void **state _unused_)
{
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(good);
	unsigned n = damage_each(o, "");

	/* all links and events, and what stands outside of them */
	assert_true(n >= NBD_LINKS_MAX * 9 + STATE_EVENTS_MAX * 5 + 20);
	assert_true(n <= 1000);
}

static const struct {
	const char *path, *value;
	bool fits;
} values[] = {
	{"/version", "3", true},
	{"/version", "2", false},
	{"/version", "4", false},
	{"/device", "2147483647", true},
	{"/device", "2147483648", false},
	{"/device", "-1", false},
	{"/size", "0", true},
	{"/size", "9223372036854775806", true},
	{"/size", "-1", false},
	{"/block-size", "512", true},
	{"/block-size", "4294967295", true},
	{"/block-size", "4294967296", false},
	{"/block-size", "511", false},
	{"/block-size", "0", false},
	{"/maximum", "4294967295", true},
	{"/maximum", "4294967296", false},
	{"/maximum", "-1", false},
	{"/flags", "65535", true},
	{"/flags", "65536", false},
	{"/flags", "-1", false},
	{"/since", "-1", true}, /* a clock that was never set */
	{"/links/0/state", "\"refused\"", true},
	{"/links/0/state", "\"down\"", false},
	{"/links/0/state", "\"UP\"", false},
	{"/links/0/state", "\"\"", false},
	{"/links/0/state", "\"reconnecting-and-reconnecting\"", false},
	{"/repeated", "-1", false},
	{"/links/0/socket", "-1", false},
	{"/links/15/candidate", "-1", false},
	{"/links/15/reconnects", "-1", false},
	{"/links/15/since", "-1", true},
	{"/links/1", "{}", false},
	{"/links", "[]", false},
	{"/n-events", "-1", false},
	{"/n-events", "0", false},
	{"/n-events", "31", false},
	{"/n-events", "32", true}, /* there are 32 in the file */
	{"/n-events", "9223372036854775806", true},
	{"/events", "[]", false},
	{"/events/31", "{}", false},
	{"/events/0/link", "-1", true},
	{"/events/0/link", "-2", false},
	{"/events/0/link", "15", true},
	{"/events/0/link", "16", false},
	{"/events/0/time", "-1", true},
	{"/settings", "[]", true},
};

static void test_bounds(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(values); i++) {
		int r = changed(values[i].path, values[i].value, true);

		if (r != (values[i].fits ? 0 : -EBADMSG))
			fail_msg("%s = %s: %d", values[i].path, values[i].value, r);
	}
}

/* Numbers that no field has room for must not be cut to some that fit. */
static void test_huge_numbers(void **state _unused_)
{
	static const char *const paths[] = {"/version", "/device", "/size", "/block-size",
		"/maximum", "/flags", "/since", "/links/0/socket", "/links/0/candidate",
		"/links/0/since", "/links/0/reconnects", "/n-events", "/events/0/time",
		"/events/0/link"};

	for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
		damage(paths[i], "9223372036854775808");
		damage(paths[i], "-9223372036854775809");
		damage(paths[i], "99999999999999999999999999");
	}
}

/* Its address is that of its first link. */
static void test_older_address(void **state _unused_)
{
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(good);
	struct state s;

	json_object_object_del(o, "address");
	assert_int_equal(state_take(o, &s, NULL), 0);
	assert_string_equal(s.address, full.links[0].address);
}

static void test_long_texts(void **state _unused_)
{
	static const struct {
		const char *path;
		size_t size;
	} rows[] = {
		{"/server", STATE_TEXT_SIZE},
		{"/address", ADDRESS_TEXT_SIZE},
		{"/tls-version", STATE_TEXT_SIZE},
		{"/tls-cipher", STATE_TEXT_SIZE},
		{"/links/3/address", ADDRESS_TEXT_SIZE},
		{"/links/3/error", ERROR_TEXT_SIZE},
		{"/events/5/kind", sizeof(full.events[0].kind)},
		{"/events/5/text", STATE_EVENT_SIZE},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char text[LONGEST];

		snprintf(text, sizeof(text), "\"%0*d\"", (int)rows[i].size - 1, 0);
		assert_int_equal(changed(rows[i].path, text, true), 0);
		snprintf(text, sizeof(text), "\"%0*d\"", (int)rows[i].size, 0);
		damage(rows[i].path, text);
	}
}

/* Replaces an array by one of that many elements, all copies of its first. */
static int repeated(const char *path, size_t n)
{
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(good);
	_cleanup_(json_object_putp) json_object *array = json_object_new_array();
	json_object *found = NULL;

	assert_int_equal(json_pointer_get(o, path, &found), 0);
	found = json_object_array_get_idx(found, 0);
	for (size_t i = 0; i < n; i++)
		json_object_array_add(array, json_object_get(found));
	return changed(path, json_object_to_json_string(array), true);
}

static void test_counts(void **state _unused_)
{
	static const struct {
		const char *path;
		size_t n;
		bool fits;
	} rows[] = {
		{"/links", 1, true},
		{"/links", 16, true},
		{"/links", 17, false},
		{"/links", 1000, false},
		{"/events", 32, true},
		{"/events", 31, false},
		{"/events", 33, false},
		{"/events", 40, false},
		{"/settings", 1, true},
		{"/settings", 256, true},
		{"/settings", 257, false},
		{"/settings", 300, false},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (repeated(rows[i].path, rows[i].n) != (rows[i].fits ? 0 : -EBADMSG))
			fail_msg("%s: %zu", rows[i].path, rows[i].n);
}

/* An invalid target is an error only if the caller asks for the target. */
static void test_target(void **state _unused_)
{
	static const struct {
		const char *path, *value;
		int r;
	} rows[] = {
		{"/uri", NULL, -EBADMSG},
		{"/directory", "null", -EBADMSG},
		{"/settings", "{}", -EBADMSG},
		{"/settings/0", "{}", -EBADMSG},
		{"/uri", "\"http://host\"", -EINVAL},
		{"/uri", "\"\"", -EINVAL},
		{"/settings/0", "\"tls=off\"", -EINVAL},
		{"/settings/0", "\"unheard-of=1\"", -ENOENT},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		assert_int_equal(changed(rows[i].path, rows[i].value, true), rows[i].r);
		assert_int_equal(changed(rows[i].path, rows[i].value, false), 0);
	}
}

static int take_text(const char *text)
{
	_cleanup_(json_object_putp) json_object *o = json_tokener_parse(text);
	_cleanup_target_ struct target t;
	struct state s;

	target_init(&t);
	return state_take(o, &s, &t);
}

static void test_truncated(void **state _unused_)
{
	_cleanup_free_ char *text = strdup(good);

	assert_non_null(text);
	for (size_t size = strlen(good) - 1; size > 7; size -= size % 7 + 1) {
		text[size] = 0;
		assert_int_equal(take_text(text), -EBADMSG);
	}
	assert_int_equal(take_text("{}"), -EBADMSG);
}

/* Random bytes: no buffer overflows. */
static void test_random(void **state _unused_)
{
	size_t size = strlen(good);

	srandom(1);
	for (unsigned round = 0; round < 1000; round++) {
		_cleanup_free_ char *text = strdup(good);

		for (unsigned n = 0; n <= round % 4; n++)
			text[(size_t)random() % size] =
				(char)(random() % 2 ? '0' + random() % 10 : random());
		(void)take_text(text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_field),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_huge_numbers),
		cmocka_unit_test(test_older_address),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, state_world_begin, state_world_end);
}
