/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/text.h"
#include "wire/credentials.h"
#include "wire/tls.h"
#include "wire/trust-store.h"

#define CREDENTIAL_SIZE_MAX ((size_t)1024 * 1024)

void credentials_done(struct credentials *c)
{
	blob_done(&c->ca);
	blob_done(&c->distrusted);
	blob_done(&c->cert);
	blob_done(&c->key);
	blob_done(&c->psk_key);
	free(c->psk_username);
	*c = (struct credentials){0};
}

/*
 * systemd passes credentials in a folder of the service. In an initramfs all disks share
 * one folder, and nbd-attach-boot sets a prefix.
 */
static int find_file(const char *what, const char *path, char **ret, struct error *err)
{
	const char *credential = target_credential(path);
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	const char *prefix = getenv("NBD_ATTACH_CREDENTIAL_PREFIX");

	if (credential && !folder)
		return error_set(err, FAULT_USAGE, -ENOKEY,
			"%s %s is passed by systemd to nbd-attach@NAME.service only: "
			"start that",
			what, path);
	if ((credential ? asprintf(ret, "%s/%s%s", folder, prefix ? prefix : "",
				  credential)
			: asprintf(ret, "%s", path)) < 0) {
		*ret = NULL;
		return error_memory(err);
	}
	return 0;
}

static int read_one(const char *what, const char *path, bool secret, struct blob *ret,
	struct error *err)
{
	_cleanup_free_ char *file = NULL;
	int r;

	if (!path)
		return 0;
	r = find_file(what, path, &file, err);
	if (r < 0)
		return r;
	r = file_read(file, CREDENTIAL_SIZE_MAX, secret, ret);
	if (r == -EPERM && secret)
		return error_set(err, FAULT_USAGE, r,
			"%s %s can be read by everybody, or written by its group: chmod 600 it",
			what, path);
	if (r == -EINVAL)
		return error_set(
			err, FAULT_USAGE, r, "%s %s is not a regular file", what, path);
	if (r < 0)
		return error_set(
			err, FAULT_USAGE, r, "cannot read %s %s: %m", what, path);
	return 0;
}

static const char hex_digits[] = "0123456789abcdefABCDEF";

/* Why a key cannot be used, or NULL. GnuTLS rejects keys of less than 4 bytes. */
static const char *key_fault(const char *key, size_t size)
{
	if (size == 0)
		return "has no key after the colon";
	if (strspn(key, hex_digits) < size)
		return "has a key that is not hexadecimal";
	if (size % 2 != 0)
		return "has a key with an odd number of digits";
	return size < 8 ? "has a key of less than 4 bytes" : NULL;
}

/* A search for the key of a user; without a user, for any key. */
struct psk_search {
	const char *user;
	unsigned lines, found;
	const char *fault;   /* of the first invalid line that would match … */
	unsigned fault_line; /* … and its number */
};

/* Decodes hexadecimal digits in place. False: the result would not be a text. */
static bool decode(char *text)
{
	size_t size = strlen(text), n = 0;
	unsigned byte;

	if (size == 0 || size % 2 != 0 || strspn(text, hex_digits) < size)
		return false;
	for (; n < size / 2; n++) {
		(void)sscanf(text + 2 * n, "%2x", &byte);
		if (byte == 0)
			return false;
		text[n] = (char)byte;
	}
	text[n] = 0;
	return true;
}

/*
 * The user of a "username:key" line, or of a "#hex:key" line, as psktool(1) writes it if
 * the name has a colon; any other "#" begins a comment: *ret stays NULL.
 */
static int copy_user(const char *line, size_t size, const char *fault, char **ret)
{
	_cleanup_free_ char *user = NULL;
	bool is_hex = line[0] == '#';

	user = strndup(line + is_hex, size - is_hex);
	if (!user)
		return -ENOMEM;
	if (!is_hex || (!fault && decode(user)))
		*ret = TAKE_PTR(user);
	return 0;
}

/* One line of a PSK file. Blanks around the key do not count. */
static int try_psk_line(const char *line, size_t size, unsigned number,
	struct psk_search *s, struct credentials *c)
{
	_cleanup_free_ char *user = NULL;
	const char *colon = memchr(line, ':', size), *key, *fault;
	size_t user_size = colon ? (size_t)(colon - line) : size;
	int r;

	if (size == 0)
		return 0;
	key = colon ? colon + 1 : line + size;
	size -= (size_t)(key - line);
	for (; size > 0 && strchr(" \t", key[0]); size--)
		key++;
	while (size > 0 && strchr(" \t", key[size - 1]))
		size--;
	fault = user_size == 0 || !colon ? "has no user name, or no colon after it"
					 : key_fault(key, size);
	r = copy_user(line, user_size, fault, &user);
	if (r < 0 || !user)
		return r;
	s->lines++;
	if (s->user && strcmp(s->user, user) != 0)
		return 0;
	if (fault && !s->fault) {
		s->fault = fault;
		s->fault_line = number;
	}
	if (fault || s->found++ > 0)
		return 0;
	c->psk_username = TAKE_PTR(user);
	c->psk_key.data = strndup(key, size);
	c->psk_key.size = size;
	return c->psk_key.data ? 0 : -ENOMEM;
}

static int find_psk(const char *text, struct psk_search *s, struct credentials *c)
{
	static const char mark[] = "\xef\xbb\xbf"; /* an editor's on Windows */
	int r = 0;

	if (strncmp(text, mark, strlen(mark)) == 0)
		text += strlen(mark);
	for (unsigned n = 1; r == 0 && *text; n++) {
		size_t size = strcspn(text, "\n");
		bool cr = size > 0 && text[size - 1] == '\r';

		r = try_psk_line(text, size - cr, n, s, c);
		text += size + (text[size] == '\n');
	}
	return r;
}

/* Why there is not one key to use. */
static int no_psk(const struct target *t, const struct psk_search *s, struct error *err)
{
	char user[128] = "";

	if (s->user)
		text_quote(s->user, strlen(s->user), user, sizeof(user));
	if (s->found > 1)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"PSK file %s has several keys: say which with --tls-username",
			t->tls_psk_file);
	if (s->fault)
		return error_set(err, FAULT_USAGE, -ENOENT,
			"PSK file %s: line %u %s (it must be USERNAME:KEY, the key in hexadecimal)",
			t->tls_psk_file, s->fault_line, s->fault);
	if (s->lines > 0)
		return error_set(err, FAULT_USAGE, -ENOENT,
			"PSK file %s has no line for the user %s (--tls-username)",
			t->tls_psk_file, user);
	return error_set(err, FAULT_USAGE, -ENOENT,
		"PSK file %s is empty: a line USERNAME:KEY is needed, the key in hexadecimal",
		t->tls_psk_file);
}

static int read_psk(const struct target *t, struct credentials *c, struct error *err)
{
	_cleanup_blob_ struct blob file = {0};
	struct psk_search search = {.user = t->tls_username};
	int r = read_one("PSK file", t->tls_psk_file, true, &file, err);

	if (r < 0)
		return r;
	if (find_psk(file.data, &search, c) < 0)
		return error_memory(err);
	return search.found == 1 || (search.user && search.found > 0)
		? 0
		: no_psk(t, &search, err);
}

bool credentials_are_system(const struct target *t)
{
	return t->tls != TLS_MODE_OFF && t->tls_auth == TLS_AUTH_X509 &&
		t->tls_verify_peer && !t->tls_ca;
}

int credentials_read(const struct target *t, struct credentials *ret, struct error *err)
{
	_cleanup_credentials_ struct credentials c = {0};
	int r = 0;

	if (t->tls == TLS_MODE_OFF) {
		*ret = c;
		return 0;
	}
	r = tls_check_library(err);
	if (r < 0)
		return r;
	if (t->tls_auth == TLS_AUTH_PSK) {
		r = read_psk(t, &c, err);
	} else if (t->tls_auth == TLS_AUTH_X509) {
		r = credentials_are_system(t)
			? trust_store_read("", &c.ca, &c.distrusted, err)
			: read_one("CA file", t->tls_ca, false, &c.ca, err);
		if (r == 0)
			r = read_one("certificate", t->tls_cert, false, &c.cert, err);
		if (r == 0)
			r = read_one("key file", t->tls_key, true, &c.key, err);
	}
	if (r < 0)
		return r;
	/* A core dump would keep them. */
	if ((c.key.data || c.psk_key.data) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_set(err, FAULT_OTHER, -errno,
			"cannot keep keys out of core dumps: %m");
	*ret = c;
	c = (struct credentials){0};
	return 0;
}
