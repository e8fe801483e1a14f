/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of a table: kernel command lines, and the plan that each makes. */
#pragma once

#include "target/boot-plan.h"

#define BY_NAME  "/dev/nbd/by-name/root"
#define ROOT(is) .uri = (is), .root = BY_NAME

/* What the command line and DHCP say, and the resulting plan. A missing field: nothing.
 */
struct row {
	const char *cmdline, *root_path, *root_server, *nbdroot;
	const char *uri, *options; /* of the last disk; the options, each after a space */
	const char *root, *fstype, *flags;
	const char *said; /* it fails, with a text that has this in it */
};

int read_row(const struct row *row, struct boot_plan *plan, struct error *err);

/* Fails unless the row is refused as it says. */
void must_fail(const struct row *row);

void check_rows(const struct row *rows, size_t n);
#define CHECK(rows) check_rows(rows, ELEMENTSOF(rows))
