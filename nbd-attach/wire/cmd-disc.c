/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>

#include "common/timeouts.h"
#include "wire/cmd-disc.h"
#include "wire/nbd-protocol.h"

void cmd_disc(struct stream *s)
{
	const struct nbd_request request = {
		.magic = htobe32(NBD_REQUEST_MAGIC), .type = htobe16(NBD_CMD_DISC)};
	struct error ignored = {0};

	s->deadline = deadline_after(DISC_SEND_TIMEOUT);
	(void)stream_write(s, &request, sizeof(request), &ignored);
}
