/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>

#include "attachment/claim.h"
#include "attachment/device.h"
#include "cli/verbs.h"
#include "cli/view.h"

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

/* "4", or "3/4" where one of them is known not to be up. */
static const char *links_text(const struct view *v, char *out, size_t size)
{
	unsigned n = v->state.n_links, up = view_links_up(v);

	if (n == 0)
		return "-";
	if (view_is_supervised(v) && up < n)
		snprintf(out, size, "%u/%u", up, n);
	else
		snprintf(out, size, "%u", n);
	return out;
}

static int print_line(const struct view *v)
{
	char device[32] = "-", size[24] = "-", links[24], tls[2 * STATE_TEXT_SIZE + 16];

	if (v->attached) {
		snprintf(device, sizeof(device), "/dev/nbd%u", v->device.index);
		snprintf(size, sizeof(size), "%" PRIu64, v->device.size);
	}
	return printf("%-16s %-12s %14s %-12s %-24s %-26s %s\n",
		       v->name[0] ? v->name : "-", device, size, view_word(v),
		       v->state.server[0] ? v->state.server : "-",
		       tls_text(&v->state, tls, sizeof(tls)),
		       links_text(v, links, sizeof(links))) < 0
		? -errno
		: 0;
}

static int add_object(json_object *array, const struct view *v)
{
	json_object *o = json_object_new_object();

	if (!o)
		return -ENOMEM;
	view_add(v, o);
	if (v->known)
		json_add_number(o, "links", v->state.n_links);
	else
		json_add_null(o, "links");
	return json_object_array_add(array, o) < 0 ? -ENOMEM : 0;
}

static int print_view(const struct printer *p, const struct view *v)
{
	return p->array ? add_object(p->array, v) : print_line(v);
}

static int print_device(const struct printer *p, const struct sysfs_device *device)
{
	struct view v;

	view_device(device, &v, NULL);
	return print_view(p, &v);
}

/* A name with a state but without a device. */
static int print_lost(const char *name, void *userdata)
{
	const struct printer *p = userdata;
	struct error ignored;
	struct view v;

	for (size_t i = 0; i < p->n_devices; i++)
		if (attachment_is(&p->devices[i], name))
			return 0;
	if (view_lost(name, &v, NULL, &ignored) == -ENOENT)
		return 0; /* being attached or detached */
	return print_view(p, &v);
}

static int list(struct printer *p)
{
	int r = 0;

	if (!p->array)
		printf("%-16s %-12s %14s %-12s %-24s %-26s %s\n", "NAME", "DEVICE",
			"SIZE", "STATE", "SERVER", "TLS", "LINKS");
	for (size_t i = 0; r >= 0 && i < p->n_devices; i++)
		r = print_device(p, &p->devices[i]);
	if (r >= 0)
		r = claim_each(print_lost, p);
	return r >= 0 && p->array ? json_print(p->array) : r;
}

int verb_list(const struct arguments *a, struct error *err)
{
	_cleanup_json_ json_object *array = NULL;
	_cleanup_free_ struct sysfs_device *devices = NULL;
	struct printer p = {0};
	int r;

	if (a->operand)
		return error_set(err, FAULT_USAGE, -EINVAL, "list takes no argument");
	r = sysfs_list(&devices, &p.n_devices, err);
	if (r < 0)
		return r;
	p.devices = devices;
	if (a->json) {
		p.array = array = json_object_new_array();
		if (!array)
			return error_memory(err);
	}
	r = list(&p);
	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "cannot list the attachments: %m");
	return 0;
}
