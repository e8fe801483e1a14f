/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "attachment/claim.h"
#include "attachment/device.h"
#include "attachment/duplicate.h"
#include "attachment/state-file.h"
#include "common/log.h"

struct search {
	int (*found)(const struct search *s, const char *name, const char *where,
		const struct target *t, const struct state *state);
	const struct target *target;
	const char *own;
	const struct state *state;
	struct error *err;
};

/* The same server may have several names, and be used with TLS and without. */
static bool share_server(const struct state *a, const struct state *b)
{
	for (unsigned i = 0; i < a->n_links; i++)
		for (unsigned k = 0; k < b->n_links; k++)
			if (a->links[i].address[0] &&
				strcmp(a->links[i].address, b->links[k].address) == 0)
				return true;
	return false;
}

static bool is_same(const struct search *s, const struct target *t, const struct state *o)
{
	const char *mine = s->target->export_name, *other = t->export_name;

	if (target_is_same_export(s->target, t))
		return true;
	return strcmp(mine ? mine : "", other ? other : "") == 0 &&
		share_server(s->state, o);
}

/* Where it is, for people. A state without a device and a holder does not count. */
static bool is_attached(const char *name, char *where, size_t size)
{
	struct sysfs_device device;
	struct error ignored;
	pid_t holder;

	if (attachment_find(name, &device, &ignored) == 0) {
		snprintf(where, size, "as /dev/nbd%u", device.index);
		return true;
	}
	snprintf(where, size, "or is being attached");
	return claim_is_held(name, &holder);
}

/* Calls fn for each attachment of the same export. */
static int check_one(const char *name, void *userdata)
{
	const struct search *s = userdata;
	_cleanup_target_ struct target t;
	struct error ignored;
	struct state state;
	char where[32];

	target_init(&t);
	if (strcmp(name, s->own) == 0 || state_read(name, &state, &t, &ignored) < 0 ||
		!is_same(s, &t, &state) || !is_attached(name, where, sizeof(where)))
		return 0;
	return s->found(s, name, where, &t, &state);
}

static int refuse(const struct search *s, const char *name, const char *where,
	const struct target *t, const struct state *state _unused_)
{
	if (s->target->exclusive)
		return error_set(s->err, FAULT_KERNEL, -EBUSY,
			"%s has this export attached already, %s: detach it first, or do not use --exclusive",
			name, where);
	if (t->exclusive)
		return error_set(s->err, FAULT_KERNEL, -EBUSY,
			"%s has this export attached already, %s, as the only one (--exclusive): detach it first",
			name, where);
	return 0;
}

int duplicate_refuse(const struct target *t, const char *own, const struct state *state,
	struct error *err)
{
	struct search s = {
		.found = refuse, .target = t, .own = own, .state = state, .err = err};
	int r = claim_each(check_one, &s);

	if (r < 0 && r != -EBUSY)
		return error_set(
			err, FAULT_OTHER, r, "cannot read " STATE_DIRECTORY ": %m");
	return r;
}

static int warn(const struct search *s, const char *name, const char *where,
	const struct target *t _unused_, const struct state *state)
{
	if (!(s->state->flags & state->flags & NBD_FLAG_READ_ONLY))
		log_warning(
			"%s has the same export attached, %s: writing to both destroys most file systems (--exclusive refuses this)",
			name, where);
	return 0;
}

void duplicate_warn(const struct target *t, const char *own, const struct state *state)
{
	struct search s = {.found = warn, .target = t, .own = own, .state = state};

	(void)claim_each(check_one, &s);
}
