/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "wire/tls-internal.h"

/*
 * Best first. A GnuTLS server rekeys TLS 1.3 AES-GCM after 2^24 records, which ends a
 * link of nbd over kernel TLS; it never rekeys CHACHA20 (lib/record.c), so CHACHA20 comes
 * first.
 */
static const gnutls_cipher_algorithm_t ciphers[] = {
	GNUTLS_CIPHER_CHACHA20_POLY1305,
	GNUTLS_CIPHER_AES_128_GCM,
	GNUTLS_CIPHER_AES_256_GCM,
	GNUTLS_CIPHER_AES_128_CCM,
};

static const gnutls_protocol_t versions[] = {GNUTLS_TLS1_3, GNUTLS_TLS1_2};

static bool contains(const unsigned *list, int n, unsigned wanted)
{
	for (int i = 0; i < n; i++)
		if (list[i] == wanted)
			return true;
	return false;
}

/* A priority string, which GnuTLS appends to its default if that flag is set. */
struct string {
	char text[512];
	unsigned flags;
};

/*
 * Our own keyword, else the system's; where neither is defined, GnuTLS's default, which
 * the system may also set. A keyword that allows nothing is no reason to use another; one
 * that GnuTLS cannot parse looks as if it were not defined.
 */
static int init_policy(gnutls_priority_t *ret, struct string *ret_base)
{
	int r;

	*ret_base = (struct string){.text = "@NBD-ATTACH,SYSTEM"};
	r = gnutls_priority_init(ret, ret_base->text, NULL);
	if (r != GNUTLS_E_INVALID_REQUEST)
		return r;
	*ret_base = (struct string){.flags = GNUTLS_PRIORITY_INIT_DEF_APPEND};
	return gnutls_priority_init(ret, NULL, NULL);
}

static const char *key_exchanges(enum tls_auth auth)
{
	switch (auth) {
	case TLS_AUTH_PSK: return ":-KX-ALL:+ECDHE-PSK:+DHE-PSK";
	case TLS_AUTH_ANON: return ":-VERS-TLS1.3:-KX-ALL:+ANON-ECDH:+ANON-DH";
	case TLS_AUTH_X509: break;
	}
	return "";
}

/*
 * Of the policy's ciphers those that the kernel supports, or, where it has none of them,
 * the authenticated ones: a relay carries these.
 */
static void write_ciphers(FILE *text, gnutls_priority_t policy)
{
	const unsigned *list = NULL;
	int n = gnutls_priority_cipher_list(policy, &list);
	bool found = false;

	fputs(":-CIPHER-ALL", text);
	for (size_t i = 0; i < ELEMENTSOF(ciphers); i++)
		if (contains(list, n, ciphers[i])) {
			fprintf(text, ":+%s", gnutls_cipher_get_name(ciphers[i]));
			found = true;
		}
	for (int i = 0; !found && i < n; i++)
		if (gnutls_cipher_get_tag_size(list[i]) > 0)
			fprintf(text, ":+%s", gnutls_cipher_get_name(list[i]));
}

/*
 * Limits the policy to the versions and ciphers that we accept, and adds none, so that
 * what an administrator has forbidden stays forbidden.
 */
static int build_default(enum tls_auth auth, struct string *out)
{
	gnutls_priority_t policy = NULL;
	const unsigned *list = NULL;
	struct string base;
	FILE *text;
	int n, r;

	r = init_policy(&policy, &base);
	if (r != GNUTLS_E_SUCCESS)
		return r;
	out->flags = base.flags;
	text = fmemopen(out->text, sizeof(out->text), "w");
	if (!text) {
		gnutls_priority_deinit(policy);
		return GNUTLS_E_MEMORY_ERROR;
	}
	fprintf(text, "%s%s-VERS-ALL", base.text, base.text[0] ? ":" : "");
	n = gnutls_priority_protocol_list(policy, &list);
	for (size_t i = 0; i < ELEMENTSOF(versions); i++)
		if (contains(list, n, versions[i]))
			fprintf(text, ":+VERS-%s", gnutls_protocol_get_name(versions[i]));
	write_ciphers(text, policy);
	fputs(key_exchanges(auth), text);
	fclose(text);
	gnutls_priority_deinit(policy);
	return GNUTLS_E_SUCCESS;
}

/* What a priority string offers to a server with the credentials that we have. */
struct offer {
	bool allows_tls13, allows_tls12; /* the versions … */
	bool tls13, tls12;               /* … with all they need */
	bool key_exchange, group;
};

static bool authenticates(gnutls_kx_algorithm_t kx, enum tls_auth auth)
{
	switch (kx) {
	case GNUTLS_KX_PSK:
	case GNUTLS_KX_DHE_PSK:
	case GNUTLS_KX_ECDHE_PSK: return auth == TLS_AUTH_PSK;
	case GNUTLS_KX_ANON_DH:
	case GNUTLS_KX_ANON_ECDH: return auth == TLS_AUTH_ANON;
	case GNUTLS_KX_RSA:
	case GNUTLS_KX_DHE_RSA:
	case GNUTLS_KX_ECDHE_RSA:
	case GNUTLS_KX_ECDHE_ECDSA: return auth == TLS_AUTH_X509;
	default: return false;
	}
}

static bool needs_curve(gnutls_kx_algorithm_t kx)
{
	return kx == GNUTLS_KX_ECDHE_PSK || kx == GNUTLS_KX_ANON_ECDH ||
		kx == GNUTLS_KX_ECDHE_RSA || kx == GNUTLS_KX_ECDHE_ECDSA;
}

/*
 * A cipher suite. In TLS 1.3 GnuTLS binds a pre-shared key with SHA-256, so a suite with
 * another hash cannot be used with it (RFC 8446, 4.2.11).
 */
static void add_suite(struct offer *o, size_t suite, enum tls_auth auth)
{
	gnutls_kx_algorithm_t kx = GNUTLS_KX_UNKNOWN;
	gnutls_cipher_algorithm_t cipher = GNUTLS_CIPHER_UNKNOWN;
	unsigned char id[2];

	if (!gnutls_cipher_suite_info(suite, id, &kx, &cipher, NULL, NULL))
		return;
	if (kx == GNUTLS_KX_UNKNOWN) /* TLS 1.3 */
		o->tls13 |= auth == TLS_AUTH_X509 ||
			(auth == TLS_AUTH_PSK && cipher != GNUTLS_CIPHER_AES_256_GCM);
	else
		o->tls12 |= authenticates(kx, auth) && (o->group || !needs_curve(kx));
}

static struct offer examine(gnutls_priority_t priority, enum tls_auth auth)
{
	struct offer o = {0};
	const unsigned *list = NULL;
	unsigned suite;
	int n = gnutls_priority_protocol_list(priority, &list), r;

	o.allows_tls13 = contains(list, n, GNUTLS_TLS1_3);
	o.allows_tls12 = contains(list, n, GNUTLS_TLS1_2);
	o.group = gnutls_priority_group_list(priority, &list) > 0;
	n = gnutls_priority_kx_list(priority, &list);
	for (int i = 0; i < n; i++)
		o.key_exchange |= authenticates((gnutls_kx_algorithm_t)list[i], auth);
	for (unsigned i = 0;; i++) {
		r = gnutls_priority_get_cipher_suite_index(priority, i, &suite);
		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (r == GNUTLS_E_SUCCESS)
			add_suite(&o, suite, auth);
	}
	o.tls13 &= o.allows_tls13 && o.group && (o.key_exchange || auth == TLS_AUTH_X509);
	o.tls12 &= o.allows_tls12;
	return o;
}

static const char *what_is_missing(const struct offer *o, enum tls_auth auth)
{
	if (!o->allows_tls13 && !o->allows_tls12)
		return "neither TLS 1.3 nor TLS 1.2";
	if (!o->key_exchange && auth == TLS_AUTH_PSK)
		return "no key exchange with a pre-shared key (+ECDHE-PSK:+DHE-PSK)";
	if (!o->key_exchange && auth == TLS_AUTH_ANON)
		return "no anonymous key exchange (+ANON-ECDH:+ANON-DH)";
	if (!o->key_exchange)
		return "no key exchange with certificates (+ECDHE-ECDSA:+ECDHE-RSA)";
	if (!o->group)
		return "no group for the key exchange (+GROUP-ALL)";
	if (auth == TLS_AUTH_PSK && o->allows_tls13)
		return "no cipher for a pre-shared key (TLS 1.3: +AES-128-GCM or "
		       "+CHACHA20-POLY1305; or +VERS-TLS1.2 with +DHE-PSK)";
	return "no cipher suite that fits";
}

static int cannot_use(const struct target *t, const char *why, struct error *err)
{
	if (t->tls_priority)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"the priority string \"%s\" leaves %s", t->tls_priority, why);
	return error_set(err, FAULT_USAGE, -EINVAL,
		"the system's crypto policy (GnuTLS) leaves %s: see --tls-priority", why);
}

/* Leaves out TLS 1.3 and curves if a server that chose them could not be used. */
static int check_offer(const struct target *t, const char *priority, unsigned flags,
	gnutls_priority_t *p, struct error *err)
{
	const struct offer o = examine(*p, t->tls_auth);
	static const char no_curves[] = ":-ECDHE-PSK:-ANON-ECDH:-ECDHE-RSA:-ECDHE-ECDSA";
	_cleanup_free_ char *without = NULL;

	if (o.group && (o.tls13 || (o.tls12 && !o.allows_tls13)))
		return 0;
	if (!o.tls12)
		return cannot_use(t, what_is_missing(&o, t->tls_auth), err);
	if (asprintf(&without, "%s:-VERS-TLS1.3%s", priority, o.group ? "" : no_curves) <
		0)
		return error_memory(err);
	gnutls_priority_deinit(*p);
	*p = NULL;
	if (gnutls_priority_init2(p, without, NULL, flags) != GNUTLS_E_SUCCESS)
		return cannot_use(t, "nothing for TLS 1.2", err);
	log_debug("TLS 1.3 cannot be used with these credentials: %s", without);
	return 0;
}

const char *tls_policy_file(void)
{
	const char *path = gnutls_get_system_config_file();

	return path && path[0] == '/' && access(path, R_OK) == 0 ? path : NULL;
}

/* As where GnuTLS's default is the system's policy, and there is none. */
static int bad_policy(int r, struct error *err)
{
	const char *path = gnutls_get_system_config_file();

	return error_set(err, FAULT_USAGE, -EINVAL,
		"the system's crypto policy (GnuTLS) in %s cannot be used: %s",
		path ? path : "no file", gnutls_strerror(r));
}

int tls_priority_new(const struct target *t, gnutls_priority_t *ret, struct error *err)
{
	const char *where = NULL, *priority = t->tls_priority;
	struct string built = {0};
	int r;

	if (!priority) {
		r = build_default(t->tls_auth, &built);
		if (r == GNUTLS_E_NO_PRIORITIES_WERE_SET)
			return cannot_use(t, "no cipher suite", err);
		if (r != GNUTLS_E_SUCCESS)
			return bad_policy(r, err);
		priority = built.text;
	}
	r = gnutls_priority_init2(ret, priority, &where, built.flags);
	if (r == GNUTLS_E_NO_PRIORITIES_WERE_SET || (r < 0 && !t->tls_priority))
		return cannot_use(t, "no cipher suite", err);
	if (r < 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"GnuTLS rejects the priority string \"%s\", from \"%s\" on",
			t->tls_priority, where ? where : priority);
	log_debug("TLS priorities: %s", priority);
	return check_offer(t, priority, built.flags, ret, err);
}
