/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verifies the server's certificate: chain, name, purpose (server authentication), time.
 *
 * With tls-ignore-not-before, for a machine whose clock is behind, GnuTLS checks
 * everything but the time, and expiry is checked here. To let it check the time and then
 * to ignore GNUTLS_CERT_NOT_ACTIVATED would be unsafe: GnuTLS goes down from the CA and
 * stops at the first error, so the signatures below would never be checked.
 */
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/text.h"
#include "wire/tls-internal.h"

/* The chain that GnuTLS verifies; its callback has no user data. */
static _Thread_local struct {
	bool seen, expired;
} path;

static bool is_expired(gnutls_x509_crt_t certificate)
{
	time_t end = gnutls_x509_crt_get_expiration_time(certificate);

	return end == (time_t)-1 || time(NULL) > end;
}

/*
 * Called for each certificate of the chain, including the CA in the trust store, whose
 * time GnuTLS checks too. Other certificates that a server sends are ignored, and may be
 * expired. Only if it sends another certificate of that same CA are we stricter than
 * GnuTLS, because the callback cannot tell the two apart.
 */
static int check_chain_end(gnutls_x509_crt_t certificate, gnutls_x509_crt_t issuer,
	_unused_ gnutls_x509_crl_t crl, _unused_ unsigned flaws)
{
	path.seen = true;
	path.expired |= (certificate && is_expired(certificate)) ||
		(issuer && is_expired(issuer));
	return 0;
}

static int verify(gnutls_session_t session);

/*
 * The only way to set a session's flags and to replace its profile
 * (gnutls_session_set_verify_cert2() would OR the two profiles). It also sets GnuTLS's
 * own verify function, so ours is set again.
 */
static void set_flags(gnutls_session_t session, unsigned flags)
{
	gnutls_session_set_verify_cert(session, NULL, flags);
	gnutls_session_set_verify_function(session, verify);
}

static int verify_peer(gnutls_session_t session, struct tls_session *tls)
{
	return gnutls_certificate_verify_peers(
		session, tls->wanted, ELEMENTSOF(tls->wanted), &tls->flaws);
}

/*
 * Runs during the handshake, before anything is sent to a server that may be the wrong
 * one. Verifies twice: with the profile of the priority string, which may be the system's
 * and strict; then with our own minimum, because that profile may be lax: GnuTLS's
 * default accepts RSA with 1024 bits. A session has one profile, which cannot be read.
 */
static int verify(gnutls_session_t session)
{
	struct tls_session *tls = gnutls_session_get_ptr(session);
	int r;

	path.seen = path.expired = false;
	r = verify_peer(session, tls);
	if (r == 0 && tls->flaws == 0) {
		set_flags(session, GNUTLS_PROFILE_TO_VFLAGS(TLS_PROFILE));
		r = verify_peer(session, tls);
	}
	if (r < 0)
		return GNUTLS_E_CERTIFICATE_ERROR;
	/* no callback: nobody has checked the expiry */
	if (tls->ignore_not_before && tls->flaws == 0 && (!path.seen || path.expired))
		tls->flaws = GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED;
	return tls->flaws == 0 ? 0 : GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

void tls_verify(struct tls_session *tls, const struct target *t)
{
	unsigned flags = 0;

	tls->wanted[0] = (gnutls_typed_vdata_st){
		.type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)tls->name};
	tls->wanted[1] = (gnutls_typed_vdata_st){.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_SERVER};
	tls->ignore_not_before = t->tls_ignore_not_before;
	if (tls->ignore_not_before) {
		flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS;
		gnutls_session_set_verify_output_function(tls->gnutls, check_chain_end);
	}
	set_flags(tls->gnutls, flags);
	gnutls_session_set_ptr(tls->gnutls, tls);
}

/* In UTC, because a link worker cannot read the time zone. */
static void say_clock(char *out, size_t size)
{
	const time_t now = time(NULL);
	struct tm tm;

	if (strftime(out, size,
		    " This machine's clock says %Y-%m-%d %H:%M UTC: if that is wrong, set it. "
		    "Where there is no clock: --tls-ignore-not-before, or a pre-shared key.",
		    gmtime_r(&now, &tm)) == 0)
		out[0] = 0;
}

/* What the user can do: a sentence, or "". */
static void say_remedy(const struct tls_session *tls, char *out, size_t size)
{
	const char *remedy = "";

	if (tls->credentials->trusts_nobody)
		remedy =
			" The system's trust store is empty: install ca-certificates, or name "
			"a CA with --tls-ca.";
	else if (tls->flaws & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
		remedy = " Name its CA with --tls-ca or tls-certificates=.";
	else if (tls->flaws & GNUTLS_CERT_UNEXPECTED_OWNER)
		remedy = " Name it with --tls-hostname.";
	else if (tls->flaws & GNUTLS_CERT_INSECURE_ALGORITHM)
		remedy =
			" It, and each above it, needs a key of at least 2048 bits (RSA) or 224 "
			"bits (elliptic curves), and a signature with SHA-256 or better.";
	snprintf(out, size, "%s", remedy);
	if (!remedy[0] && (tls->flaws & GNUTLS_CERT_NOT_ACTIVATED))
		say_clock(out, size);
}

int tls_reject(struct tls_session *tls, const struct target *t, struct error *err)
{
	const char *name = target_tls_name(t);
	gnutls_datum_t why = {0};
	char quoted[128], remedy[256];
	size_t size;

	say_remedy(tls, remedy, sizeof(remedy));
	gnutls_certificate_verification_status_print(
		tls->flaws, GNUTLS_CRT_X509, &why, 0);
	size = why.data ? strlen((char *)why.data) : 0;
	while (size > 0 && why.data[size - 1] == ' ')
		why.data[--size] = 0;
	error_set(err, FAULT_TLS, -EKEYREJECTED,
		"the certificate of %s is not accepted: %s%s",
		name ? text_quote(name, strlen(name), quoted, sizeof(quoted))
		     : "the server",
		why.data ? (const char *)why.data : "GnuTLS does not say why", remedy);
	gnutls_free(why.data);
	gnutls_alert_send(tls->gnutls, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
	return -EKEYREJECTED;
}
