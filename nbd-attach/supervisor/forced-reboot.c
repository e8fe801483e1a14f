/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "common/log.h"
#include "kernel/root-disk.h"
#include "supervisor/forced-reboot.h"

/* As long as systemd gives a service to stop. */
#define PATIENCE (90 * USEC_PER_SEC)

/* Folders of systemd's: see the units of these names. */
#define UP        "/run/nbd-attach-up"
#define NO_REBOOT "/run/nbd-attach-no-reboot"

/* A system that has not ended after so long, with its disk, goes on: a job was cancelled.
 */
#define ENDS_WITHIN (1800 * USEC_PER_SEC)

static bool was_up;                     /* UP was there, so that it tells something */
static bool is_root;                    /* … and the system ran from this disk then */
static usec_t down_at = USEC_INFINITY;  /* when UP was gone */
static usec_t alone_at = USEC_INFINITY; /* since when the server has been away, too */

static bool is_going_down(unsigned index, bool away, usec_t now)
{
	if (access(UP, F_OK) == 0) {
		is_root = was_up ? is_root : root_disk_is_of_system(index);
		was_up = true;
		down_at = USEC_INFINITY;
		return false;
	}
	if (was_up && down_at == USEC_INFINITY)
		down_at = now;
	if (was_up && !away && now - down_at > ENDS_WITHIN)
		was_up = false;
	return was_up && is_root;
}

void forced_reboot_check(unsigned index, bool away, usec_t now)
{
	bool off = access(NO_REBOOT, F_OK) == 0;

	if (!is_going_down(index, away, now) || !away) {
		alone_at = USEC_INFINITY;
		return;
	}
	if (alone_at == USEC_INFINITY) {
		alone_at = now;
		log_console(
			"the system is to end, and its disk has no server: it is waited "
			"for, %d s",
			(int)(PATIENCE / USEC_PER_SEC));
	}
	if (now - alone_at < PATIENCE)
		return;
	log_console(
		"no server for the system's disk: %s, without what is yet to be written",
		off ? "switching off" : "restarting");
	if (reboot(off ? RB_POWER_OFF : RB_AUTOBOOT) < 0)
		log_console("cannot end the system: %s", strerror(errno));
}
