/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/process.h"
#include "common/text.h"
#include "common/timeouts.h"
#include "kernel/root-disk.h"
#include "supervisor/private-root.h"
#include "supervisor/rotation.h"
#include "wire/tls.h"

struct check {
	const struct target *target;
	const struct credentials *credentials;
	struct error *err; /* in shared memory */
};

static int make_objects(const void *userdata)
{
	const struct check *c = userdata;
	struct tls_credentials *tls;

	return tls_credentials_new(c->target, c->credentials, &tls, c->err);
}

/* In a child: GnuTLS decodes keys in memory that it does not wipe. */
static int check(
	const struct supervisor *s, const struct credentials *c, struct error *err)
{
	struct error *theirs = mmap(NULL, sizeof(*theirs), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct check check = {s->target, c, theirs};
	int r;

	if (theirs == MAP_FAILED)
		return error_memory(err);
	r = process_run(make_objects, &check, deadline_after(CREDENTIALS_CHECK_TIMEOUT));
	if (r < 0 && theirs->fault != FAULT_NONE)
		*err = *theirs;
	else if (r < 0)
		error_set(err, FAULT_OTHER, r, "cannot check the credentials: %m");
	munmap(theirs, sizeof(*theirs));
	return r;
}

static bool is_same_blob(const struct blob *a, const struct blob *b)
{
	return a->size == b->size &&
		(a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bool is_same(const struct credentials *a, const struct credentials *b)
{
	return is_same_blob(&a->ca, &b->ca) &&
		is_same_blob(&a->distrusted, &b->distrusted) &&
		is_same_blob(&a->cert, &b->cert) && is_same_blob(&a->key, &b->key) &&
		is_same_blob(&a->psk_key, &b->psk_key) &&
		text_is_same(a->psk_username, b->psk_username);
}

static bool has_none(const struct supervisor *s)
{
	return s->credentials_error.fault != FAULT_NONE;
}

/* 1: those in memory have changed; 0: they are what the files contain. */
static int refresh(struct supervisor *s, struct error *err)
{
	_cleanup_credentials_ struct credentials fresh = {0}, former = {0};
	int r = credentials_read(s->target, &fresh, err);

	if (r == 0 && !has_none(s) && is_same(&fresh, &s->credentials))
		return 0;
	if (r == 0 && s->target->tls != TLS_MODE_OFF)
		r = check(s, &fresh, err);
	if (r < 0)
		return r;
	former = s->credentials;
	s->credentials = fresh;
	fresh = (struct credentials){0};
	s->credentials_error = (struct error){0};
	return 1;
}

static void tell_kept(struct supervisor *s, const struct error *err)
{
	if (strcmp(s->rotation_error.text, err->text) != 0)
		supervisor_tell(s, -1, "reload", "the credentials stay as they were: %s",
			err->text);
	s->rotation_error = *err;
}

bool rotation_must_wait(const struct supervisor *s)
{
	return !supervisor_all_up(s) &&
		(s->target->lock_memory || root_disk_is_on(s->a->state.index));
}

bool rotation_read(struct supervisor *s)
{
	struct error err = {0};

	if (private_root_is_entered())
		return true;
	if (refresh(s, &err) < 0) {
		tell_kept(s, &err);
		return false;
	}
	s->rotation_error = (struct error){0};
	supervisor_tell(s, -1, "reload", "credentials read anew");
	return true;
}

bool rotation_before_attempt(struct supervisor *s)
{
	bool doubted = s->credentials_doubted;
	struct error err = {0};
	int r;

	s->credentials_doubted = false;
	if (!has_none(s) &&
		(!doubted || private_root_is_entered() || rotation_must_wait(s)))
		return true;
	r = refresh(s, &err);
	if (r < 0 && has_none(s))
		s->credentials_error = err;
	else if (r < 0)
		tell_kept(s, &err);
	if (r >= 0)
		s->rotation_error = (struct error){0};
	if (r > 0 && doubted)
		supervisor_tell(s, -1, "reload",
			"credentials read anew, because their files have changed");
	return !has_none(s);
}

void rotation_after_attempt(struct supervisor *s, const struct error *err)
{
	s->credentials_doubted = err->fault == FAULT_TLS || err->fault == FAULT_USAGE;
}
