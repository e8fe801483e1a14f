/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server that hangs up within TLS, as someone in between can make it do: the next
 * connection may ask with GO instead of INFO, but never with EXPORT_NAME, which cannot
 * tell why it fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "psk-server.h"
#include "wire/credentials.h"
#include "wire/negotiate.h"
#include "wire/tls-internal.h"

#define PATIENCE 60

struct server {
	int fd;
	bool says_goodbye; /* ends TLS before the connection */
	bool heard;        /* an option came within TLS */
};

static gnutls_session_t new_session(gnutls_psk_server_credentials_t credentials, int fd)
{
	gnutls_session_t session;

	gnutls_psk_set_server_credentials_function(credentials, psk_find_key);
	gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
	gnutls_priority_set_direct(session, "NORMAL:+ECDHE-PSK", NULL);
	gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials);
	gnutls_transport_set_int(session, fd);
	return session;
}

/* Up to the first option within TLS, which it does not survive. */
static void serve_tls(struct server *s, gnutls_session_t session)
{
	char option[512];
	int r;

	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	s->heard = r == 0 && gnutls_record_recv(session, option, sizeof(option)) > 0;
	if (s->says_goodbye)
		gnutls_bye(session, GNUTLS_SHUT_WR);
}

static void *serve(void *userdata)
{
	static const char greeting[] = "NBDMAGICIHAVEOPT\0\3";
	static const unsigned char ack[] = {0, 3, 0xe8, 0x89, 4, 0x55, 0x65, 0xa9, 0, 0,
		0, 5, 0, 0, 0, 1, 0, 0, 0, 0};
	struct server *s = userdata;
	gnutls_psk_server_credentials_t credentials;
	gnutls_session_t session;
	char flags_and_starttls[4 + 16];

	gnutls_psk_allocate_server_credentials(&credentials);
	session = new_session(credentials, s->fd);
	send(s->fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL);
	recv(s->fd, flags_and_starttls, sizeof(flags_and_starttls), MSG_WAITALL);
	send(s->fd, ack, sizeof(ack), MSG_NOSIGNAL);
	serve_tls(s, session);
	shutdown(s->fd, SHUT_RDWR);
	gnutls_deinit(session);
	gnutls_psk_free_server_credentials(credentials);
	return NULL;
}

typedef int (*negotiate_fn)(struct negotiation *, const struct tls_credentials *,
	struct server_facts *, struct error *);

/* What the next connection is to begin with. */
static enum entry ask(negotiate_fn fn, enum tls_mode mode, enum entry entry, int fd)
{
	const struct target t = {.tls = mode,
		.tls_auth = TLS_AUTH_PSK,
		.tls_username = psk_user,
		.tls_psk_file = psk_file,
		.export_name = psk_user};
	const struct credentials c = {
		.psk_username = psk_user, .psk_key = {psk_hex, strlen(psk_hex)}};
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	_cleanup_(negotiation_freep) struct negotiation *n = NULL;
	struct server_facts facts;
	struct error err = {0};
	int r;

	assert_int_equal(tls_credentials_new(&t, &c, &credentials, &err), 0);
	n = negotiation_new(&t, fd, deadline_after(PATIENCE * USEC_PER_SEC), &err);
	assert_non_null(n);
	n->entry = entry;
	r = fn(n, credentials, &facts, &err);
	assert_true(
		r == -ECONNRESET || r == -ECONNABORTED); /* with and without goodbye */
	return n->retry;
}

static enum entry ask_server(
	negotiate_fn fn, enum tls_mode mode, enum entry entry, bool says_goodbye)
{
	struct server server = {.says_goodbye = says_goodbye};
	enum entry retry;
	pthread_t thread;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	server.fd = pair[1];
	assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
	retry = ask(fn, mode, entry, pair[0]);
	close(pair[0]);
	pthread_join(thread, NULL);
	close(pair[1]);
	assert_true(server.heard);
	return retry;
}

static void test_hang_up_within_tls(_unused_ void **state)
{
	static const enum tls_mode modes[] = {TLS_MODE_REQUIRE, TLS_MODE_PREFER};

	for (size_t i = 0; i < 2 * ELEMENTSOF(modes); i++) {
		enum tls_mode mode = modes[i / 2];
		bool says_goodbye = i % 2;

		assert_int_equal(ask_server(negotiate_go, mode, ENTRY_ANY, says_goodbye),
			ENTRY_ANY);
		assert_int_equal(
			ask_server(negotiate_info, mode, ENTRY_ANY, says_goodbye),
			ENTRY_GO);
		assert_int_equal(ask_server(negotiate_info, mode, ENTRY_GO, says_goodbye),
			ENTRY_ANY);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hang_up_within_tls),
	};

	alarm(2 * PATIENCE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
