/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/file.h"
#include "session/state.h"

#define STATE_FILE     "state.json"
#define STATE_SIZE_MAX (64 * 1024)

DEFINE_CLEANUP(json_object *, json_object_put)

static int claim_failed(int r, const char *name, struct error *err)
{
	if (r == -EWOULDBLOCK)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"another process is attaching or detaching %s just now", name);
	return error_set(
		err, FAULT_KERNEL, r, "cannot use " STATE_DIRECTORY "/%s: %m", name);
}

/* The directory that we locked may have been removed by its last owner just before. */
static bool still_there(const struct claim *claim)
{
	struct stat ours, found;

	return fstat(claim->fd, &ours) == 0 &&
		fstatat(claim->root_fd, claim->name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
		ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;
}

static int lock_directory(struct claim *claim)
{
	for (;;) {
		if (mkdirat(claim->root_fd, claim->name, 0755) < 0 && errno != EEXIST)
			return -errno;
		claim->fd = openat(claim->root_fd, claim->name,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (claim->fd < 0 && errno != ENOENT)
			return -errno;
		if (claim->fd >= 0 && flock(claim->fd, LOCK_EX | LOCK_NB) < 0)
			return -errno;
		if (claim->fd >= 0 && still_there(claim))
			return 0;
		closep(&claim->fd);
		claim->fd = -1;
	}
}

int state_claim(const char *name, struct claim *ret, struct error *err)
{
	struct claim claim = {.root_fd = -1, .fd = -1};
	int r;

	if (!target_name_is_valid(name))
		return error_set(
			err, FAULT_NO_SUCH, -ENOENT, "there is no such attachment");
	snprintf(claim.name, sizeof(claim.name), "%s", name);
	if (mkdir(STATE_DIRECTORY, 0755) < 0 && errno != EEXIST)
		return claim_failed(-errno, name, err);
	claim.root_fd = open(STATE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (claim.root_fd < 0)
		return claim_failed(-errno, name, err);
	r = lock_directory(&claim);
	if (r < 0) {
		closep(&claim.fd);
		closep(&claim.root_fd);
		return claim_failed(r, name, err);
	}
	*ret = claim;
	return 0;
}

void state_release(struct claim *claim)
{
	if (claim->fd >= 0)
		unlinkat(claim->root_fd, claim->name, AT_REMOVEDIR); /* only if empty */
	closep(&claim->fd);
	closep(&claim->root_fd);
	*claim = (struct claim){.root_fd = -1, .fd = -1};
}

int state_write(const struct claim *claim, const struct state *s, struct error *err)
{
	_cleanup_(json_object_putp) json_object *o = json_object_new_object();
	const char *text;
	int r;

	if (!o)
		return error_memory(err);
	json_object_object_add(o, "version", json_object_new_int(STATE_VERSION));
	json_object_object_add(o, "device", json_object_new_int((int)s->index));
	json_object_object_add(o, "size", json_object_new_int64((int64_t)s->size));
	json_object_object_add(o, "block-size", json_object_new_int64(s->block_size));
	json_object_object_add(o, "flags", json_object_new_int(s->flags));
	json_object_object_add(o, "links", json_object_new_int((int)s->links));
	json_object_object_add(o, "server", json_object_new_string(s->server));
	json_object_object_add(o, "tls", json_object_new_boolean(s->tls));
	json_object_object_add(
		o, "tls-verified", json_object_new_boolean(s->tls_verified));
	json_object_object_add(o, "tls-version", json_object_new_string(s->tls_version));
	json_object_object_add(o, "tls-cipher", json_object_new_string(s->tls_cipher));
	json_object_object_add(o, "since", json_object_new_int64(s->since));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
	if (!text)
		return error_memory(err);
	r = file_write_atomic(claim->fd, STATE_FILE, text, strlen(text));
	if (r < 0)
		return error_set(err, FAULT_OTHER, r,
			"cannot write " STATE_DIRECTORY "/%s/" STATE_FILE ": %m",
			claim->name);
	return 0;
}

void state_forget(const struct claim *claim)
{
	unlinkat(claim->fd, STATE_FILE, 0);
	unlinkat(claim->fd, STATE_FILE ".new", 0); /* of a writer that was killed */
}

/* A member of the right type, or NULL. */
static json_object *member(json_object *o, const char *key, json_type type)
{
	json_object *value = NULL;

	if (!json_object_object_get_ex(o, key, &value) ||
		!json_object_is_type(value, type))
		return NULL;
	return value;
}

static bool take_number(json_object *o, const char *key, int64_t max, int64_t *ret)
{
	json_object *value = member(o, key, json_type_int);
	int64_t n = value ? json_object_get_int64(value) : -1;

	if (n < 0 || n > max)
		return false;
	*ret = n;
	return true;
}

static bool take_text(json_object *o, const char *key, char out[STATE_TEXT_SIZE])
{
	json_object *value = member(o, key, json_type_string);
	const char *text = value ? json_object_get_string(value) : NULL;

	if (!text || strlen(text) >= STATE_TEXT_SIZE)
		return false;
	strcpy(out, text);
	return true;
}

static bool take_bool(json_object *o, const char *key, bool *ret)
{
	json_object *value = member(o, key, json_type_boolean);

	if (!value)
		return false;
	*ret = json_object_get_boolean(value);
	return true;
}

static bool take_state(json_object *o, struct state *s)
{
	int64_t version, index, size, block_size, flags, links;

	if (!take_number(o, "version", STATE_VERSION, &version) ||
		version != STATE_VERSION ||
		!take_number(o, "device", INT32_MAX, &index) ||
		!take_number(o, "size", INT64_MAX, &size) ||
		!take_number(o, "block-size", UINT32_MAX, &block_size) ||
		!take_number(o, "flags", UINT16_MAX, &flags) ||
		!take_number(o, "links", NBD_LINKS_MAX, &links) ||
		!take_number(o, "since", INT64_MAX, &s->since))
		return false;
	s->index = (unsigned)index;
	s->size = (uint64_t)size;
	s->block_size = (uint32_t)block_size;
	s->flags = (uint16_t)flags;
	s->links = (unsigned)links;
	return take_bool(o, "tls", &s->tls) &&
		take_bool(o, "tls-verified", &s->tls_verified) &&
		take_text(o, "tls-version", s->tls_version) &&
		take_text(o, "tls-cipher", s->tls_cipher) &&
		take_text(o, "server", s->server);
}

int state_read(const char *name, struct state *ret, struct error *err)
{
	_cleanup_(json_object_putp) json_object *o = NULL;
	char path[sizeof(STATE_DIRECTORY) + NBD_NAME_MAX + sizeof(STATE_FILE) + 2];
	_cleanup_blob_ struct blob file = {0};
	struct state state = {0};
	int r;

	if (!target_name_is_valid(name))
		return error_set(
			err, FAULT_NO_SUCH, -ENOENT, "there is no such attachment");
	snprintf(path, sizeof(path), STATE_DIRECTORY "/%s/" STATE_FILE, name);
	r = file_read(path, STATE_SIZE_MAX, false, &file);
	if (r == -ENOENT)
		return error_set(
			err, FAULT_NO_SUCH, r, "there is no attachment called %s", name);
	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "cannot read %s: %m", path);
	o = json_tokener_parse(file.data);
	if (!o || !take_state(o, &state))
		return error_set(err, FAULT_OTHER, -EBADMSG,
			"%s is broken, or of another version of this program", path);
	*ret = state;
	return 0;
}

int state_each(int (*fn)(const char *name, void *userdata), void *userdata)
{
	_cleanup_closedir_ DIR *dir = opendir(STATE_DIRECTORY);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r >= 0 && (entry = readdir(dir)))
		if (target_name_is_valid(entry->d_name))
			r = fn(entry->d_name, userdata);
	return r;
}
