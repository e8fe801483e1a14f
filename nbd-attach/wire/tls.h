/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS client on top of GnuTLS (NBD protocol, TLS section; RFC 5246, RFC 8446). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"
#include "wire/stream.h"

/* GnuTLS types stay inside the tls files. */
struct tls_credentials;

/*
 * Creates GnuTLS objects from the credentials, and reads the system's trust store. Call
 * it before anything is read from the server. FAULT_USAGE: not PEM, a key that does not
 * match its certificate, a priority string that GnuTLS does not accept.
 */
struct credentials;
int tls_credentials_new(const struct target *t, const struct credentials *c,
	struct tls_credentials **ret, struct error *err);
void tls_credentials_free(struct tls_credentials *credentials);

/* The file with the system's crypto policy, where GnuTLS looks for it; or NULL. */
const char *tls_policy_file(void);

/* FAULT_OTHER: GnuTLS refuses to work, as when its self-tests in FIPS mode fail. */
int tls_check_library(struct error *err);

DEFINE_CLEANUP(struct tls_credentials *, tls_credentials_free)

/*
 * The handshake, on a plain stream whose server has just agreed to STARTTLS. From here on
 * the stream is TLS, even if the handshake fails. The peer is verified as the target
 * says. TLS failures are FAULT_TLS: -EPROTO, or -EKEYREJECTED if the certificate is not
 * accepted.
 */
int tls_handshake(struct stream *s, const struct target *t,
	const struct tls_credentials *credentials, struct error *err);

/* The negotiated version and cipher, "TLS1.3" and "AES-256-GCM". Static strings. */
const char *tls_version_name(const struct stream *s);
const char *tls_cipher_name(const struct stream *s);

/*
 * To be called after the handshake, if no other follows. The session no longer needs the
 * credentials, and they can be freed.
 */
void tls_forget_credentials(struct stream *s);

/* Sends close_notify if TLS is up, and frees the session. Not after ktls_install(). */
void tls_close(struct stream *s);

/* Frees the session and sends nothing: the kernel uses it now. */
void tls_abandon(struct stream *s);

/*
 * Moves the session's keys into the kernel (Documentation/networking/tls.rst). Afterwards
 * the socket carries plaintext for its user, and tls_abandon() is all that may be called.
 * The modules must be loaded. FAULT_PROTOCOL: the server sent unexpected bytes.
 * FAULT_KERNEL: the kernel lacks TLS or this cipher: -EOPNOTSUPP, -ENOENT; the session
 * can still send then.
 */
int ktls_install(struct stream *s, struct error *err);

/*
 * Whether the socket has kernel TLS in both directions: 1 or 0. Asks the kernel with
 * getsockopt(), and does not rely on the process that set it up.
 */
int ktls_is_installed(int fd);

/*
 * How many records a socket with kernel TLS has sent or received, whichever is more.
 * -ENODATA: its cipher has no record limit (CHACHA20-POLY1305), or it has no kernel TLS.
 */
int ktls_records(int fd, uint64_t *ret);

/* The sequence number of the next record that it sends, whatever the cipher. */
int ktls_sent(int fd, uint64_t *ret);

/*
 * The alert (its description) that the server has sent over a socket with kernel TLS
 * before the link ended, and that nobody has read. -ENODATA: none is known. Nothing is
 * taken from the socket, and of what the server sent only these two bytes are looked at.
 */
int ktls_peek_alert(int fd);

/* The alert's name; static. NULL: it has none. */
const char *tls_alert_name(int alert);
