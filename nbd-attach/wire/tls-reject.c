/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a user is told of a server's certificate that was not accepted. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

#include "common/text.h"
#include "wire/tls-internal.h"

/* Enough to see which server answers; the message is one line. */
#define NAMES_SHOWN 2
#define NAME_SIZE   64

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
	else if (tls->flaws & GNUTLS_CERT_REVOKED)
		remedy =
			" This system distrusts it, or an authority above it: see trust(1).";
	else if (tls->flaws & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
		remedy = " Name its CA with --tls-ca or tls-certificates=.";
	else if (tls->flaws & GNUTLS_CERT_UNEXPECTED_OWNER)
		remedy = " If that is the right server, name it with --tls-hostname.";
	else if (tls->flaws & GNUTLS_CERT_INSECURE_ALGORITHM)
		remedy =
			" It, and each above it, needs a key of at least 2048 bits (RSA) or 224 "
			"bits (elliptic curves), and a signature with SHA-256 or better.";
	else if (tls->flaws & GNUTLS_CERT_EXPIRED)
		remedy = " The server needs a new one.";
	else if (tls->flaws & GNUTLS_CERT_PURPOSE_MISMATCH)
		remedy = " It must be made for servers (TLS WWW server).";
	snprintf(out, size, "%s", remedy);
	if (!remedy[0] && (tls->flaws & GNUTLS_CERT_NOT_ACTIVATED))
		say_clock(out, size);
}

/* The i-th of the chain that the server sent; NULL: there is none. */
static gnutls_x509_crt_t sent_certificate(gnutls_session_t session, unsigned i)
{
	gnutls_x509_crt_t crt;
	const gnutls_datum_t *sent;
	unsigned n = 0;

	sent = gnutls_certificate_get_peers(session, &n);
	if (i >= n || gnutls_x509_crt_init(&crt) < 0)
		return NULL;
	if (gnutls_x509_crt_import(crt, &sent[i], GNUTLS_X509_FMT_DER) == 0)
		return crt;
	gnutls_x509_crt_deinit(crt);
	return NULL;
}

static void put_quoted(FILE *out, const void *name, size_t size)
{
	char quoted[NAME_SIZE];

	fputs(text_quote(name, size, quoted, sizeof(quoted)), out);
}

static void put_name(FILE *out, int type, const unsigned char *name, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	if (type == GNUTLS_SAN_DNSNAME)
		put_quoted(out, name, size);
	else if ((size == 4 || size == 16) &&
		inet_ntop(size == 4 ? AF_INET : AF_INET6, name, address, sizeof(address)))
		put_quoted(out, address, strlen(address));
	else
		fputs("an address", out);
}

/* Names of hosts only: others, such as mail addresses, are ignored. */
static void put_names(FILE *out, gnutls_x509_crt_t crt)
{
	unsigned char name[256];
	unsigned shown = 0;
	int type = 0;

	for (unsigned i = 0; type >= 0; i++) {
		size_t size = sizeof(name);

		type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &size, NULL);
		if (type != GNUTLS_SAN_DNSNAME && type != GNUTLS_SAN_IPADDRESS)
			continue;
		if (shown == NAMES_SHOWN) {
			fputs(" and others", out);
			return;
		}
		fputs(shown ? ", " : " It names ", out);
		put_name(out, type, name, size);
		shown++;
	}
	if (!shown)
		fputs(" It names no host", out);
}

static void put_issuer(FILE *out, gnutls_x509_crt_t crt)
{
	gnutls_datum_t issuer = {0};

	if (gnutls_x509_crt_check_issuer(crt, crt)) {
		fputs(", is self-signed", out);
	} else if (gnutls_x509_crt_get_issuer_dn3(crt, &issuer, 0) == 0) {
		fputs(", is issued by ", out);
		put_quoted(out, issuer.data, issuer.size);
	}
	gnutls_free(issuer.data);
}

static void put_date(FILE *out, const char *word, time_t when)
{
	char date[sizeof("YYYYYY-MM-DD")];
	struct tm tm;

	if (gmtime_r(&when, &tm) && strftime(date, sizeof(date), "%Y-%m-%d", &tm) > 0)
		fprintf(out, " %s %s", word, date);
}

static void put_validity(FILE *out, gnutls_x509_crt_t crt, unsigned flaws)
{
	if (flaws & GNUTLS_CERT_NOT_ACTIVATED)
		put_date(out, "from", gnutls_x509_crt_get_activation_time(crt));
	put_date(out, "until", gnutls_x509_crt_get_expiration_time(crt));
}

static bool is_valid_now(gnutls_x509_crt_t crt)
{
	const time_t now = time(NULL);

	return now >= gnutls_x509_crt_get_activation_time(crt) &&
		now <= gnutls_x509_crt_get_expiration_time(crt);
}

/* The server's certificate is valid now, but one above it is not. */
static void put_other_time(FILE *out, const struct tls_session *tls)
{
	gnutls_x509_crt_t crt;
	bool found = false;

	for (unsigned i = 1; !found && (crt = sent_certificate(tls->gnutls, i)); i++) {
		gnutls_datum_t subject = {0};

		found = !is_valid_now(crt);
		if (found && gnutls_x509_crt_get_dn3(crt, &subject, 0) == 0) {
			fputs(" That of ", out);
			put_quoted(out, subject.data, subject.size);
			fputs(" is valid", out);
			put_validity(out, crt, tls->flaws);
			fputs(".", out);
		}
		gnutls_free(subject.data);
		gnutls_x509_crt_deinit(crt);
	}
	if (!found)
		fputs(" That of its CA is not valid now.", out);
}

/* What the server showed, and what it was compared with. */
static void say_facts(
	const struct tls_session *tls, const struct target *t, char *text, size_t size)
{
	const unsigned time_flaws = GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED;
	gnutls_x509_crt_t crt = sent_certificate(tls->gnutls, 0);
	FILE *out = crt ? fmemopen(text, size, "w") : NULL;

	text[0] = '\0';
	if (out) {
		put_names(out, crt);
		put_issuer(out, crt);
		fputs(", and is valid", out);
		put_validity(out, crt, tls->flaws);
		if (t->tls_ca)
			fprintf(out, "; CA file %.100s was used.", t->tls_ca);
		else
			fputs("; the system's trust store was used.", out);
		if ((tls->flaws & time_flaws) && is_valid_now(crt))
			put_other_time(out, tls);
		fclose(out);
		text[size - 1] = '\0';
	}
	if (crt)
		gnutls_x509_crt_deinit(crt);
}

/* GnuTLS's words, without the sentence that begins all of them. */
static void say_flaws(const struct tls_session *tls, char *text, size_t size)
{
	static const char before[] = "The certificate is NOT trusted. ";
	gnutls_datum_t words = {0};
	const char *why = "GnuTLS does not say why.";
	size_t length;

	gnutls_certificate_verification_status_print(
		tls->flaws, GNUTLS_CRT_X509, &words, 0);
	if (words.data)
		why = (const char *)words.data;
	if (strncmp(why, before, strlen(before)) == 0 && why[strlen(before)])
		why += strlen(before);
	snprintf(text, size, "%s", why);
	gnutls_free(words.data);
	length = strlen(text);
	while (length > 0 && text[length - 1] == ' ')
		text[--length] = '\0';
}

/* The remedy comes last, so what the server showed gives way to it. */
static void shorten_facts(char *facts, size_t others)
{
	const size_t most = ERROR_TEXT_SIZE - ERROR_PREFIX_MIN - 1;
	const size_t room = most - MIN(most, others), size = strlen(facts);

	if (size > room)
		strcpy(facts + text_cut(facts, size, room - MIN(room, strlen("…"))),
			room < strlen("…") ? "" : "…");
}

int tls_reject(struct tls_session *tls, const struct target *t, struct error *err)
{
	char quoted[NAME_SIZE], why[200], facts[384], remedy[256], head[128];

	snprintf(head, sizeof(head), "the certificate of %s is not accepted: ",
		tls->name[0]
			? text_quote(tls->name, strlen(tls->name), quoted, sizeof(quoted))
			: "the server");
	say_flaws(tls, why, sizeof(why));
	say_facts(tls, t, facts, sizeof(facts));
	say_remedy(tls, remedy, sizeof(remedy));
	shorten_facts(facts, strlen(head) + strlen(why) + strlen(remedy));
	error_set(err, FAULT_TLS, -EKEYREJECTED, "%s%s%s%s", head, why, facts, remedy);
	gnutls_alert_send(tls->gnutls, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
	return -EKEYREJECTED;
}
