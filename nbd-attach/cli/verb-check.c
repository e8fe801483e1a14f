/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "cli/verbs.h"
#include "target/config.h"
#include "wire/credentials.h"
#include "wire/tls-validity.h"
#include "wire/tls.h"

struct tally {
	unsigned n, n_bad;
};

/*
 * Also checks the credentials that it names, except those that systemd passes to a
 * service only. 1: valid, but err->text is a warning.
 */
static int check_target(const struct target *t, struct error *err)
{
	_cleanup_credentials_ struct credentials credentials = {0};
	_cleanup_(tls_credentials_freep) struct tls_credentials *tls = NULL;
	int r = credentials_read(t, &credentials, err);

	if (r == 0 && t->tls != TLS_MODE_OFF)
		r = tls_credentials_new(t, &credentials, &tls, err);
	if (r == 0)
		r = tls_validity(t, &credentials, time(NULL), err);
	return r == -ENOKEY ? 0 : r;
}

static int print_verdict(const char *name, int r, const struct error *err)
{
	const char *but = r < 0 ? "" : r > 0 ? "ok, but " : "ok";

	return printf("%s: %s%s\n", name, but, r != 0 ? err->text : "") < 0 ? -EIO : 0;
}

static int check_next(const char *name, void *userdata)
{
	_cleanup_config_ struct config c = {0};
	struct tally *tally = userdata;
	struct error err = {0};
	int r = config_read("", name, &c, &err);

	if (r == 0)
		r = check_target(&c.target, &err);
	tally->n++;
	tally->n_bad += r < 0;
	return print_verdict(name, r, &err);
}

/* The name may be in nbdtab, whose other lines may be meant for nbd-client only. */
static int check_one(const char *name, struct error *err)
{
	_cleanup_target_ struct target t;
	int r;

	target_init(&t);
	r = arguments_look_up(name, &t, err);
	if (r == 0)
		r = check_target(&t, err);
	return r < 0 ? r : print_verdict(name, r, err);
}

int verb_check(const struct arguments *a, struct error *err)
{
	struct tally tally = {0};
	int r;

	if (a->operand)
		return check_one(a->operand, err);
	r = config_list("", check_next, &tally);
	if (r < 0)
		return error_set(
			err, FAULT_OTHER, r, "cannot check all configurations: %m");
	if (tally.n_bad > 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%u of %u configurations are invalid", tally.n_bad, tally.n);
	return 0;
}
