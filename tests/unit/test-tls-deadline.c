/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server that keeps GnuTLS busy without a byte for us: the deadline holds all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "wire/credentials.h"
#include "wire/tls-internal.h"

#define PATIENCE 60

static char user[] = "alice", keys[] = "keys.psk", hex[] = "00112233445566778899";

static int give_key(
	_unused_ gnutls_session_t session, _unused_ const char *name, gnutls_datum_t *key)
{
	static const unsigned char bytes[] = {
		0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99};

	key->data = gnutls_malloc(sizeof(bytes));
	key->size = sizeof(bytes);
	memcpy(key->data, bytes, sizeof(bytes));
	return 0;
}

/* What the server has ready, much more than a socket holds, and how much it got rid of.
 */
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
	gnutls_session_t session;

	gnutls_psk_set_server_credentials_function(credentials, give_key);
	assert_int_equal(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL), 0);
	assert_int_equal(gnutls_priority_set_direct(
				 session, "NORMAL:+ECDHE-PSK:+DHE-PSK:+PSK", NULL),
		0);
	assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials), 0);
	gnutls_transport_set_int(session, fd);
	return session;
}

static int read_byte(int fd, struct error *err)
{
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_auth = TLS_AUTH_PSK,
		.tls_username = user,
		.tls_psk_file = keys};
	const struct credentials c = {
		.psk_username = user, .psk_key = {hex, strlen(hex)}};
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
	assert_in_range(records.sent, 1, sizeof(records.bytes) / 4);
	gnutls_deinit(server);
	close(pair[1]);
	gnutls_psk_free_server_credentials(credentials);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_records),
	};

	alarm(2 * PATIENCE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
