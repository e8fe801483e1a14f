/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files: read whole up to a limit, replaced atomically, even across a power cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The content of a file, followed by a NUL that `size` does not count. */
struct blob {
	char *data;
	size_t size;
};

/* Wipes and frees: a blob may hold a secret. */
void blob_done(struct blob *blob);
#define _cleanup_blob_ _cleanup_(blob_done)

/*
 * Reads a file of at most max bytes. -EPERM: `secret`, and the file is accessible to
 * others or writable by its group. -EFBIG: larger. -EINVAL: not a regular file. Else
 * -errno.
 */
int file_read(const char *path, size_t max, bool secret, struct blob *ret);

/*
 * Replaces the file in the directory dir_fd: write, fsync, rename, mode 0644 whatever the
 * umask. -errno.
 */
int file_write_atomic(int dir_fd, const char *name, const void *data, size_t size);

/* Writes to an existing file of sysfs, procfs or cgroupfs, at once. -errno. */
int file_write_attribute(const char *path, const char *value);
