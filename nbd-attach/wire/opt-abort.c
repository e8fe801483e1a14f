/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/opt-abort.h"
#include "common/timeouts.h"

void opt_abort(struct negotiation *n)
{
	usec_t patience = deadline_after(ABORT_TIMEOUT);
	struct error ignored = {0};
	struct reply reply;

	n->stream.deadline = patience;
	if (option_send(n, NBD_OPT_ABORT, NULL, 0, &ignored) < 0)
		return;
	(void)option_receive(n, NBD_OPT_ABORT, 0, &reply, &ignored);
}
