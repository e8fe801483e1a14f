/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which server's certificates are accepted: their time, name and authority. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "certificates-world.h"
#include "common/scope.h"

/* Without --tls-ignore-not-before, every fault counts. */
static void test_strict(_unused_ void **state)
{
	static const char early[] = "not yet valid", late[] = "expired";
	static const struct row rows[] = {
		{.name = "valid"},
		{.name = "valid chain", .with_middle = true},
		{.name = "not yet", .server = NOT_YET, .says = early},
		{.name = "authority not yet", .ca = NOT_YET, .says = early},
		{.name = "expired", .server = EXPIRED, .says = late},
		{.name = "expired middle",
			.with_middle = true,
			.middle = EXPIRED,
			.says = late},
		{.name = "expired authority", .ca = EXPIRED, .says = late},
		{.name = "expired in store",
			.trusts = TRUST_SERVER,
			.server = EXPIRED,
			.says = late},
		{.name = "wrong name", .server_name = "other.example", .says = "name"},
		{.name = "unknown authority",
			.trusts = TRUST_OTHER,
			.says = "issuer is unknown"},
		{.name = "forged", .signed_by = IMPOSTOR, .says = "signature"},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* The system's store, and what it distrusts though it trusts the authority. */
static void test_system(_unused_ void **state)
{
	static const char revoked[] = "revoked", distrusts[] = "This system distrusts it";
	static const struct row rows[] = {
		{.name = "trusted", .system = true},
		{.name = "trusted chain", .system = true, .with_middle = true},
		{.name = "unknown authority",
			.system = true,
			.trusts = TRUST_OTHER,
			.says = "issuer is unknown"},
		{.name = "distrusted server",
			.system = true,
			.distrusts = DISTRUST_SERVER,
			.says = revoked},
		{.name = "distrusted server in store",
			.system = true,
			.trusts = TRUST_SERVER,
			.distrusts = DISTRUST_SERVER,
			.says = revoked},
		{.name = "distrusted middle",
			.system = true,
			.with_middle = true,
			.distrusts = DISTRUST_ISSUER,
			.says = distrusts},
		{.name = "distrusted authority",
			.system = true,
			.distrusts = DISTRUST_ISSUER,
			.says = "issuer is unknown"},
		{.name = "distrusted by the system only", .distrusts = DISTRUST_SERVER},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* With it, a certificate may be too early, and nothing else. */
static void test_early(_unused_ void **state)
{
	static const struct row rows[] = {
		{.name = "valid", .ignore = true},
		{.name = "not yet", .ignore = true, .server = NOT_YET},
		{.name = "nothing yet",
			.ignore = true,
			.with_middle = true,
			.ca = NOT_YET,
			.middle = NOT_YET,
			.server = NOT_YET},
		{.name = "not yet, in store",
			.ignore = true,
			.trusts = TRUST_SERVER,
			.server = NOT_YET},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* Other faults are found even where GnuTLS alone would stop at the time. */
static void test_early_and_wrong(_unused_ void **state)
{
	static const struct row rows[] = {
		{.name = "wrong name",
			.ignore = true,
			.server = NOT_YET,
			.server_name = "other.example",
			.says = "name"},
		{.name = "unknown authority",
			.ignore = true,
			.server = NOT_YET,
			.trusts = TRUST_OTHER,
			.says = "issuer is unknown"},
		{.name = "a client's",
			.ignore = true,
			.server = NOT_YET,
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
			.says = "purpose"},
		{.name = "forged",
			.ignore = true,
			.server = NOT_YET,
			.signed_by = IMPOSTOR,
			.says = "signature"},
		{.name = "forged below a middle that is not valid yet",
			.ignore = true,
			.with_middle = true,
			.middle = NOT_YET,
			.server = NOT_YET,
			.signed_by = IMPOSTOR,
			.says = "signature"},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* What has expired is found wherever GnuTLS finds it: see test_strict. */
static void test_late(_unused_ void **state)
{
	static const char late[] = "expired";
	static const struct row rows[] = {
		{.name = "expired", .ignore = true, .server = EXPIRED, .says = late},
		{.name = "expired middle",
			.ignore = true,
			.with_middle = true,
			.middle = EXPIRED,
			.server = NOT_YET,
			.says = late},
		{.name = "expired authority",
			.ignore = true,
			.ca = EXPIRED,
			.server = NOT_YET,
			.says = late},
		{.name = "expired below one that is not valid yet",
			.ignore = true,
			.ca = NOT_YET,
			.server = EXPIRED,
			.says = late},
		{.name = "expired in store",
			.ignore = true,
			.trusts = TRUST_SERVER,
			.server = EXPIRED,
			.says = late},
	};

	rows_hold(rows, ELEMENTSOF(rows));
}

/* The message says that the clock may be wrong, and what can be done. */
static void test_advice(_unused_ void **state)
{
	static const struct row early = {.server = NOT_YET}, late = {.server = EXPIRED};
	time_t now = time(NULL);
	struct error err = {0};
	struct tm tm;
	char date[64];

	strftime(date, sizeof(date), "clock says %Y-%m-%d ", gmtime_r(&now, &tm));
	assert_int_equal(play(&early, &err), -EKEYREJECTED);
	assert_non_null(strstr(err.text, date));
	assert_non_null(strstr(err.text, "--tls-ignore-not-before"));
	assert_non_null(strstr(err.text, "pre-shared key"));
	assert_int_equal(play(&late, &err), -EKEYREJECTED);
	assert_null(strstr(err.text, "--tls-ignore-not-before"));
}

/* Which name, which issuer, until when, by which store; and nothing that a terminal
 * obeys. */
static void test_facts(_unused_ void **state)
{
	static const char evil[] = "\x1b[31m\"\n\xe2\x80\xae";
	static const struct row rows[] = {
		{.name = "wrong name",
			.server_name = "other.example",
			.says = "The name in the certificate does not match the expected. It "
				"names \"other.example\", is issued by \"CN=CA\", and is valid until "
				"@; CA file ca.pem was used. If that is the right server, name it "
				"with --tls-hostname."},
		{.name = "control characters",
			.server_name = "other.example",
			.ca_name = evil,
			.says = "The name in the certificate does not match the expected. It "
				"names \"other.example\", is issued by \"CN=?[31m????\", and is valid until @; CA "
				"file ca.pem was used. If that is the right server, name it with "
				"--tls-hostname."},
		{.name = "unknown authority",
			.trusts = TRUST_OTHER,
			.with_middle = true,
			.says = "The certificate issuer is unknown. It names \"" NAME
				"\", is "
				"issued by \"CN=middle\", and is valid until @; CA file ca.pem was "
				"used. Name its CA with --tls-ca or tls-certificates=."},
		{.name = "expired",
			.server = EXPIRED,
			.says = "The certificate chain uses expired certificate. It names \"" NAME
				"\", is issued by \"CN=CA\", and is valid until #; CA file ca.pem was "
				"used. The server needs a new one."},
		{.name = "expired middle",
			.with_middle = true,
			.middle = EXPIRED,
			.says = "The certificate chain uses expired certificate. It names \"" NAME
				"\", is issued by \"CN=middle\", and is valid until @; CA file ca.pem was "
				"used. That of \"CN=middle\" is valid until #. The server needs a new "
				"one."},
		{.name = "expired authority",
			.ca = EXPIRED,
			.says = "The certificate chain uses expired certificate. It names \"" NAME
				"\", is issued by \"CN=CA\", and is valid until @; CA file ca.pem was "
				"used. That of its CA is not valid now. The server needs a new one."},
		{.name = "self-signed",
			.trusts = TRUST_SERVER,
			.server = EXPIRED,
			.says = "The certificate chain uses expired certificate. It names \"" NAME
				"\", is self-signed, and is valid until #; CA file ca.pem was used. The "
				"server needs a new one."},
		{.name = "a client's",
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
			.says = "The certificate chain does not match the intended purpose. It names \"" NAME
				"\", is issued by \"CN=CA\", and is valid until @; CA file ca.pem was "
				"used. It must be made for servers (TLS WWW server)."},
	};
	time_t now = time(NULL), valid = now + 7 * DAY, expired = now - DAY;
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct error err = {0};
		char *words = NULL, date[16];
		size_t size;
		FILE *out = open_memstream(&words, &size);
		struct tm tm;

		fputs("the certificate of \"" NAME "\" is not accepted: ", out);
		for (const char *c = rows[i].says; *c; c++) {
			time_t when = *c == '@' ? valid : expired;

			strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&when, &tm));
			if (*c == '@' || *c == '#')
				fputs(date, out);
			else
				fputc(*c, out);
		}
		fclose(out);
		assert_int_equal(play(&rows[i], &err), -EKEYREJECTED);
		if (strcmp(err.text, words) != 0) {
			print_error("%s:\n  got  %s\n  want %s\n", rows[i].name, err.text,
				words);
			failed++;
		}
		free(words);
	}
	assert_int_equal(failed, 0);
}

/* However long the names are, the message ends with what to do. */
static void test_long_names(_unused_ void **state)
{
#define TWENTY "abcdefghij.klmnopqrs"
#define LONG   TWENTY "." TWENTY "." TWENTY "." TWENTY
	static const struct row row = {.ca_name = LONG, .ca = NOT_YET};
	static const char remedy[] = " --tls-ignore-not-before, or a pre-shared key.";
	struct error err = {0};

	assert_int_equal(play(&row, &err), -EKEYREJECTED);
	assert_string_equal(err.text + strlen(err.text) - strlen(remedy), remedy);
	error_prefix(&err, -EKEYREJECTED, "%s", LONG LONG LONG LONG);
	assert_string_equal(err.text + strlen(err.text) - strlen(remedy), remedy);
	assert_int_equal(strncmp(err.text, LONG, strlen(LONG)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_early_and_wrong),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(
		tests, certificates_world_begin, certificates_world_end);
}
