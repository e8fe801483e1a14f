/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS as a client, by GnuTLS (TLS section of the NBD protocol; RFC 5246, RFC 8446). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"
#include "wire/stream.h"

/* struct gnutls_session_int and friends stay inside the tls files. */
struct tls_credentials;

/*
 * Makes GnuTLS objects of the credentials; the system's trust store is read here. Before
 * the first byte of the server. FAULT_USAGE: what is not PEM, a key that does not fit its
 * certificate, a priority string that GnuTLS does not take.
 */
struct credentials;
int tls_credentials_new(const struct target *t, const struct credentials *c,
	struct tls_credentials **ret, struct error *err);
void tls_credentials_free(struct tls_credentials *credentials);
DEFINE_CLEANUP(struct tls_credentials *, tls_credentials_free)

/*
 * The handshake, on a plain stream whose server has just agreed to STARTTLS: from here on
 * the stream is TLS, whatever happens. The peer is verified as the target says. All
 * failures of TLS: FAULT_TLS, -EPROTO, -EKEYREJECTED for a certificate that is not
 * accepted.
 */
int tls_handshake(struct stream *s, const struct target *t,
	const struct tls_credentials *credentials, struct error *err);

/* What was agreed, as "TLS1.3" and "AES-256-GCM". Static strings. */
const char *tls_version_name(const struct stream *s);
const char *tls_cipher_name(const struct stream *s);

/*
 * The handshake is over, and no other will follow: the session needs the credentials no
 * more, and they can be freed.
 */
void tls_forget_credentials(struct stream *s);

/* Ends TLS by close_notify, if it is up, and forgets it. Not after ktls_install(). */
void tls_close(struct stream *s);

/* Forgets the session without a word to the server: the kernel has it now. */
void tls_abandon(struct stream *s);

/*
 * Moves the session's keys into the kernel (Documentation/networking/tls.rst): after it
 * the socket takes and gives the plain bytes, and the session must only be abandoned.
 * Modules are loaded already. FAULT_PROTOCOL: the server sent bytes that nobody asked
 * for. FAULT_KERNEL: the kernel has no TLS, or not this cipher: -EOPNOTSUPP, -ENOENT;
 * the session can still send then.
 */
int ktls_install(struct stream *s, struct error *err);

/*
 * Whether the socket has kernel TLS in both directions: 1 or 0. The kernel's word, asked
 * through getsockopt(), not the word of whoever set it up.
 */
int ktls_is_installed(int fd);

/*
 * How many records went over a socket with kernel TLS, in the direction with more of
 * them. -ENODATA: its cipher does not wear out (CHACHA20-POLY1305), or it has no kernel
 * TLS.
 */
int ktls_records(int fd, uint64_t *ret);

/* The number of the record that it sends next, whatever the cipher. */
int ktls_sent(int fd, uint64_t *ret);
