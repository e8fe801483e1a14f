/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "attachment/json-add.h"
#include "attachment/state-json.h"
#include "common/file.h"
#include "common/text.h"

#define INITRD_FILE    "initrd"
#define STATE_SIZE_MAX ((size_t)256 * 1024)

int state_write(const struct claim *claim, const struct state *state,
	const struct target *t, struct error *err)
{
	_cleanup_json_ json_object *o = state_to_json(state, t);
	const char *text;
	int r;

	if (!o)
		return error_memory(err);
	text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return error_memory(err);
	r = file_write_atomic(claim->fd, STATE_FILE, text, strlen(text));
	if (r < 0)
		return error_set(err, FAULT_OTHER, r,
			"cannot write " STATE_DIRECTORY "/%s/" STATE_FILE ": %m",
			claim->name);
	return 0;
}

void state_mark_initrd(const struct claim *claim)
{
	closep(&(int){openat(claim->fd, INITRD_FILE,
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)});
}

bool state_is_initrd(const char *name)
{
	char path[sizeof(STATE_DIRECTORY) + NBD_NAME_MAX + sizeof(INITRD_FILE) + 2];

	snprintf(path, sizeof(path), STATE_DIRECTORY "/%s/" INITRD_FILE, name);
	return access(path, F_OK) == 0;
}

void state_forget(const struct claim *claim)
{
	unlinkat(claim->fd, STATE_FILE, 0);
	unlinkat(claim->fd, STATE_FILE ".new", 0); /* of a writer that was killed */
	unlinkat(claim->fd, INITRD_FILE, 0);
}

int state_read(
	const char *name, struct state *ret, struct target *ret_target, struct error *err)
{
	_cleanup_json_ json_object *o = NULL;
	char path[sizeof(STATE_DIRECTORY) + NBD_NAME_MAX + sizeof(STATE_FILE) + 2];
	_cleanup_blob_ struct blob file = {0};
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
	*ret = (struct state){0};
	o = json_tokener_parse(file.data);
	r = o ? state_from_json(o, ret, ret_target, err) : -EBADMSG;
	if (r == -ENOMEM)
		return error_memory(err);
	if (r < 0)
		return error_set(err, FAULT_OTHER, -EBADMSG,
			"%s is broken, or of another version of this program", path);
	return 0;
}

struct limits state_limits(const struct state *state)
{
	return (struct limits){.size = state->size,
		.block_size = state->block_size,
		.request = state->maximum,
		.flags = state->flags};
}

void state_set_tls(struct state *state, const struct server_facts *facts)
{
	state->tls = facts->tls;
	state->tls_verified = facts->tls_verified;
	snprintf(
		state->tls_version, sizeof(state->tls_version), "%s", facts->tls_version);
	snprintf(state->tls_cipher, sizeof(state->tls_cipher), "%s", facts->tls_cipher);
}

void state_add_event(
	struct state *state, int link, const char *kind, const char *format, ...)
{
	struct state_event *event = &state->events[++state->n_events % STATE_EVENTS_MAX];
	struct timespec now;
	va_list args;

	clock_gettime(CLOCK_REALTIME, &now);
	*event = (struct state_event){.number = state->n_events,
		.time = (int64_t)now.tv_sec * (int64_t)USEC_PER_SEC + now.tv_nsec / 1000,
		.link = link};
	snprintf(event->kind, sizeof(event->kind), "%s", kind);
	va_start(args, format);
	vsnprintf(event->text, sizeof(event->text), format, args);
	va_end(args);
	text_flatten(event->text); /* a text that was cut may end in half a character */
}

const struct state_event *state_event(const struct state *state, uint64_t number)
{
	const struct state_event *event = &state->events[number % STATE_EVENTS_MAX];

	return number > 0 && event->number == number ? event : NULL;
}

/* What else lies there is nothing of ours. */
static bool is_folder(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISDIR(st.st_mode);
}

int state_each(int (*fn)(const char *name, void *userdata), void *userdata)
{
	_cleanup_closedir_ DIR *dir = opendir(STATE_DIRECTORY);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r >= 0 && (entry = readdir(dir)))
		if (target_name_is_valid(entry->d_name) &&
			is_folder(dirfd(dir), entry->d_name))
			r = fn(entry->d_name, userdata);
	return r;
}
