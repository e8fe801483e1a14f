/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/scope.h"

void blob_done(struct blob *blob)
{
	if (blob->data) {
		explicit_bzero(blob->data, blob->size);
		free(blob->data);
	}
	*blob = (struct blob){0};
}

static int check_file(int fd, size_t max, bool secret, size_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (secret && (st.st_mode & (S_IRWXO | S_IWGRP)))
		return -EPERM;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	*ret_size = (size_t)st.st_size;
	return 0;
}

int file_read(const char *path, size_t max, bool secret, struct blob *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_blob_ struct blob blob = {0};
	size_t size = 0;
	int r;

	if (fd < 0)
		return -errno;
	r = check_file(fd, max, secret, &size);
	if (r < 0)
		return r;
	blob.data = calloc(1, size + 1);
	if (!blob.data)
		return -ENOMEM;
	while (blob.size < size) {
		ssize_t n = read(fd, blob.data + blob.size, size - blob.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break; /* the file was truncated meanwhile */
		blob.size += (size_t)n;
	}
	*ret = blob;
	blob = (struct blob){0};
	return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int file_write_atomic(int dir_fd, const char *name, const void *data, size_t size)
{
	_cleanup_close_ int fd = -1;
	char temporary[NAME_MAX + 1];
	int r;

	if (snprintf(temporary, sizeof(temporary), "%s.new", name) >=
		(int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = openat(dir_fd, temporary,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	/* also the mode of a file that a killed writer left */
	r = fchmod(fd, 0644) < 0 ? -errno : write_all(fd, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir_fd, temporary, 0);
		return r;
	}
	return fsync(dir_fd) < 0 ? -errno : 0;
}

int file_write_attribute(const char *path, const char *value)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write_all(fd, value, strlen(value));
}
