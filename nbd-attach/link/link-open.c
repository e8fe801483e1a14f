/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first link to a server, and questions to it: as many connections as it takes.
 *
 * A server that does not survive an option is asked again, at the same address, without
 * it.
 *
 * A name may have other addresses. Nothing is bound to one of them yet, so a server that
 * was reached and cannot be used is passed over, whatever the reason: it is another
 * machine that has got the address, or one that is being set up, or the passive one of a
 * pair, which refuses the export. Otherwise it would depend on the order of addresses,
 * which changes with each query, whether a disk can be attached; and a link that is lost
 * is replaced in the same way. Each address has to meet the same demands, so this is no
 * way around them.
 */
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "common/log.h"
#include "link/link-internal.h"
#include "wire/resolver.h"

/* The caller's function for each export, and how many it was called for. */
struct listing {
	link_list_fn fn;
	void *userdata;
	unsigned n;
};

static int list_one(const struct report_export *export, void *userdata)
{
	struct listing *l = userdata;

	l->n++;
	return l->fn(export, l->userdata);
}

static void tell_way(enum entry entry, const struct error *first)
{
	log_warning("%s; a new connection with %s worked%s", first->text,
		entry == ENTRY_NAME ? "EXPORT_NAME" : "GO",
		entry == ENTRY_NAME ? ": --no-go does that at once" : "");
}

/* Each connection begins with a later entry than the one before, so they are few. */
static int ask_server(
	struct link_wish w, struct listing *l, struct link *ret, struct error *err)
{
	struct error first = {0};
	enum entry retry = ENTRY_ANY;
	int r, first_r = 0;

	for (;;) {
		*err = (struct error){0};
		r = link_try(&w, l->fn ? list_one : NULL, l, &retry, ret, err);
		if (r < 0 && first_r == 0) {
			first = *err;
			first_r = r;
		}
		if (r == 0 || retry <= w.entry)
			break;
		w.entry = retry;
		w.choice.only = ret->address[0];
		memcpy(w.choice.last, ret->address, sizeof(w.choice.last));
	}
	if (r == 0 && first_r < 0)
		tell_way(w.entry, &first);
	if (r == 0 || (err->fault != FAULT_UNREACHED && err->fault != FAULT_PROTOCOL))
		return r;
	*err = first; /* the later ones may just follow from it */
	return first_r;
}

static bool is_about_server(const struct error *err)
{
	return err->fault == FAULT_UNREACHED || err->fault == FAULT_REFUSED ||
		err->fault == FAULT_TLS || err->fault == FAULT_PROTOCOL;
}

static bool is_address(const struct target *t)
{
	struct addrinfo *list = resolver_parse(t->host, t->port);

	if (list)
		freeaddrinfo(list);
	return list;
}

/* It may also be a handshake for which time has run out. */
static bool may_be_handshake(int r, const struct error *err)
{
	return err->fault == FAULT_TLS || r == -ETIMEDOUT;
}

/*
 * Whether another address may help. Without a greeting (-EUSERS) all were tried. A worker
 * that died (-ECHILD) may have been attacked. After a failed handshake --tls prefer must
 * not end in plaintext.
 */
static bool may_go_on(const struct link_wish *w, int r, const struct error *err)
{
	const struct target *t = w->target;

	return r < 0 && r != -EUSERS && r != -ECHILD && is_about_server(err) &&
		(t->tls != TLS_MODE_PREFER || !may_be_handshake(r, err)) &&
		!w->choice.only && t->transport == TRANSPORT_TCP && !is_address(t);
}

/* False: enough are left out, or that one is: addresses are translated at connect(2). */
static bool leave_out(struct address_choice *choice, const char *address)
{
	if (!address[0] || choice->n_but == ADDRESSES_LEFT_OUT)
		return false;
	for (unsigned i = 0; i < choice->n_but; i++)
		if (strcmp(choice->but[i], address) == 0)
			return false;
	snprintf(choice->but[choice->n_but++], ADDRESS_TEXT_SIZE, "%s", address);
	return true;
}

/* The first error is that of the address which is preferred. */
static int all_failed(const struct address_choice *choice, bool other_reached, int r,
	const struct error *first, struct error *err)
{
	if (!other_reached)
		*err = *first;
	else
		error_set(err, first->fault, r,
			"%s (at %s; no other address of that name is of use)",
			first->text, choice->but[0]);
	return r;
}

static int ask_name(
	struct link_wish w, struct listing *l, struct link *ret, struct error *err)
{
	int r = ask_server(w, l, ret, err), first_r = r;
	const struct error first = *err;
	bool other_reached = false;

	while (l->n == 0 && may_go_on(&w, r, err) && leave_out(&w.choice, ret->address)) {
		log_debug("%s: %s", ret->address, err->text);
		r = ask_server(w, l, ret, err);
		other_reached |= ret->address[0];
	}
	if (r == 0 && first_r < 0)
		log_warning("%s (at %s): %s is used instead", first.text, w.choice.but[0],
			ret->address);
	if (r == 0 || w.choice.n_but == 0 || !is_about_server(err))
		return r;
	return all_failed(&w.choice, other_reached, first_r, &first, err);
}

int link_open(const struct target *t, const struct credentials *c,
	const struct address_choice *choice, unsigned how, struct link *ret,
	struct error *err)
{
	struct listing none = {0};

	return ask_name(link_wish(t, c, choice, how), &none, ret, err);
}

int link_info(const struct target *t, const struct credentials *c, struct link *ret,
	struct error *err)
{
	struct listing none = {0};
	struct link_wish w = link_wish(t, c, NULL, 0);

	w.task = WORKER_INFO;
	return ask_name(w, &none, ret, err);
}

int link_list(const struct target *t, const struct credentials *c, link_list_fn fn,
	void *userdata, struct link *ret, struct error *err)
{
	struct listing l = {fn, userdata, 0};
	struct link_wish w = link_wish(t, c, NULL, 0);

	w.task = WORKER_LIST;
	return ask_name(w, &l, ret, err);
}
