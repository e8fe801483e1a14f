/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "session/attachment.h"
#include "verbs.h"

int verb_attach(const struct arguments *a, struct error *err)
{
	_cleanup_target_ struct target t;
	_cleanup_attachment_ struct attachment attachment = ATTACHMENT_NONE;
	int r;

	target_init(&t);
	r = arguments_target(a, &t, err);
	if (r < 0)
		return r;
	/* Rather no device than one of which the user thinks that it heals itself. */
	if (!a->no_daemon)
		return error_set(err, FAULT_USAGE, -EOPNOTSUPP,
			"this version does not supervise attachments yet: say --no-daemon, and a "
			"lost link stays lost");
	r = attachment_create(&t, false, &attachment, err);
	if (r < 0)
		return arguments_name_server(&t, r, err);
	if (printf("/dev/nbd%u\n", attachment.state.index) < 0 || fflush(stdout) != 0)
		return error_set(err, FAULT_OTHER, -errno,
			"/dev/nbd%u is attached, but its name cannot be printed: %m",
			attachment.state.index);
	return 0;
}
