/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The target of an attachment: the server, the export and the options. It is filled from
 * a URI and options, or from a configuration file, checked by target_check(), and const
 * from then on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/deadline.h"
#include "common/error.h"

#define NBD_DEFAULT_PORT "10809"
#define NBD_NAME_MAX     64 /* bytes of an attachment's name */
#define NBD_STRING_MAX                                                  \
	4096 /* bytes of a string on the wire (NBD protocol, "Strings") \
	      */
#define NBD_LINKS_MAX 16
#define NBD_HOST_MAX  255 /* bytes of a host name (RFC 1035) */

enum transport { TRANSPORT_TCP, TRANSPORT_UNIX, TRANSPORT_VSOCK };
enum tls_mode { TLS_MODE_OFF, TLS_MODE_PREFER, TLS_MODE_REQUIRE };
enum tls_auth { TLS_AUTH_X509, TLS_AUTH_PSK, TLS_AUTH_ANON };
enum data_path { DATA_PATH_AUTO, DATA_PATH_KERNEL, DATA_PATH_RELAY };

struct target {
	char *uri;       /* as the user wrote it */
	char **settings; /* what was set besides, "option=value": with the URI and … */
	size_t n_settings;
	char *directory; /* … what relative paths start from, it makes the same target */
	char *name;      /* NULL: to be derived from the export */

	/* the server */
	enum transport transport;
	char *host;         /* TCP: name or address, an IPv6 zone as "fe80::1%eth0" */
	char *host_bare;    /* TCP: host without its zone; NULL: it has none */
	char *port;         /* TCP: decimal */
	char *socket;       /* unix: path; "@name" was given as a leading NUL byte */
	size_t socket_size; /* its bytes, since an abstract name starts with NUL */
	uint32_t vsock_cid;
	uint32_t vsock_port;
	char *export_name; /* UTF-8, may be "" */

	/* TLS */
	enum tls_mode tls;
	enum tls_auth tls_auth;
	bool tls_auth_set; /* tls-type= was given, rather than derived */

	/* the device */
	int device;           /* N of /dev/nbdN; -1: the kernel picks */
	unsigned connections; /* 0: auto */
	enum data_path data_path;
	uint32_t block_size; /* bytes; 0: as the server says */

	/* what options of these kinds set; NULL: it is not given */
#define OPTION_STRING(field, ...) char *field;
#define OPTION_BOOL(field, ...)   bool field;
#define OPTION_TIME(field, ...)   usec_t field;
#include "target/options.def"
};

/* Fills in the defaults. target_done() releases what is inside. */
void target_init(struct target *t);
void target_done(struct target *t);
#define _cleanup_target_ _cleanup_(target_done)

/*
 * Fills t from an NBD URI (the URI specification's nbd, nbds, nbd+unix and nbds+unix, and
 * nbd+vsock, nbds+vsock) with the query parameters that libnbd knows. Fails with
 * FAULT_USAGE and a line that names the offending part: -EINVAL, -ENOMEM. On failure t
 * may be partly filled: pass it to target_done() only. The URI comes first, the
 * options after it, so that they override its query.
 */
int target_parse_uri(struct target *t, const char *uri, struct error *err);

/*
 * Sets one option by its long name without dashes ("tls-ca"), the words of the command
 * line and of configuration files alike. An option that is a flag takes NULL or a
 * boolean. -ENOENT: no such option; -EINVAL: bad value; -ENOMEM. FAULT_USAGE.
 */
int target_set(
	struct target *t, const char *option, const char *value, struct error *err);

/* What the values of an option are, as in "… is not a time up to 1h". NULL: no such. */
const char *target_option_expected(const char *option);

/*
 * Does everything fit together? Derives what follows from the rest, and makes relative
 * paths absolute: they start from t->directory, or where that is NULL from the working
 * directory, which it becomes. FAULT_USAGE.
 */
int target_check(struct target *t, struct error *err);

/*
 * Makes the target again that had this URI, directory and settings ("option=value"), and
 * checks it. As target_parse_uri(), target_set() and target_check().
 */
int target_replay(struct target *t, const char *uri, const char *directory,
	const char *const *settings, size_t n, struct error *err);

/* Whether two targets mean the same export of the same server, in the same TLS mode. */
bool target_is_same_export(const struct target *a, const struct target *b);

/* "[A-Za-z0-9._-]", 1 to NBD_NAME_MAX bytes, no leading dot or dash, no "nbd5". */
bool target_name_is_valid(const char *name);

/*
 * An attachment's name made of the export's (design: reduced to the valid characters,
 * "disk" if nothing is left). out has NBD_NAME_MAX + 1 bytes.
 */
void target_derive_name(const struct target *t, char *out);

/*
 * Of a path such as "credential:psk" what follows the colon: a credential that systemd
 * passes to its service (systemd.exec(5), "LoadCredential="). NULL: it is an ordinary
 * path.
 */
const char *target_credential(const char *path);

/* "host:port", "unix:/path" or "vsock:2:10809", for people; caller frees; NULL: memory.
 */
char *target_server(const struct target *t);

/* The name that the server's certificate must bear, or NULL. */
const char *target_tls_name(const struct target *t);

/* "/dev/nbd5" or "nbd5" to 5. -EINVAL if it is neither. */
int target_parse_device(const char *text, unsigned *ret);
