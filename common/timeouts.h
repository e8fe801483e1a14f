/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every time that is waited, in microseconds unless the name says otherwise, and why. */
#pragma once

#include "common/deadline.h"

/* What users choose */

/* --connect-timeout: for a server to be reached and to have answered. */
#define CONNECT_TIMEOUT_DEFAULT   (30 * USEC_PER_SEC)
/* --io-timeout: for a request without any reply; the kernel's own for disks. */
#define IO_TIMEOUT_DEFAULT        (30 * USEC_PER_SEC)
/* --reconnect-timeout: without a server before I/O fails. */
#define RECONNECT_TIMEOUT_DEFAULT (300 * USEC_PER_SEC)
/* The longest that may be chosen of the first two. */
#define TIMEOUT_OPTION_MAX        (3600 * USEC_PER_SEC)

/* Processes */

/* A killed child is reaped within this, or later by process_reap(). */
#define PROCESS_KILL_TIMEOUT (100 * USEC_PER_MSEC)

/* Wire: the server */

/* For one address of several: servers farther away are of no use as disks. */
#define CONNECT_ADDRESS_TIMEOUT        (3 * USEC_PER_SEC)
/* Between two tries at a unix socket whose backlog is full. */
#define CONNECT_RETRY                  (50 * USEC_PER_MSEC)
/*
 * TCP gives up after --io-timeout without an acknowledgement, but not before this: a
 * server may be that slow.
 */
#define TCP_USER_TIMEOUT_MIN           (30 * USEC_PER_SEC)
/* An idle connection is asked after this, and then each so often, whether its host lives.
 */
#define TCP_KEEPALIVE_IDLE_SECONDS     10
#define TCP_KEEPALIVE_INTERVAL_SECONDS 5
/* For the answer to NBD_OPT_ABORT, which is politeness only. */
#define ABORT_TIMEOUT                  (1 * USEC_PER_SEC)
/* For NBD_CMD_DISC to be sent on a link that is not used. */
#define DISC_SEND_TIMEOUT              (1 * USEC_PER_SEC)
/* For what is under way in a relay when one side has ended. */
#define RELAY_DRAIN_TIMEOUT            (5 * USEC_PER_SEC)

/* Kernel: device and driver */

/* Between two checks of an idle device. */
#define PROGRESS_CHECK_MAX  (5 * USEC_PER_SEC)
/* … of one with requests in flight, whatever --io-timeout. */
#define PROGRESS_CHECK_MIN  (250 * USEC_PER_MSEC)
/* A server that was slow is trusted to be so again for this long. */
#define PROGRESS_MEMORY     (3600 * USEC_PER_SEC)
/* Between two looks for a node that devtmpfs or udev makes. */
#define NODE_POLL           (20 * USEC_PER_MSEC)
/* Between two looks at the queue of udev: it grows. */
#define UDEV_POLL_MIN       (10 * USEC_PER_MSEC)
/* … to this. */
#define UDEV_POLL_MAX       (50 * USEC_PER_MSEC)
/* Between two looks at /sys while a device is being released: it grows. */
#define SYSFS_POLL_MIN      (10 * USEC_PER_MSEC)
/* … to this. */
#define SYSFS_POLL_MAX      (50 * USEC_PER_MSEC)
/* Between two tries to get a device without a former user's limits. */
#define CLEAN_DEVICE_RETRY  (20 * USEC_PER_MSEC)
/* Between two tries while a device is being opened or closed (-EBUSY). */
#define NETLINK_BUSY_RETRY  (50 * USEC_PER_MSEC)
/* For the child to come to its exclusive open. */
#define HOLD_START_TIMEOUT  (10 * USEC_PER_SEC)
/* For that open; after this it waits for the server. */
#define HOLD_OPEN_TIMEOUT   (2 * USEC_PER_SEC)
/* For what is written to reach a server that answers. */
#define HOLD_SYNC_TIMEOUT   (10 * USEC_PER_SEC)
/* Between two looks whether something is being written. */
#define HOLD_WRITE_CHECK    (100 * USEC_PER_MSEC)
/* For the child to close the device. */
#define HOLD_CLOSE_TIMEOUT  (2 * USEC_PER_SEC)
/* A look for users that comes no step further in this time hangs. */
#define USAGE_STEP_TIMEOUT  (1 * USEC_PER_SEC)
/* For somebody who claims the device for a moment only: mount, blkid, fsck. */
#define USAGE_CLAIM_TIMEOUT (2 * USEC_PER_SEC)
/* Between two tries to claim it. */
#define USAGE_CLAIM_RETRY   (100 * USEC_PER_MSEC)

/* Link: connector and worker */

/* A worker reports at its deadline; one that does not is killed this much later. */
#define WORKER_KILL_DELAY         (1500 * USEC_PER_MSEC)
/* A person is told what a worker waits for. */
#define WORKER_PROGRESS_DELAY     (3 * USEC_PER_SEC)
/* The kernel may wait for whoever changes the network just now. */
#define NETWORK_NAMESPACE_TIMEOUT (1 * USEC_PER_SEC)

/* Attachment */

/* While others have the chosen device open. */
#define CREATE_DEVICE_TIMEOUT   (10 * USEC_PER_SEC)
/* For udev to be done with a device that nobody wants any more. */
#define GIVE_UP_UDEV_TIMEOUT    (1 * USEC_PER_SEC)
/* For the device's node to appear. */
#define BRING_UP_NODE_TIMEOUT   (10 * USEC_PER_SEC)
/* For udev's links, while the device is idle; as long as replies come it goes on. */
#define BRING_UP_UDEV_TIMEOUT   (10 * USEC_PER_SEC)
/* For the child that brings it up to end when it is cancelled. */
#define BRING_UP_CANCEL_TIMEOUT (2 * USEC_PER_SEC)
/* Between two checks that the server still answers. */
#define BRING_UP_CHECK          (1 * USEC_PER_SEC)
/* For the driver, which another's stuck disconnection may hold up. */
#define DRIVER_TIMEOUT          (2 * USEC_PER_SEC)
/* For a server to take NBD_CMD_DISC; then the links are shut. */
#define DISCONNECT_TIMEOUT      (2 * USEC_PER_SEC)
/* For a device that somebody has open after --force. */
#define RELEASE_FORCED_TIMEOUT  (1 * USEC_PER_SEC)
/* Between two looks whether a supervisor has let go. */
#define DETACH_CHECK            (100 * USEC_PER_MSEC)
/* For the driver to let go of a device, and for udev to be done with it. */
#define RELEASE_TIMEOUT         (10 * USEC_PER_SEC)
/* After SIGTERM, and once more after SIGKILL. */
#define SUPERVISOR_STOP_TIMEOUT (3 * USEC_PER_SEC)

/* Supervisor */

/*
 * Milliseconds: queue/io_timeout while a single link is supervised: how soon stalled
 * I/O moves on.
 */
#define SUPERVISED_IO_TIMEOUT_MSEC 1000
/* A link that dies younger than this has not been well. */
#define LINK_STABLE_AFTER          (3 * USEC_PER_SEC)
/*
 * NBD_ATTR_TIMEOUT stays 1 with a new link: all that was waiting has been sent by
 * then, and nothing is under way for so long that its link would be ended.
 */
#define SHORT_TIMEOUT_MIN          (150 * USEC_PER_MSEC)
/* … and at most this much longer, for a moment with nothing in flight. */
#define SHORT_TIMEOUT_MAX          (250 * USEC_PER_MSEC)
/* For a moment with nothing in flight. */
#define DEFERRED_IDLE_TIMEOUT      (2 * USEC_PER_SEC)
/* Requests that come and go for this long are as good. */
#define DEFERRED_MOVING            (10 * USEC_PER_MSEC)
/* Between two looks for it. */
#define DEFERRED_POLL              (1 * USEC_PER_MSEC)
/* After a change that could not be made. */
#define DEFERRED_RETRY             (5 * USEC_PER_SEC)
/* From the driver's announcement of a dead link to its mark. */
#define MARKED_DEAD_DELAY          (20 * USEC_PER_MSEC)
/* A link is marked by then even if the announcement got lost. */
#define MARKED_DEAD_NO_EVENT       (250 * USEC_PER_MSEC)
/* It was not: the new link is offered again. */
#define MARKED_DEAD_RETRY          (250 * USEC_PER_MSEC)
/* For the driver to read a half-closed link to its end. */
#define HALF_CLOSED_TIMEOUT        (100 * USEC_PER_MSEC)
/* A link ends, too, when the device is taken away. */
#define DEVICE_GONE_CHECK          (100 * USEC_PER_MSEC)
/* The first requests on a new link are sent by then. */
#define ENCRYPTION_FIRST_CHECK     (50 * USEC_PER_MSEC)
/* While a link should have sent something and was not seen to encrypt. */
#define ENCRYPTION_CHECK           (100 * USEC_PER_MSEC)
/* A socket table that changes while it is read may lack a line. */
#define ADOPTED_LOST_CHECK         (50 * USEC_PER_MSEC)
/* For the rest of a TLS record. */
#define RECORD_TIMEOUT             (5 * USEC_PER_SEC)
/* For the end of a link that was cut to be seen. */
#define CUT_TIMEOUT                (3 * USEC_PER_SEC)
/* Between two looks for a moment with nothing in flight. */
#define DRAIN_POLL                 (2 * USEC_PER_MSEC)
/* For that moment; then the link is cut with requests in flight. */
#define DRAIN_TIMEOUT              (2 * USEC_PER_SEC)
/* After a replacement that failed: the old link serves. */
#define RENEW_FAILED_RETRY         (60 * USEC_PER_SEC)
/* After one that could not begin. */
#define RENEW_BUSY_RETRY           (2 * USEC_PER_SEC)
/* Between two attempts: I/O waits. */
#define BACKOFF_MIN                (100 * USEC_PER_MSEC)
/* A server that refuses, or has been away for long, is not pestered. */
#define BACKOFF_MAX                (10 * USEC_PER_SEC)
/* Links that die young: it is there, after all. */
#define BACKOFF_FLAPPING_MAX       (2 * USEC_PER_SEC)
/* What is missing on this machine may be back soon. */
#define BACKOFF_LOCAL_MAX          (1 * USEC_PER_SEC)
/* Of reasons for failing that take turns, one is told in this time. */
#define FAILURE_LOG_INTERVAL       (10 * USEC_PER_SEC)
/* Whether a child that makes a change is done. */
#define CHILD_CHECK                (500 * USEC_PER_MSEC)
/* As long as systemd gives a service to stop. */
#define REBOOT_SERVER_TIMEOUT      (90 * USEC_PER_SEC)
/*
 * A system that has not ended by then, with its disk, goes on: a job was cancelled.
 */
#define SHUTDOWN_TIMEOUT           (1800 * USEC_PER_SEC)
/* For a supervisor that was killed to end. */
#define SPAWN_KILL_TIMEOUT         (1 * USEC_PER_SEC)
/* For a supervisor to undo what it has begun. */
#define SPAWN_UNDO_TIMEOUT         (60 * USEC_PER_SEC)

/* Programs */

/* A disk without a supervisor is left that long to whoever has ended that. */
#define STANDBY_DELAY           (1 * USEC_PER_SEC)
/* For another supervisor of a disk that stays. */
#define DETACH_SPAWN_TIMEOUT    (20 * USEC_PER_SEC)
/* At the end of the system: for processes that have a disk open. */
#define SHUTDOWN_OTHERS_TIMEOUT (10 * USEC_PER_SEC)
/* Between two looks at them. */
#define SHUTDOWN_OTHERS_CHECK   (50 * USEC_PER_MSEC)
/* For a link that was lost just then, before the server is to be told. */
#define SHUTDOWN_LINK_TIMEOUT   (15 * USEC_PER_SEC)
