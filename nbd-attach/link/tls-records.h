/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"

/*
 * Whether so many TLS records went over a socket (-1: none) that it is time for new keys.
 * AES-GCM must have them after some 2^24 records, and GnuTLS servers send a KeyUpdate
 * then, which the kernel cannot take under nbd: the link would die of it.
 */
bool tls_records_are_used_up(int fd);

/*
 * Whether a part of a record has been waiting for the rest for `span`: a network has made
 * its length another, or lost some of it. Bytes lie in the socket that the kernel's TLS
 * cannot make a record of, and none has come since.
 */
bool tls_records_are_torn(int fd, usec_t span);
