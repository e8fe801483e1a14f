/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "wire/credentials.h"

#define CREDENTIAL_SIZE_MAX ((size_t)1024 * 1024)

void credentials_done(struct credentials *c)
{
	blob_done(&c->ca);
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

static bool is_hex(const char *text, size_t size)
{
	return size > 0 && size % 2 == 0 &&
		strspn(text, "0123456789abcdefABCDEF") >= size;
}

/* Keeps one "username:hexkey" line of a PSK file. */
static int copy_psk(
	const char *line, const char *colon, size_t size, struct credentials *c)
{
	size_t key_size = size - (size_t)(colon + 1 - line);

	c->psk_username = strndup(line, (size_t)(colon - line));
	c->psk_key.data = strndup(colon + 1, key_size);
	if (!c->psk_username || !c->psk_key.data)
		return -ENOMEM;
	c->psk_key.size = key_size;
	return 0;
}

/*
 * Finds the line of the user, or any line if no user is given. Returns how many lines
 * match.
 */
static int find_psk(const char *text, const char *user, struct credentials *c)
{
	int found = 0;

	while (*text) {
		size_t size = strcspn(text, "\r\n");
		const char *colon = memchr(text, ':', size);

		if (colon && colon > text && *text != '#' &&
			is_hex(colon + 1, size - (size_t)(colon + 1 - text)) &&
			(!user ||
				(strlen(user) == (size_t)(colon - text) &&
					memcmp(user, text, strlen(user)) == 0))) {
			if (found++ == 0 && copy_psk(text, colon, size, c) < 0)
				return -ENOMEM;
		}
		text += size;
		text += strspn(text, "\r\n");
	}
	return found;
}

static int read_psk(const struct target *t, struct credentials *c, struct error *err)
{
	_cleanup_blob_ struct blob file = {0};
	int r = read_one("PSK file", t->tls_psk_file, true, &file, err);

	if (r < 0)
		return r;
	r = find_psk(file.data, t->tls_username, c);
	if (r < 0)
		return error_memory(err);
	if (r == 0 && t->tls_username)
		return error_set(err, FAULT_USAGE, -ENOENT,
			"PSK file %s has no line \"%s:KEY\" with a hexadecimal key",
			t->tls_psk_file, t->tls_username);
	if (r == 0)
		return error_set(err, FAULT_USAGE, -ENOENT,
			"PSK file %s has no line \"USERNAME:KEY\" with a hexadecimal key",
			t->tls_psk_file);
	if (r > 1 && !t->tls_username)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"PSK file %s has several keys: say which with --tls-username",
			t->tls_psk_file);
	return 0;
}

bool credentials_are_system(const struct target *t)
{
	return t->tls != TLS_MODE_OFF && t->tls_auth == TLS_AUTH_X509 &&
		t->tls_verify_peer && !t->tls_ca;
}

const char *credentials_system_file(void)
{
	static const char *const places[] = {"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem"};

	for (size_t i = 0; i < ELEMENTSOF(places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

int credentials_read(const struct target *t, struct credentials *ret, struct error *err)
{
	_cleanup_credentials_ struct credentials c = {0};
	int r = 0;

	if (t->tls == TLS_MODE_OFF) {
		*ret = c;
		return 0;
	}
	if (t->tls_auth == TLS_AUTH_PSK) {
		r = read_psk(t, &c, err);
	} else if (t->tls_auth == TLS_AUTH_X509) {
		r = read_one("CA file", t->tls_ca, false, &c.ca, err);
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
