/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"
#include "common/error.h"

/* A uevent that we have caused, until udev is done with it. */
struct udev_event {
	unsigned index;
	int socket; /* to udev's listeners; -1: none */
	char id[sizeof("SYNTH_UUID=") + 36];
	bool is_handled;
	usec_t alone; /* until when the answer is waited for, and nothing else */
};
#define UDEV_EVENT_NONE ((struct udev_event){.socket = -1})

/* sysfs_trigger_uevent(), with an ID that udev repeats. *ret is for udev_await(). */
int udev_trigger(
	unsigned index, const char *action, struct udev_event *ret, struct error *err);
void udev_event_done(struct udev_event *event);

/*
 * Waits until udev has handled the event, and knows all partitions of the device. udev
 * handles the events of a disk and its partitions in order, and other devices, which may
 * keep its queue full, are not waited for. But nobody answers where udev is in another
 * network namespace, and answers may be lost: after a while an empty queue will do, as
 * for udev_settle(), whose results it has. It may be called again after -ETIMEDOUT.
 */
int udev_await(struct udev_event *event, usec_t deadline);

/*
 * Waits until udev's queue is empty, as `udevadm settle` does. Returns at once if udev
 * does not run, or if one of its rules has started this program, which is then queued
 * itself. 0, -ETIMEDOUT or -EINTR.
 */
int udev_settle(usec_t deadline);

/* Whether a process of that name (/proc/PID/comm) is udev's. */
bool udev_is_process(const char *name);
