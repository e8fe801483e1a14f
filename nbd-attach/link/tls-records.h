/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"
#include "kernel/tcp-diag.h"

/*
 * Whether so many TLS records went over a socket (-1: none) that new keys are needed
 * soon. AES-GCM requires new keys after some 2^24 records. GnuTLS servers send a
 * KeyUpdate then, which the kernel cannot handle under nbd: the link would fail.
 */
bool tls_records_near_limit(int fd);

/*
 * The same for a link with kernel TLS of which we have no descriptor, and so no count:
 * whether the bytes that it has carried may have been so many of the smallest records.
 */
bool tls_records_may_be_near_limit(const struct tcp_traffic *traffic);

/*
 * Whether a record has been incomplete for `span`, because the network has changed its
 * length or lost a part of it. The socket holds bytes that do not make a record for
 * kernel TLS, and none has come since.
 */
bool tls_record_is_incomplete(int fd, usec_t span);
