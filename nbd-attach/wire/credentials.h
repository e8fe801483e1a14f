/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that TLS needs, read into memory before a link worker gives up its
 * privileges. Only the PSK file is parsed here. Their contents are never logged.
 */
#pragma once

#include "common/file.h"
#include "target/target.h"

struct credentials {
	struct blob ca;         /* PEM: whom to trust, … */
	struct blob distrusted; /* … and, of the system's trust store, whom not */
	struct blob cert;       /* PEM */
	struct blob key;        /* PEM, secret */
	char *psk_username;
	struct blob psk_key; /* hexadecimal digits, secret */
};

/* Wipes the secrets. */
void credentials_done(struct credentials *c);
#define _cleanup_credentials_ _cleanup_(credentials_done)

/* Whether the system's trust store is used, because no CA is given. */
bool credentials_are_system(const struct target *t);

/*
 * Reads the files that the target names, and the system's trust store if it is used;
 * nothing without TLS. Key files that others can read are refused. FAULT_USAGE and a line
 * that names the file; -ENOKEY: it is a systemd credential, and this process is not that
 * service. FAULT_OTHER: the trust store cannot be read, or GnuTLS refuses to work.
 */
int credentials_read(const struct target *t, struct credentials *ret, struct error *err);
