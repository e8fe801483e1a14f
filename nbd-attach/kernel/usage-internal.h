/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "kernel/usage.h"

/* The disk, or one of its partitions. */
struct usage_node {
	char name[USAGE_NODE_SIZE];
	dev_t device;
};

/* Where a scan is: its stage, and at which process or loop device. */
struct usage_position {
	int stage;
	int number;
};

#define USAGE_HUNG_MAX 8

/* Shared by the child that scans and its parent. */
struct usage_report {
	struct usage_position position;
	struct usage_position hung[USAGE_HUNG_MAX]; /* skipped */
	size_t n_hung;
	struct usage_user user;
};

struct usage {
	struct usage_node *nodes;
	size_t n_nodes;
	pid_t except; /* a process that is skipped; 0: none */
	struct usage_report *report;
};

/* Fills the report with who and how. Returns -EBUSY. */
int usage_found(const struct usage *usage, const struct usage_node *node,
	const char *format, ...) _printf_(3, 4);

const struct usage_node *usage_find_device(const struct usage *usage, dev_t device);

/* The first line of a small file, without its newline. */
bool usage_read_line(const char *path, char *line, size_t size);

/* Copies one component of a path, counted from its end. */
void usage_component(const char *path, int from_end, char *name, size_t size);

/* Calls check for each path that matches the pattern, until one returns not 0. */
int usage_each(const struct usage *usage,
	int (*check)(const struct usage *usage, const char *path), const char *format,
	...) _printf_(3, 4);

/*
 * usage-scan.c, in a child: the part that may hang on a dead file system, or on a process
 * that does. 0, -EBUSY, -ENOMEM.
 */
int usage_scan(const struct usage *usage);

/* usage-skip.c: the processes whose files do not matter, by number. Begins as {0}. */
struct usage_skipped {
	void *tree;
	bool kernel_thread; /* there is one */
};
void usage_skipped_done(struct usage_skipped *skipped);
bool usage_is_skipped(const struct usage_skipped *skipped, int pid);
int usage_skip(struct usage_skipped *skipped, int pid); /* -ENOMEM */

/* The driver has a thread for each device, and we have processes for each disk. */
enum usage_kind { USAGE_KIND_OTHER, USAGE_KIND_KERNEL_THREAD, USAGE_KIND_OURS };
enum usage_kind usage_kind_of(int pid);
