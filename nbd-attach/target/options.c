/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets the options of a target. The command line, configuration files and the query of a
 * URI use the same names, which are in options.def.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/parse.h"
#include "common/scope.h"
#include "common/text.h"
#include "common/timeouts.h"
#include "target/target.h"

#define BLOCK_SIZE_MIN 512
#define BLOCK_SIZE_MAX 65536

struct option {
	const char *name;
	int (*set)(const struct option *o, struct target *t, const char *value,
		struct error *err);
	const char *expected; /* completes "… is not …" */
	size_t offset;        /* of the field in struct target, for the general setters */
	usec_t min, max;      /* of a time */
	bool flag;            /* the value is optional */
};

static int bad_value(const struct option *o, const char *value, struct error *err)
{
	char quoted[128];

	return error_set(err, FAULT_USAGE, -EINVAL, "option %s: %s is not %s", o->name,
		text_quote(value, strlen(value), quoted, sizeof(quoted)), o->expected);
}

static void *field(const struct option *o, struct target *t)
{
	return (char *)t + o->offset;
}

static int replace_string(char **slot, const char *value, struct error *err)
{
	char *copy = strdup(value);

	if (!copy)
		return error_memory(err);
	free(*slot);
	*slot = copy;
	return 0;
}

static int set_string(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	if (!value[0])
		return bad_value(o, value, err);
	return replace_string(field(o, t), value, err);
}

static int set_bool(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	if (parse_bool(value, field(o, t)) < 0)
		return bad_value(o, value, err);
	return 0;
}

static int set_time(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	usec_t *slot = field(o, t);
	usec_t span;

	if (parse_span(value, &span) < 0 || span < o->min || span > o->max)
		return bad_value(o, value, err);
	*slot = span;
	return 0;
}

/* The index of value in words, which are in the order of an enum. */
static int find_word(const char *value, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(value, words[i]) == 0)
			return (int)i;
	return -EINVAL;
}

static int set_name(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	if (!target_name_is_valid(value))
		return bad_value(o, value, err);
	return replace_string(&t->name, value, err);
}

static int set_device(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	unsigned index;

	if (target_parse_device(value, &index) < 0)
		return bad_value(o, value, err);
	t->device = (int)index;
	return 0;
}

static int set_connections(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	uint64_t n = 0;

	if (strcmp(value, "auto") != 0 && parse_u64(value, 1, NBD_LINKS_MAX, &n) < 0)
		return bad_value(o, value, err);
	t->connections = (unsigned)n;
	return 0;
}

static int set_tls(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	static const char *const words[] = {
		[TLS_MODE_OFF] = "off",
		[TLS_MODE_PREFER] = "prefer",
		[TLS_MODE_REQUIRE] = "require",
	};
	static const char nbds[] = "nbds";
	int mode = find_word(value, words, ELEMENTSOF(words));

	if (mode < 0)
		return bad_value(o, value, err);
	if (mode != TLS_MODE_REQUIRE && t->uri &&
		strncasecmp(t->uri, nbds, strlen(nbds)) == 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"tls: %s contradicts nbds://, which means TLS or nothing: write "
			"nbd://",
			words[mode]);
	t->tls = (enum tls_mode)mode;
	return 0;
}

static int set_tls_type(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	static const char *const words[] = {
		[TLS_AUTH_X509] = "x509",
		[TLS_AUTH_PSK] = "psk",
		[TLS_AUTH_ANON] = "anon",
	};
	int auth = find_word(value, words, ELEMENTSOF(words));

	if (auth < 0)
		return bad_value(o, value, err);
	t->tls_auth = (enum tls_auth)auth;
	t->tls_auth_set = true;
	return 0;
}

static int set_data_path(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	static const char *const words[] = {
		[DATA_PATH_AUTO] = "auto",
		[DATA_PATH_KERNEL] = "kernel",
		[DATA_PATH_RELAY] = "relay",
	};
	int path = find_word(value, words, ELEMENTSOF(words));

	if (path < 0)
		return bad_value(o, value, err);
	t->data_path = (enum data_path)path;
	return 0;
}

static int set_block_size(
	const struct option *o, struct target *t, const char *value, struct error *err)
{
	uint64_t size;

	if (parse_size(value, &size) < 0 || size < BLOCK_SIZE_MIN ||
		size > BLOCK_SIZE_MAX || (size & (size - 1)) != 0)
		return bad_value(o, value, err);
	t->block_size = (uint32_t)size;
	return 0;
}

static const struct option options[] = {
#define OPTION_STRING(field, word, place, value, help, what) \
	{                                                    \
		.name = (word),                              \
		.set = set_string,                           \
		.expected = (what),                          \
		.offset = offsetof(struct target, field),    \
		.flag = !(value)[0],                         \
	},
#define OPTION_BOOL(field, word, place, value, help)      \
	{                                                 \
		.name = (word),                           \
		.set = set_bool,                          \
		.expected = "yes or no",                  \
		.offset = offsetof(struct target, field), \
		.flag = !(value)[0],                      \
	},
#define OPTION_TIME(field, word, place, value, help, what, least, most) \
	{                                                               \
		.name = (word),                                         \
		.set = set_time,                                        \
		.expected = (what),                                     \
		.offset = offsetof(struct target, field),               \
		.min = (least),                                         \
		.max = (most),                                          \
	},
#define OPTION_OTHER(setter, word, place, value, help, what) \
	{                                                    \
		.name = (word),                              \
		.set = (setter),                             \
		.expected = (what),                          \
	},
#include "target/options.def"
};

const char *target_option_expected(const char *option)
{
	for (size_t i = 0; i < ELEMENTSOF(options); i++)
		if (strcmp(options[i].name, option) == 0)
			return options[i].expected;
	return NULL;
}

/* For target_replay(). */
static int record(
	struct target *t, const char *option, const char *value, struct error *err)
{
	char **grown = reallocarray(t->settings, t->n_settings + 1, sizeof(*t->settings));

	if (!grown)
		return error_memory(err);
	t->settings = grown;
	if (asprintf(&grown[t->n_settings], "%s=%s", option, value) < 0)
		return error_memory(err);
	t->n_settings++;
	return 0;
}

int target_set(struct target *t, const char *option, const char *value, struct error *err)
{
	char quoted[128];
	int r;

	for (size_t i = 0; i < ELEMENTSOF(options); i++) {
		const struct option *o = &options[i];

		if (strcmp(o->name, option) != 0)
			continue;
		if (!value && !o->flag)
			return error_set(err, FAULT_USAGE, -EINVAL,
				"%s needs a value: %s", o->name, o->expected);
		value = value ? value : "yes";
		r = o->set(o, t, value, err);
		return r < 0 ? r : record(t, option, value, err);
	}
	return error_set(err, FAULT_USAGE, -ENOENT, "unknown option %s",
		text_quote(option, strlen(option), quoted, sizeof(quoted)));
}
