/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parses the files; config-files.c finds them. */
#include <errno.h>
#include <ini.h>
#include <net/if.h>
#include <string.h>

#include "common/parse.h"
#include "target/config.h"

#define SECTION "attach"

/* A longer line would be cut in two by the parser. */
#define LINE_MAX_BYTES (INI_MAX_LINE - 3)

struct reader {
	struct config *config;
	enum config_round round;
	struct error *err;
	int r; /* of the first failure */
};

void config_done(struct config *c)
{
	target_done(&c->target);
	free(c->trigger);
	*c = (struct config){0};
	target_init(&c->target);
}

/* A later uri= replaces all earlier settings, but not the file's directory. */
static int set_uri(struct config *c, const char *value, struct error *err)
{
	char *directory = TAKE_PTR(c->target.directory);

	target_done(&c->target);
	target_init(&c->target);
	c->target.directory = directory;
	return target_parse_uri(&c->target, value, err);
}

static int set_auto(struct config *c, const char *value, struct error *err)
{
	if (parse_bool(value, &c->automatic) < 0)
		return error_set(err, FAULT_USAGE, -EINVAL, "auto must be yes or no");
	return 0;
}

static int set_initrd(struct config *c, const char *value, struct error *err)
{
	if (parse_bool(value, &c->initrd) < 0)
		return error_set(err, FAULT_USAGE, -EINVAL, "initrd must be yes or no");
	return 0;
}

static bool is_interface(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size < IF_NAMESIZE &&
		strspn(name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789._-@") == size;
}

static int set_trigger(struct config *c, const char *value, struct error *err)
{
	if (strcmp(value, "net") != 0 &&
		(strncmp(value, "net:", 4) != 0 || !is_interface(value + 4)))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"trigger must be net, or net:INTERFACE as in net:eth0");
	free(c->trigger);
	c->trigger = strdup(value);
	return c->trigger ? 0 : error_memory(err);
}

/* The keys of a file that are not options; options are read in the second round. */
static const struct {
	const char *key;
	int (*set)(struct config *c, const char *value, struct error *err);
} keys[] = {
	{"uri", set_uri},
	{"auto", set_auto},
	{"trigger", set_trigger},
	{"initrd", set_initrd},
};

static int set_key(struct reader *reader, const char *section, const char *key,
	const char *value, struct error *err)
{
	if (strcmp(section, SECTION) != 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"the only section allowed is [" SECTION "], at the beginning");
	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		if (strcmp(key, keys[i].key) == 0)
			return reader->round == CONFIG_ROUND_URI
				? keys[i].set(reader->config, value, err)
				: 0;
	if (strcmp(key, "name") == 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"name cannot be set in a file: it is the file's name");
	if (strlen(key) == 0)
		return error_set(
			err, FAULT_USAGE, -EINVAL, "the key before = is missing");
	if (reader->round == CONFIG_ROUND_OPTIONS)
		return target_set(&reader->config->target, key, value, err);
	return 0;
}

/* The parser goes on after a failure, and returns the line of the first one. */
static int handle(void *userdata, const char *section, const char *key, const char *value)
{
	struct reader *reader = userdata;

	if (reader->r == 0)
		reader->r = set_key(reader, section, key, value, reader->err);
	return reader->r == 0;
}

static int line_fault(
	const char *file, unsigned line, const char *what, struct error *err)
{
	return error_set(err, FAULT_USAGE, -EINVAL, "%s:%u: %s", file, line, what);
}

/* Refuses what the parser would misread. */
static int check_lines(const char *file, const char *text, size_t size, struct error *err)
{
	const char *end = text + size, *next;
	unsigned n = 1;

	for (; text < end; text = next + 1, n++) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (!next)
			next = end;
		if (next - text > LINE_MAX_BYTES)
			return line_fault(file, n,
				"the line is too long: parts of a URI can be set as "
				"options on lines of their own",
				err);
		if (memchr(text, '\0', (size_t)(next - text)))
			return line_fault(file, n, "the line contains a NUL byte", err);
		if ((*text == ' ' || *text == '\t') &&
			strspn(text, " \t\r") < (size_t)(next - text))
			return line_fault(file, n, "the line begins with a space", err);
	}
	return 0;
}

int config_parse(struct config *c, enum config_round round, const char *file,
	const char *text, size_t size, struct error *err)
{
	struct reader reader = {.config = c, .round = round, .err = err};
	int r = check_lines(file, text, size, err);
	int line;

	if (r < 0)
		return r;
	line = ini_parse_string(text, handle, &reader);
	if (line == 0)
		return 0;
	if (line < 0)
		return error_memory(err);
	if (reader.r == 0)
		return line_fault(file, (unsigned)line,
			"neither a [section] nor a line KEY=VALUE", err);
	return error_prefix(err, reader.r, "%s:%d", file, line);
}
