/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resolves a name in a thread of its own, since getaddrinfo(3) knows no deadline: name
 * servers may be away, or the disk that the resolver's files are on.
 */
#pragma once

#include <netdb.h>

#include "common/error.h"

struct resolver;

int resolver_start(const char *host, const char *port, struct resolver **ret);

/* Readable when the resolver has finished. */
int resolver_fd(const struct resolver *r);

/*
 * Returns the result of a resolver that has finished, and releases it: the addresses in
 * the order of getaddrinfo(3), which the caller frees, or -EHOSTUNREACH with
 * FAULT_UNREACHED.
 */
int resolver_finish(struct resolver *r, struct addrinfo **ret, struct error *err);

/* Detaches it: it releases itself when it has finished. */
void resolver_abandon(struct resolver *r);

/* Parses an address, without asking a name server. NULL: it is a name. */
struct addrinfo *resolver_parse(const char *host, const char *port);
