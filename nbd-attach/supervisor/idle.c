/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/param.h>

#include "common/timeouts.h"
#include "supervisor/idle.h"

/* Two might be chance: a server that was restarted twice. */
#define SIMILAR_MIN 2

enum idle_loss idle_loss_add(struct idle_losses *losses, usec_t age, bool idle)
{
	usec_t margin = MAX(losses->age / 10, IDLE_LOSS_MARGIN);
	bool later = age + margin >= losses->age, sooner = age <= losses->age + margin;

	if (!idle) {
		*losses = (struct idle_losses){0};
		return IDLE_LOSS_NONE;
	}
	/* a link that was used meanwhile lives longer */
	if (losses->similar >= SIMILAR_MIN && later)
		return IDLE_LOSS_REGULAR;
	losses->similar = losses->age > 0 && later && sooner ? losses->similar + 1 : 0;
	losses->age = age;
	return losses->similar == SIMILAR_MIN ? IDLE_LOSS_FOUND : IDLE_LOSS_NONE;
}
