/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's name: as people write it, in its certificate, and in the ClientHello. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
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

#include "idn.h"
#include "new-certificate.h"
#include "wire/credentials.h"
#include "wire/tls-internal.h"

#define PATIENCE 60

static const struct row {
	const char *host, *bare; /* of the target; bare: without its zone */
	const char *hostname;    /* --tls-hostname */
	const char *certificate; /* what it is for */
	const char *sent;        /* in the ClientHello; "": nothing */
	bool rejected;
} rows[] = {
	{"nas.example", NULL, NULL, "nas.example", "nas.example", false},
	{"nas.example.", NULL, NULL, "nas.example", "nas.example", false},
	{"other", NULL, "nas.example.", "nas.example", "nas.example", false},
	{"nas.", NULL, NULL, "nas", "nas", false},
	{"nas.example..", NULL, NULL, "nas.example", "nas.example.", true},
	{"nas.example.", NULL, NULL, "other.example", "nas.example", true},
	{"NAS.Example.", NULL, NULL, "nas.example", "nas.example", false},
	{"nas.example", NULL, NULL, "NAS.EXAMPLE", "nas.example", false},
	{"a.nas.example.", NULL, NULL, "*.nas.example", "a.nas.example", false},
	{"b\xc3\xbc\x63her.example", NULL, NULL, "xn--bcher-kva.example",
		"xn--bcher-kva.example", false},
	{"xn--bcher-kva.example.", NULL, NULL, "xn--bcher-kva.example",
		"xn--bcher-kva.example", false},
	{"192.0.2.7", NULL, NULL, "192.0.2.7", "", false},
	{"192.0.2.7", NULL, NULL, "192.0.2.8", "", true},
	{"nas.example", NULL, "192.0.2.7", "192.0.2.7", "", false},
	{"nas.example", NULL, "192.0.2.7.", "192.0.2.7", "", false},
	{"2001:DB8::7", NULL, NULL, "2001:db8::7", "", false},
	{"fe80::1%eth0", "fe80::1", NULL, "fe80::1", "", false},
	{"nas.example", NULL, "fe80::1%eth0", "fe80::1", "", false},
	{"nas.example", NULL, "[fe80::1%eth0]", "fe80::1", "", false},
	{"nas.example", NULL, "[2001:db8::7]", "2001:db8::7", "", false},
	{"nas.example", NULL, "[2001:db8::7]", "2001:db8::8", "", true},
};

static gnutls_datum_t address_of(const char *text)
{
	static unsigned char bytes[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, text, bytes) == 1)
		return (gnutls_datum_t){bytes, 4};
	return (gnutls_datum_t){bytes, inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0};
}

static gnutls_x509_crt_t certificate_for(const char *name)
{
	gnutls_datum_t address = address_of(name);
	bool is_name = address.size == 0;
	gnutls_x509_crt_t crt = new_certificate(NULL, group_key);

	assert_int_equal(
		gnutls_x509_crt_set_subject_alt_name(crt,
			is_name ? GNUTLS_SAN_DNSNAME : GNUTLS_SAN_IPADDRESS,
			is_name ? (const void *)name : address.data,
			is_name ? (unsigned)strlen(name) : address.size, GNUTLS_FSAN_SET),
		0);
	sign_by_itself(crt, group_key);
	return crt;
}

/* ---- the server ---- */

static char heard[NBD_HOST_MAX + 1];

static void *serve(void *userdata)
{
	gnutls_session_t session = userdata;
	size_t size = sizeof(heard);
	unsigned type;
	int r;

	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	if (gnutls_server_name_get(session, heard, &size, &type, 0) < 0)
		heard[0] = 0;
	return NULL;
}

static gnutls_session_t new_server(gnutls_certificate_credentials_t credentials, int fd)
{
	gnutls_session_t session;

	assert_int_equal(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL), 0);
	assert_int_equal(gnutls_priority_set_direct(session, "NORMAL", NULL), 0);
	assert_int_equal(
		gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), 0);
	gnutls_transport_set_int(session, fd);
	return session;
}

/* ---- the client ---- */

static int shake_hands(
	const struct row *row, gnutls_x509_crt_t crt, int fd, struct error *err)
{
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_verify_peer = true,
		.host = (char *)row->host,
		.host_bare = (char *)row->bare,
		.tls_hostname = (char *)row->hostname,
		.tls_ca = (char *)"ca.pem"};
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	struct credentials c = {0};
	struct stream stream;
	gnutls_datum_t pem;
	int r;

	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
	c.ca = (struct blob){(char *)pem.data, pem.size};
	assert_int_equal(tls_credentials_new(&t, &c, &credentials, err), 0);
	gnutls_free(pem.data);
	stream_init(&stream, fd, deadline_after(PATIENCE * USEC_PER_SEC));
	r = tls_handshake(&stream, &t, credentials, err);
	tls_close(&stream);
	return r;
}

static int play(const struct row *row, struct error *err)
{
	gnutls_x509_crt_t crt = certificate_for(row->certificate);
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t server;
	pthread_t thread;
	int pair[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
	assert_true(
		gnutls_certificate_set_x509_key(credentials, &crt, 1, group_key) >= 0);
	server = new_server(credentials, pair[1]);
	assert_int_equal(pthread_create(&thread, NULL, serve, server), 0);
	r = shake_hands(row, crt, pair[0], err);
	close(pair[0]);
	pthread_join(thread, NULL);
	gnutls_deinit(server);
	close(pair[1]);
	gnutls_certificate_free_credentials(credentials);
	gnutls_x509_crt_deinit(crt);
	return r;
}

static void test_names(_unused_ void **state)
{
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct error err = {0};
		int r;

		if ((unsigned char)rows[i].host[1] >= 0x80 && !gnutls_has_idn())
			continue;
		r = play(&rows[i], &err);
		if (r == (rows[i].rejected ? -EKEYREJECTED : 0) &&
			strcmp(heard, rows[i].sent) == 0)
			continue;
		print_error("row %zu: %d, sent \"%s\", \"%s\"\n", i, r, heard, err.text);
		failed++;
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, group_key_setup, group_key_teardown);
}
