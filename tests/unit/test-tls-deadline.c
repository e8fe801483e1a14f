/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Servers that keep GnuTLS busy without any data, or send HelloRequest first. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "psk-server.h"
#include "wire/credentials.h"
#include "wire/tls-internal.h"

#define PATIENCE 60

/* What the server has to send, much more than a socket holds, and how much was sent. */
static struct {
	int fd;
	size_t size, sent;
	char bytes[4 * 1024 * 1024];
} records;

static ssize_t push(
	_unused_ gnutls_transport_ptr_t userdata, const void *data, size_t size)
{
	if (records.size + size > sizeof(records.bytes))
		return -1;
	memcpy(records.bytes + records.size, data, size);
	records.size += size;
	return (ssize_t)size;
}

/* Records without data, one right after the other, until the client leaves. */
static void *serve(void *userdata)
{
	gnutls_session_t session = userdata;
	ssize_t n;
	int r;

	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	gnutls_transport_set_push_function(session, push);
	while (r >= 0)
		r = (int)gnutls_record_send2(session, "", 0, 1, 0);
	n = send(records.fd, records.bytes, records.size, MSG_NOSIGNAL);
	records.sent = n > 0 ? (size_t)n : 0;
	return NULL;
}

static gnutls_session_t new_server(gnutls_psk_server_credentials_t credentials, int fd)
{
	return psk_new_server(credentials, "NORMAL:+ECDHE-PSK:+DHE-PSK:+PSK", fd);
}

static int read_byte(int fd, struct error *err)
{
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_auth = TLS_AUTH_PSK,
		.tls_username = psk_user,
		.tls_psk_file = psk_file};
	const struct credentials c = {
		.psk_username = psk_user, .psk_key = {psk_hex, strlen(psk_hex)}};
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	struct stream stream;
	char byte;
	int r;

	assert_int_equal(tls_credentials_new(&t, &c, &credentials, err), 0);
	stream_init(&stream, fd, deadline_after(PATIENCE * USEC_PER_SEC));
	assert_int_equal(tls_handshake(&stream, &t, credentials, err), 0);
	/* until there is more than enough to read */
	assert_int_equal(deadline_wait(fd, POLLIN, stream.deadline), POLLIN);
	stream.deadline = deadline_now();
	r = stream_read(&stream, &byte, 1, err);
	tls_close(&stream);
	return r;
}

static void test_empty_records(_unused_ void **state)
{
	gnutls_psk_server_credentials_t credentials;
	gnutls_session_t server;
	struct error err = {0};
	pthread_t thread;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(gnutls_psk_allocate_server_credentials(&credentials), 0);
	server = new_server(credentials, pair[1]);
	records.fd = pair[1];
	assert_int_equal(pthread_create(&thread, NULL, serve, server), 0);
	assert_int_equal(read_byte(pair[0], &err), -ETIMEDOUT);
	assert_int_equal(err.fault, FAULT_UNREACHED);
	close(pair[0]);
	pthread_join(thread, NULL);
	assert_true(records.sent >= 1);
	assert_true(records.sent <= sizeof(records.bytes) / 4);
	gnutls_deinit(server);
	close(pair[1]);
	gnutls_psk_free_server_credentials(credentials);
}

/* ---- HelloRequest in front of the server's first message ---- */

static const struct greeting {
	const char *bytes;
	size_t size;
	unsigned n;     /* how often it is sent */
	size_t at_once; /* in pieces of this size; 0: whole */
	const char *versions;
	int result;
} * greeting;

static void send_greeting(int fd)
{
	size_t piece = greeting->at_once ? greeting->at_once : greeting->size;

	for (unsigned i = 0; i < greeting->n; i++)
		for (size_t at = 0; at < greeting->size; at += piece) {
			size_t left = greeting->size - at;

			if (send(fd, greeting->bytes + at, left < piece ? left : piece,
				    MSG_NOSIGNAL) < 0)
				return;
			if (greeting->at_once)
				usleep(2000);
		}
}

static void *greet_and_serve(void *userdata)
{
	gnutls_session_t session = userdata;
	int r;

	send_greeting(gnutls_transport_get_int(session));
	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	if (r == 0)
		gnutls_record_send(session, "!", 1);
	return NULL;
}

static int shake_hands(int fd, usec_t deadline, struct error *err)
{
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_auth = TLS_AUTH_PSK,
		.tls_username = psk_user,
		.tls_priority = (char *)greeting->versions,
		.tls_psk_file = psk_file};
	const struct credentials c = {
		.psk_username = psk_user, .psk_key = {psk_hex, strlen(psk_hex)}};
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	struct stream stream;
	char byte = 0;
	int r;

	assert_int_equal(tls_credentials_new(&t, &c, &credentials, err), 0);
	stream_init(&stream, fd, deadline);
	r = tls_handshake(&stream, &t, credentials, err);
	if (r == 0)
		r = stream_read(&stream, &byte, 1, err);
	assert_int_equal(byte, r == 0 ? '!' : 0);
	tls_close(&stream);
	return r;
}

static int greet(const struct greeting *with, usec_t deadline, struct error *err)
{
	gnutls_psk_server_credentials_t credentials;
	gnutls_session_t server;
	pthread_t thread;
	int pair[2], r;

	greeting = with;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(gnutls_psk_allocate_server_credentials(&credentials), 0);
	server = new_server(credentials, pair[1]);
	assert_int_equal(pthread_create(&thread, NULL, greet_and_serve, server), 0);
	r = shake_hands(pair[0], deadline, err);
	close(pair[0]);
	pthread_join(thread, NULL);
	gnutls_deinit(server);
	close(pair[1]);
	gnutls_psk_free_server_credentials(credentials);
	return r;
}

#define ONLY(version) "NORMAL:-VERS-ALL:+VERS-" version ":-KX-ALL:+ECDHE-PSK"
#define IN(bytes)     bytes, sizeof(bytes) - 1

/* A HelloRequest is ignored (RFC 5246, 7.4.1.1); anything else is not. */
static void test_hello_request(_unused_ void **state)
{
	static const struct greeting rows[] = {
		{IN("\26\3\3\0\4\0\0\0\0"), 0, 0, ONLY("TLS1.2"), 0},
		{IN("\26\3\3\0\4\0\0\0\0"), 1, 0, ONLY("TLS1.2"), 0},
		{IN("\26\3\3\0\4\0\0\0\0"), 1, 0, ONLY("TLS1.3"), 0},
		{IN("\26\3\1\0\4\0\0\0\0"), 3, 0, ONLY("TLS1.2"), 0},
		{IN("\26\3\3\0\4\0\0\0\0"), 2, 1, ONLY("TLS1.2"), 0},
		{IN("\26\3\3\0\4\0\0\0\0"), 2, 4, ONLY("TLS1.3"), 0},
		{IN("\26\3\3\0\4\0\0\0"), 1, 0, ONLY("TLS1.2"), -EPROTO},
		{IN("\26\3\3\0\4\0\0\0\1"), 1, 0, ONLY("TLS1.2"), -EPROTO},
		{IN("\26\3\3\0\4\0\0\0\0!"), 1, 0, ONLY("TLS1.2"), -EPROTO},
		{IN("\27\3\3\0\4\0\0\0\0"), 1, 0, ONLY("TLS1.3"), -EPROTO},
		{IN("!"), 1, 0, ONLY("TLS1.3"), -EPROTO},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct error err = {0};
		int r = greet(&rows[i], deadline_after(PATIENCE * USEC_PER_SEC), &err);

		if (r != rows[i].result)
			fail_msg("row %zu: %d, \"%s\"", i, r, err.text);
	}
}

/* … and an endless number of them ends at the deadline. */
static void test_endless_hello_requests(_unused_ void **state)
{
	static const struct greeting endless = {
		IN("\26\3\3\0\4\0\0\0\0"), UINT_MAX, 0, ONLY("TLS1.2"), 0};
	struct error err = {0};

	assert_int_equal(
		greet(&endless, deadline_after(USEC_PER_SEC / 4), &err), -ETIMEDOUT);
	assert_int_equal(err.fault, FAULT_UNREACHED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_records),
		cmocka_unit_test(test_hello_request),
		cmocka_unit_test(test_endless_hello_requests),
	};

	alarm(2 * PATIENCE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
