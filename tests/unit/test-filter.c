/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The link worker's filter on architectures that we do not run on, as libseccomp makes
 * it: where the C library's socket calls go through socketcall(2), none does here. The
 * rules are known to their own file only, so that file is a part of this test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "link/sandbox.c"

/* The filter as libseccomp's text, which has the action of each system call's number. */
static FILE *account(enum sandbox_use use, uint32_t architecture)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	FILE *text = tmpfile();

	assert_non_null(filter);
	assert_non_null(text);
	assert_int_equal(seccomp_arch_remove(filter, SCMP_ARCH_NATIVE), 0);
	assert_int_equal(seccomp_arch_add(filter, architecture), 0);
	assert_int_equal(add_rules(filter, use), 0);
	assert_int_equal(seccomp_export_pfc(filter, fileno(text)), 0);
	seccomp_release(filter);
	rewind(text);
	return text;
}

/* In how many ways socketcall() ends, and in how many of them it is refused. */
static void count_socketcall(FILE *text, unsigned *ways, unsigned *refused)
{
	char line[256];
	bool is_it = false;

	*ways = *refused = 0;
	while (fgets(line, sizeof(line), text)) {
		if (strstr(line, "# filter for syscall"))
			is_it = strstr(line, "\"socketcall\"");
		if (strstr(line, "# default action"))
			is_it = false;
		*ways += is_it && strstr(line, "action ");
		*refused += is_it && strstr(line, "action ERRNO(13)");
	}
}

static void test_socketcall(void **state _unused_)
{
	static const uint32_t with_it[] = {SCMP_ARCH_X86, SCMP_ARCH_S390X, SCMP_ARCH_S390,
		SCMP_ARCH_PPC64LE, SCMP_ARCH_PPC, SCMP_ARCH_MIPSEL};

	for (size_t i = 0; i < ELEMENTSOF(with_it); i++)
		for (enum sandbox_use use = SANDBOX_QUERY; use <= SANDBOX_RELAY; use++) {
			_cleanup_fclose_ FILE *text = account(use, with_it[i]);
			unsigned ways, refused;

			count_socketcall(text, &ways, &refused);
			assert_int_equal(ways, 1);
			assert_int_equal(refused, 1);
		}
}

static void test_no_filter(void **state _unused_)
{
	const struct blob none = {0};
	char expected[ERROR_TEXT_SIZE];
	struct error err = {0};

	assert_int_equal(sandbox_filter_set(&none, -ENOMEM, &err), -ENOMEM);
	assert_int_equal(err.fault, FAULT_OTHER);
	snprintf(expected, sizeof(expected), "cannot set the seccomp filter: %s",
		strerror(ENOMEM));
	assert_string_equal(err.text, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_filter),
		cmocka_unit_test(test_socketcall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
