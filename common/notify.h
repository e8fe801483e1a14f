/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a service manager is told, if there is one: the protocol of sd_notify(3). */
#pragma once

#include "common/deadline.h"
#include "common/scope.h"

/*
 * Sends lines such as "READY=1" to the socket in NOTIFY_SOCKET; does nothing without it.
 */
void notify_send(const char *format, ...) _printf_(1, 2);

/*
 * Has the manager keep a duplicate of fd, to pass it to the next process of the service;
 * "FDSTOREREMOVE=1\nFDNAME=…" ends that (FileDescriptorStoreMax=, systemd.service(5)).
 */
void notify_store(const char *name, int fd);

/* How often the manager wants to hear "WATCHDOG=1"; USEC_INFINITY: never. */
usec_t notify_watchdog_interval(void);

/* How many descriptors it has passed to this process, from 3 on (sd_listen_fds(3)). */
unsigned notify_n_passed(void);

/* For a child that is not the manager's, but started in one of its services. */
void notify_forget(void);
