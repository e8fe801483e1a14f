/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which options a command takes, and the messages about others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/arguments.h"

#define WORDS_MAX 6

static int parse(enum verb verb, const char *const words[WORDS_MAX],
	struct arguments *ret, struct error *err)
{
	char *argv[WORDS_MAX + 1] = {NULL};
	int argc = 0;

	for (; argc < WORDS_MAX && words[argc]; argc++)
		argv[argc] = (char *)words[argc];
	return arguments_parse(argc, argv, verb, ret, err);
}

static void test_taken(void **state _unused_)
{
	struct arguments a;
	struct error err;

	assert_int_equal(parse(VERB_INFO,
				 (const char *[WORDS_MAX]){"info", "--json", "nbd://h",
					 "--tls-ca", "f", "--connect-timeout=1s"},
				 &a, &err),
		0);
	assert_true(a.json);
	assert_false(a.list);
	assert_string_equal(a.operand, "nbd://h");
	assert_int_equal(a.n_settings, 2);
	assert_string_equal(a.settings[0].option, "tls-ca");
	assert_string_equal(a.settings[0].value, "f");
	assert_string_equal(a.settings[1].option, "connect-timeout");

	/* abbreviated, and a flag without and with its value */
	assert_int_equal(parse(VERB_ATTACH,
				 (const char *[WORDS_MAX]){"attach", "--read", "nbd://h",
					 "--lock-memory=no"},
				 &a, &err),
		0);
	assert_int_equal(a.n_settings, 2);
	assert_string_equal(a.settings[0].option, "read-only");
	assert_null(a.settings[0].value);
	assert_string_equal(a.settings[1].value, "no");
}

static void test_refused(void **state _unused_)
{
	static const struct {
		enum verb verb;
		const char *words[WORDS_MAX], *says;
	} rows[] = {
		{VERB_INFO, {"info", "nbd://h", "--block-size=4096"},
			"info does not take option \"--block-size=4096\": see --help"},
		{VERB_INFO, {"info", "--read-only", "nbd://h"},
			"info does not take option \"--read-only\": see --help"},
		{VERB_INFO, {"info", "--foreground"},
			"info does not take option \"--foreground\": see --help"},
		{VERB_ATTACH, {"attach", "--force"},
			"attach does not take option \"--force\": see --help"},
		{VERB_ATTACH, {"attach", "--initrd"},
			"attach does not take option \"--initrd\": see --help"},
		{VERB_DETACH, {"detach", "--tls=off", "x"},
			"detach does not take option \"--tls=off\": see --help"},
		{VERB_LIST, {"list", "--all"},
			"list does not take option \"--all\": see --help"},
		{VERB_STATUS, {"status", "--connections"},
			"status does not take option \"--connections\": see --help"},
		{VERB_MONITOR, {"monitor", "--list"},
			"monitor does not take option \"--list\": see --help"},
		{VERB_CHECK, {"check", "--json"},
			"check does not take option \"--json\": see --help"},
		{VERB_SUPERVISE, {"/sbin/nbd-attachd", "--foreground", "x"},
			"nbd-attachd does not take option \"--foreground\": see --help"},
		{VERB_INFO, {"info", "--swap"},
			"unknown or ambiguous option \"--swap\": see --help"},
		{VERB_INFO, {"info", "--tls-"},
			"unknown or ambiguous option \"--tls-\": see --help"},
		{VERB_INFO, {"info", "--block"},
			"unknown or ambiguous option \"--block\": see --help"},
		{VERB_INFO, {"info", "-xy"},
			"unknown or ambiguous option \"-x\": see --help"},
		{VERB_INFO, {"info", "--json=1"},
			"option \"--json=1\" does not take a value"},
		{VERB_INFO, {"info", "--tls-ca"}, "option \"--tls-ca\" needs a value"},
		{VERB_INFO, {"info", "a", "b"},
			"unexpected argument \"b\": one URI, name or device is enough"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct error err = {0};
		struct arguments a;

		assert_int_equal(parse(rows[i].verb, rows[i].words, &a, &err), -EINVAL);
		assert_int_equal(err.fault, FAULT_USAGE);
		assert_string_equal(err.text, rows[i].says);
	}
}

/* The message names the server once. */
static void test_server_named(void **state _unused_)
{
	static const struct {
		const char *uri;
		struct error err;
		const char *text;
	} rows[] = {
		{"nbd://nas/a", {FAULT_REFUSED, "refused"}, "nas:10809: refused"},
		{"nbd://nas/a", {FAULT_UNREACHED, "cannot connect to 192.0.2.1:10809: x"},
			"nas:10809: cannot connect to 192.0.2.1:10809: x"},
		{"nbd://192.0.2.1/a",
			{FAULT_UNREACHED, "cannot connect to 192.0.2.1:10809: x"},
			"cannot connect to 192.0.2.1:10809: x"},
		{"nbd://[fe80::9]:1/a",
			{FAULT_UNREACHED, "cannot connect to [fe80::9]:1: x"},
			"cannot connect to [fe80::9]:1: x"},
		{"nbd+unix:///a?socket=/s",
			{FAULT_UNREACHED, "cannot connect to unix:/s: x"},
			"cannot connect to unix:/s: x"},
		{"nbd://nas/a", {FAULT_USAGE, "no such file"}, "no such file"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_target_ struct target t;
		struct error err = {0};

		target_init(&t);
		assert_int_equal(target_parse_uri(&t, rows[i].uri, &err), 0);
		err = rows[i].err;
		assert_int_equal(arguments_name_server(&t, -EIO, &err), -EIO);
		assert_string_equal(err.text, rows[i].text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_server_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
