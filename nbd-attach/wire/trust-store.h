/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom the system trusts. The store is read into memory before a server is spoken to,
 * like credentials: a link worker can open no file, and when a link is lost the store may
 * be on the very disk that is away. A p11-kit module would read its files again for each
 * certificate.
 */
#pragma once

#include "common/error.h"
#include "common/file.h"

/* The store as one file, where this distribution keeps it below root; or NULL. */
const char *trust_store_file(const char *root);

/*
 * Reads what the system trusts: that file below root, else the anchors of p11-kit, else
 * GnuTLS's own default; and what p11-kit distrusts. Both PEM; empty if there is nothing.
 * -errno: FAULT_OTHER and a line that says what cannot be read.
 */
int trust_store_read(const char *root, struct blob *ret_trusted,
	struct blob *ret_distrusted, struct error *err);
