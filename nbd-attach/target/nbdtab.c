/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which line of the file is meant; nbdtab-line.c makes a target of it. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/file.h"
#include "target/nbdtab-internal.h"

#define FILE_SIZE_MAX ((size_t)1024 * 1024)

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
static int name_line(struct names *names, const struct nbdtab_line *line, name_t name)
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

static bool is_meant(const struct nbdtab_line *line, const char *name, const char *wanted)
{
	unsigned device, number;

	if (target_parse_device(wanted, &device) < 0)
		return strcmp(name, wanted) == 0;
	return line->device && target_parse_device(line->device, &number) == 0 &&
		device == number;
}

/* 1: this is the wanted line, returned in *ret. 0: another line, valid or not. */
static int try_line(struct nbdtab_line *line, char *text, struct names *names,
	const char *wanted, struct target *ret, struct error *err)
{
	_cleanup_target_ struct target t;
	name_t name;
	int r;

	target_init(&t);
	r = nbdtab_parse_fields(text, line, err);
	if (name_line(names, line, name) < 0)
		return error_memory(err);
	if (!is_meant(line, name, wanted))
		return 0;
	if (r == 0)
		r = nbdtab_make_target(line, &t, err);
	if (r == 0)
		r = target_set(&t, "name", name, err);
	if (r < 0)
		return r;
	*ret = t;
	target_init(&t);
	return 1;
}

/*
 * As nbd-client's lexer has it, a comment begins where a word could begin; within a word
 * "#" is part of it.
 */
static void cut_comment(char *text)
{
	for (char *c = text; (c = strchr(c, '#')); c++)
		if (c == text || strchr(" \t,=", c[-1])) {
			*c = '\0';
			return;
		}
}

/* Without what an editor on Windows leaves: a byte order mark, and CR at a line's end. */
static void clean_line(char *text, bool first)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t size = strlen(text);

	if (size > 0 && text[size - 1] == '\r')
		text[size - 1] = '\0';
	if (first && strncmp(text, mark, strlen(mark)) == 0)
		memset(text, ' ', strlen(mark));
	cut_comment(text);
}

int nbdtab_find(const char *file, const char *text, const char *wanted,
	nbdtab_warn_fn warn_fn, struct target *ret, struct error *err)
{
	_cleanup_(names_done) struct names names = {0};
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *words;
	int r;

	if (!copy)
		return error_memory(err);
	for (unsigned n = 1; (words = strsep(&rest, "\n")); n++) {
		struct nbdtab_line line = {.file = file, .number = n, .warn = warn_fn};

		clean_line(words, n == 1);
		if (words[strspn(words, " \t")] == '\0')
			continue;
		r = try_line(&line, words, &names, wanted, ret, err);
		if (r < 0)
			return error_prefix(err, r, "%s:%u", file, n);
		if (r > 0)
			return 0;
	}
	return error_set(err, FAULT_NO_SUCH, -ENOENT, "%s has no such line", file);
}

int nbdtab_read(const char *root, const char *wanted, nbdtab_warn_fn warn_fn,
	struct target *ret, struct error *err)
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
	if (strlen(text.data) < text.size)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%s has a NUL byte: it must be a text file", path);
	return nbdtab_find(path, text.data, wanted, warn_fn, ret, err);
}
