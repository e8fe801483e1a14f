/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an initramfs must contain, one line each, for the hooks that make it:
 *
 *	file PATH      may be read by everybody
 *	secret PATH    a key: so the image must not be
 *	credential PATH is passed by systemd, which the image must have
 *	module NAME    the kernel's, or an alias of it: all implementations of a cipher
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "attachment/claim.h"
#include "attachment/state-file.h"
#include "attachment/state.h"
#include "boot/boot.h"
#include "common/file.h"
#include "common/log.h"
#include "kernel/root-disk.h"
#include "target/config.h"
#include "wire/credentials.h"
#include "wire/tls.h"
#include "wire/trust-store.h"

/* af_packet is for DHCP clients. */
static const char *const modules[] = {"nbd", "tls", "af_packet", "crypto-gcm",
	"crypto-ccm", "crypto-rfc7539", "crypto-aes", "crypto-ghash", "crypto-ctr",
	"crypto-cbcmac", "crypto-chacha20", "crypto-poly1305"};

#define KEY_SIZE_MAX   ((size_t)64 * 1024)
#define KEY_DIGITS_MIN 16

static bool refused;   /* a configuration or key is invalid: no image */
static bool trust;     /* a disk needs the system's trust store */
static unsigned disks; /* found so far */

static int print(const char *kind, const char *path)
{
	if (!path)
		return 0;
	return printf("%s %s\n", target_credential(path) ? "credential" : kind, path) < 0
		? -errno
		: 0;
}

static int print_file(const char *path, _unused_ void *userdata)
{
	return print("file", path);
}

/* The supervisor would refuse such a key: fail now rather than at boot. */
static void print_key(const char *path)
{
	_cleanup_blob_ struct blob text = {0};

	if (path && !target_credential(path) &&
		file_read(path, KEY_SIZE_MAX, true, &text) == -EPERM) {
		log_error(
			"%s is readable by everybody or writable by its group: run chmod 600 on it",
			path);
		refused = true;
	}
	print("secret", path);
}

static void print_target(const struct target *t)
{
	disks++;
	if (t->tls == TLS_MODE_OFF)
		return;
	trust |= credentials_are_system(t);
	print("file", t->tls_ca);
	print("file", t->tls_cert);
	print_key(t->tls_key);
	print_key(t->tls_psk_file);
}

/* Disks configured with initrd=yes. */
static int print_config(const char *name, void *userdata)
{
	_cleanup_config_ struct config c = {0};
	struct error *err = userdata;
	int r = config_read("", name, &c, err);

	if (r < 0 && c.initrd) {
		log_error("%s", err->text);
		refused = true;
	} else if (r < 0) {
		log_warning("not in the image: %s", err->text);
	}
	if (r < 0 || !c.initrd)
		return 0;
	print_target(&c.target);
	return config_files("", name, print_file, NULL, err);
}

/* The disk that this system runs from, however it was attached. */
static int print_root(const char *name, void *userdata)
{
	_cleanup_target_ struct target t;
	struct error *err = userdata;
	struct state state;

	target_init(&t);
	if (state_read(name, &state, &t, err) < 0 || !root_disk_is_on(state.index))
		return 0;
	print_target(&t);
	(void)config_files("", name, print_file, NULL, err);
	return 0;
}

/* PEM, or a line USER:HEXADECIMAL. */
static bool is_key(const char *text)
{
	const char *line = text + strcspn(text, ":\n");

	if (strstr(text, "PRIVATE KEY-----"))
		return true;
	return *line == ':' && line > text &&
		strspn(line + 1, "0123456789abcdefABCDEF") >= KEY_DIGITS_MIN;
}

static void print_found(const char *path)
{
	_cleanup_blob_ struct blob text = {0};
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		log_warning("not in the image: %s is not a file", path);
	else if (file_read(path, KEY_SIZE_MAX, false, &text) == 0 && is_key(text.data))
		print_key(path);
	else
		print((st.st_mode & 077) == 0044 ? "file" : "secret", path);
}

/* True: the folder exists, so the image is to attach something. */
static bool print_folder(void)
{
	_cleanup_closedir_ DIR *dir = opendir(BOOT_FOLDER);
	const struct dirent *entry;
	char path[PATH_MAX];
	bool empty = true;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), BOOT_FOLDER "/%s", entry->d_name);
		print_found(path);
		empty = false;
	}
	/* The command line may name a server with a certificate of a public CA. */
	trust |= dir && disks == 0 && empty;
	return dir != NULL;
}

static void print_trust(void)
{
	const char *path = trust_store_file("");

	if (path)
		print("file", path);
	else
		log_warning("the system's trust store is not a file that an image could "
			    "hold: install ca-certificates, or say tls-ca=");
}

int boot_files(struct error *err)
{
	struct error ignored;
	bool wanted;
	int r = config_list("", print_config, err);

	if (r >= 0)
		r = claim_each(print_root, &ignored);
	wanted = print_folder() || disks > 0;
	if (r < 0)
		return error_set(
			err, FAULT_OTHER, r, "cannot find what is configured: %m");
	if (refused)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"fix that first: a system would not boot with such an image");
	if (!wanted)
		return error_set(err, FAULT_NO_SUCH, -ENOENT, "nothing to attach");
	for (size_t i = 0; i < ELEMENTSOF(modules); i++)
		print("module", modules[i]);
	print("file", tls_policy_file());
	if (trust)
		print_trust();
	return 0;
}
