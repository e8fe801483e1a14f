/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/process.h"
#include "common/timeouts.h"
#include "link/alert.h"
#include "wire/tls.h"

/* Added to an alert; other exit codes are less than that. */
#define EXIT_ALERT 0x80

int alert_to_exit_code(int alert)
{
	return alert >= 0 && alert < EXIT_ALERT ? EXIT_ALERT | alert : 0;
}

/* An alert without a name is not one that a server would send. */
static int alert_of_relay(pid_t relay)
{
	int status, code;

	if (process_end(relay, &status) < 0 || !WIFEXITED(status))
		return -ENODATA;
	code = WEXITSTATUS(status);
	return code >= EXIT_ALERT && tls_alert_name(code - EXIT_ALERT) ? code - EXIT_ALERT
								       : -ENODATA;
}

int alert_find(int fd, pid_t relay)
{
	return relay > 0 ? alert_of_relay(relay) : ktls_peek_alert(fd);
}

/*
 * If both sides have ended it, or it was reset, a reset follows soon after what was sent;
 * the driver ends a link whose request was sent long ago.
 */
bool alert_ended_by_server(int fd)
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

void alert_text(int alert, char out[ALERT_TEXT_SIZE])
{
	const char *name = alert < 0 ? NULL : tls_alert_name(alert);

	out[0] = 0;
	if (alert >= 0)
		snprintf(out, ALERT_TEXT_SIZE, ": the server sent the TLS alert %d (%s)",
			alert, name ? name : "unknown");
}
