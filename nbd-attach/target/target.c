/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/parse.h"
#include "common/scope.h"
#include "common/text.h"
#include "common/timeouts.h"
#include "target/target.h"

/* A minor number has 20 bits and the driver keeps 5 of them for partitions. */
#define DEVICE_MAX (0xfffff >> 5)

void target_init(struct target *t)
{
	*t = (struct target){
		.tls_verify_peer = true,
		.device = -1,
		.connections = 1,
		.connect_timeout = CONNECT_TIMEOUT_DEFAULT,
		.io_timeout = IO_TIMEOUT_DEFAULT,
		.reconnect_timeout = RECONNECT_TIMEOUT_DEFAULT,
	};
}

static void forget_settings(struct target *t)
{
	for (size_t i = 0; i < t->n_settings; i++)
		free(t->settings[i]);
	free(t->settings);
	t->settings = NULL;
	t->n_settings = 0;
}

void target_done(struct target *t)
{
	free(t->uri);
	forget_settings(t);
	free(t->directory);
	free(t->name);
	free(t->host);
	free(t->host_bare);
	free(t->port);
	free(t->socket);
	free(t->export_name);
#define OPTION_STRING(field, ...) free(t->field);
#include "target/options.def"
	*t = (struct target){};
}

/* The first TLS option that was given, or NULL. */
static const char *given_tls_option(const struct target *t)
{
	const struct {
		bool given;
		const char *name;
	} options[] = {
		{t->tls_ca, "tls-ca"},
		{t->tls_cert, "tls-cert"},
		{t->tls_key, "tls-key"},
		{t->tls_psk_file, "tls-psk-file"},
		{t->tls_username, "tls-username (in a URI: user@)"},
		{t->tls_hostname, "tls-hostname"},
		{t->tls_priority, "tls-priority"},
		{t->tls_auth_set, "tls-type"},
		{!t->tls_verify_peer, "tls-verify-peer"},
		{t->tls_ignore_not_before, "tls-ignore-not-before"},
	};

	for (size_t i = 0; i < ELEMENTSOF(options); i++)
		if (options[i].given)
			return options[i].name;
	return NULL;
}

/* What each way to authenticate needs and excludes; NULL: all is well. */
static const char *tls_auth_fault(const struct target *t)
{
	bool certificates = t->tls_ca || t->tls_cert || t->tls_key;

	if (t->tls_auth == TLS_AUTH_PSK && !t->tls_psk_file)
		return "tls-type=psk needs a key: give tls-psk-file";
	if (t->tls_auth != TLS_AUTH_PSK && t->tls_psk_file)
		return "tls-psk-file goes with tls-type=psk only: leave one of the two out";
	if (t->tls_auth == TLS_AUTH_PSK && certificates)
		return "a pre-shared key and certificates exclude each other: give "
		       "tls-psk-file or tls-ca, tls-cert and tls-key";
	if (t->tls_auth == TLS_AUTH_ANON && certificates)
		return "tls-type=anon uses no certificates: leave out tls-ca, tls-cert and "
		       "tls-key, or use tls-type=x509";
	if (t->tls_auth == TLS_AUTH_ANON && t->tls_verify_peer)
		return "an anonymous server cannot be verified: tls-type=anon needs "
		       "tls-verify-peer=0";
	if (t->tls_ignore_not_before &&
		(t->tls_auth != TLS_AUTH_X509 || !t->tls_verify_peer))
		return "tls-ignore-not-before is about a certificate that is verified, and here "
		       "none is: leave it out";
	if (t->tls_cert && !t->tls_key)
		return "tls-cert needs the key of the certificate: give tls-key";
	if (t->tls_key && !t->tls_cert)
		return "tls-key needs the certificate of the key: give tls-cert";
	if (t->tls_auth == TLS_AUTH_X509 && t->tls_verify_peer &&
		(!target_tls_name(t) || strcmp(target_tls_name(t), ".") == 0))
		return "there is no host name to verify the server's certificate against: "
		       "give tls-hostname";
	return NULL;
}

const char *target_credential(const char *path)
{
	static const char prefix[] = "credential:";

	return strncmp(path, prefix, strlen(prefix)) == 0 ? path + strlen(prefix) : NULL;
}

static int anchor_path(const struct target *t, char **path, struct error *err)
{
	const char *credential = *path ? target_credential(*path) : NULL;
	char *whole;

	if (credential && (!credential[0] || strchr(credential, '/')))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"after credential: comes a credential's name, as in "
			"credential:psk");
	if (!*path || (*path)[0] == '/' || credential)
		return 0;
	if (asprintf(&whole, "%s/%s", t->directory, *path) < 0)
		return error_memory(err);
	free(*path);
	*path = whole;
	return 0;
}

/* Of GnuTLS's URLs: a link worker cannot talk to a token. */
static bool is_url(const char *path)
{
	return strncasecmp(path, "pkcs11:", strlen("pkcs11:")) == 0 ||
		strncasecmp(path, "tpmkey:", strlen("tpmkey:")) == 0;
}

/* A daemon runs in /, and another supervisor may replace it. */
static int anchor_paths(struct target *t, struct error *err)
{
	char **paths[] = {&t->tls_ca, &t->tls_cert, &t->tls_key, &t->tls_psk_file};
	int r = 0;

	if (!t->directory)
		t->directory = getcwd(NULL, 0);
	if (!t->directory)
		return error_set(err, FAULT_USAGE, -errno,
			"cannot tell the working directory: %m");
	for (size_t i = 0; r == 0 && i < ELEMENTSOF(paths); i++)
		r = *paths[i] && is_url(*paths[i])
			? error_set(err, FAULT_USAGE, -EINVAL,
				  "%s is in a PKCS#11 token or TPM, and only files can be used",
				  *paths[i])
			: anchor_path(t, paths[i], err);
	if (r == 0 && t->transport == TRANSPORT_UNIX && t->socket[0]) {
		r = anchor_path(t, &t->socket, err);
		t->socket_size = strlen(t->socket);
	}
	return r;
}

static int check_tls(struct target *t, struct error *err)
{
	const char *option, *fault;

	if (t->tls == TLS_MODE_OFF) {
		option = given_tls_option(t);
		if (option)
			return error_set(err, FAULT_USAGE, -EINVAL,
				"%s is given but TLS is off: use nbds:// or "
				"--tls require (or prefer)",
				option);
		return 0;
	}
	if (t->tls_hostname && strlen(t->tls_hostname) > NBD_HOST_MAX)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"tls-hostname is longer than a host name can be");
	if (t->tls_psk_file && !t->tls_auth_set)
		t->tls_auth = TLS_AUTH_PSK;
	fault = tls_auth_fault(t);
	if (fault)
		return error_set(err, FAULT_USAGE, -EINVAL, "%s", fault);
	return 0;
}

int target_check(struct target *t, struct error *err)
{
	int r;

	if ((t->transport == TRANSPORT_TCP && !t->host) ||
		(t->transport == TRANSPORT_UNIX && !t->socket))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"no server given: a URI such as nbds://host/export is needed");
	r = check_tls(t, err);
	return r < 0 ? r : anchor_paths(t, err);
}

int target_replay(struct target *t, const char *uri, const char *directory,
	const char *const *settings, size_t n, struct error *err)
{
	int r;

	t->directory = strdup(directory);
	if (!t->directory)
		return error_memory(err);
	r = target_parse_uri(t, uri, err);
	forget_settings(t); /* those of the query are among the settings */
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *equals = strchrnul(settings[i], '=');
		_cleanup_free_ char *option =
			strndup(settings[i], (size_t)(equals - settings[i]));

		if (!option)
			return error_memory(err);
		r = target_set(t, option, *equals ? equals + 1 : NULL, err);
	}
	return r < 0 ? r : target_check(t, err);
}

/* Of a name or address without its zone; "nas." is "nas", but absolute. */
static size_t bare_size(const char *host)
{
	size_t size = strcspn(host, "%");

	return size > 1 && host[size - 1] == '.' ? size - 1 : size;
}

/* Interfaces, unlike names, differ by case. */
static bool same_host(const char *a, const char *b)
{
	size_t size = bare_size(a);

	return size == bare_size(b) && strncasecmp(a, b, size) == 0 &&
		strcmp(strchrnul(a, '%'), strchrnul(b, '%')) == 0;
}

bool target_is_same_export(const struct target *a, const struct target *b)
{
	if (a->transport != b->transport || a->tls != b->tls ||
		!text_is_same(a->export_name, b->export_name))
		return false;
	switch (a->transport) {
	case TRANSPORT_TCP:
		return same_host(a->host, b->host) && text_is_same(a->port, b->port);
	case TRANSPORT_UNIX:
		return a->socket_size == b->socket_size &&
			memcmp(a->socket, b->socket, a->socket_size) == 0;
	case TRANSPORT_VSOCK:
		return a->vsock_cid == b->vsock_cid && a->vsock_port == b->vsock_port;
	}
	return false;
}

static bool name_char_is_valid(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

static bool name_start_is_valid(char c)
{
	return name_char_is_valid(c) && c != '.' && c != '-';
}

bool target_name_is_valid(const char *name)
{
	size_t size = strlen(name);

	unsigned device;

	if (size > NBD_NAME_MAX || !name_start_is_valid(name[0]))
		return false;
	if (target_parse_device(name, &device) == 0)
		return false; /* ambiguous for detach */
	if (text_ends_with(name, ".conf") || text_ends_with(name, ".conf.d"))
		return false; /* its folder in /run would look like a configuration */
	for (size_t i = 1; i < size; i++)
		if (!name_char_is_valid(name[i]))
			return false;
	return true;
}

void target_derive_name(const struct target *t, char *out)
{
	const char *from = t->export_name ? t->export_name : "";
	size_t size = 0;

	for (; *from && size < NBD_NAME_MAX; from++)
		if (size > 0 ? name_char_is_valid(*from) : name_start_is_valid(*from))
			out[size++] = *from;
	out[size] = 0;
	if (!target_name_is_valid(out))
		strcpy(out, "disk");
}

char *target_server(const struct target *t)
{
	char *text = NULL;
	int r = -1;

	switch (t->transport) {
	case TRANSPORT_TCP:
		if (strchr(t->host, ':'))
			r = asprintf(&text, "[%s]:%s", t->host, t->port);
		else
			r = asprintf(&text, "%s:%s", t->host, t->port);
		break;
	case TRANSPORT_UNIX:
		if (t->socket[0])
			r = asprintf(&text, "unix:%s", t->socket);
		else
			r = asprintf(&text, "unix:@%s", t->socket + 1);
		break;
	case TRANSPORT_VSOCK:
		r = asprintf(
			&text, "vsock:%" PRIu32 ":%" PRIu32, t->vsock_cid, t->vsock_port);
		break;
	}
	if (r < 0)
		return NULL;
	text_flatten(text);
	return text;
}

const char *target_tls_name(const struct target *t)
{
	if (t->tls_hostname)
		return t->tls_hostname;
	return t->host_bare ? t->host_bare : t->host;
}

int target_parse_device(const char *text, unsigned *ret)
{
	static const char folder[] = "/dev/", driver[] = "nbd";
	uint64_t index;

	if (strncmp(text, folder, strlen(folder)) == 0)
		text += strlen(folder);
	if (strncmp(text, driver, strlen(driver)) != 0)
		return -EINVAL;
	text += strlen(driver);
	if (text[0] == '0' && text[1])
		return -EINVAL;
	if (parse_u64(text, 0, DEVICE_MAX, &index) < 0)
		return -EINVAL;
	*ret = (unsigned)index;
	return 0;
}
