/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handshake learns of the records that the server accepts. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "psk-server.h"
#include "wire/credentials.h"
#include "wire/tls-internal.h"

#define PATIENCE 60

static gnutls_session_t new_server(gnutls_psk_server_credentials_t credentials,
	const char *version, unsigned limit, int fd)
{
	gnutls_session_t session;
	char priority[128];

	snprintf(priority, sizeof(priority),
		"NORMAL:%%ALLOW_SMALL_RECORDS:-VERS-ALL:+VERS-%s:+ECDHE-PSK", version);
	session = psk_new_server(credentials, priority, fd);
	if (limit > 0)
		assert_int_equal(gnutls_record_set_max_recv_size(session, limit), 0);
	return session;
}

/* The largest payload that the client finds. */
static unsigned learn(int fd)
{
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_auth = TLS_AUTH_PSK,
		.tls_username = psk_user,
		.tls_psk_file = psk_file};
	const struct credentials c = {
		.psk_username = psk_user, .psk_key = {psk_hex, strlen(psk_hex)}};
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	struct error err = {0};
	struct stream stream;
	unsigned payload;

	assert_int_equal(tls_credentials_new(&t, &c, &credentials, &err), 0);
	stream_init(&stream, fd, deadline_after(PATIENCE * USEC_PER_SEC));
	assert_int_equal(tls_handshake(&stream, &t, credentials, &err), 0);
	payload = tls_record_payload(stream.tls);
	tls_close(&stream);
	return payload;
}

static unsigned learn_from(const char *version, unsigned limit)
{
	gnutls_psk_server_credentials_t credentials;
	gnutls_session_t server;
	pthread_t thread;
	unsigned payload;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(gnutls_psk_allocate_server_credentials(&credentials), 0);
	server = new_server(credentials, version, limit, pair[1]);
	assert_int_equal(pthread_create(&thread, NULL, psk_handshake, server), 0);
	payload = learn(pair[0]);
	close(pair[0]);
	pthread_join(thread, NULL);
	gnutls_deinit(server);
	close(pair[1]);
	gnutls_psk_free_server_credentials(credentials);
	return payload;
}

static void test_limits(_unused_ void **state)
{
	static const char *const versions[] = {"TLS1.2", "TLS1.3"};

	for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
		assert_int_equal(learn_from(versions[i], 0), 16384);
		assert_int_equal(learn_from(versions[i], 16384), 16384);
		assert_int_equal(learn_from(versions[i], 16383), 16383);
		assert_int_equal(learn_from(versions[i], 4096), 4096);
		assert_int_equal(learn_from(versions[i], 512), 512);
	}
}

/* Whether the limit includes the type of the content, and limits that are not allowed. */
static void test_payload(_unused_ void **state)
{
	struct tls_session tls = {0};

	assert_int_equal(gnutls_init(&tls.gnutls, GNUTLS_CLIENT), 0);
	assert_int_equal(tls_record_payload(&tls), 16384);
	tls.record_size = UINT16_MAX;
	assert_int_equal(tls_record_payload(&tls), 16384);
	tls.record_size = 16384;
	assert_int_equal(tls_record_payload(&tls), 16384);
	gnutls_deinit(tls.gnutls);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_payload),
	};

	alarm(2 * PATIENCE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
