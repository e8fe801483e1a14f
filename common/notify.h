/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notifications to the service manager, if there is one: sd_notify(3). */
#pragma once

#include "common/deadline.h"
#include "common/scope.h"

/*
 * Sends lines such as "READY=1" to the socket in NOTIFY_SOCKET; does nothing without it.
 */
void notify_send(const char *format, ...) _printf_(1, 2);

/*
 * Stores a duplicate of fd with the manager, which passes it to the next process of the
 * service, until "FDSTOREREMOVE=1\nFDNAME=…" (FileDescriptorStoreMax=,
 * systemd.service(5)).
 */
void notify_store(const char *name, int fd);

/* How often the manager expects "WATCHDOG=1"; USEC_INFINITY: never. */
usec_t notify_watchdog_interval(void);

/* The number of descriptors it passed to this process, from 3 on (sd_listen_fds(3)). */
unsigned notify_n_passed(void);

/* For a child that the manager does not know, but that runs in one of its services. */
void notify_forget(void);
