/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <gnutls/pkcs11.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/process.h"
#include "common/timeouts.h"
#include "wire/trust-store.h"

/* Ten times what browsers trust. */
#define STORE_SIZE_MAX ((size_t)2 * 1024 * 1024)

const char *trust_store_file(const char *root)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora */
		"/etc/pki/tls/certs/ca-bundle.crt",                  /* older ones */
		"/etc/ssl/ca-bundle.pem",                            /* SUSE */
		"/etc/ssl/cert.pem",
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < ELEMENTSOF(places); i++) {
		snprintf(path, sizeof(path), "%s%s", root, places[i]);
		if (access(path, R_OK) == 0)
			return places[i];
	}
	return NULL;
}

/* ---- in a child, because a module of p11-kit stays in memory ---- */

/* What the child finds: first what is trusted, then what is distrusted. In shared memory.
 */
struct found {
	size_t trusted, size;
	char pem[STORE_SIZE_MAX];
};

static int add(struct found *found, gnutls_x509_crt_t certificate)
{
	gnutls_datum_t pem = {0};
	int r = 0;

	if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem) < 0)
		return -ENOMEM;
	if (pem.size > sizeof(found->pem) - found->size) {
		r = -EFBIG;
	} else {
		memcpy(found->pem + found->size, pem.data, pem.size);
		found->size += pem.size;
	}
	gnutls_free(pem.data);
	return r;
}

#if HAVE_PKCS11

/* Those with this mark; of anchors only those for TLS servers. *ret_n: for any use. */
static int add_p11_kit(struct found *found, unsigned mark, unsigned *ret_n)
{
	const unsigned of_store = GNUTLS_PKCS11_OBJ_FLAG_PRESENT_IN_TRUSTED_MODULE |
		GNUTLS_PKCS11_OBJ_FLAG_CRT |
		/* the store may say what an anchor is good for, not its certificate */
		GNUTLS_PKCS11_OBJ_FLAG_OVERWRITE_TRUSTMOD_EXT;
	gnutls_pkcs11_obj_t *objects = NULL;
	unsigned n = 0;
	int r = gnutls_pkcs11_obj_list_import_url4(
		&objects, &n, "pkcs11:", of_store | mark);

	if (r < 0)
		return -EIO;
	for (unsigned i = 0; r >= 0 && i < n; i++) {
		gnutls_x509_crt_t certificate;

		if (gnutls_x509_crt_init(&certificate) < 0)
			return -ENOMEM;
		if (gnutls_x509_crt_import_pkcs11(certificate, objects[i]) == 0 &&
			((mark & GNUTLS_PKCS11_OBJ_FLAG_MARK_DISTRUSTED) ||
				gnutls_x509_crt_check_key_purpose(
					certificate, GNUTLS_KP_TLS_WWW_SERVER, 0)))
			r = add(found, certificate);
		gnutls_x509_crt_deinit(certificate);
		gnutls_pkcs11_obj_deinit(objects[i]);
	}
	gnutls_free(objects);
	*ret_n = n;
	return r < 0 ? r : 0;
}

#else

static int add_p11_kit(
	_unused_ struct found *found, _unused_ unsigned mark, unsigned *ret_n)
{
	*ret_n = 0;
	return 0;
}

#endif

static int add_anchors(struct found *found, unsigned *ret_n)
{
	return add_p11_kit(found,
		GNUTLS_PKCS11_OBJ_FLAG_MARK_CA | GNUTLS_PKCS11_OBJ_FLAG_MARK_TRUSTED,
		ret_n);
}

static int add_distrusted(struct found *found)
{
	unsigned ignored;

	return add_p11_kit(found, GNUTLS_PKCS11_OBJ_FLAG_MARK_DISTRUSTED, &ignored);
}

/* Wherever GnuTLS was built to look. */
static int add_default(struct found *found)
{
	gnutls_x509_trust_list_t list = NULL;
	gnutls_x509_trust_list_iter_t at = NULL;
	gnutls_x509_crt_t certificate;
	int r = 0;

	if (gnutls_x509_trust_list_init(&list, 0) < 0)
		return -ENOMEM;
	if (gnutls_x509_trust_list_add_system_trust(list, 0, 0) > 0)
		while (r == 0 &&
			gnutls_x509_trust_list_iter_get_ca(list, &at, &certificate) ==
				0) {
			r = add(found, certificate);
			gnutls_x509_crt_deinit(certificate);
		}
	gnutls_x509_trust_list_iter_deinit(at);
	gnutls_x509_trust_list_deinit(list, 1);
	return r;
}

static int find_distrusted(const void *userdata)
{
	struct found *found = *(struct found *const *)userdata;

	return add_distrusted(found);
}

/* GnuTLS may itself look into p11-kit, but does not ask what its anchors are for. */
static int find_all(const void *userdata)
{
	struct found *found = *(struct found *const *)userdata;
	unsigned n = 0;
	int r = add_anchors(found, &n);

	if (r == 0 && n == 0)
		r = add_default(found);
	found->trusted = found->size;
	return r < 0 ? r : add_distrusted(found);
}

/* ---- in the parent ---- */

static int copy(const char *pem, size_t size, struct blob *ret)
{
	if (size == 0)
		return 0;
	ret->data = strndup(pem, size);
	ret->size = size;
	return ret->data ? 0 : -ENOMEM;
}

int trust_store_read(const char *root, struct blob *ret_trusted,
	struct blob *ret_distrusted, struct error *err)
{
	const char *file = trust_store_file(root);
	char path[PATH_MAX];
	struct found *found;
	int r = 0;

	snprintf(path, sizeof(path), "%s%s", root, file ? file : "");
	if (file)
		r = file_read(path, STORE_SIZE_MAX, false, ret_trusted);
	if (r < 0)
		return error_set(err, FAULT_OTHER, r,
			"cannot read the system's trust store %s: %m", path);
	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found == MAP_FAILED)
		return error_memory(err);
	r = process_run(file ? find_distrusted : find_all, &found,
		deadline_after(TRUST_STORE_TIMEOUT));
	if (r == 0)
		r = copy(found->pem, found->trusted, ret_trusted);
	if (r == 0)
		r = copy(found->pem + found->trusted, found->size - found->trusted,
			ret_distrusted);
	munmap(found, sizeof(*found));
	return r < 0 ? error_set(err, FAULT_OTHER, r,
			       "cannot read the system's trust store from p11-kit: %m")
		     : 0;
}
