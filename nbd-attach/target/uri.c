/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NBD URIs (doc/uri.md of the NBD project, and libnbd's additions).
 *
 * uriparser checks the text against RFC 3986 and splits it; the parts are used without
 * normalisation. IPv6 zones (RFC 6874), which uriparser does not know, are removed
 * before.
 *
 * No message repeats the whole URI: people put passwords in the wrong place.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <linux/vm_sockets.h>
#include <uriparser/Uri.h>

#include "common/parse.h"
#include "common/scope.h"
#include "common/text.h"
#include "target/uri.h"

#define URI_SIZE_MAX 8192

#define QUOTED_SIZE 128

struct scheme {
	const char *name;
	enum transport transport;
	bool tls;
};

static const struct scheme schemes[] = {
	{"nbd", TRANSPORT_TCP, false},
	{"nbds", TRANSPORT_TCP, true},
	{"nbd+unix", TRANSPORT_UNIX, false},
	{"nbds+unix", TRANSPORT_UNIX, true},
	{"nbd+vsock", TRANSPORT_VSOCK, false},
	{"nbds+vsock", TRANSPORT_VSOCK, true},
};

static const char authority_mark[] = "://";

/* A URI taken apart. */
struct uri {
	char *text;     /* without the zone; parsed points into it */
	char *zone;     /* of an IPv6 address, decoded; NULL: none */
	size_t zone_at; /* where it was removed, and how many bytes */
	size_t zone_size;
	UriUriA parsed;
	unsigned seen; /* bit mask of parameters that were set */
};

static void uri_done(struct uri *u)
{
	uriFreeUriMembersA(&u->parsed);
	free(u->text);
	free(u->zone);
}

void uri_bytes_done(struct uri_bytes *b)
{
	free(b->data);
}

int uri_decode(const char *text, size_t size, struct uri_bytes *ret, struct error *err)
{
	char *copy = strndup(text, size);

	if (!copy)
		return error_memory(err);
	ret->size = (size_t)(uriUnescapeInPlaceA(copy) - copy);
	ret->data = copy;
	return 0;
}

int uri_fault(struct error *err, const char *what)
{
	return error_set(err, FAULT_USAGE, -EINVAL, "the URI has %s", what);
}

static size_t range_size(const UriTextRangeA *range)
{
	return range->first ? (size_t)(range->afterLast - range->first) : 0;
}

static int decode_range(
	const UriTextRangeA *range, struct uri_bytes *ret, struct error *err)
{
	return uri_decode(range->first ? range->first : "", range_size(range), ret, err);
}

static const char *character_fault(unsigned char c)
{
	if (c == ' ')
		return "a space";
	return c >= 0x80 ? "not ASCII" : "a control character";
}

static int check_characters(const char *text, struct error *err)
{
	size_t size = strlen(text);

	if (size == 0)
		return error_set(err, FAULT_USAGE, -EINVAL, "the URI is empty");
	if (size > URI_SIZE_MAX)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"the URI is longer than %d bytes", URI_SIZE_MAX);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > ' ' && c < 0x7f)
			continue;
		return error_set(err, FAULT_USAGE, -EINVAL,
			"byte %zu of the URI is %s: write %%%02X for it", i + 1,
			character_fault(c), c);
	}
	if (strchr(text, '#'))
		return uri_fault(err,
			"a fragment, which has no meaning here: write %23 if "
			"the # is part of a name");
	return 0;
}

static const struct scheme *find_scheme(const char *text)
{
	size_t size = strcspn(text, ":");

	for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
		if (strlen(schemes[i].name) == size &&
			strncasecmp(text, schemes[i].name, size) == 0 &&
			strncmp(text + size, authority_mark, strlen(authority_mark)) == 0)
			return &schemes[i];
	return NULL;
}

static int unknown_scheme(const char *text, struct error *err)
{
	static const char known[] = "a URI begins with nbd://, nbds://, nbd+unix://, "
				    "nbds+unix://, nbd+vsock:// or nbds+vsock://";
	size_t size = strcspn(text, ":/?@");
	char quoted[QUOTED_SIZE];

	if (strncmp(text + size, authority_mark, strlen(authority_mark)) != 0)
		return error_set(
			err, FAULT_USAGE, -EINVAL, "this is not an NBD URI: %s", known);
	return error_set(err, FAULT_USAGE, -EINVAL, "unknown URI scheme %s: %s",
		text_quote(text, size, quoted, sizeof(quoted)), known);
}

/* The name or number of an interface, in characters that the kernel allows. */
static bool zone_is_valid(const struct uri_bytes *zone)
{
	if (zone->size == 0 || zone->size >= IFNAMSIZ)
		return false;
	for (size_t i = 0; i < zone->size; i++) {
		unsigned char c = (unsigned char)zone->data[i];

		if (c <= ' ' || c >= 0x7f || strchr("/:%", c))
			return false;
	}
	return true;
}

/*
 * RFC 6874 demands "[fe80::1%25eth0]", and people type "[fe80::1%eth0]". Removes the zone
 * of both, so that the rest is plain RFC 3986.
 */
static int extract_zone(struct uri *u, struct error *err)
{
	char *authority = strstr(u->text, authority_mark) + strlen(authority_mark);
	char *end = authority + strcspn(authority, "/?");
	char *user_end = memrchr(authority, '@', (size_t)(end - authority));
	char *host = user_end ? user_end + 1 : authority;
	char *host_end = memchr(host, ']', (size_t)(end - host));
	_cleanup_uri_bytes_ struct uri_bytes zone = {};
	char *percent, *start;
	int r;

	if (*host != '[' || !host_end)
		return 0;
	percent = memchr(host, '%', (size_t)(host_end - host));
	if (!percent)
		return 0;
	start = percent + (strncmp(percent, "%25", 3) == 0 ? 3 : 1);
	r = uri_decode(start, (size_t)(host_end - start), &zone, err);
	if (r < 0)
		return r;
	if (!zone_is_valid(&zone))
		return uri_fault(err,
			"an IPv6 zone that is not the name of an interface: "
			"write [fe80::1%25eth0]");
	u->zone = TAKE_PTR(zone.data);
	u->zone_at = (size_t)(percent - u->text);
	u->zone_size = (size_t)(host_end - percent);
	memmove(percent, host_end, strlen(host_end) + 1);
	return 0;
}

/* Two colons before the path, and no bracket. */
static bool is_bare_ipv6(const char *text)
{
	const char *host = strstr(text, "://");
	size_t size;

	if (!host)
		return false;
	host += strlen("://");
	size = strcspn(host, "/?#[");
	return host[size] != '[' && memchr(host, ':', size) &&
		memchr(host, ':', size) != memrchr(host, ':', size);
}

static int parse_syntax(struct uri *u, struct error *err)
{
	const char *where = NULL;
	UriUriA parsed;
	size_t at;
	int r;

	r = uriParseSingleUriA(&parsed, u->text, &where);
	if (r == URI_SUCCESS) {
		u->parsed = parsed;
		return 0;
	}
	if (r == URI_ERROR_MALLOC)
		return error_memory(err);
	if (!where)
		return error_set(err, FAULT_USAGE, -EINVAL, "the URI is malformed");
	if (is_bare_ipv6(u->text))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"the URI is malformed: an IPv6 address must be in brackets, as in "
			"nbds://[::1]/export");
	at = (size_t)(where - u->text);
	if (at >= u->zone_at)
		at += u->zone_size;
	return error_set(
		err, FAULT_USAGE, -EINVAL, "the URI is malformed at byte %zu", at + 1);
}

static int parse_user(struct target *t, struct uri *u, struct error *err)
{
	static char option[] = "tls-username";
	const struct uri_bytes key = {option, strlen(option)};
	const UriTextRangeA *info = &u->parsed.userInfo;
	_cleanup_uri_bytes_ struct uri_bytes user = {};
	int r;

	if (!info->first)
		return 0;
	if (memchr(info->first, ':', range_size(info)))
		return uri_fault(err,
			"a password, but secrets do not belong in a URI: use "
			"tls-psk-file");
	r = decode_range(info, &user, err);
	if (r < 0)
		return r;
	return uri_set_parameter(t, &key, &user, &u->seen, err);
}

bool uri_host_is_valid(const char *host, size_t size)
{
	if (size > NBD_HOST_MAX || !text_is_utf8(host, size))
		return false;
	for (const char *c = host; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("%/:@[]", *c))
			return false;
	return true;
}

static int parse_host(struct target *t, const struct uri *u, struct error *err)
{
	const UriUriA *p = &u->parsed;
	_cleanup_uri_bytes_ struct uri_bytes host = {};
	int r;

	if (p->hostData.ipFuture.first)
		return uri_fault(err, "an address of an unknown kind between [ and ]");
	r = decode_range(&p->hostText, &host, err);
	if (r < 0)
		return r;
	if (!p->hostData.ip6 && !uri_host_is_valid(host.data, host.size))
		return uri_fault(err, "a host that is neither a name nor an address");
	if (!u->zone) {
		/* As libnbd does it: no host means this one. */
		t->host = host.size > 0 ? TAKE_PTR(host.data) : strdup("localhost");
		return t->host ? 0 : error_memory(err);
	}
	if (asprintf(&t->host, "%s%%%s", host.data, u->zone) < 0) {
		t->host = NULL;
		return error_memory(err);
	}
	t->host_bare = TAKE_PTR(host.data);
	return 0;
}

/* "host:" means the default port too (RFC 3986). */
static int parse_port(
	const struct uri *u, uint64_t min, uint64_t max, uint64_t *ret, struct error *err)
{
	size_t size = range_size(&u->parsed.portText);
	_cleanup_free_ char *text = NULL;

	text = size > 0 ? strndup(u->parsed.portText.first, size)
			: strdup(NBD_DEFAULT_PORT);
	if (!text)
		return error_memory(err);
	if (parse_u64(text, min, max, ret) < 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"the URI has a port that is not a number from %" PRIu64
			" to %" PRIu64,
			min, max);
	return 0;
}

static int parse_tcp(struct target *t, const struct uri *u, struct error *err)
{
	uint64_t port;
	int r;

	r = parse_host(t, u, err);
	if (r < 0)
		return r;
	r = parse_port(u, 1, UINT16_MAX, &port, err);
	if (r < 0)
		return r;
	if (asprintf(&t->port, "%" PRIu64, port) < 0) {
		t->port = NULL;
		return error_memory(err);
	}
	return 0;
}

static int parse_vsock(struct target *t, const struct uri *u, struct error *err)
{
	const UriTextRangeA *host = &u->parsed.hostText;
	uint64_t cid = VMADDR_CID_HOST, port;
	_cleanup_free_ char *text = NULL;
	int r;

	text = strndup(host->first ? host->first : "", range_size(host));
	if (!text)
		return error_memory(err);
	/* The greatest number means "any", to which one cannot connect. */
	if (text[0] && parse_u64(text, VMADDR_CID_LOCAL, UINT32_MAX - 1, &cid) < 0)
		return uri_fault(err,
			"a vsock CID that is not a number, such as 2 for the "
			"host of a virtual machine");
	r = parse_port(u, 0, UINT32_MAX - 1, &port, err);
	if (r < 0)
		return r;
	t->vsock_cid = (uint32_t)cid;
	t->vsock_port = (uint32_t)port;
	return 0;
}

static int parse_server(struct target *t, struct uri *u, struct error *err)
{
	switch (t->transport) {
	case TRANSPORT_TCP: return parse_tcp(t, u, err);
	case TRANSPORT_VSOCK: return parse_vsock(t, u, err);
	case TRANSPORT_UNIX: break;
	}
	if (range_size(&u->parsed.hostText) > 0 || u->parsed.portText.first)
		return uri_fault(err,
			"a host, which a unix socket does not have: write "
			"nbd+unix:///export?socket=/path");
	return 0;
}

/* The path without one leading slash, from the text: its segments do not matter. */
static int parse_export(struct target *t, struct uri *u, struct error *err)
{
	const char *path = strstr(u->text, authority_mark) + strlen(authority_mark);
	_cleanup_uri_bytes_ struct uri_bytes name = {};
	int r;

	path += strcspn(path, "/?");
	if (*path == '/')
		path++;
	r = uri_decode(path, strcspn(path, "?"), &name, err);
	if (r < 0)
		return r;
	if (name.size > NBD_STRING_MAX)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"the URI has an export name of %zu bytes: NBD allows %d",
			name.size, NBD_STRING_MAX);
	if (!text_is_utf8(name.data, name.size))
		return uri_fault(err,
			"an export name that is not UTF-8, or has a NUL byte, which NBD does "
			"not allow: the server must export it by another name");
	t->export_name = TAKE_PTR(name.data);
	return 0;
}

static int parse_query(struct target *t, struct uri *u, struct error *err)
{
	/* There is no fragment, so the query extends to the end of the text. */
	const char *query = u->parsed.query.first ? u->parsed.query.first : "";
	int r;

	r = uri_parse_query(t, query, &u->seen, err);
	if (r < 0)
		return r;
	if (t->transport == TRANSPORT_UNIX && !t->socket)
		return uri_fault(
			err, "no socket=: write nbd+unix:///export?socket=/path");
	return 0;
}

int target_parse_uri(struct target *t, const char *uri, struct error *err)
{
	static int (*const steps[])(
		struct target * t, struct uri * u, struct error * err) = {
		parse_user,
		parse_server,
		parse_export,
		parse_query,
	};
	_cleanup_(uri_done) struct uri u = {};
	const struct scheme *scheme;
	int r;

	r = check_characters(uri, err);
	if (r < 0)
		return r;
	scheme = find_scheme(uri);
	if (!scheme)
		return unknown_scheme(uri, err);
	t->transport = scheme->transport;
	if (scheme->tls)
		t->tls = TLS_MODE_REQUIRE;

	u.text = strdup(uri);
	if (!u.text)
		return error_memory(err);
	r = extract_zone(&u, err);
	if (r < 0)
		return r;
	r = parse_syntax(&u, err);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(steps); i++)
		r = steps[i](t, &u, err);
	if (r < 0)
		return r;
	t->uri = strdup(uri);
	return t->uri ? 0 : error_memory(err);
}
