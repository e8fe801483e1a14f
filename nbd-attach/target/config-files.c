/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the files, and decides which of them are used. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/text.h"
#include "target/config.h"

#define FILE_SIZE_MAX ((size_t)64 * 1024)
#define DROP_INS_MAX  64

/* The first file of a name is used. */
static const char *const places[] = {CONFIG_PLACE, "/run/nbd-attach",
	"/usr/local/lib/nbd-attach", "/usr/lib/nbd-attach"};

typedef char path_t[512];

/* 0: too long, so there is no such file. */
static int make_path(path_t path, const char *root, const char *place, const char *name,
	const char *rest)
{
	int n = snprintf(path, sizeof(path_t), "%s%s/%s%s", root, place, name, rest);

	return n > 0 && (size_t)n < sizeof(path_t);
}

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* Also true of /dev/null: masks files of that name in later folders and sets nothing. */
static bool is_empty(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size == 0;
}

static bool find_main(const char *root, const char *name, path_t path)
{
	for (size_t i = 0; i < ELEMENTSOF(places); i++)
		if (make_path(path, root, places[i], name, ".conf") && exists(path))
			return !is_empty(path);
	return false;
}

/* ---- drop-ins ---- */

struct files {
	path_t paths[1 + DROP_INS_MAX]; /* the first is NAME.conf */
	size_t n;
};

static const char *base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(base_name(a), base_name(b));
}

static bool is_hidden(const struct files *files, const char *name)
{
	for (size_t i = 1; i < files->n; i++)
		if (strcmp(base_name(files->paths[i]), name) == 0)
			return true;
	return false;
}

static int add_drop_ins(struct files *files, const char *folder, struct error *err)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!text_ends_with(entry->d_name, ".conf") || entry->d_name[0] == '.' ||
			is_hidden(files, entry->d_name))
			continue;
		if (files->n == ELEMENTSOF(files->paths) ||
			!make_path(
				files->paths[files->n], "", folder, entry->d_name, "")) {
			closedir(dir);
			return error_set(err, FAULT_USAGE, -E2BIG,
				"%s has too many files, or one with too long a name",
				folder);
		}
		files->n++;
	}
	if (dir)
		closedir(dir);
	return 0;
}

static int find_files(
	const char *root, const char *name, struct files *files, struct error *err)
{
	path_t folder;
	int r = 0;

	if (!find_main(root, name, files->paths[0]))
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			CONFIG_PLACE "/%s.conf does not exist or is empty", name);
	files->n = 1;
	for (size_t i = 0; r == 0 && i < ELEMENTSOF(places); i++)
		if (make_path(folder, root, places[i], name, ".conf.d"))
			r = add_drop_ins(files, folder, err);
	qsort(files->paths + 1, files->n - 1, sizeof(path_t), by_name);
	return r;
}

int config_files(const char *root, const char *name, config_file_fn fn, void *userdata,
	struct error *err)
{
	_cleanup_free_ struct files *files = calloc(1, sizeof(*files));
	int r = files ? find_files(root, name, files, err) : error_memory(err);

	for (size_t i = 0; r >= 0 && i < files->n; i++)
		r = fn(files->paths[i], userdata);
	return r < 0 ? r : 0;
}

/* ---- reading ---- */

static int parse_files(struct config *c, enum config_round round,
	const struct files *files, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->n; i++) {
		_cleanup_blob_ struct blob text = {0};

		if (is_empty(files->paths[i]))
			continue;
		r = file_read(files->paths[i], FILE_SIZE_MAX, false, &text);
		if (r < 0)
			return error_set(err, FAULT_USAGE, r, "cannot read %s: %m",
				files->paths[i]);
		r = config_parse(c, round, files->paths[i], text.data, text.size, err);
	}
	return r;
}

/* Relative paths start from the file's folder. */
static int set_directory(struct config *c, const char *main_file, struct error *err)
{
	c->target.directory =
		strndup(main_file, (size_t)(base_name(main_file) - 1 - main_file));
	return c->target.directory ? 0 : error_memory(err);
}

static int read_files(
	struct config *c, const char *name, const struct files *files, struct error *err)
{
	int r = set_directory(c, files->paths[0], err);

	if (r == 0)
		r = parse_files(c, CONFIG_ROUND_URI, files, err);
	if (r == 0 && !c->target.uri)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%s lacks a line uri=, which says where the disk is",
			files->paths[0]);
	if (r == 0)
		r = target_set(&c->target, "name", name, err);
	if (r == 0)
		r = parse_files(c, CONFIG_ROUND_OPTIONS, files, err);
	if (r < 0)
		return r;
	r = target_check(&c->target, err);
	return r < 0 ? error_prefix(err, r, "%s", files->paths[0]) : 0;
}

int config_read(const char *root, const char *name, struct config *ret, struct error *err)
{
	_cleanup_free_ struct files *files = calloc(1, sizeof(*files));
	_cleanup_config_ struct config c = {0};
	int r;

	target_init(&c.target);
	if (!files)
		return error_memory(err);
	if (!target_name_is_valid(name))
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			"\"%.64s\" is not a valid attachment name", name);
	r = find_files(root, name, files, err);
	if (r == 0)
		r = read_files(&c, name, files, err);
	if (r < 0) {
		*ret = (struct config){.initrd = c.initrd};
		return r;
	}
	*ret = c;
	c = (struct config){0};
	return 0;
}

static int list_place(const char *root, size_t place, config_name_fn fn, void *userdata)
{
	const struct dirent *entry;
	path_t folder, path;
	DIR *dir;
	int r = 0;

	if (!make_path(folder, root, places[place], "", "") || !(dir = opendir(folder)))
		return 0;
	while (r >= 0 && (entry = readdir(dir))) {
		_cleanup_free_ char *name = NULL;

		if (!text_ends_with(entry->d_name, ".conf") || entry->d_name[0] == '.')
			continue;
		name = strndup(entry->d_name, strlen(entry->d_name) - strlen(".conf"));
		if (!name)
			r = -ENOMEM;
		/* of several files with that name, only the one that is used */
		else if (find_main(root, name, path) &&
			strncmp(path, folder, strlen(folder)) == 0)
			r = fn(name, userdata);
	}
	closedir(dir);
	return r;
}

int config_list(const char *root, config_name_fn fn, void *userdata)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(places); i++)
		r = list_place(root, i, fn, userdata);
	return r;
}
