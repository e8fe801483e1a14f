/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/param.h>
#include <sys/socket.h>

#include "common/timeouts.h"
#include "supervisor/idle.h"

/* Two might be chance: a server that was restarted twice. */
#define SIMILAR_MIN 2

usec_t idle_time(int fd, usec_t age)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return age;
	return info.tcpi_last_data_sent * USEC_PER_MSEC;
}

enum idle_loss idle_loss_add(struct idle_losses *losses, usec_t time, bool idle)
{
	usec_t margin = MAX(losses->time / 10, IDLE_LOSS_MARGIN);
	bool later = time + margin >= losses->time,
	     sooner = time <= losses->time + margin;

	if (!idle) {
		*losses = (struct idle_losses){0};
		return IDLE_LOSS_NONE;
	}
	/* a link whose idle time is not known may have been used meanwhile */
	if (losses->similar >= SIMILAR_MIN && later)
		return IDLE_LOSS_REGULAR;
	losses->similar = losses->time > 0 && later && sooner ? losses->similar + 1 : 0;
	losses->time = time;
	return losses->similar == SIMILAR_MIN ? IDLE_LOSS_FOUND : IDLE_LOSS_NONE;
}
