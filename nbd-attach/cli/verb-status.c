/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "attachment/device.h"
#include "cli/human.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "common/text.h"

#define EVENTS_SHOWN 5

static int find_device(
	unsigned index, struct view *ret, struct target *t, struct error *err)
{
	struct sysfs_device device;
	int r = sysfs_read(index, &device);

	if (r < 0 || !device.configured)
		return error_set(
			err, FAULT_NO_SUCH, -ENOENT, "/dev/nbd%u is not attached", index);
	if (!attachment_name(&device))
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			"/dev/nbd%u was attached by another program: nothing is known about it",
			index);
	view_device(&device, ret, t);
	return 0;
}

static int find(
	const char *operand, struct view *ret, struct target *t, struct error *err)
{
	struct sysfs_device device;
	char quoted[128];
	unsigned index;
	int r;

	if (target_parse_device(operand, &index) == 0)
		return find_device(index, ret, t, err);
	if (!target_name_is_valid(operand))
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			"there is no attachment named %s",
			text_quote(operand, strlen(operand), quoted, sizeof(quoted)));
	r = attachment_find(operand, &device, err);
	if (r == -ENOENT)
		return view_lost(operand, ret, t, err);
	if (r < 0)
		return r;
	view_device(&device, ret, t);
	return 0;
}

static bool is_read_only(const struct view *v)
{
	return v->attached ? v->device.read_only : v->state.flags & NBD_FLAG_READ_ONLY;
}

/* -1: there is no device to ask. */
static int64_t in_flight(const struct view *v)
{
	struct sysfs_io io;

	if (!v->attached || sysfs_read_io(v->device.index, &io) < 0)
		return -1;
	return (int64_t)io.in_flight;
}

/* ---- for people ---- */

static void line(const char *key, const char *format, ...) _printf_(2, 3);

static void line(const char *key, const char *format, ...)
{
	va_list args;

	printf("%s:%*s", key, (int)(19 - strlen(key)), "");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void time_line(const char *key, int64_t seconds)
{
	char when[HUMAN_SIZE], age[HUMAN_SIZE];

	line(key, "%s (%s ago)", human_local(seconds, when), human_age(seconds, age));
}

static void print_device(const struct view *v)
{
	int64_t flying = in_flight(v);
	char human[HUMAN_SIZE];

	line("name", "%s", v->name);
	if (v->attached)
		line("device", "/dev/nbd%u", v->device.index);
	if (v->known)
		line("state", "%s", view_word(v));
	else
		line("state", "%s: %s", view_word(v), v->unknown.text);
	if (v->holder > 0)
		line("supervisor", "pid %d", v->holder);
	else if (v->held)
		line("supervisor", "in another PID namespace");
	line("size", "%" PRIu64 " bytes (%s)", view_size(v),
		human_bytes(view_size(v), human));
	if (v->known)
		line("block size", "%" PRIu32 " bytes", v->state.block_size);
	line("read-only", "%s", is_read_only(v) ? "yes" : "no");
	if (flying >= 0)
		line("in flight", "%" PRId64 " request%s%s", flying,
			flying == 1 ? "" : "s",
			v->known && view_links_up(v) < v->state.n_links
				? ", not counting those that wait for a link"
				: "");
}

/* All links, as far as the kernel was observed. */
static bool encrypts(const struct state *state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < state->n_links; i++) {
		if (state->links[i].state == LINK_UP && !state->links[i].encrypts)
			return false;
		n += state->links[i].encrypts;
	}
	return n > 0;
}

static void print_server(const struct state *state, const struct target *t)
{
	char quoted[2 * NBD_NAME_MAX];

	line("server", "%s", state->server);
	line("address", "%s", state->address);
	line("export", "%s",
		text_quote(
			t->export_name, strlen(t->export_name), quoted, sizeof(quoted)));
	line("URI", "%s", t->uri);
	if (state->tls)
		line("TLS", "%s, %s, %s", state->tls_version, state->tls_cipher,
			view_trust(state->tls_verified, t));
	else
		line("TLS", "no");
	if (state->relay[0])
		line("data path", "relay: %s", state->relay);
	else
		line("data path", "%s%s", state->tls ? "kernel TLS" : "kernel",
			encrypts(state) ? ", seen to encrypt" : "");
}

static void print_options(const struct state *state, const struct target *t)
{
	const struct {
		const char *name;
		usec_t span;
	} spans[] = {
		{"connect-timeout", t->connect_timeout},
		{"io-timeout", t->io_timeout},
		{"reconnect-timeout", t->reconnect_timeout},
	};
	char human[HUMAN_SIZE];

	for (size_t i = 0; i < ELEMENTSOF(spans); i++)
		line(spans[i].name, "%s", human_span(spans[i].span, human));
	line("exclusive", "%s", t->exclusive ? "yes" : "no");
	line("lock-memory", "%s", t->lock_memory ? "yes" : "no");
	time_line("attached", state->since);
}

static void print_past(const struct state *state)
{
	if (state->repeated > 0)
		line("sent again", "up to %" PRIu64 " request%s, when a link ended",
			state->repeated, state->repeated == 1 ? "" : "s");
	if (state->break_before_make)
		line("replacing links",
			"the old one is ended first: the server accepts "
			"no connection beside it");
}

/* Without a supervisor the state shows how things were. */
static void print_links(const struct view *v)
{
	for (unsigned i = 0; i < v->state.n_links; i++) {
		const struct state_link *link = &v->state.links[i];
		char key[16];

		snprintf(key, sizeof(key), "link %u", i);
		line(key, "%s%s", state_link_word(link->state),
			view_is_supervised(v) ? "" : " when last seen");
		line("  address", "%s", link->address);
		time_line("  since", link->since);
		line("  reconnects", "%" PRIu64, link->reconnects);
		if (link->error[0])
			line("  last error", "%s", link->error);
	}
}

static void print_events(const struct state *state)
{
	uint64_t n = state->n_events > EVENTS_SHOWN ? state->n_events - EVENTS_SHOWN : 0;
	const struct state_event *event;
	char when[HUMAN_SIZE];

	puts("last events:");
	while ((event = state_event(state, ++n))) {
		printf("  %s  ", human_local(event->time / (int64_t)USEC_PER_SEC, when));
		if (event->link >= 0 && state->n_links > 1)
			printf("link %d: ", event->link);
		puts(event->text);
	}
}

static void print_status(const struct view *v, const struct target *t)
{
	print_device(v);
	if (!v->known)
		return;
	print_server(&v->state, t);
	print_options(&v->state, t);
	print_past(&v->state);
	print_links(v);
	if (v->state.n_events > 0)
		print_events(&v->state);
}

/* ---- for scripts ---- */

static void add_links(json_object *array, const struct state *state)
{
	for (unsigned i = 0; i < state->n_links; i++) {
		const struct state_link *link = &state->links[i];
		json_object *o = json_object_new_object();

		json_add_text(o, "state", state_link_word(link->state));
		json_add_text(o, "address", link->address);
		json_add_seconds(o, "since", link->since);
		json_add_number(o, "reconnects", link->reconnects);
		json_add_optional(o, "error", link->error);
		json_add_bool(o, "encrypts", link->encrypts);
		json_object_array_add(array, o);
	}
}

static void add_events(json_object *array, const struct state *state)
{
	uint64_t n = state->n_events > STATE_EVENTS_MAX
		? state->n_events - STATE_EVENTS_MAX
		: 0;
	const struct state_event *event;

	while ((event = state_event(state, ++n))) {
		json_object *o = json_object_new_object();

		view_add_event(event, o);
		json_object_array_add(array, o);
	}
}

/* What only the state file knows. */
static void add_known(json_object *o, const struct state *state, const struct target *t)
{
	json_add_number(o, "block-size", state->block_size);
	json_add_text(o, "export", t->export_name);
	json_add_text(o, "uri", t->uri);
	json_add_text(o, "address", state->address);
	json_add_bool(o, "tls-ignore-not-before", t->tls_ignore_not_before);
	json_add_text(o, "data-path", state->relay[0] ? "relay" : "kernel");
	json_add_optional(o, "relay-reason", state->relay);
	json_add_span(o, "connect-timeout", t->connect_timeout);
	json_add_span(o, "io-timeout", t->io_timeout);
	json_add_span(o, "reconnect-timeout", t->reconnect_timeout);
	json_add_bool(o, "exclusive", t->exclusive);
	json_add_bool(o, "lock-memory", t->lock_memory);
	json_add_seconds(o, "since", state->since);
	json_add_number(o, "repeated", state->repeated);
	json_add_bool(o, "break-before-make", state->break_before_make);
}

static int print_json(const struct view *v, const struct target *t)
{
	_cleanup_json_ json_object *o = json_object_new_object();
	int64_t flying = in_flight(v);

	if (!o)
		return -ENOMEM;
	view_add(v, o);
	json_add_bool(o, "read-only", is_read_only(v));
	if (v->holder > 0)
		json_add_number(o, "supervisor", (uint64_t)v->holder);
	else
		json_add_null(o, "supervisor");
	if (flying >= 0)
		json_add_number(o, "in-flight", (uint64_t)flying);
	else
		json_add_null(o, "in-flight");
	if (v->known)
		add_known(o, &v->state, t);
	add_links(json_add_array(o, "links"), &v->state);
	add_events(json_add_array(o, "events"), &v->state);
	return json_print(o);
}

int verb_status(const struct arguments *a, struct error *err)
{
	_cleanup_target_ struct target t;
	struct view v;
	int r;

	target_init(&t);
	if (!a->operand)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"expected a name or a device: nbd-attach list shows them");
	r = find(a->operand, &v, &t, err);
	if (r < 0)
		return r;
	if (a->json)
		r = print_json(&v, &t);
	else
		print_status(&v, &t);
	return r < 0 ? error_set(err, FAULT_OTHER, r, "cannot print the status: %m") : 0;
}
