/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "common/log.h"
#include "session/last-resort.h"

/* As long as systemd gives a service to stop. */
#define PATIENCE (90 * USEC_PER_SEC)

/* Folders of systemd's: see the units of these names. */
#define UP        "/run/nbd-attach-up"
#define NO_REBOOT "/run/nbd-attach-no-reboot"

static bool was_up;                  /* UP was there, so that it tells something */
static usec_t since = USEC_INFINITY; /* it goes down, and the server is away */

static bool is_going_down(void)
{
	bool up = access(UP, F_OK) == 0;

	was_up |= up;
	return was_up && !up;
}

void last_resort_look(bool away, usec_t now)
{
	bool off = access(NO_REBOOT, F_OK) == 0;

	if (!is_going_down() || !away) {
		since = USEC_INFINITY;
		return;
	}
	if (since == USEC_INFINITY) {
		since = now;
		log_warning(
			"the system is to end, and its disk has no server: it is waited "
			"for, %d s",
			(int)(PATIENCE / USEC_PER_SEC));
	}
	if (now - since < PATIENCE)
		return;
	log_error(
		"no server for the system's disk: %s, without what is yet to be written",
		off ? "switching off" : "restarting");
	if (reboot(off ? RB_POWER_OFF : RB_AUTOBOOT) < 0)
		log_console("cannot end the system: %s", strerror(errno));
}
