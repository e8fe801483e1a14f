/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line of nbdtab. Private to the files that read it: what is public is in nbdtab.h.
 */
#pragma once

#include "target/nbdtab.h"

/* Of nbd-client's options. */
enum nbdtab_option {
	NBDTAB_UNIX,
	NBDTAB_PORT,
	NBDTAB_TLS,
	NBDTAB_CACERTFILE,
	NBDTAB_CERTFILE,
	NBDTAB_KEYFILE,
	NBDTAB_TLSHOSTNAME,
	NBDTAB_PRIORITY,
	NBDTAB_BS,
	NBDTAB_CONNS,
	NBDTAB_TIMEOUT,
	NBDTAB_DEAD_TIMEOUT,
	NBDTAB_READ_ONLY,
	NBDTAB_SWAP,
	NBDTAB_PERSIST,
	NBDTAB_NOFORK,
	NBDTAB_SYSTEMD_MARK,
	NBDTAB_NO_OPTGO,
	NBDTAB_N_OPTIONS
};

struct nbdtab_line {
	const char *file;
	unsigned number;
	nbdtab_warn_fn warn;
	char *device, *host, *export_name, *options;
	const char *values[NBDTAB_N_OPTIONS]; /* of a flag: ""; the last one counts */
	bool tls;
};

/* Cuts the text into the fields of the line, which point into it. FAULT_USAGE. */
int nbdtab_parse_fields(char *text, struct nbdtab_line *line, struct error *err);

/* Reads the options, and fills a new target, which is checked. FAULT_USAGE, -ENOMEM. */
int nbdtab_make_target(struct nbdtab_line *line, struct target *t, struct error *err);
