/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The query of a URI. uriparser's own parser loses what follows a NUL byte, with which an
 * abstract socket's name begins, and does not split at ";".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/scope.h"
#include "common/text.h"
#include "target/uri.h"

static int set_socket(struct target *t, struct uri_bytes *value, struct error *err)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	size_t abstract = value->data[0] == 0; /* 1: the NUL before an abstract name */

	if (t->transport != TRANSPORT_UNIX)
		return uri_fault(err,
			"a socket=, for which it must begin with nbd+unix:// "
			"or nbds+unix://");
	if (value->size == abstract ||
		strlen(value->data + abstract) != value->size - abstract)
		return uri_fault(
			err, "a socket= that is neither a path nor %00 and a name");
	/* The NUL at the end of a path needs room too. */
	if (value->size + !abstract > room)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"the URI has a socket= of %zu bytes: at most %zu are allowed",
			value->size, room - !abstract);
	t->socket = TAKE_PTR(value->data);
	t->socket_size = value->size;
	return 0;
}

/* Absolute, because the caller checks whether the file exists. */
static char *path_in(const struct target *t, const char *folder, const char *file)
{
	bool relative = t->directory && folder[0] != '/';
	char *path;
	int r = asprintf(&path, "%s%s%s/%s", relative ? t->directory : "",
		relative ? "/" : "", folder, file);

	return r < 0 ? NULL : path;
}

/* A folder with the file names that libnbd and QEMU use. */
static int set_certificates(struct target *t, struct uri_bytes *value, struct error *err)
{
	_cleanup_free_ char *ca = path_in(t, value->data, "ca-cert.pem");
	_cleanup_free_ char *cert = path_in(t, value->data, "client-cert.pem");
	_cleanup_free_ char *key = path_in(t, value->data, "client-key.pem");
	int r;

	if (!ca || !cert || !key)
		return error_memory(err);
	r = target_set(t, "tls-ca", ca, err);
	if (r < 0)
		return r;
	/* Only some servers ask for a client's certificate, so it need not be there. */
	if (access(cert, F_OK) < 0 && access(key, F_OK) < 0)
		return 0;
	r = target_set(t, "tls-cert", cert, err);
	if (r < 0)
		return r;
	return target_set(t, "tls-key", key, err);
}

/* The parameters of a query. Those without a setter are options: target_set(). */
static const struct parameter {
	const char *name;
	int (*set)(struct target *t, struct uri_bytes *value, struct error *err);
	bool binary; /* the setter deals with NUL bytes */
} parameters[] = {
	{"socket", set_socket, true},
	{"tls-certificates", set_certificates, false},
	{"tls-hostname", NULL, false},
	{"tls-psk-file", NULL, false},
	{"tls-type", NULL, false},
	{"tls-username", NULL, false},
	{"tls-verify-peer", NULL, false},
};

static int bad_parameter(const struct uri_bytes *key, const char *what, struct error *err)
{
	char quoted[128];

	return error_set(err, FAULT_USAGE, -EINVAL, "the URI has %s %s", what,
		text_quote(key->data, key->size, quoted, sizeof(quoted)));
}

int uri_set_parameter(struct target *t, const struct uri_bytes *key,
	struct uri_bytes *value, unsigned *seen, struct error *err)
{
	for (size_t i = 0; i < ELEMENTSOF(parameters); i++) {
		const struct parameter *p = &parameters[i];

		if (strlen(p->name) != key->size ||
			memcmp(p->name, key->data, key->size) != 0)
			continue;
		if (*seen & 1U << i)
			return bad_parameter(key, "more than one parameter", err);
		*seen |= 1U << i;
		if (value->size == 0)
			return bad_parameter(key, "no value for", err);
		if (!p->binary && strlen(value->data) != value->size)
			return bad_parameter(key, "a NUL byte in", err);
		if (p->set)
			return p->set(t, value, err);
		return target_set(t, p->name, value->data, err);
	}
	return bad_parameter(key, "an unknown parameter", err);
}

/* One "key=value". "+" is a plus sign: it means a space in HTML forms only. */
static int parse_parameter(struct target *t, const char *text, size_t size,
	unsigned *seen, struct error *err)
{
	_cleanup_uri_bytes_ struct uri_bytes key = {}, value = {};
	const char *end = text + size;
	const char *equals = memchr(text, '=', size);
	const char *key_end = equals ? equals : end;
	const char *start = equals ? equals + 1 : end;
	int r;

	r = uri_decode(text, (size_t)(key_end - text), &key, err);
	if (r < 0)
		return r;
	r = uri_decode(start, (size_t)(end - start), &value, err);
	if (r < 0)
		return r;
	return uri_set_parameter(t, &key, &value, seen, err);
}

int uri_parse_query(
	struct target *t, const char *query, unsigned *seen, struct error *err)
{
	while (*query) {
		size_t size = strcspn(query, "&;");
		int r;

		/* Scripts produce empty parameters. */
		if (size > 0) {
			r = parse_parameter(t, query, size, seen, err);
			if (r < 0)
				return r;
		}
		query += size;
		if (*query)
			query++;
	}
	return 0;
}
