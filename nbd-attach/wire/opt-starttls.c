/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "wire/opt-starttls.h"

int opt_starttls(struct negotiation *n, struct error *err)
{
	struct reply reply;
	int r;

	r = option_send(n, NBD_OPT_STARTTLS, NULL, 0, err);
	if (r < 0)
		return r;
	r = option_receive(n, NBD_OPT_STARTTLS, 0, &reply, err);
	if (r == -ECONNRESET)
		return error_set(err, FAULT_PROTOCOL, r,
			"the server closed the connection when asked for TLS (STARTTLS): if it has "
			"none, use --tls off");
	if (r < 0)
		return r;
	if (reply.type == NBD_REP_ACK) {
		stream_seal(&n->stream);
		return 1;
	}
	r = option_refused(n, NBD_OPT_STARTTLS, &reply, err);
	if (r == -ESHUTDOWN && n->target->tls != TLS_MODE_REQUIRE)
		return r; /* plaintext would be refused too */
	error_prefix(err, 0, "the server offers no TLS (enable it there)");
	err->fault = FAULT_TLS;
	return 0;
}
