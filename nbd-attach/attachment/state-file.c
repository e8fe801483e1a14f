/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <json.h>
#include <string.h>

#include "attachment/claim.h"
#include "attachment/json-add.h"
#include "attachment/state-file.h"
#include "attachment/state-json.h"
#include "common/file.h"

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
			err, FAULT_NO_SUCH, r, "there is no attachment named %s", name);
	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "cannot read %s: %m", path);
	*ret = (struct state){0};
	o = json_tokener_parse(file.data);
	r = o ? state_from_json(o, ret, ret_target, err) : -EBADMSG;
	if (r == -ENOMEM)
		return error_memory(err);
	if (r < 0)
		return error_set(err, FAULT_OTHER, -EBADMSG,
			"%s is broken, or from another version of this program", path);
	return 0;
}
