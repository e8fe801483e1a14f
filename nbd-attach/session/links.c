/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sched.h>
#include <sys/param.h>

#include "kernel/module.h"
#include "session/links.h"

#define AUTO_LINKS_MAX 4

void links_done(struct links *links)
{
	for (size_t i = 0; i < links->n; i++)
		link_done(&links->list[i]);
}

void links_disconnect(struct links *links)
{
	for (size_t i = 0; i < links->n; i++)
		link_disconnect(&links->list[i]);
	links->n = 0;
}

/* The crypto modules only spare the kernel the search: it asks for what it lacks itself.
 */
static int load_modules(const struct target *t, struct error *err)
{
	static const char *const crypto[] = {"gcm", "ccm", "chacha20poly1305"};
	struct error ignored;
	int r = module_load("nbd", err);

	if (r < 0 || t->tls == TLS_MODE_OFF)
		return r;
	r = module_load("tls", err);
	for (size_t i = 0; r == 0 && i < ELEMENTSOF(crypto); i++)
		(void)module_load(crypto[i], &ignored);
	return r;
}

/* Why a link to this target cannot be the kernel's, known before anything is sent. */
static int check_data_path(const struct target *t, struct error *err)
{
	const char *why = NULL;

	if (t->transport == TRANSPORT_VSOCK)
		why = "the kernel's nbd driver takes no vsock";
	else if (t->transport == TRANSPORT_UNIX && t->tls != TLS_MODE_OFF)
		why = "kernel TLS works over TCP only, not over a unix socket";
	else if (t->data_path == DATA_PATH_RELAY)
		why = "--data-path relay was asked for";
	if (!why)
		return 0;
	return error_set(err, FAULT_KERNEL, -EOPNOTSUPP,
		"%s, and this version has no relay in user space yet", why);
}

static bool same_export(const struct nbd_export *a, const struct nbd_export *b)
{
	return a->size == b->size && a->flags == b->flags && a->minimum == b->minimum &&
		a->preferred == b->preferred && a->maximum == b->maximum;
}

/* How many links, once the first one has told what the server allows. */
static int count_links(const struct target *t, const struct nbd_export *e, size_t *ret,
	struct error *err)
{
	bool multi = e->flags & NBD_FLAG_CAN_MULTI_CONN;
	cpu_set_t cpus;

	if (t->connections > 1 && !multi)
		return error_set(err, FAULT_REFUSED, -EOPNOTSUPP,
			"the server does not allow several connections to this export "
			"(no CAN_MULTI_CONN): leave --connections out");
	if (t->connections > 0) {
		*ret = t->connections;
	} else if (!multi || sched_getaffinity(0, sizeof(cpus), &cpus) < 0) {
		*ret = 1;
	} else {
		*ret = (size_t)MIN(CPU_COUNT(&cpus), AUTO_LINKS_MAX);
	}
	return 0;
}

int links_open(const struct target *t, struct links *links, struct error *err)
{
	_cleanup_credentials_ struct credentials c = {0};
	size_t wanted = 1;
	int r = check_data_path(t, err);

	if (r == 0)
		r = credentials_read(t, &c, err);
	if (r == 0)
		r = load_modules(t, err);
	while (r == 0 && links->n < wanted) {
		struct link *link = &links->list[links->n];

		r = link_open(t, &c, link, err);
		if (r < 0)
			break;
		links->n++;
		if (links->n == 1)
			r = count_links(t, &link->facts.export, &wanted, err);
		else if (!same_export(
				 &link->facts.export, &links->list[0].facts.export) ||
			link->facts.tls != links->list[0].facts.tls)
			r = error_set(err, FAULT_PROTOCOL, -EPROTO,
				"the server describes the same export differently on each "
				"connection");
	}
	return r;
}
