/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <json.h>
#include <string.h>

#include "session/attachment.h"
#include "verbs.h"

DEFINE_CLEANUP(json_object *, json_object_put)

/* One line of the list: a device, an attachment that lost its device, or both in one. */
struct row {
	const char *name; /* NULL: not ours */
	int index;        /* -1: no device */
	uint64_t size;
	const char *state;
	struct state known; /* zero where nothing is */
};

struct printer {
	json_object *array; /* NULL: for people */
	const struct sysfs_device *devices;
	size_t n_devices;
};

static const char *tls_text(const struct state *s, char *out, size_t size)
{
	if (!s->tls)
		return s->server[0] ? "no" : "-";
	snprintf(out, size, "%s/%s%s", s->tls_version, s->tls_cipher,
		s->tls_verified ? "" : "/UNVERIFIED");
	return out;
}

static int print_line(const struct row *row)
{
	char device[32] = "-", size[24] = "-", links[12] = "-",
	     tls[2 * STATE_TEXT_SIZE + 16];

	if (row->index >= 0) {
		snprintf(device, sizeof(device), "/dev/nbd%d", row->index);
		snprintf(size, sizeof(size), "%" PRIu64, row->size);
	}
	if (row->known.n_links > 0)
		snprintf(links, sizeof(links), "%u", row->known.n_links);
	return printf("%-16s %-12s %14s %-12s %-24s %-26s %s\n",
		       row->name ? row->name : "-", device, size, row->state,
		       row->known.server[0] ? row->known.server : "-",
		       tls_text(&row->known, tls, sizeof(tls)), links) < 0
		? -errno
		: 0;
}

static int add_text(json_object *o, const char *key, const char *text)
{
	return json_object_object_add(
		o, key, text && text[0] ? json_object_new_string(text) : NULL);
}

static int add_object(json_object *array, const struct row *row)
{
	json_object *o = json_object_new_object();
	char device[32];

	if (!o)
		return -ENOMEM;
	snprintf(device, sizeof(device), "/dev/nbd%d", row->index);
	add_text(o, "name", row->name);
	add_text(o, "device", row->index >= 0 ? device : NULL);
	json_object_object_add(o, "size", json_object_new_int64((int64_t)row->size));
	add_text(o, "state", row->state);
	add_text(o, "server", row->known.server);
	json_object_object_add(o, "tls", json_object_new_boolean(row->known.tls));
	add_text(o, "tls-version", row->known.tls_version);
	add_text(o, "tls-cipher", row->known.tls_cipher);
	json_object_object_add(
		o, "tls-verified", json_object_new_boolean(row->known.tls_verified));
	json_object_object_add(o, "links", json_object_new_int((int)row->known.n_links));
	return json_object_array_add(array, o) < 0 ? -ENOMEM : 0;
}

static int print_row(const struct printer *p, const struct row *row)
{
	return p->array ? add_object(p->array, row) : print_line(row);
}

static int print_device(const struct printer *p, const struct sysfs_device *device)
{
	struct row row = {.name = attachment_name(device),
		.index = (int)device->index,
		.size = device->size,
		.state = "foreign"};
	struct error ignored;

	if (row.name) {
		row.state = "unsupervised";
		if (state_read(row.name, &row.known, NULL, &ignored) < 0 ||
			row.known.index != device->index) {
			row.known = (struct state){0};
			row.state = "unknown"; /* the state file is missing or broken */
		}
	}
	return print_row(p, &row);
}

/* A name with a state but without a device. */
static int print_lost(const char *name, void *userdata)
{
	const struct printer *p = userdata;
	struct row row = {.name = name, .index = -1, .state = "gone"};
	struct error ignored;

	for (size_t i = 0; i < p->n_devices; i++) {
		const char *attached = attachment_name(&p->devices[i]);

		if (attached && strcmp(attached, name) == 0)
			return 0;
	}
	if (state_read(name, &row.known, NULL, &ignored) == -ENOENT)
		return 0; /* just being attached, or detached */
	return print_row(p, &row);
}

int verb_list(const struct arguments *a, struct error *err)
{
	_cleanup_(json_object_putp) json_object *array = NULL;
	_cleanup_free_ struct sysfs_device *devices = NULL;
	struct printer p = {0};
	int r;

	if (a->operand)
		return error_set(err, FAULT_USAGE, -EINVAL, "list takes no name");
	r = sysfs_list(&devices, &p.n_devices, err);
	if (r < 0)
		return r;
	p.devices = devices;
	if (a->json) {
		p.array = array = json_object_new_array();
		if (!array)
			return error_memory(err);
	} else {
		printf("%-16s %-12s %14s %-12s %-24s %-26s %s\n", "NAME", "DEVICE",
			"SIZE", "STATE", "SERVER", "TLS", "LINKS");
	}
	for (size_t i = 0; r >= 0 && i < p.n_devices; i++)
		r = print_device(&p, &devices[i]);
	if (r >= 0)
		r = state_each(print_lost, &p);
	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "cannot list the attachments: %m");
	if (array)
		puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY));
	return 0;
}
