/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "target/config.h"
#include "verbs.h"
#include "wire/credentials.h"
#include "wire/tls.h"

struct tally {
	unsigned n, n_bad;
};

/* The files that it names are looked at, too, but those that only a service is given. */
static int check_one(const char *name, struct error *err)
{
	_cleanup_credentials_ struct credentials credentials = {0};
	_cleanup_(tls_credentials_freep) struct tls_credentials *tls = NULL;
	_cleanup_config_ struct config c = {0};
	int r = config_read("", name, &c, err);

	if (r == 0)
		r = credentials_read(&c.target, &credentials, err);
	if (r == 0 && c.target.tls != TLS_MODE_OFF)
		r = tls_credentials_new(&c.target, &credentials, &tls, err);
	return r == -ENOKEY ? 0 : r;
}

static int check_next(const char *name, void *userdata)
{
	struct tally *tally = userdata;
	struct error err = {0};
	bool is_good = check_one(name, &err) == 0;

	tally->n++;
	tally->n_bad += !is_good;
	return printf("%s: %s\n", name, is_good ? "ok" : err.text) < 0 ? -EIO : 0;
}

int verb_check(const struct arguments *a, struct error *err)
{
	struct tally tally = {0};
	int r;

	if (a->operand) {
		r = check_one(a->operand, err);
		return r < 0 ? r : check_next(a->operand, &tally);
	}
	r = config_list("", check_next, &tally);
	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "cannot check all of them: %m");
	if (tally.n_bad > 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%u of %u configurations are not valid", tally.n_bad, tally.n);
	return 0;
}
