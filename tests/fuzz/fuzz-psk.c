/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of pre-shared keys. The first line is the user that is wanted; empty: anyone. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/scope.h"
#include "rules.h"
#include "wire/credentials.h"

/* The same file each time, in memory; secret, or it would not be read. */
static int key_file(const char *bytes, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("keys", MFD_CLOEXEC);
		assert(fd >= 0 && fchmod(fd, 0600) == 0);
	}
	assert(ftruncate(fd, 0) == 0);
	assert(pwrite(fd, bytes, size, 0) == (ssize_t)size);
	return fd;
}

/* What was found is a line of the file: nothing was put together or cut short. */
static void check_found(
	const char *file, const char *user, const struct credentials *found)
{
	_cleanup_free_ char *line = NULL;
	const char *place = file;
	size_t size;

	assert(found->psk_username && found->psk_key.data);
	assert(found->psk_username[0] && found->psk_username[0] != '#');
	assert(!user || strcmp(found->psk_username, user) == 0);
	assert(strlen(found->psk_key.data) == found->psk_key.size);
	assert(found->psk_key.size >= 2 && found->psk_key.size % 2 == 0);
	for (const char *c = found->psk_key.data; *c; c++)
		assert(isxdigit((unsigned char)*c));
	assert(asprintf(&line, "%s:%s", found->psk_username, found->psk_key.data) > 0);
	size = strlen(line);
	while ((place = strstr(place, line)) &&
		((place > file && !strchr("\r\n", place[-1])) ||
			!strchr("\r\n", place[size])))
		place++;
	assert(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *user = fuzz_text(data, size);
	_cleanup_credentials_ struct credentials found = {0};
	const char *file = fuzz_next_line(user);
	char path[32];
	struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_auth = TLS_AUTH_PSK,
		.tls_psk_file = path,
		.tls_username = user[0] ? user : NULL};
	struct error err = {0};
	int r;

	if (!file)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d",
		key_file(file, size - (size_t)(file - user)));
	r = credentials_read(&t, &found, &err);
	if (r < 0)
		must_be_told(r, &err);
	else
		check_found(file, t.tls_username, &found);
	return 0;
}
