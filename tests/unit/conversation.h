/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A negotiation with a scripted server, as a row of a table. */
#pragma once

#include "scripted-server.h"
#include "wire/negotiate.h"

/* A client's deadline that is not to be reached, on the busiest machine. */
#define PATIENCE (60 * USEC_PER_SEC)

enum asks { ASKS_GO, ASKS_INFO, ASKS_LIST };

struct row {
	const char *name, *script;
	enum asks asks;
	enum tls_mode tls;
	const char *export_name; /* NULL: "disk" */
	enum entry entry;        /* what it is to begin with */
	bool silent;             /* the server will be, so do not wait for long */

	/* what must come of it */
	enum fault fault;
	int r;
	const char *says;  /* a part of the error's text */
	const char *lists; /* "name|description;" for each export */
	enum server_mode mode;
	enum entry retry; /* what a new connection should begin with */
	bool any_retry;   /* … whatever it is */
	struct nbd_export export;
};

/* Plays a row; what differs is printed with the row's name. False if anything does. */
bool row_holds(const struct row *row, enum manner manner, size_t cut);

/* Plays all rows, and fails the running test if one does not hold. */
void rows_hold(const struct row *rows, size_t n, enum manner manner);
