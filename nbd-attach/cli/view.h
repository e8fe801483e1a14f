/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device, an attachment that lost its device, or both: what the kernel, the state file
 * and the claim on the name say, combined for list, status and monitor.
 */
#pragma once

#include "attachment/state-file.h"
#include "attachment/state.h"
#include "cli/json-out.h"
#include "kernel/sysfs.h"

struct view {
	char name[NBD_NAME_MAX + 1]; /* "": not ours */
	bool attached;               /* there is a device: */
	struct sysfs_device device;
	bool over;  /* disconnected, and still open: "unknown" says by whom */
	bool known; /* there is a state that fits: */
	struct state state;
	struct error unknown; /* why there is none */
	bool held;            /* a process holds the claim, usually its supervisor: */
	pid_t holder;         /* 0: one that cannot be seen from here */
};

/* A configured device. ret_target, which may be NULL, is filled where it is known. */
void view_device(
	const struct sysfs_device *device, struct view *ret, struct target *ret_target);

/* A name that no device has. As state_read(). */
int view_lost(
	const char *name, struct view *ret, struct target *ret_target, struct error *err);

/* Its state in one word, for people and scripts alike: see nbd-attach(8), list. */
const char *view_word(const struct view *v);

/* Whether a supervisor keeps the links in the state up to date. */
bool view_is_supervised(const struct view *v);

unsigned view_links_up(const struct view *v);

uint64_t view_size(const struct view *v);

/* Whether a TLS server was verified, in words. */
const char *view_trust(bool verified, const struct target *t);

/* What list and status both print: name, device, size, state, server, TLS, links-up. */
void view_add(const struct view *v, json_object *o);

/* time, number, link, kind, text; no number: the event is none of the state file's. */
void view_add_event(const struct state_event *event, json_object *o);
