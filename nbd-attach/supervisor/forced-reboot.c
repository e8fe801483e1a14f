/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "common/log.h"
#include "common/timeouts.h"
#include "kernel/root-disk.h"
#include "supervisor/forced-reboot.h"

/* Made and removed by the systemd units of these names. */
#define UP        "/run/nbd-attach-up"
#define NO_REBOOT "/run/nbd-attach-no-reboot"

static bool was_up;                    /* UP existed: its absence means shutdown */
static bool is_root;                   /* … and the system ran from this disk then */
static usec_t down_at = USEC_INFINITY; /* when UP was gone */
static usec_t away_at = USEC_INFINITY; /* … and the server has been away since */

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
	if (was_up && !away && now - down_at > SHUTDOWN_TIMEOUT)
		was_up = false;
	return was_up && is_root;
}

void forced_reboot_check(unsigned index, bool away, usec_t now)
{
	bool off = access(NO_REBOOT, F_OK) == 0;

	if (!is_going_down(index, away, now) || !away) {
		away_at = USEC_INFINITY;
		return;
	}
	if (away_at == USEC_INFINITY) {
		away_at = now;
		log_console("the system is shutting down, and its disk's server is away: "
			    "waiting %d s for it",
			(int)(REBOOT_SERVER_TIMEOUT / USEC_PER_SEC));
	}
	if (now - away_at < REBOOT_SERVER_TIMEOUT)
		return;
	log_console("the server of the system's disk is away: %s, unwritten data is lost",
		off ? "powering off" : "restarting");
	if (reboot(off ? RB_POWER_OFF : RB_AUTOBOOT) < 0)
		log_console(
			"cannot %s: %s", off ? "power off" : "restart", strerror(errno));
}
