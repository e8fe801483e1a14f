/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <json.h>
#include <string.h>

#include "attachment/json-add.h"
#include "attachment/state-json.h"

#define SETTINGS_MAX 256

static const char *const link_states[] = {
	[LINK_UP] = "up",
	[LINK_RECONNECTING] = "reconnecting",
	[LINK_REFUSED] = "refused",
};

const char *state_link_word(enum link_state state)
{
	return link_states[state];
}

static json_object *put_object(json_object *array)
{
	json_object *o = json_object_new_object();

	json_object_array_add(array, o);
	return o;
}

static void put_links(json_object *array, const struct state *s)
{
	for (unsigned i = 0; i < s->n_links; i++) {
		const struct state_link *link = &s->links[i];
		json_object *o = put_object(array);

		json_add_text(o, "state", state_link_word(link->state));
		json_add_text(o, "address", link->address);
		json_add_number(o, "socket", link->socket);
		json_add_number(o, "candidate", link->candidate);
		json_add_number(o, "since", (uint64_t)link->since);
		json_add_number(o, "reconnects", link->reconnects);
		json_add_text(o, "error", link->error);
		json_add_bool(o, "encrypts", link->encrypts);
	}
}

static uint64_t first_event(const struct state *s)
{
	return s->n_events > STATE_EVENTS_MAX ? s->n_events - STATE_EVENTS_MAX + 1 : 1;
}

static void put_events(json_object *array, const struct state *s)
{
	for (uint64_t n = first_event(s); n <= s->n_events; n++) {
		const struct state_event *event = state_event(s, n);
		json_object *o = put_object(array);

		json_add_number(o, "time", (uint64_t)event->time);
		json_object_object_add(o, "link", json_object_new_int(event->link));
		json_add_text(o, "kind", event->kind);
		json_add_text(o, "text", event->text);
	}
}

static void put_target(json_object *o, const struct target *t)
{
	json_object *settings;

	json_add_text(o, "uri", t->uri);
	json_add_text(o, "directory", t->directory);
	settings = json_add_array(o, "settings");
	for (size_t i = 0; i < t->n_settings; i++)
		json_object_array_add(settings, json_object_new_string(t->settings[i]));
}

json_object *state_to_json(const struct state *s, const struct target *t)
{
	json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	json_add_number(o, "version", STATE_VERSION);
	put_target(o, t);
	json_add_number(o, "device", s->index);
	json_add_bool(o, "ready", s->ready);
	json_add_number(o, "size", s->size);
	json_add_number(o, "block-size", s->block_size);
	json_add_number(o, "maximum", s->maximum);
	json_add_number(o, "flags", s->flags);
	json_add_text(o, "server", s->server);
	json_add_text(o, "address", s->address);
	json_add_bool(o, "tls", s->tls);
	json_add_bool(o, "tls-verified", s->tls_verified);
	json_add_text(o, "tls-version", s->tls_version);
	json_add_text(o, "tls-cipher", s->tls_cipher);
	json_add_text(o, "relay", s->relay);
	json_add_number(o, "since", (uint64_t)s->since);
	json_add_number(o, "repeated", s->repeated);
	json_add_bool(o, "break-before-make", s->break_before_make);
	json_add_bool(o, "by-name", s->by_name);
	put_links(json_add_array(o, "links"), s);
	json_add_number(o, "n-events", s->n_events);
	put_events(json_add_array(o, "events"), s);
	return o;
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

static bool take_number(
	json_object *o, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	json_object *value = member(o, key, json_type_int);

	if (!value)
		return false;
	*ret = json_object_get_int64(value);
	/* json-c clamps larger numbers to these */
	if (*ret == INT64_MIN || *ret == INT64_MAX)
		return false;
	return *ret >= min && *ret <= max;
}

static bool take_unsigned(json_object *o, const char *key, uint64_t *ret)
{
	int64_t n;

	if (!take_number(o, key, 0, INT64_MAX, &n))
		return false;
	*ret = (uint64_t)n;
	return true;
}

static bool take_text(json_object *o, const char *key, char *out, size_t size)
{
	json_object *value = member(o, key, json_type_string);
	const char *text = value ? json_object_get_string(value) : NULL;

	if (!text || strlen(text) >= size)
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

static bool take_link_state(json_object *o, enum link_state *ret)
{
	char word[16];

	if (!take_text(o, "state", word, sizeof(word)))
		return false;
	for (size_t i = 0; i < ELEMENTSOF(link_states); i++)
		if (strcmp(word, link_states[i]) == 0) {
			*ret = (enum link_state)i;
			return true;
		}
	return false;
}

/* Added since the version was last raised: an older file does not have it. */
static bool take_later_bool(json_object *o, const char *key, bool *ret)
{
	return !json_object_object_get_ex(o, key, NULL) || take_bool(o, key, ret);
}

static bool take_later_unsigned(json_object *o, const char *key, uint64_t *ret)
{
	return !json_object_object_get_ex(o, key, NULL) || take_unsigned(o, key, ret);
}

static bool take_link(json_object *o, struct state_link *link)
{
	return take_link_state(o, &link->state) &&
		take_text(o, "address", link->address, sizeof(link->address)) &&
		take_unsigned(o, "socket", &link->socket) &&
		take_unsigned(o, "candidate", &link->candidate) &&
		take_number(o, "since", INT64_MIN, INT64_MAX, &link->since) &&
		take_unsigned(o, "reconnects", &link->reconnects) &&
		take_text(o, "error", link->error, sizeof(link->error)) &&
		take_later_bool(o, "encrypts", &link->encrypts);
}

static bool take_links(json_object *o, struct state *s)
{
	json_object *array = member(o, "links", json_type_array);
	size_t n = array ? json_object_array_length(array) : 0;

	if (n < 1 || n > NBD_LINKS_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!take_link(json_object_array_get_idx(array, i), &s->links[i]))
			return false;
	s->n_links = (unsigned)n;
	return true;
}

/* Older files tell only where each link went. */
static bool take_address(json_object *o, struct state *s)
{
	if (json_object_object_get_ex(o, "address", NULL))
		return take_text(o, "address", s->address, sizeof(s->address));
	memcpy(s->address, s->links[0].address, sizeof(s->address));
	return true;
}

static bool take_event(json_object *o, struct state_event *event)
{
	int64_t link;

	if (!take_number(o, "time", INT64_MIN, INT64_MAX, &event->time) ||
		!take_number(o, "link", -1, NBD_LINKS_MAX - 1, &link) ||
		!take_text(o, "kind", event->kind, sizeof(event->kind)) ||
		!take_text(o, "text", event->text, sizeof(event->text)))
		return false;
	event->link = (int)link;
	return true;
}

static bool take_events(json_object *o, struct state *s)
{
	json_object *array = member(o, "events", json_type_array);
	uint64_t first;

	if (!array || !take_unsigned(o, "n-events", &s->n_events))
		return false;
	first = first_event(s);
	if (json_object_array_length(array) != s->n_events + 1 - first)
		return false;
	for (uint64_t n = first; n <= s->n_events; n++) {
		struct state_event *event = &s->events[n % STATE_EVENTS_MAX];

		event->number = n;
		if (!take_event(json_object_array_get_idx(array, n - first), event))
			return false;
	}
	return true;
}

static bool take_state(json_object *o, struct state *s)
{
	int64_t version, index, block_size, maximum, flags;

	if (!take_number(o, "version", STATE_VERSION, STATE_VERSION, &version) ||
		!take_number(o, "device", 0, INT32_MAX, &index) ||
		!take_number(o, "block-size", 512, UINT32_MAX, &block_size) ||
		!take_number(o, "maximum", 0, UINT32_MAX, &maximum) ||
		!take_number(o, "flags", 0, UINT16_MAX, &flags))
		return false;
	s->index = (unsigned)index;
	s->block_size = (uint32_t)block_size;
	s->maximum = (uint32_t)maximum;
	s->flags = (uint16_t)flags;
	return take_bool(o, "ready", &s->ready) && take_unsigned(o, "size", &s->size) &&
		take_text(o, "server", s->server, sizeof(s->server)) &&
		take_bool(o, "tls", &s->tls) &&
		take_bool(o, "tls-verified", &s->tls_verified) &&
		take_text(o, "tls-version", s->tls_version, sizeof(s->tls_version)) &&
		take_text(o, "tls-cipher", s->tls_cipher, sizeof(s->tls_cipher)) &&
		take_text(o, "relay", s->relay, sizeof(s->relay)) &&
		take_number(o, "since", INT64_MIN, INT64_MAX, &s->since) &&
		take_later_unsigned(o, "repeated", &s->repeated) &&
		take_later_bool(o, "break-before-make", &s->break_before_make) &&
		take_later_bool(o, "by-name", &s->by_name) && take_links(o, s) &&
		take_address(o, s) && take_events(o, s);
}

static int take_target(json_object *o, struct target *t, struct error *err)
{
	json_object *uri = member(o, "uri", json_type_string);
	json_object *directory = member(o, "directory", json_type_string);
	json_object *array = member(o, "settings", json_type_array);
	const char *settings[SETTINGS_MAX];
	size_t n = array ? json_object_array_length(array) : 0;

	if (!uri || !directory || !array || n > SETTINGS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		json_object *setting = json_object_array_get_idx(array, i);

		if (!json_object_is_type(setting, json_type_string))
			return -EBADMSG;
		settings[i] = json_object_get_string(setting);
	}
	return target_replay(t, json_object_get_string(uri),
		json_object_get_string(directory), settings, n, err);
}

int state_from_json(json_object *o, struct state *s, struct target *t, struct error *err)
{
	if (!take_state(o, s))
		return -EBADMSG;
	return t ? take_target(o, t, err) : 0;
}
