/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of pre-shared keys. The first line is the user that is wanted; empty: anyone. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/scope.h"
#include "rules.h"
#include "wire/credentials.h"

/* The same file each time, in memory; mode 0600, or it would be refused. */
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

/* How much of the text is that user's name, as it is or "#" and in hexadecimal digits. */
static size_t size_of_user(const char *text, const char *user)
{
	size_t size = strlen(user);
	char digits[3];

	if (text[0] != '#')
		return strncmp(text, user, size) == 0 ? size : 0;
	for (size_t i = 0; i < size; i++) {
		snprintf(digits, sizeof(digits), "%02x", (unsigned char)user[i]);
		if (strncasecmp(text + 1 + 2 * i, digits, 2) != 0)
			return 0;
	}
	return 1 + 2 * size;
}

/* Whether the text is a line of that user and key, with blanks around the key at most. */
static bool is_line(const char *text, const struct credentials *found)
{
	size_t user = size_of_user(text, found->psk_username);

	if (user == 0 || text[user] != ':')
		return false;
	text += user + 1;
	text += strspn(text, " \t");
	if (strncmp(text, found->psk_key.data, found->psk_key.size) != 0)
		return false;
	text += found->psk_key.size;
	text += strspn(text, " \t");
	return *text == '\0' || *text == '\n' || strncmp(text, "\r\n", 2) == 0 ||
		strcmp(text, "\r") == 0;
}

/* What was found is a whole line of the file, not parts of several. */
static void check_found(
	const char *file, const char *user, const struct credentials *found)
{
	const char *line = file;

	assert(found->psk_username && found->psk_key.data);
	assert(found->psk_username[0]);
	assert(!user || strcmp(found->psk_username, user) == 0);
	assert(strlen(found->psk_key.data) == found->psk_key.size);
	assert(found->psk_key.size >= 8 && found->psk_key.size % 2 == 0);
	for (const char *c = found->psk_key.data; *c; c++)
		assert(isxdigit((unsigned char)*c));
	if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	while (line && !is_line(line, found)) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	assert(line);
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
