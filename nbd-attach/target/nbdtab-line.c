/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <uriparser/Uri.h>

#include "common/parse.h"
#include "common/text.h"
#include "common/timeouts.h"
#include "target/nbdtab-internal.h"
#include "target/uri.h"

#define N_FIELDS 4

static const struct {
	const char *name, *other; /* in nbdtab(5), and on nbd-client's command line */
	const char *ours;         /* NULL: part of the URI, or always so */
	bool flag;
	bool tls; /* it implies TLS */
} options[NBDTAB_N_OPTIONS] = {
	[NBDTAB_UNIX] = {.name = "unix", .flag = true},
	[NBDTAB_PORT] = {.name = "port"},
	[NBDTAB_TLS] = {.name = "tls", .other = "enable-tls", .flag = true, .tls = true},
	[NBDTAB_CACERTFILE] = {.name = "cacertfile", .ours = "tls-ca", .tls = true},
	[NBDTAB_CERTFILE] = {.name = "certfile", .ours = "tls-cert", .tls = true},
	[NBDTAB_KEYFILE] = {.name = "keyfile", .ours = "tls-key", .tls = true},
	[NBDTAB_TLSHOSTNAME] = {.name = "tlshostname",
		.ours = "tls-hostname",
		.tls = true},
	[NBDTAB_PRIORITY] = {.name = "priority", .ours = "tls-priority"},
	[NBDTAB_BS] = {.name = "bs", .other = "block-size", .ours = "block-size"},
	[NBDTAB_CONNS] = {.name = "conns", .other = "connections", .ours = "connections"},
	[NBDTAB_TIMEOUT] = {.name = "timeout", .ours = "io-timeout"},
	[NBDTAB_DEAD_TIMEOUT] = {.name = "dead-timeout", .ours = "reconnect-timeout"},
	[NBDTAB_READ_ONLY] = {.name = "readonly",
		.other = "read-only",
		.ours = "read-only",
		.flag = true},
	[NBDTAB_SWAP] = {.name = "swap", .ours = "lock-memory", .flag = true},
	[NBDTAB_PERSIST] = {.name = "persist", .flag = true},
	[NBDTAB_NOFORK] = {.name = "nofork", .flag = true},
	[NBDTAB_SYSTEMD_MARK] = {.name = "systemd-mark", .flag = true},
	[NBDTAB_NO_OPTGO] = {.name = "no_optgo",
		.other = "no-optgo",
		.ours = "no-go",
		.flag = true},
};

static int bad_word(const char *word, const char *what, struct error *err)
{
	char quoted[128];

	return error_set(err, FAULT_USAGE, -EINVAL, "%s %s",
		text_quote(word, strlen(word), quoted, sizeof(quoted)), what);
}

static int bad_option(const char *word, const char *what, struct error *err)
{
	char quoted[64];

	return error_set(err, FAULT_USAGE, -EINVAL, "option %s %s",
		text_quote(word, strlen(word), quoted, sizeof(quoted)), what);
}

static void warn(const struct nbdtab_line *line, const char *option, const char *what)
{
	struct error text = {0};

	if (!line->warn)
		return;
	bad_option(option, what, &text);
	error_prefix(&text, 0, "%s:%u", line->file, line->number);
	line->warn(text.text);
}

static enum nbdtab_option find_option(const char *word)
{
	for (enum nbdtab_option i = 0; i < NBDTAB_N_OPTIONS; i++)
		if (strcmp(word, options[i].name) == 0 ||
			(options[i].other && strcmp(word, options[i].other) == 0))
			return i;
	return NBDTAB_N_OPTIONS;
}

/*
 * nbd-client warns of an option that it does not know, or not in this form, and ignores
 * it; but TLS that was asked for is not left out. Options that begin with "_" are other
 * programs'.
 */
static int take_option(struct nbdtab_line *line, char *word, struct error *err)
{
	char *value = strchr(word, '=');
	enum nbdtab_option i;

	if (value)
		*value++ = '\0';
	if (*word == '_' || (*word == '\0' && !value))
		return 0;
	if (value && *value == '\0')
		return bad_option(word, "has no value after the =", err);
	if (strcmp(word, "preinit") == 0)
		return bad_option(
			word, "is not supported: nbd-attach negotiates itself", err);
	i = find_option(word);
	if (i == NBDTAB_N_OPTIONS)
		warn(line, word, "is unknown: it is ignored");
	else if (options[i].flag == !value)
		line->values[i] = value ? value : "";
	else if (options[i].tls)
		return bad_option(word, value ? "takes no value" : "needs a value", err);
	else
		warn(line, word,
			value ? "takes no value: it is ignored"
			      : "needs a value: it is ignored");
	return 0;
}

int nbdtab_parse_fields(char *text, struct nbdtab_line *line, struct error *err)
{
	char *fields[N_FIELDS] = {0}, *field;
	size_t n = 0;

	while ((field = strsep(&text, " \t")))
		if (*field && n++ < N_FIELDS)
			fields[n - 1] = field;
	line->device = fields[0];
	line->host = fields[1];
	line->export_name = fields[2];
	line->options = fields[3];
	if (n < N_FIELDS - 1 || n > N_FIELDS)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"the line is not DEVICE HOST EXPORT [OPTION,…]%s",
			n > N_FIELDS ? ", without spaces in any of them" : "");
	return 0;
}

static int parse_options(struct nbdtab_line *line, struct error *err)
{
	char *option;
	int r = 0;

	while (r == 0 && (option = strsep(&line->options, ",")))
		r = take_option(line, option, err);
	for (enum nbdtab_option i = 0; i < NBDTAB_N_OPTIONS; i++)
		line->tls |= line->values[i] && options[i].tls;
	if (line->values[NBDTAB_PRIORITY] && !line->tls) {
		warn(line, options[NBDTAB_PRIORITY].name,
			"is ignored: the line does not ask for TLS (option tls)");
		line->values[NBDTAB_PRIORITY] = NULL;
	}
	/* for nbd-client one file may have both */
	if (line->values[NBDTAB_KEYFILE] && !line->values[NBDTAB_CERTFILE])
		line->values[NBDTAB_CERTFILE] = line->values[NBDTAB_KEYFILE];
	return r;
}

/* An address as getaddrinfo(3) takes it: with a zone, but without brackets. */
static bool is_ipv6(const char *host)
{
	_cleanup_free_ char *bare = strndup(host, strcspn(host, "%"));
	struct in6_addr address;

	return bare && inet_pton(AF_INET6, bare, &address) == 1;
}

static bool is_bracketed(const char *host)
{
	_cleanup_free_ char *bare = NULL;
	size_t size = strlen(host);

	if (size < 2 || host[0] != '[' || host[size - 1] != ']')
		return false;
	bare = strndup(host + 1, size - 2);
	return bare && is_ipv6(bare);
}

static int check_host(const struct nbdtab_line *line, struct error *err)
{
	const char *host = line->host;

	if (line->values[NBDTAB_UNIX] || is_ipv6(host) || is_bracketed(host) ||
		uri_host_is_valid(host, strlen(host)))
		return 0;
	if (strncmp(host, "unix:", 5) == 0)
		return bad_word(host,
			"is not a host: for a unix socket write its path, and the option "
			"unix",
			err);
	if (host[0] == '/')
		return bad_word(
			host, "is not a host: a unix socket needs the option unix", err);
	if (strstr(host, "://"))
		return bad_word(
			host, "is not a host: a URI is attached without " NBDTAB, err);
	if (strchr(host, ':'))
		return bad_word(host,
			"is neither a host's name nor its address: a port is an option, "
			"port=N",
			err);
	return bad_word(host, "is neither a host's name nor its address", err);
}

/* What the URI would be rejected for, in the words of the line. */
static int check_line(const struct nbdtab_line *line, struct error *err)
{
	const char *port = line->values[NBDTAB_PORT], *export_name = line->export_name;
	unsigned device;
	uint64_t number;
	int r = check_host(line, err);

	if (r < 0)
		return r;
	if (target_parse_device(line->device, &device) < 0)
		return bad_word(line->device, "is not a device such as nbd0", err);
	if (strlen(export_name) > NBD_STRING_MAX ||
		!text_is_utf8(export_name, strlen(export_name)))
		return bad_word(export_name,
			"is not an export's name: that is UTF-8, and at most 4096 bytes",
			err);
	if (port && parse_u64(port, 1, UINT16_MAX, &number) < 0)
		return error_prefix(err,
			bad_word(port, "is not a number from 1 to 65535", err),
			"option port");
	if (line->values[NBDTAB_CERTFILE] && !line->values[NBDTAB_KEYFILE])
		return bad_option("certfile", "needs the option keyfile, too", err);
	if (line->tls && line->values[NBDTAB_UNIX] && !line->values[NBDTAB_TLSHOSTNAME])
		return error_set(err, FAULT_USAGE, -EINVAL,
			"a unix socket has no host's name to verify the server's "
			"certificate against: add the option tlshostname");
	return 0;
}

/* Percent-encoded, for a URI. */
static char *encode(const char *text)
{
	char *out = malloc(strlen(text) * 3 + 1);

	if (out)
		uriEscapeA(text, out, URI_FALSE, URI_FALSE);
	return out;
}

/* A zone's "%" has to be encoded; what is in brackets is taken as in a URI. */
static char *encode_host(const char *host)
{
	char *out = NULL;
	int zone;

	if (is_bracketed(host))
		return strdup(host);
	if (!is_ipv6(host))
		return encode(host);
	zone = (int)strcspn(host, "%");
	if (asprintf(&out, "[%.*s%s%s]", zone, host, host[zone] ? "%25" : "",
		    host[zone] ? host + zone + 1 : "") < 0)
		return NULL;
	return out;
}

static char *make_uri(const struct nbdtab_line *line)
{
	bool unix_socket = line->values[NBDTAB_UNIX];
	const char *port = line->values[NBDTAB_PORT];
	_cleanup_free_ char *export_name = encode(line->export_name);
	_cleanup_free_ char *host =
		unix_socket ? encode(line->host) : encode_host(line->host);
	char *uri = NULL;
	int r;

	if (!export_name || !host)
		return NULL;
	if (unix_socket)
		r = asprintf(&uri, "nbd%s+unix:///%s?socket=%s", line->tls ? "s" : "",
			export_name, host);
	else
		r = asprintf(&uri, "nbd%s://%s%s%s/%s", line->tls ? "s" : "", host,
			port ? ":" : "", port ? port : "", export_name);
	return r < 0 ? NULL : uri;
}

static int take_uri(const struct nbdtab_line *line, struct target *t, struct error *err)
{
	_cleanup_free_ char *uri = make_uri(line);
	int r;

	if (!uri)
		return error_memory(err);
	r = target_parse_uri(t, uri, err);
	if (r == -ENOMEM || r == 0)
		return r;
	return error_set(err, FAULT_USAGE, r,
		"host and export are too long, or the interface after %% is not one");
}

/* NULL: nothing is set. Larger values are those of people who mean "never". */
static const char *limit_value(const struct nbdtab_line *line, enum nbdtab_option i)
{
	const char *value = line->values[i];
	uint64_t number;
	usec_t span;

	if ((i == NBDTAB_TIMEOUT || i == NBDTAB_DEAD_TIMEOUT) &&
		parse_u64(value, 0, 0, &number) == 0)
		return NULL;
	if (i == NBDTAB_TIMEOUT && parse_span(value, &span) == 0 &&
		span != USEC_INFINITY && span > TIMEOUT_OPTION_MAX) {
		warn(line, options[i].name, "is longer than 1h: 1h is used");
		return "1h";
	}
	if (i == NBDTAB_CONNS &&
		parse_u64(value, NBD_LINKS_MAX + 1, UINT64_MAX, &number) == 0) {
		warn(line, options[i].name, "is more than 16: 16 are used");
		return "16";
	}
	return value;
}

/* As target_set() says it, but with the option's name in the line. */
static int bad_value(enum nbdtab_option i, const char *value, struct error *err)
{
	char quoted[128];

	return error_set(err, FAULT_USAGE, -EINVAL, "option %s: %s is not %s",
		options[i].name, text_quote(value, strlen(value), quoted, sizeof(quoted)),
		target_option_expected(options[i].ours));
}

static int set_option(const struct nbdtab_line *line, enum nbdtab_option i,
	struct target *t, struct error *err)
{
	const char *value = NULL;
	int r;

	if (!line->values[i] || !options[i].ours)
		return 0;
	if (!options[i].flag) {
		value = limit_value(line, i);
		if (!value)
			return 0;
	}
	r = target_set(t, options[i].ours, value, err);
	return r == -EINVAL && value ? bad_value(i, value, err) : r;
}

int nbdtab_make_target(struct nbdtab_line *line, struct target *t, struct error *err)
{
	int r = parse_options(line, err);

	if (r == 0)
		r = check_line(line, err);
	if (r < 0)
		return r;
	t->directory = strdup("/");
	if (!t->directory)
		return error_memory(err);
	r = take_uri(line, t, err);
	if (r == 0)
		r = target_set(t, "device", line->device, err);
	for (enum nbdtab_option i = 0; r == 0 && i < NBDTAB_N_OPTIONS; i++)
		r = set_option(line, i, t, err);
	return r < 0 ? r : target_check(t, err);
}
