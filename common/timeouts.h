/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every timeout, interval and delay, with its reason. Microseconds, unless the name says
 * otherwise.
 */
#pragma once

#include "common/deadline.h"

/* What users choose */

/* --connect-timeout: to connect to a server and negotiate. */
#define CONNECT_TIMEOUT_DEFAULT   (30 * USEC_PER_SEC)
/* --io-timeout: how long requests may get no reply. The kernel's default for disks. */
#define IO_TIMEOUT_DEFAULT        (30 * USEC_PER_SEC)
/* --reconnect-timeout: how long I/O waits for a server before it fails. */
#define RECONNECT_TIMEOUT_DEFAULT (300 * USEC_PER_SEC)
/* The largest value of the first two. */
#define TIMEOUT_OPTION_MAX        (3600 * USEC_PER_SEC)

/* Processes */

/* To reap a killed child at once; after this process_reap() does it. */
#define PROCESS_KILL_TIMEOUT (100 * USEC_PER_MSEC)

/* Wire: the server */

/* Before the next address of a name is tried as well (RFC 8305, section 8). */
#define CONNECT_NEXT_DELAY             (250 * USEC_PER_MSEC)
/* … if the server accepts, but sends no greeting: it may be busy. */
#define CONNECT_GREETING_DELAY         (1 * USEC_PER_SEC)
/* Between two attempts to reach the last address while its name is resolved. */
#define CONNECT_LAST_RETRY             (1 * USEC_PER_SEC)
/*
 * Between two attempts to reach an address of a server that was there a moment ago,
 * beside those that get no answer: half of that is added to an outage.
 */
#define CONNECT_AWAITED_RETRY          (300 * USEC_PER_MSEC)
/* To be connected: a server farther away is no use as a disk. */
#define CONNECT_ADDRESS_TIMEOUT        (3 * USEC_PER_SEC)
/* Between two attempts to connect to a unix socket whose backlog is full. */
#define CONNECT_RETRY                  (50 * USEC_PER_MSEC)
/*
 * TCP gives up after --io-timeout without an acknowledgement, but never earlier than
 * this: a server may be that slow.
 */
#define TCP_USER_TIMEOUT_MIN           (30 * USEC_PER_SEC)
/* Keepalive probes of an idle connection: the first after this, the next at intervals. */
#define TCP_KEEPALIVE_IDLE_SECONDS     10
#define TCP_KEEPALIVE_INTERVAL_SECONDS 5
/* For the reply to NBD_OPT_ABORT, which nothing depends on. */
#define ABORT_TIMEOUT                  (1 * USEC_PER_SEC)
/* To send NBD_CMD_DISC on a link that was never used. */
#define DISC_SEND_TIMEOUT              (1 * USEC_PER_SEC)
/* For a relay to forward what it still holds when one side has closed. */
#define RELAY_DRAIN_TIMEOUT            (5 * USEC_PER_SEC)

/* Kernel: device and driver */

/* Between two checks of an idle device, at most. */
#define PROGRESS_CHECK_MAX  (5 * USEC_PER_SEC)
/* Between two checks of one with requests in flight, at least. */
#define PROGRESS_CHECK_MIN  (250 * USEC_PER_MSEC)
/* How long a server that was slow gets more time for its replies. */
#define PROGRESS_MEMORY     (3600 * USEC_PER_SEC)
/* Between two checks for a node that devtmpfs or udev makes. */
#define NODE_POLL           (20 * USEC_PER_MSEC)
/* Between two checks of udev's queue: at first … */
#define UDEV_POLL_MIN       (10 * USEC_PER_MSEC)
/* … and in the end. */
#define UDEV_POLL_MAX       (50 * USEC_PER_MSEC)
/* For udev to begin with an event of ours, on a busy machine. */
#define UDEV_EVENT_TIMEOUT  (3 * USEC_PER_SEC)
/* Between two checks of /sys while a device is being released: at first … */
#define SYSFS_POLL_MIN      (10 * USEC_PER_MSEC)
/* … and in the end. */
#define SYSFS_POLL_MAX      (50 * USEC_PER_MSEC)
/* Between two attempts to recreate a device that has limits of its last user. */
#define CLEAN_DEVICE_RETRY  (20 * USEC_PER_MSEC)
/* Between two attempts while a device is being opened or closed (-EBUSY). */
#define NETLINK_BUSY_RETRY  (50 * USEC_PER_MSEC)
/* For the child to reach its exclusive open, on a busy machine. */
#define HOLD_START_TIMEOUT  (10 * USEC_PER_SEC)
/* For that open; a longer one waits for the server. */
#define HOLD_OPEN_TIMEOUT   (2 * USEC_PER_SEC)
/* For dirty pages to reach a server that responds. */
#define HOLD_SYNC_TIMEOUT   (10 * USEC_PER_SEC)
/* Between two checks whether writes are in flight. */
#define HOLD_WRITE_CHECK    (100 * USEC_PER_MSEC)
/* For the child to close the device. */
#define HOLD_CLOSE_TIMEOUT  (2 * USEC_PER_SEC)
/* A scan for users that makes no progress for this long hangs. */
#define USAGE_STEP_TIMEOUT  (1 * USEC_PER_SEC)
/* For programs that claim the device only briefly: mount, blkid, fsck. */
#define USAGE_CLAIM_TIMEOUT (2 * USEC_PER_SEC)
/* Between two attempts to claim it. */
#define USAGE_CLAIM_RETRY   (100 * USEC_PER_MSEC)

/* Link: connector and worker */

/* A worker reports at its deadline. One that does not is killed this much later. */
#define WORKER_KILL_DELAY         (1500 * USEC_PER_MSEC)
/* Before a user at a terminal is told what a worker waits for. */
#define WORKER_PROGRESS_DELAY     (3 * USEC_PER_SEC)
/* To create a network namespace: the kernel may wait for other changes of the network. */
#define NETWORK_NAMESPACE_TIMEOUT (1 * USEC_PER_SEC)

/* From the last data that was sent to a reset because of it, at most. */
#define LINK_RESET_WITHIN (500 * USEC_PER_MSEC)

/* Attachment */

/* For others to close the chosen device. */
#define CREATE_DEVICE_TIMEOUT   (10 * USEC_PER_SEC)
/* For udev to finish with a device that is given up. */
#define GIVE_UP_UDEV_TIMEOUT    (1 * USEC_PER_SEC)
/* For the device's node to appear. */
#define BRING_UP_NODE_TIMEOUT   (10 * USEC_PER_SEC)
/* For udev's symlinks while the device is idle. Replies from the server extend it. */
#define BRING_UP_UDEV_TIMEOUT   (10 * USEC_PER_SEC)
/* For the child that brings the device up to exit when it is cancelled. */
#define BRING_UP_CANCEL_TIMEOUT (2 * USEC_PER_SEC)
/* Between two checks that the server still responds. */
#define BRING_UP_CHECK          (1 * USEC_PER_SEC)
/* For the driver, which a stuck disconnect of another device may block. */
#define DRIVER_TIMEOUT          (2 * USEC_PER_SEC)
/* For a server to accept NBD_CMD_DISC; then the links are shut down. */
#define DISCONNECT_TIMEOUT      (2 * USEC_PER_SEC)
/* For a device that is still open after --force. */
#define RELEASE_FORCED_TIMEOUT  (1 * USEC_PER_SEC)
/* Between two checks whether a supervisor has released its lock. */
#define DETACH_CHECK            (100 * USEC_PER_MSEC)
/* For the driver to release a device, and for udev to finish with it. */
#define RELEASE_TIMEOUT         (10 * USEC_PER_SEC)
/* For a supervisor to exit after SIGTERM, and again after SIGKILL. */
#define SUPERVISOR_STOP_TIMEOUT (3 * USEC_PER_SEC)

/* Supervisor */

/*
 * Milliseconds. queue/io_timeout while a single link is supervised: how soon stalled I/O
 * is retried.
 */
#define SUPERVISED_IO_TIMEOUT_MSEC 1000
/* A link that dies earlier than this was not stable. */
#define LINK_STABLE_AFTER          (3 * USEC_PER_SEC)
/* Links were idle for about the same time if it differs by this, or by a tenth. */
#define IDLE_LOSS_MARGIN           (1 * USEC_PER_SEC)
/*
 * Not a time: so many links in a row that end early or before a request was completed are
 * not by chance. A server that is restarted, or a network that comes and goes, ends two
 * or three; with the delays between them five take three seconds.
 */
#define LINKS_FAILING_MIN          5
/*
 * … while a device with several links is attached: the driver sends a request again only
 * after --io-timeout, and attach waits for twice that time.
 */
#define LINKS_FAILING_MIN_SLOW     2
/* Then I/O waits at least so long for the next one, which may work. */
#define RECONNECT_TIMEOUT_LEFT_MIN (1 * USEC_PER_SEC)
/*
 * How long NBD_ATTR_TIMEOUT stays 1 with a new link: by then all queued requests have
 * been sent, and none is old enough for its link to be killed.
 */
#define SHORT_TIMEOUT_MIN          (150 * USEC_PER_MSEC)
/* … and at most this much longer, until nothing is in flight. */
#define SHORT_TIMEOUT_MAX          (250 * USEC_PER_MSEC)
/* For the device to have nothing in flight. */
#define DEFERRED_IDLE_TIMEOUT      (2 * USEC_PER_SEC)
/* Requests that complete for this long will do instead. */
#define DEFERRED_MOVING            (10 * USEC_PER_MSEC)
/* Between two checks for either. */
#define DEFERRED_POLL              (1 * USEC_PER_MSEC)
/* After a change that failed. */
#define DEFERRED_RETRY             (5 * USEC_PER_SEC)
/* From the driver's event of a dead link to its marking the link dead. */
#define MARKED_DEAD_DELAY          (20 * USEC_PER_MSEC)
/* A link is marked dead by then even if the event was lost. */
#define MARKED_DEAD_NO_EVENT       (250 * USEC_PER_MSEC)
/* If it was not marked, the new link is offered again. */
#define MARKED_DEAD_RETRY          (250 * USEC_PER_MSEC)
/* For the driver to read a half-closed link to its end. */
#define HALF_CLOSED_TIMEOUT        (100 * USEC_PER_MSEC)
/* A link also ends when the device is removed: whether it was. */
#define DEVICE_GONE_CHECK          (100 * USEC_PER_MSEC)
/* The first requests on a new link are sent by then. */
#define ENCRYPTION_FIRST_CHECK     (50 * USEC_PER_MSEC)
/* Between two checks of a link that should have sent and was not seen to encrypt. */
#define ENCRYPTION_CHECK           (100 * USEC_PER_MSEC)
/* Before a second check: a socket table that changes while it is read may lack a line. */
#define ADOPTED_LOST_CHECK         (50 * USEC_PER_MSEC)
/* For the rest of a TLS record. */
#define RECORD_TIMEOUT             (5 * USEC_PER_SEC)
/* For the end of a link that was cut to be noticed. */
#define CUT_TIMEOUT                (3 * USEC_PER_SEC)
/* Between two checks whether nothing is in flight. */
#define DRAIN_POLL                 (2 * USEC_PER_MSEC)
/* For that; then the link is cut with requests in flight. */
#define DRAIN_TIMEOUT              (2 * USEC_PER_SEC)
/* After a replacement that failed: the old link still works. */
#define RENEW_FAILED_RETRY         (60 * USEC_PER_SEC)
/* After a replacement that could not begin. */
#define RENEW_BUSY_RETRY           (2 * USEC_PER_SEC)
/* Between two attempts to reconnect, at first: I/O waits. */
#define BACKOFF_MIN                (100 * USEC_PER_MSEC)
/* … and in the end: a server that refuses, or is long gone, is not flooded. */
#define BACKOFF_MAX                (10 * USEC_PER_SEC)
/* … while links come up and die early: the server is there. */
#define BACKOFF_FLAPPING_MAX       (2 * USEC_PER_SEC)
/* … while something is missing on this machine: it may be back soon. */
#define BACKOFF_LOCAL_MAX          (1 * USEC_PER_SEC)
/*
 * … for each disk of the machine: so many attempts per second are made for all of them
 * together, whose cost is a few percent of a processor.
 */
#define BACKOFF_SHARE              (10 * USEC_PER_MSEC)
/* … after so long: most servers that are restarted are back by then. */
#define BACKOFF_SHARED_AFTER       (1 * USEC_PER_SEC)
/* … at most: with a thousand disks, too, I/O goes on soon. */
#define BACKOFF_SHARED_MAX         (5 * USEC_PER_SEC)
/* Between two checks whether the system runs from the disk, while links are made. */
#define ROOT_DISK_CHECK            (10 * USEC_PER_SEC)
/* For a child to read the system's trust store. */
#define TRUST_STORE_TIMEOUT        (5 * USEC_PER_SEC)
/* For a child to check credentials that were read again. */
#define CREDENTIALS_CHECK_TIMEOUT  (5 * USEC_PER_SEC)
/* Before files that were not valid at SIGHUP are read again. */
#define CREDENTIALS_RETRY          (5 * USEC_PER_SEC)
/* Between two messages when the reasons of failures alternate. */
#define FAILURE_LOG_INTERVAL       (10 * USEC_PER_SEC)
/* Between two checks whether a child that makes a change is done. */
#define CHILD_CHECK                (500 * USEC_PER_MSEC)
/* For the server to come back at a forced reboot: as systemd's DefaultTimeoutStopSec=. */
#define REBOOT_SERVER_TIMEOUT      (90 * USEC_PER_SEC)
/* A system that still runs from its disk after this stays up: the job was cancelled. */
#define SHUTDOWN_TIMEOUT           (1800 * USEC_PER_SEC)
/* For a killed supervisor to exit. */
#define SPAWN_KILL_TIMEOUT         (1 * USEC_PER_SEC)
/* For a cancelled supervisor to undo what it has begun. */
#define SPAWN_UNDO_TIMEOUT         (60 * USEC_PER_SEC)

/* Programs */

/* How long a disk without a supervisor is left to whoever stopped that. */
#define STANDBY_DELAY           (1 * USEC_PER_SEC)
/* For a new supervisor of a disk that stays attached. */
#define DETACH_SPAWN_TIMEOUT    (20 * USEC_PER_SEC)
/* At shutdown: for processes that have a disk open. */
#define SHUTDOWN_OTHERS_TIMEOUT (10 * USEC_PER_SEC)
/* Between two checks of them. */
#define SHUTDOWN_OTHERS_CHECK   (50 * USEC_PER_MSEC)
/* For a link that was lost just before the server is told of the disconnect. */
#define SHUTDOWN_LINK_TIMEOUT   (15 * USEC_PER_SEC)
