/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server with certificates, and handshakes with it. */
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>

#include "common/error.h"

#define NAME "server.example"
#define DAY  (24 * 3600)

enum when { NOW, NOT_YET, EXPIRED };

/* Whose key something is signed with, or a certificate is for. */
enum who { CA, IMPOSTOR, MIDDLE, SERVER, N_KEYS };

/* What is in the client's trust store. */
enum trust { TRUST_CA, TRUST_OTHER, TRUST_SERVER };

/* Whose certificate the system distrusts, though it trusts the authority. */
enum distrust { DISTRUST_NOBODY, DISTRUST_SERVER, DISTRUST_ISSUER };

/* What kind of key somebody has. */
enum kind { P256, RSA_1024, RSA_2048, N_KINDS };

/* What the client knows and the server shows. */
struct row {
	const char *name;
	const char *priority; /* NULL: the default */
	enum kind kind[N_KEYS];
	gnutls_digest_algorithm_t digest; /* of the lowest signature; 0: SHA-256 */
	bool ignore;                      /* --tls-ignore-not-before */
	enum when ca, middle, server;
	bool with_middle;   /* an authority between the two */
	enum who signed_by; /* IMPOSTOR: not by the issuer that it names */
	enum trust trusts;
	bool system; /* by the system's trust store; no CA is given */
	enum distrust distrusts;
	const char *server_name, *purpose, *ca_name; /* NULL: as they should be */
	const char *says;                            /* NULL: accepted */
};

/* The certificates of one row. */
struct pki {
	gnutls_x509_crt_t ca[2], chain[2];
	unsigned n_chain;
	gnutls_datum_t trusted, distrusted; /* PEM */
};
void pki_make(const struct row *row, struct pki *p);
void pki_free(struct pki *p);

/* The key of the row made last. */
gnutls_x509_privkey_t pki_key(enum who who);

/* A handshake with a server that has the row's certificates. As tls_handshake(). */
int play(const struct row *row, struct error *err);

/* group: for Diffie-Hellman in TLS 1.2; or NULL. */
int play_with_group(const struct row *row, gnutls_dh_params_t group, struct error *err);

/* Runs rows, and fails if one does not end as it says. */
void rows_hold(const struct row *rows, size_t n);

/* cmocka's setup and teardown of a group: the keys. */
int certificates_world_begin(void **state);
int certificates_world_end(void **state);
