/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GnuTLS can be built without libidn2. */
#pragma once

#include <gnutls/gnutls.h>
#include <stdbool.h>

static inline bool gnutls_has_idn(void)
{
	gnutls_datum_t mapped = {0};

	if (gnutls_idna_map("b\xc3\xbc", 3, &mapped, 0) < 0)
		return false;
	gnutls_free(mapped.data);
	return true;
}
