/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <uriparser/Uri.h>

#include "common/file.h"
#include "common/text.h"
#include "target/nbdtab.h"

#define FILE_SIZE_MAX ((size_t)1024 * 1024)
#define N_FIELDS      4
#define N_OPTIONS_MAX 32

/* nbd-client's name of an option, and ours. */
static const struct {
	const char *theirs, *ours;
	bool tls; /* it implies TLS */
} options[] = {
	{"bs", "block-size", false},
	{"conns", "connections", false},
	{"timeout", "io-timeout", false},
	{"cacertfile", "tls-ca", true},
	{"certfile", "tls-cert", true},
	{"keyfile", "tls-key", true},
	{"tlshostname", "tls-hostname", true},
};

struct line {
	char *device, *host, *export_name;
	char *keys[N_OPTIONS_MAX], *values[N_OPTIONS_MAX];
	size_t n_options;
	const char *port;
	bool unix_socket, tls;
};

static int bad_option(const char *key, const char *what, struct error *err)
{
	char quoted[64];

	return error_set(err, FAULT_USAGE, -EINVAL, "option %s %s",
		text_quote(key, strlen(key), quoted, sizeof(quoted)), what);
}

/* Stores the option. Those on how to reach the server are needed for the URI. */
static int parse_option(struct line *line, char *option, struct error *err)
{
	static const char *const without_effect[] = {"persist", "no_optgo", "swap"};
	char *value = strchr(option, '=');

	if (value)
		*value++ = '\0';
	if (*option == '_' || *option == '\0')
		return 0;
	if (strcmp(option, "unix") == 0)
		line->unix_socket = true;
	else if (strcmp(option, "port") == 0 && value)
		line->port = value;
	else if (strcmp(option, "sdp") == 0)
		return bad_option(option, "is no longer supported by the kernel", err);
	else
		for (size_t i = 0; i < ELEMENTSOF(options); i++)
			if (strcmp(option, options[i].theirs) == 0)
				line->tls |= options[i].tls;
	for (size_t i = 0; i < ELEMENTSOF(without_effect); i++)
		if (strcmp(option, without_effect[i]) == 0 && value)
			return bad_option(option, "does not take a value", err);
	if (line->n_options == N_OPTIONS_MAX)
		return bad_option(option, "exceeds the number of options allowed", err);
	line->keys[line->n_options] = option;
	line->values[line->n_options++] = value;
	return 0;
}

static int parse_line(char *text, struct line *ret, struct error *err)
{
	char *fields[N_FIELDS] = {0}, *rest = text, *field, *option;
	struct line line = {0};
	size_t n = 0;
	int r = 0;

	while ((field = strsep(&rest, " \t\r")))
		if (*field && n++ < N_FIELDS)
			fields[n - 1] = field;
	line.device = fields[0];
	line.host = fields[1];
	line.export_name = fields[2];
	if (n < N_FIELDS - 1 || n > N_FIELDS)
		r = error_set(err, FAULT_USAGE, -EINVAL,
			"the line is not DEVICE HOST EXPORT [OPTION,…]");
	while (r == 0 && (option = strsep(&fields[3], ",")))
		r = parse_option(&line, option, err);
	*ret = line;
	return r;
}

/* Percent-encoded, for a URI. */
static char *encode(const char *text)
{
	char *out = malloc(strlen(text) * 3 + 1);

	if (out)
		uriEscapeA(text, out, URI_FALSE, URI_FALSE);
	return out;
}

static char *make_uri(const struct line *line)
{
	_cleanup_free_ char *export_name = encode(line->export_name);
	_cleanup_free_ char *path = encode(line->host);
	bool bare_ipv6 = strchr(line->host, ':') && line->host[0] != '[';
	char *uri = NULL;
	int r;

	if (!export_name || !path)
		return NULL;
	if (line->unix_socket)
		r = asprintf(&uri, "nbd%s+unix:///%s?socket=%s", line->tls ? "s" : "",
			export_name, path);
	else
		r = asprintf(&uri, "nbd%s://%s%s%s%s%s/%s", line->tls ? "s" : "",
			bare_ipv6 ? "[" : "", line->host, bare_ipv6 ? "]" : "",
			line->port ? ":" : "", line->port ? line->port : "", export_name);
	return r < 0 ? NULL : uri;
}

static int set_option(
	struct target *t, const char *key, const char *value, struct error *err)
{
	static const char *const taken[] = {"unix", "port", "persist", "no_optgo"};

	for (size_t i = 0; i < ELEMENTSOF(taken); i++)
		if (strcmp(key, taken[i]) == 0)
			return 0;
	if (strcmp(key, "swap") == 0)
		return target_set(t, "lock-memory", NULL, err);
	/* to nbd-client 0 means no timeout */
	if (strcmp(key, "timeout") == 0 && value && strcmp(value, "0") == 0)
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(options); i++)
		if (strcmp(key, options[i].theirs) == 0)
			return value ? target_set(t, options[i].ours, value, err)
				     : bad_option(key, "needs a value", err);
	return bad_option(key, "is unknown (those of other programs begin with _)", err);
}

static int make_target(const struct line *line, struct target *t, struct error *err)
{
	_cleanup_free_ char *uri = make_uri(line);
	int r;

	if (!uri)
		return error_memory(err);
	t->directory = strdup("/");
	if (!t->directory)
		return error_memory(err);
	r = target_parse_uri(t, uri, err);
	if (r == 0)
		r = target_set(t, "device", line->device, err);
	for (size_t i = 0; r == 0 && i < line->n_options; i++)
		r = set_option(t, line->keys[i], line->values[i], err);
	return r < 0 ? r : target_check(t, err);
}

/* ---- finding the line ---- */

typedef char name_t[NBD_NAME_MAX + 1];

/* Of the lines so far. */
struct names {
	name_t *list;
	size_t n;
};

static void names_done(const struct names *names)
{
	free(names->list);
}

static bool is_taken(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->list[i], name) == 0)
			return true;
	return false;
}

/*
 * Names the line after its export, as for a URI. If several lines have the same export
 * name, the first gets it, and the others the device's name in addition. An invalid line
 * has a name as well, so that no other line gets it.
 */
static int name_line(struct names *names, const struct line *line, name_t name)
{
	const struct target t = {.export_name = line->export_name};
	unsigned device;
	name_t *grown;

	name[0] = 0;
	if (!line->export_name)
		return 0;
	target_derive_name(&t, name);
	if (is_taken(names, name) && target_parse_device(line->device, &device) == 0) {
		name_t first;

		memcpy(first, name, sizeof(first));
		snprintf(name, sizeof(name_t), "%.*s-nbd%u", NBD_NAME_MAX - 14, first,
			device);
	}
	grown = reallocarray(names->list, names->n + 1, sizeof(name_t));
	if (!grown)
		return -ENOMEM;
	names->list = grown;
	memcpy(grown[names->n++], name, sizeof(name_t));
	return 0;
}

static bool is_meant(const struct line *line, const char *name, const char *wanted)
{
	unsigned device, number;

	if (target_parse_device(wanted, &device) < 0)
		return strcmp(name, wanted) == 0;
	return line->device && target_parse_device(line->device, &number) == 0 &&
		device == number;
}

/* 1: this is the wanted line, returned in *ret. 0: another line, valid or not. */
static int try_line(char *text, struct names *names, const char *wanted,
	struct target *ret, struct error *err)
{
	_cleanup_target_ struct target t;
	struct line line = {0};
	name_t name;
	int r;

	target_init(&t);
	r = parse_line(text, &line, err);
	if (name_line(names, &line, name) < 0)
		return error_memory(err);
	if (!is_meant(&line, name, wanted))
		return 0;
	if (r == 0)
		r = make_target(&line, &t, err);
	if (r == 0)
		r = target_set(&t, "name", name, err);
	if (r < 0)
		return r;
	*ret = t;
	target_init(&t);
	return 1;
}

int nbdtab_find(const char *file, const char *text, const char *wanted,
	struct target *ret, struct error *err)
{
	_cleanup_(names_done) struct names names = {0};
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *line;
	struct error this = {0};
	int first = 0;

	if (!copy)
		return error_memory(err);
	for (unsigned n = 1; (line = strsep(&rest, "\n")); n++) {
		int r;

		line[strcspn(line, "#")] = '\0';
		if (line[strspn(line, " \t\r")] == '\0')
			continue;
		r = try_line(line, &names, wanted, ret, &this);
		if (r > 0)
			return 0;
		if (r < 0 && first == 0) {
			first = error_prefix(&this, r, "%s:%u", file, n);
			*err = this;
		}
	}
	return first < 0
		? first
		: error_set(err, FAULT_NO_SUCH, -ENOENT, "%s has no such line", file);
}

int nbdtab_read(
	const char *root, const char *wanted, struct target *ret, struct error *err)
{
	_cleanup_blob_ struct blob text = {0};
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s" NBDTAB, root);
	r = file_read(path, FILE_SIZE_MAX, false, &text);
	if (r == -ENOENT)
		return error_set(err, FAULT_NO_SUCH, r, "%s does not exist", path);
	if (r < 0)
		return error_set(err, FAULT_USAGE, r, "cannot read %s: %m", path);
	return nbdtab_find(path, text.data, wanted, ret, err);
}
