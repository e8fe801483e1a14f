/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>

#include "common/log.h"
#include "kernel/module.h"
#include "link/link-end.h"
#include "link/links.h"

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

/* A missing crypto module is no error: the kernel requests what it needs itself. */
static int load_tls(struct error *err)
{
	static const char *const crypto[] = {"gcm", "ccm", "chacha20poly1305"};
	struct error ignored;
	int r = module_load("tls", err);

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(crypto); i++)
		(void)module_load(crypto[i], &ignored);
	return r;
}

/* Why the kernel cannot carry links to this target, as far as known beforehand. */
static const char *relay_reason(const struct target *t)
{
	if (t->data_path == DATA_PATH_RELAY)
		return "--data-path relay was asked for";
	if (t->transport == TRANSPORT_VSOCK)
		return "the kernel's nbd driver does not support vsock";
	if (t->transport == TRANSPORT_UNIX && t->tls != TLS_MODE_OFF)
		return "kernel TLS works over TCP only, not over a unix socket";
	return NULL;
}

static void use_relay(struct links *links, const char *why)
{
	snprintf(links->relay, sizeof(links->relay), "%s", why);
	log_notice("a relay in user space carries the data: %s", why);
}

/* Kernel TLS has failed: changes to relays, if allowed. */
static bool fall_back_to_relay(
	const struct target *t, struct links *links, const struct error *err)
{
	if (links->relay[0] || links->n > 0 || !link_may_be_relay(t, err))
		return false;
	use_relay(links, err->text);
	return true;
}

static int choose_data_path(
	const struct target *t, struct links *links, struct error *err)
{
	const char *why = relay_reason(t);
	int r = module_load("nbd", err);

	if (r < 0)
		return r;
	if (why && t->data_path == DATA_PATH_KERNEL)
		return error_set(err, FAULT_KERNEL, -EOPNOTSUPP,
			"%s: do not use --data-path kernel", why);
	if (why)
		use_relay(links, why);
	else if (t->tls != TLS_MODE_OFF)
		r = load_tls(err);
	return r < 0 && fall_back_to_relay(t, links, err) ? 0 : r;
}

/* The server or its cipher, not the user, may have made the choice impossible. */
static int advise(const struct target *t, int r, struct error *err)
{
	const struct error why = *err;

	if (why.fault != FAULT_KERNEL || t->data_path != DATA_PATH_KERNEL)
		return r;
	return error_set(
		err, why.fault, r, "%s: do not use --data-path kernel", why.text);
}

static int open_next(const struct target *t, const struct credentials *c,
	struct links *links, struct error *err)
{
	struct link *link = &links->list[links->n];
	unsigned how = links->by_name ? LINK_BY_NAME : 0;
	struct address_choice choice = {.only = links->n > 0};
	int r;

	if (choice.only)
		memcpy(choice.last, links->list[0].address, sizeof(choice.last));
	if (links->relay[0])
		how |= LINK_RELAY;
	r = link_open(t, c, &choice, how, link, err);
	if (r < 0 && fall_back_to_relay(t, links, err))
		r = link_open(t, c, &choice, how | LINK_RELAY, link, err);
	if (r < 0)
		return advise(t, r, err);
	links->by_name = link->by_name;
	links->n++;
	return 0;
}

static bool same_export(const struct nbd_export *a, const struct nbd_export *b)
{
	return a->size == b->size && a->flags == b->flags && a->minimum == b->minimum &&
		a->preferred == b->preferred && a->maximum == b->maximum;
}

/* The number of links, once the first one shows what the server allows. */
static int count_links(const struct target *t, const struct nbd_export *e, size_t *ret,
	struct error *err)
{
	bool multi = e->flags & NBD_FLAG_CAN_MULTI_CONN;
	cpu_set_t cpus;

	if (t->connections > 1 && !multi)
		return error_set(err, FAULT_REFUSED, -EOPNOTSUPP,
			"the server does not allow several connections to this export "
			"(no CAN_MULTI_CONN): do not use --connections");
	if (t->connections > 0) {
		*ret = t->connections;
	} else if (!multi || sched_getaffinity(0, sizeof(cpus), &cpus) < 0) {
		*ret = 1;
	} else {
		*ret = (size_t)MIN(CPU_COUNT(&cpus), AUTO_LINKS_MAX);
	}
	return 0;
}

int links_open(const struct target *t, const struct credentials *c, struct links *links,
	struct error *err)
{
	size_t wanted = 1;
	int r = choose_data_path(t, links, err);

	while (r == 0 && links->n < wanted) {
		const struct link *link = &links->list[links->n];

		r = open_next(t, c, links, err);
		if (r < 0)
			break;
		if (links->n == 1)
			r = count_links(t, &link->facts.export, &wanted, err);
		else if (!same_export(
				 &link->facts.export, &links->list[0].facts.export) ||
			link->facts.tls != links->list[0].facts.tls)
			r = error_set(err, FAULT_PROTOCOL, -EPROTO,
				"the server describes the export differently on each connection");
	}
	return r;
}

static int closed(const struct link *link, struct error *err)
{
	return error_set(err, FAULT_UNREACHED, -ECONNRESET,
		"%s closed the connection right after the negotiation: try again",
		link->address);
}

/* With kernel TLS the socket is readable when a record has come: data, or an alert. */
static int check(struct link *link, struct error *err)
{
	struct pollfd fd = {.fd = link->fd, .events = POLLIN | POLLRDHUP};
	char why[ALERT_TEXT_SIZE];
	int alert;

	if (poll(&fd, 1, 0) <= 0)
		return 0;
	alert = link_end_find(link->fd, link->relay).alert;
	link->relay = 0;
	if (alert == ALERT_CLOSE_NOTIFY)
		return closed(link, err);
	link_end_text(alert, why);
	if (alert >= 0)
		return error_set(err, FAULT_TLS, -EPROTO,
			"%s ended TLS right after the negotiation%s", link->address, why);
	if (fd.revents != POLLIN)
		return closed(link, err);
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"%s sent unexpected data after its last reply", link->address);
}

int links_check(struct links *links, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < links->n; i++)
		r = check(&links->list[i], err);
	return r;
}
