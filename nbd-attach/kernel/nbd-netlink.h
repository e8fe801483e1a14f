/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's nbd driver over generic netlink (drivers/block/nbd.c, include/uapi/linux/
 * nbd-netlink.h). All but STATUS need CAP_SYS_ADMIN. Failures: FAULT_KERNEL and a line
 * that says what to do; -errno as the kernel gave it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/deadline.h"
#include "common/error.h"

/* A field of struct nbd_settings that is not sent to the kernel. */
#define NBD_UNSET UINT64_MAX

struct nbd_settings {
	uint64_t size;              /* bytes */
	uint64_t block_size;        /* bytes: power of two, 512 to the page size */
	uint64_t timeout;           /* seconds without a reply; 0: never kills a link */
	uint64_t dead_conn_timeout; /* seconds that I/O waits for a new link */
	uint64_t server_flags;      /* the export's transmission flags */
	uint64_t client_flags;      /* NBD_CFLAG_* */
	const char *backend;        /* BACKEND_IDENTIFIER */
	const int *fds; /* the links' sockets: the kernel takes its own references */
	size_t n_fds;
};

/* Settings of which none is set. */
#define NBD_NOTHING                               \
	((struct nbd_settings){.size = NBD_UNSET, \
		.block_size = NBD_UNSET,          \
		.timeout = NBD_UNSET,             \
		.dead_conn_timeout = NBD_UNSET,   \
		.server_flags = NBD_UNSET,        \
		.client_flags = NBD_UNSET})

/*
 * nbd_genl_connect(): configures device `index`, or one that the kernel picks where index
 * is -1, and returns which. EBUSY, which a brief open() by udev causes, and EEXIST are
 * retried until the deadline. Size, block_size, dead_conn_timeout, flags and at least one
 * fd must be set. A timeout that is not set is 0, and queue/io_timeout stays as it is.
 */
int nbd_netlink_connect(int index, const struct nbd_settings *settings, usec_t deadline,
	unsigned *ret_index, struct error *err);

/*
 * nbd_genl_reconfigure(): what is set is applied, each fd replaces a dead link.
 * The backend must be the one given at connect. The kernel returns 0 even when there was
 * no dead link and the fd was dropped: make sure that the old link is dead first.
 */
int nbd_netlink_reconfigure(
	unsigned index, const struct nbd_settings *settings, struct error *err);

/* nbd_genl_disconnect(): NBD_CMD_DISC on each link, then the links are shut down. */
int nbd_netlink_disconnect(unsigned index, struct error *err);

/*
 * nbd_genl_status(): whether the device is configured. Needs no privilege. True also
 * while a process merely has the device open; see sysfs.h for who configured it.
 */
int nbd_netlink_status(unsigned index, bool *ret_connected, struct error *err);
