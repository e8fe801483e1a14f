/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/process.h"
#include "common/timeouts.h"
#include "link/link-end.h"
#include "wire/tls.h"

/* Exit codes of a relay: the server has ended the link, or with an alert, added to this.
 */
#define EXIT_BY_SERVER 0x40
#define EXIT_ALERT     0x80

int link_end_exit_code(int r, int alert)
{
	if (alert >= 0 && alert < EXIT_ALERT)
		return EXIT_ALERT | alert;
	return r == -ECONNRESET || r == -EPROTO ? EXIT_BY_SERVER : 0;
}

/* An alert without a name is not one that a server would send. */
static struct link_end of_relay(pid_t relay)
{
	struct link_end end = {.alert = -ENODATA};
	int status, code;

	if (process_end(relay, &status) < 0 || !WIFEXITED(status))
		return end;
	code = WEXITSTATUS(status);
	if (code >= EXIT_ALERT && tls_alert_name(code - EXIT_ALERT))
		end.alert = code - EXIT_ALERT;
	end.by_server = code == EXIT_BY_SERVER || end.alert >= 0;
	return end;
}

/*
 * If both sides have ended it, or it was reset, a reset follows soon after what was sent;
 * the driver ends a link whose request was sent long ago.
 */
static bool is_ended_by_server(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return false;
	switch (info.tcpi_state) {
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK: return true;
	case TCP_CLOSE:
		return info.tcpi_last_data_sent < LINK_RESET_WITHIN / USEC_PER_MSEC;
	default: return false;
	}
}

struct link_end link_end_find(int fd, pid_t relay)
{
	struct link_end end;

	if (relay > 0)
		return of_relay(relay);
	end.alert = ktls_peek_alert(fd);
	end.by_server = end.alert >= 0 || is_ended_by_server(fd);
	return end;
}

void link_end_text(int alert, char out[ALERT_TEXT_SIZE])
{
	const char *name = alert < 0 ? NULL : tls_alert_name(alert);

	out[0] = 0;
	if (alert >= 0)
		snprintf(out, ALERT_TEXT_SIZE, ": the server sent the TLS alert %d (%s)",
			alert, name ? name : "unknown");
}
