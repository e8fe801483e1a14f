/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "boot-plan-rows.h"

int read_row(const struct row *row, struct boot_plan *plan, struct error *err)
{
	const struct boot_hints hints = {.root_path = row->root_path,
		.root_server = row->root_server,
		.nbdroot = row->nbdroot};

	*plan = (struct boot_plan){0};
	*err = (struct error){0};
	return boot_plan_read(row->cmdline, &hints, plan, err);
}

static const char *path_of(const struct row *row)
{
	return row->root_path ? row->root_path : "";
}

static void must_equal(
	const struct row *row, const char *what, const char *is, const char *wanted)
{
	if (strcmp(is ? is : "", wanted ? wanted : "") != 0)
		fail_msg("%s, %s: %s is \"%s\"", row->cmdline, path_of(row), what,
			is ? is : "");
}

static char *all_options(const struct boot_disk *disk)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (size_t i = 0; i < disk->n_options; i++)
		fprintf(out, " %s", disk->options[i]);
	fclose(out);
	return text;
}

static void must_come_of_it(const struct row *row)
{
	_cleanup_boot_plan_ struct boot_plan plan;
	_cleanup_free_ char *options = NULL;
	const struct boot_disk *last;
	struct error err;

	if (read_row(row, &plan, &err) < 0)
		fail_msg("%s, %s: %s", row->cmdline, path_of(row), err.text);
	must_equal(row, "root", plan.root, row->root);
	must_equal(row, "fstype", plan.fstype, row->fstype);
	must_equal(row, "flags", plan.flags, row->flags);
	if (plan.n_disks == 0)
		fail_msg("%s: no disk", row->cmdline);
	last = &plan.disks[plan.n_disks - 1];
	options = all_options(last);
	must_equal(row, "URI", last->uri, row->uri);
	must_equal(row, "options", options, row->options);
}

void must_fail(const struct row *row)
{
	_cleanup_boot_plan_ struct boot_plan plan;
	struct error err;

	if (read_row(row, &plan, &err) >= 0)
		fail_msg("%s, %s is taken", row->cmdline, path_of(row));
	if (err.fault != FAULT_USAGE || !strstr(err.text, row->said))
		fail_msg("%s: %s", row->cmdline, err.text);
	assert_int_equal(plan.n_disks, 0);
}

void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].said)
			must_fail(&rows[i]);
		else
			must_come_of_it(&rows[i]);
}
