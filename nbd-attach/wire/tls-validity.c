/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <gnutls/x509.h>

#include "common/text.h"
#include "wire/tls-validity.h"

/* The end is near when less is left than this, or than a third of the whole. */
#define NEAR ((time_t)30 * 24 * 3600)

#define DATE_SIZE 32

static const char *date(time_t at, char out[static DATE_SIZE])
{
	struct tm tm;

	if (!gmtime_r(&at, &tm) ||
		strftime(out, DATE_SIZE, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(out, DATE_SIZE, "?");
	return out;
}

/* "client certificate /f (CN=x)"; the name tells which of several in a file. */
static void describe(
	const char *what, const char *path, gnutls_x509_crt_t crt, char *out, size_t size)
{
	gnutls_datum_t name = {0};
	char quoted[128];

	if (gnutls_x509_crt_get_dn3(crt, &name, 0) < 0)
		name.size = 0;
	snprintf(out, size, "%s %s%s%s%s", what, path, name.size ? " (" : "",
		name.size ? text_quote(name.data, name.size, quoted, sizeof(quoted)) : "",
		name.size ? ")" : "");
	gnutls_free(name.data);
}

/* As tls_validity(), of one certificate. */
static int check(const char *what, const char *path, gnutls_x509_crt_t crt, time_t now,
	struct error *err)
{
	time_t first = gnutls_x509_crt_get_activation_time(crt);
	time_t last = gnutls_x509_crt_get_expiration_time(crt);
	char which[ERROR_TEXT_SIZE / 2], text[DATE_SIZE];

	describe(what, path, crt, which, sizeof(which));
	if (now < first)
		return error_set(err, FAULT_USAGE, -EKEYREJECTED,
			"%s is not valid before %s", which, date(first, text));
	if (now > last)
		return error_set(err, FAULT_USAGE, -EKEYEXPIRED,
			"%s expired on %s: renew it", which, date(last, text));
	if (last - now >= NEAR || last - now >= (last - first) / 3)
		return 0;
	error_set(err, FAULT_NONE, 0, "%s expires on %s", which, date(last, text));
	return 1;
}

/*
 * Of a client's chain all must be valid, but of CAs one is enough: while they are rotated
 * there are old ones and new ones.
 */
static int check_file(const char *what, const char *path, const struct blob *file,
	bool all, time_t now, struct error *err)
{
	const gnutls_datum_t pem = {
		.data = (unsigned char *)file->data, .size = (unsigned)file->size};
	gnutls_x509_crt_t *list = NULL;
	bool any = false;
	unsigned n = 0;
	int worst = 0;

	if (file->size == 0 ||
		gnutls_x509_crt_list_import2(&list, &n, &pem, GNUTLS_X509_FMT_PEM, 0) < 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct error this = {0};
		int r = check(what, path, list[i], now, &this);

		any |= r >= 0;
		if (worst >= 0 && r != 0 && (r < 0 || worst == 0)) {
			worst = r;
			*err = this;
		}
		gnutls_x509_crt_deinit(list[i]);
	}
	gnutls_free(list);
	if (worst >= 0 || all || !any)
		return worst;
	err->fault = FAULT_NONE;
	return 1;
}

int tls_validity(const struct target *t, const struct credentials *c, time_t now,
	struct error *err)
{
	struct error ca = {0};
	int r = 0, r_ca = 0;

	if (t->tls == TLS_MODE_OFF)
		return 0;
	if (t->tls_cert)
		r = check_file(
			"client certificate", t->tls_cert, &c->cert, true, now, err);
	if (r < 0)
		return r;
	if (t->tls_ca && t->tls_verify_peer)
		r_ca = check_file("CA file", t->tls_ca, &c->ca, false, now, &ca);
	if (r_ca == -EKEYREJECTED && t->tls_ignore_not_before)
		r_ca = 0;
	if (r_ca == 0 || (r_ca > 0 && r > 0))
		return r;
	*err = ca;
	return r_ca;
}
