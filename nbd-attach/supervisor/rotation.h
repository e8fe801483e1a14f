/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Credentials that are replaced on disk while the device is attached. For a moment their
 * files may be missing, cut short, or not fit one another: then those in memory stay.
 */
#pragma once

#include "supervisor/supervisor.h"

/* Whether a link is lost and the files may be on our own disk: reading could hang. */
bool rotation_must_wait(const struct supervisor *s);

/*
 * Reads the credentials again, and keeps what was read if it is valid; in a private root
 * directory there is nothing to read. False: the files are not valid, which is reported
 * once.
 */
bool rotation_read(struct supervisor *s);

/*
 * Before an attempt: reads them again if there are none, or if the last attempt failed
 * because of them. False: there are none; s->credentials_error says why.
 */
bool rotation_before_attempt(struct supervisor *s);

/* After one: whether it failed because of credentials, ours or the server's. */
void rotation_after_attempt(struct supervisor *s, const struct error *err);
