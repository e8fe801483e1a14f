/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The relay with TLS, and what a server may send in there besides data. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "relay-world.h"

static const gnutls_datum_t secret = {(unsigned char *)"0123456789abcdef", 16};
static gnutls_psk_client_credentials_t client_credentials;
static gnutls_psk_server_credentials_t server_credentials;
static gnutls_datum_t ticket_key;

static int tell_secret(
	_unused_ gnutls_session_t session, _unused_ const char *name, gnutls_datum_t *key)
{
	key->data = gnutls_malloc(secret.size);
	key->size = secret.size;
	memcpy(key->data, secret.data, secret.size);
	return 0;
}

static void *shake_hands(void *userdata)
{
	int r;

	do
		r = gnutls_handshake(userdata);
	while (r < 0 && !gnutls_error_is_fatal(r));
	return r < 0 ? userdata : NULL;
}

static gnutls_session_t new_session(int fd, unsigned flags, void *credentials)
{
	gnutls_session_t session;

	assert_int_equal(gnutls_init(&session, flags | GNUTLS_NO_SIGNAL), 0);
	assert_int_equal(gnutls_priority_set_direct(
				 session, "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK", NULL),
		0);
	assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials), 0);
	gnutls_transport_set_int(session, fd);
	return session;
}

/* After the handshake. */
static struct world *tls_world_with(bool tiny, size_t record_size)
{
	struct world *w = world_new(tiny);
	pthread_t thread;
	void *failed;

	w->session.gnutls =
		new_session(w->far, GNUTLS_CLIENT | GNUTLS_NONBLOCK, client_credentials);
	w->server_tls = new_session(w->server, GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET,
		server_credentials);
	gnutls_session_ticket_enable_server(w->server_tls, &ticket_key);
	assert_int_equal(gnutls_record_set_max_recv_size(w->server_tls, record_size), 0);
	assert_int_equal(pthread_create(&thread, NULL, shake_hands, w->server_tls), 0);
	assert_null(shake_hands(w->session.gnutls));
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_int_equal(gnutls_protocol_get_version(w->server_tls), GNUTLS_TLS1_3);
	assert_int_equal(fcntl(w->server, F_SETFL, O_NONBLOCK), 0);
	w->stream.tls = &w->session;
	return w;
}

static struct world *tls_world_new(bool tiny)
{
	return tls_world_with(tiny, TLS_PAYLOAD_MAX);
}

static void tls_both_ways(size_t total, bool tiny, bool slowly, unsigned key_updates)
{
	struct world *w = tls_world_new(tiny);
	struct flow flows[] = {
		{.fd = w->kernel, .total = total, .seed = 1},
		{.fd = w->server,
			.tls = w->server_tls,
			.total = total,
			.seed = 1,
			.slowly = slowly},
		{.fd = w->server,
			.tls = w->server_tls,
			.total = total,
			.seed = 2,
			.key_updates = key_updates},
		{.fd = w->kernel, .total = total, .seed = 2, .slowly = slowly},
	};

	flow_both_ways(w, flows);
	/* close_notify, not just an end */
	deadline_wait(w->server, POLLIN, USEC_INFINITY);
	assert_int_equal(gnutls_record_recv(w->server_tls, &(char){0}, 1), 0);
	world_free(w);
}

static void tls_flows(_unused_ void **state)
{
	tls_both_ways(MANY, false, false, 0);
}

static void tls_flows_tiny(_unused_ void **state)
{
	tls_both_ways(MANY / 8, true, false, 0);
	tls_both_ways(MANY / 16, true, true, 0);
}

/* A server that accepts small records only gets no larger one, or would end the link. */
static void tls_flows_in_small_records(_unused_ void **state)
{
	struct world *w = tls_world_with(false, 4096);
	struct flow flows[] = {
		{.fd = w->kernel, .total = MANY, .seed = 1},
		{.fd = w->server, .tls = w->server_tls, .total = MANY, .seed = 1},
		{.fd = w->server, .tls = w->server_tls, .total = MANY, .seed = 2},
		{.fd = w->kernel, .total = MANY, .seed = 2},
	};

	flow_both_ways(w, flows);
	world_free(w);
}

/* GnuTLS takes no more than 8 in a second. */
static void tls_flows_with_key_updates(_unused_ void **state)
{
	tls_both_ways(MANY, false, false, 6);
	tls_both_ways(MANY / 8, true, true, 6);
}

/* Messages of TLS's own before data, all of it there before the relay looks. */
static void tls_messages_before_data(_unused_ void **state)
{
	struct world *w = tls_world_new(false);
	struct flow sender = {
		.fd = w->server, .tls = w->server_tls, .total = 5000, .seed = 3};
	struct flow taker = {.fd = w->kernel, .total = sender.total, .seed = 3};

	/* tickets first: GnuTLS 3.8.13 makes none once only the sender's keys were
	 * updated */
	assert_int_equal(gnutls_session_ticket_send(w->server_tls, 2, 0), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(gnutls_session_key_update(w->server_tls, 0), 0);
	assert_int_equal(gnutls_session_key_update(w->server_tls, GNUTLS_KU_PEER), 0);
	start_flow(&sender, run_sender);
	end_flow(&sender);

	start_relay(w);
	start_flow(&taker, run_taker);
	end_flow(&taker);
	shutdown(w->kernel, SHUT_WR);
	assert_int_equal(relay_result(w), 0);
	world_free(w);
}

/* ---- the server ends the session: what it said before comes ---- */

struct last_words {
	struct world *w;
	struct flow sender, taker;
};

static void last_words_init(struct last_words *l, size_t total)
{
	struct world *w = tls_world_new(false);

	*l = (struct last_words){.w = w,
		.sender = {.fd = w->server, .tls = w->server_tls, .total = total},
		.taker = {.fd = w->kernel, .total = total, .until_end = true}};
}

/* All is sent, and much of it still on its way. */
static void say_much(struct last_words *l)
{
	last_words_init(l, 1000000);
	l->taker.slowly = true;
	start_relay(l->w);
	start_flow(&l->sender, run_sender);
	start_flow(&l->taker, run_taker);
	end_flow(&l->sender);
}

/* alert: what the server gave as its reason; -ENODATA: none. */
static void assert_heard(struct last_words *l, int alert)
{
	end_flow(&l->taker);
	assert_int_equal(l->taker.result, 0);
	assert_int_equal(relay_result(l->w), -ECONNRESET);
	assert_int_equal(relay_alert(l->w->relay), alert);
}

/* What was sent before may fill the socket still. */
static void say_goodbye(const struct world *w)
{
	while (gnutls_bye(w->server_tls, GNUTLS_SHUT_WR) == GNUTLS_E_AGAIN)
		deadline_wait(w->server, POLLOUT, USEC_INFINITY);
}

/* A good-bye is answered. */
static void tls_far_ends(bool politely)
{
	struct last_words l;
	char byte;

	say_much(&l);
	if (politely)
		say_goodbye(l.w);
	else
		shutdown(l.w->server, SHUT_WR);
	assert_heard(&l, politely ? (int)GNUTLS_A_CLOSE_NOTIFY : -ENODATA);
	assert_int_equal(gnutls_record_recv(l.w->server_tls, &byte, 1), 0);
	world_free(l.w);
}

static void tls_server_ends(_unused_ void **state)
{
	tls_far_ends(true);
	tls_far_ends(false);
}

static void send_alert(const struct world *w, gnutls_alert_description_t alert)
{
	while (gnutls_alert_send(w->server_tls, GNUTLS_AL_FATAL, alert) == GNUTLS_E_AGAIN)
		deadline_wait(w->server, POLLOUT, USEC_INFINITY);
}

/* The kernel does not know of the end: it goes on, unless this thread is late. */
static void send_request(const struct world *w)
{
	assert_true(send(w->kernel, "request", 7, MSG_NOSIGNAL) == 7 || errno == EPIPE);
}

static void tls_server_complains(_unused_ void **state)
{
	struct last_words l;

	say_much(&l);
	send_alert(l.w, GNUTLS_A_RECORD_OVERFLOW);
	send_request(l.w);
	assert_heard(&l, GNUTLS_A_RECORD_OVERFLOW);
	world_free(l.w);
}

/* … and is gone before the relay looks, which then has more to send. */
static void tls_server_is_gone(_unused_ void **state)
{
	struct last_words l;

	last_words_init(&l, 50000);
	start_flow(&l.sender, run_sender);
	end_flow(&l.sender);
	send_alert(l.w, GNUTLS_A_INTERNAL_ERROR);
	close(l.w->server);
	l.w->server = -1;
	send_request(l.w);
	start_relay(l.w);
	start_flow(&l.taker, run_taker);
	assert_heard(&l, GNUTLS_A_INTERNAL_ERROR);
	world_free(l.w);
}

static void tls_is_broken(_unused_ void **state)
{
	static const char garbage[] =
		"\x17\x03\x03\x00\x20this is no record of this session";
	struct world *w = tls_world_new(false);

	assert_true(send(w->server, garbage, sizeof(garbage), MSG_NOSIGNAL) > 0);
	start_relay(w);
	assert_int_equal(relay_result(w), -EPROTO);
	assert_int_equal(relay_alert(w->relay), -ENODATA);
	world_free(w);
}

static int setup(_unused_ void **state)
{
	static const gnutls_datum_t hex = {
		(unsigned char *)"30313233343536373839616263646566", 32};

	if (gnutls_psk_allocate_client_credentials(&client_credentials) < 0 ||
		gnutls_psk_set_client_credentials(
			client_credentials, "test", &hex, GNUTLS_PSK_KEY_HEX) < 0 ||
		gnutls_psk_allocate_server_credentials(&server_credentials) < 0)
		return -1;
	gnutls_psk_set_server_credentials_function(server_credentials, tell_secret);
	return gnutls_session_ticket_key_generate(&ticket_key);
}

static int teardown(_unused_ void **state)
{
	gnutls_psk_free_client_credentials(client_credentials);
	gnutls_psk_free_server_credentials(server_credentials);
	gnutls_free(ticket_key.data);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_flows),
		cmocka_unit_test(tls_flows_tiny),
		cmocka_unit_test(tls_flows_in_small_records),
		cmocka_unit_test(tls_flows_with_key_updates),
		cmocka_unit_test(tls_messages_before_data),
		cmocka_unit_test(tls_server_ends),
		cmocka_unit_test(tls_server_complains),
		cmocka_unit_test(tls_server_is_gone),
		cmocka_unit_test(tls_is_broken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
