/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What link.c and link-open.c share. */
#pragma once

#include "link/link.h"

/* What a link is to be made for, and how. */
struct link_wish {
	enum worker_task task;
	enum entry entry;
	const struct target *target;
	const struct credentials *credentials;
	struct address_choice choice;
};

/* choice NULL: any address; how: enum link_how. */
static inline struct link_wish link_wish(const struct target *t,
	const struct credentials *c, const struct address_choice *choice, unsigned how)
{
	static const struct address_choice any;

	return (struct link_wish){.task = how & LINK_RELAY ? WORKER_RELAY : WORKER_LINK,
		.entry = how & LINK_BY_NAME ? ENTRY_NAME : ENTRY_ANY,
		.target = t,
		.credentials = c,
		.choice = choice ? *choice : any};
}

/*
 * Makes one connection, and waits for its end. Calls fn for each export of a list.
 * *ret_retry: what another connection should begin with, ENTRY_ANY if there is no reason
 * for one; unchanged if none could be started. After a failure ret->address is where it
 * had connected to, or "".
 */
int link_try(const struct link_wish *w, link_list_fn fn, void *userdata,
	enum entry *ret_retry, struct link *ret, struct error *err);
