/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "attachment/claim.h"
#include "attachment/device.h"
#include "attachment/state-file.h"
#include "cli/view.h"
#include "kernel/usage.h"

static bool is_attaching(const struct view *v)
{
	return v->held && v->known && !v->state.ready;
}

static void set_over(struct view *v)
{
	struct usage_user user = {.how = "something has it open"};

	v->over = true;
	(void)usage_find(v->device.index, &user);
	error_set(&v->unknown, FAULT_OTHER, -EBUSY,
		"%s; the device disappears with the last close", user.how);
}

void view_device(
	const struct sysfs_device *device, struct view *ret, struct target *ret_target)
{
	const char *name = attachment_name(device);

	*ret = (struct view){.attached = true, .device = *device};
	if (!name)
		return;
	strcpy(ret->name, name);
	ret->known = state_read(name, &ret->state, ret_target, &ret->unknown) == 0;
	ret->held = claim_is_held(name, &ret->holder);
	/* While it is being attached the state does not know the number yet. */
	if (ret->known && !is_attaching(ret) && ret->state.index != device->index) {
		ret->known = false;
		error_set(&ret->unknown, FAULT_OTHER, -EBADMSG,
			"the state of %s belongs to /dev/nbd%u", name, ret->state.index);
	}
	if (!ret->known)
		ret->state = (struct state){0};
	if (!ret->known && attachment_is_disconnected(device))
		set_over(ret);
}

int view_lost(
	const char *name, struct view *ret, struct target *ret_target, struct error *err)
{
	int r;

	*ret = (struct view){0};
	r = state_read(name, &ret->state, ret_target, err);
	if (r < 0)
		ret->state = (struct state){0};
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->known = r == 0;
	ret->held = claim_is_held(name, &ret->holder);
	return r;
}

static const char *worst_link(const struct state *state)
{
	enum link_state worst = LINK_UP;

	for (unsigned i = 0; i < state->n_links; i++)
		if (state->links[i].state > worst)
			worst = state->links[i].state;
	return state_link_word(worst);
}

const char *view_word(const struct view *v)
{
	if (!v->name[0])
		return "foreign";
	if (v->over)
		return "detached";
	if (is_attaching(v))
		return "attaching";
	if (!v->attached)
		return "gone";
	if (!v->known)
		return "unknown"; /* the state file is missing or broken */
	return v->held ? worst_link(&v->state) : "unsupervised";
}

bool view_is_supervised(const struct view *v)
{
	return v->known && v->held && (v->attached || !v->state.ready);
}

unsigned view_links_up(const struct view *v)
{
	unsigned up = 0;

	for (unsigned i = 0; i < v->state.n_links; i++)
		up += v->state.links[i].state == LINK_UP;
	return up;
}

uint64_t view_size(const struct view *v)
{
	return v->attached ? v->device.size : v->state.size;
}

const char *view_trust(bool verified, const struct target *t)
{
	if (!verified)
		return "NOT VERIFIED: tls-verify-peer=0";
	if (t->tls_ignore_not_before)
		return "server verified, but NOT WHETHER ITS CERTIFICATE IS VALID YET: "
		       "tls-ignore-not-before";
	return "server verified";
}

static void add_known_bool(
	const struct view *v, json_object *o, const char *key, bool value)
{
	if (v->known)
		json_add_bool(o, key, value);
	else
		json_add_null(o, key);
}

void view_add(const struct view *v, json_object *o)
{
	const struct state *state = &v->state;
	char device[32] = "";

	if (v->attached)
		snprintf(device, sizeof(device), "/dev/nbd%u", v->device.index);
	json_add_optional(o, "name", v->name);
	json_add_optional(o, "device", device);
	json_add_number(o, "size", view_size(v));
	json_add_text(o, "state", view_word(v));
	json_add_optional(o, "server", state->server);
	add_known_bool(v, o, "tls", state->tls);
	json_add_optional(o, "tls-version", state->tls_version);
	json_add_optional(o, "tls-cipher", state->tls_cipher);
	add_known_bool(v, o, "tls-verified", state->tls_verified);
	if (view_is_supervised(v))
		json_add_number(o, "links-up", view_links_up(v));
	else
		json_add_null(o, "links-up");
}

void view_add_event(const struct state_event *event, json_object *o)
{
	json_add_time(o, "time", event->time);
	if (event->number > 0)
		json_add_number(o, "number", event->number);
	else
		json_add_null(o, "number");
	if (event->link >= 0)
		json_add_number(o, "link", (uint64_t)event->link);
	else
		json_add_null(o, "link");
	json_add_text(o, "kind", event->kind);
	json_add_text(o, "text", event->text);
}
