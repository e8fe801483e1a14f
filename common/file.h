/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files: read whole and bounded, written so that a power cut leaves old or new. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a file. A NUL that `size` does not count follows them. */
struct blob {
	char *data;
	size_t size;
};

/* Wipes and frees: what is in a blob may be a secret. */
void blob_done(struct blob *blob);
#define _cleanup_blob_ _cleanup_(blob_done)

/*
 * Reads a file of at most max bytes. With `secret` it must not be readable or writable by
 * others, nor writable by its group (-EPERM). -EFBIG: larger. -EINVAL: not a regular
 * file. Otherwise -errno.
 */
int file_read(const char *path, size_t max, bool secret, struct blob *ret);

/*
 * Replaces the file in the directory dir_fd: write, fsync, rename, mode 0644 whatever the
 * umask. -errno.
 */
int file_write_atomic(int dir_fd, const char *name, const void *data, size_t size);

/* Writes to an existing file of the kernel's (sysfs, procfs), in one piece. -errno. */
int file_write_attribute(const char *path, const char *value);
