/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dates in the certificates that the user gives, which GnuTLS checks at a handshake.
 */
#pragma once

#include <time.h>

#include "wire/credentials.h"

/*
 * Whether the client certificate, and some CA, are valid at that time. -EKEYEXPIRED or
 * -EKEYREJECTED (not yet valid), FAULT_USAGE: no, err names the file. 1: yes, but
 * err->text says what is not, or soon will not be. Files without a certificate are left
 * to tls_credentials_new().
 */
int tls_validity(const struct target *t, const struct credentials *c, time_t now,
	struct error *err);
