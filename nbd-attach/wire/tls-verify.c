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
#include <time.h>

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
