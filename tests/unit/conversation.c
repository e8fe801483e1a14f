/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conversation.h"
#include "wire/credentials.h"

/* To be reached; the first is too short for what comes before it on a busy machine. */
static const usec_t silences[] = {30 * USEC_PER_MSEC, USEC_PER_SEC, 15 * USEC_PER_SEC};

#define LISTED_SIZE 256

struct outcome {
	int r;
	struct error err;
	struct server_facts facts;
	enum entry retry;
	char listed[LISTED_SIZE];
};

static int note_export(const char *name, size_t name_size, const char *description,
	size_t description_size, void *userdata)
{
	char *listed = userdata;
	size_t at = strlen(listed);

	snprintf(listed + at, LISTED_SIZE - at, "%.*s|%.*s;", (int)name_size, name,
		(int)description_size, description);
	return 0;
}

static struct tls_credentials *make_credentials(const struct target *t)
{
	struct tls_credentials *credentials = NULL;
	struct error err = {0};

	if (t->tls != TLS_MODE_OFF)
		assert_int_equal(tls_credentials_new(t, &(const struct credentials){0},
					 &credentials, &err),
			0);
	return credentials;
}

static void negotiate(const struct row *row, const struct target *t, int fd,
	usec_t timeout, struct outcome *o)
{
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials =
		make_credentials(t);
	_cleanup_(negotiation_freep) struct negotiation *n =
		negotiation_new(t, fd, deadline_after(timeout), &o->err);

	assert_non_null(n);
	n->entry = row->entry;
	switch (row->asks) {
	case ASKS_GO: o->r = negotiate_go(n, credentials, &o->facts, &o->err); break;
	case ASKS_INFO: o->r = negotiate_info(n, credentials, &o->facts, &o->err); break;
	case ASKS_LIST:
		o->r = negotiate_list(
			n, credentials, note_export, o->listed, &o->facts, &o->err);
		break;
	}
	o->retry = n->retry;
}

static bool same_export(const struct nbd_export *a, const struct nbd_export *b)
{
	return a->size == b->size && a->flags == b->flags && a->minimum == b->minimum &&
		a->preferred == b->preferred && a->maximum == b->maximum &&
		strcmp(a->description, b->description) == 0;
}

/* Silence in the greeting has an errno of its own; a slow machine comes no further. */
static int expected(const struct row *row, const struct outcome *o)
{
	bool greeting = strstr(o->err.text, "greeting");

	return row->r == -ETIMEDOUT && greeting ? -EUSERS : row->r;
}

/* What is wrong with the outcome, or NULL. */
static const char *judge(const struct row *row, const struct outcome *o)
{
	if (o->r != expected(row, o))
		return "another errno";
	if (o->r < 0 && o->err.fault != row->fault)
		return "another fault";
	if (row->says && !strstr(o->err.text, row->says))
		return "other words";
	if (o->r == 0 && strcmp(o->listed, row->lists ? row->lists : "") != 0)
		return "another list";
	if (o->facts.mode != row->mode)
		return "another TLS mode";
	if (!same_export(&o->facts.export, &row->export))
		return "another export";
	if (o->retry != row->retry && !row->any_retry)
		return "another retry";
	return NULL;
}

static bool holds_within(
	const struct row *row, enum manner manner, size_t cut, usec_t timeout, bool quiet)
{
	const char *name = row->export_name ? row->export_name : "disk";
	struct target t = {.tls = row->tls, .export_name = (char *)name};
	struct outcome o = {0};
	struct scripted_server *server;
	const char *complaint, *wrong;
	int fd;

	server = scripted_server_start(row->script, manner, cut, &fd);
	negotiate(row, &t, fd, timeout, &o);
	close(fd);
	complaint = scripted_server_end(server);
	wrong = judge(row, &o);
	if ((complaint || wrong) && !quiet)
		print_error("%s (manner %d, cut %zu): %s: %d, fault %d, mode %d, \"%s\", "
			    "list \"%s\"\n",
			row->name, (int)manner, cut, complaint ? complaint : wrong, o.r,
			(int)o.err.fault, (int)o.facts.mode, o.err.text, o.listed);
	return !complaint && !wrong;
}

bool row_holds(const struct row *row, enum manner manner, size_t cut)
{
	size_t last = ELEMENTSOF(silences) - 1;

	if (!row->silent && manner != CUT_SILENT)
		return holds_within(row, manner, cut, PATIENCE, false);
	for (size_t i = 0; i < last; i++)
		if (holds_within(row, manner, cut, silences[i], true))
			return true;
	return holds_within(row, manner, cut, silences[last], false);
}

void rows_hold(const struct row *rows, size_t n, enum manner manner)
{
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		failed += !row_holds(&rows[i], manner, 0);
	assert_int_equal(failed, 0);
}
