/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hands a TLS session over to the kernel. This is done at a record boundary, after the
 * last byte of the negotiation was read through GnuTLS, which never reads beyond a
 * record, so that the next one is still in the socket. Keys are only copied here, and the
 * copies wiped.
 */
#include <endian.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/log.h"
#include "wire/tls-internal.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#ifndef TLS_TX_MAX_PAYLOAD_LEN /* since Linux 6.19 */
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif

union crypto_info {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 gcm_128;
	struct tls12_crypto_info_aes_gcm_256 gcm_256;
	struct tls12_crypto_info_aes_ccm_128 ccm_128;
	struct tls12_crypto_info_chacha20_poly1305 chacha20;
};

/* How the kernel lays out a cipher's key material (include/uapi/linux/tls.h). */
#define LAYOUT(type, SIZE)                                                \
	.size = sizeof(struct type), .iv = offsetof(struct type, iv),     \
	.iv_size = SIZE##_IV_SIZE, .key = offsetof(struct type, key),     \
	.key_size = SIZE##_KEY_SIZE, .salt = offsetof(struct type, salt), \
	.salt_size = SIZE##_SALT_SIZE, .rec_seq = offsetof(struct type, rec_seq)

static const struct cipher {
	gnutls_cipher_algorithm_t gnutls;
	uint16_t kernel;
	size_t size, iv, iv_size, key, key_size, salt, salt_size, rec_seq;
} ciphers[] = {
	{GNUTLS_CIPHER_AES_128_GCM, TLS_CIPHER_AES_GCM_128,
		LAYOUT(tls12_crypto_info_aes_gcm_128, TLS_CIPHER_AES_GCM_128)},
	{GNUTLS_CIPHER_AES_256_GCM, TLS_CIPHER_AES_GCM_256,
		LAYOUT(tls12_crypto_info_aes_gcm_256, TLS_CIPHER_AES_GCM_256)},
	{GNUTLS_CIPHER_AES_128_CCM, TLS_CIPHER_AES_CCM_128,
		LAYOUT(tls12_crypto_info_aes_ccm_128, TLS_CIPHER_AES_CCM_128)},
	{GNUTLS_CIPHER_CHACHA20_POLY1305, TLS_CIPHER_CHACHA20_POLY1305,
		LAYOUT(tls12_crypto_info_chacha20_poly1305,
			TLS_CIPHER_CHACHA20_POLY1305)},
};

#define SEQUENCE_SIZE 8

static const struct cipher *find_cipher(gnutls_session_t session)
{
	gnutls_cipher_algorithm_t used = gnutls_cipher_get(session);

	for (size_t i = 0; i < ELEMENTSOF(ciphers); i++)
		if (ciphers[i].gnutls == used)
			return &ciphers[i];
	return NULL;
}

static int cannot(struct stream *s, int r, const char *what, struct error *err)
{
	return error_set(err, FAULT_KERNEL, r,
		"the kernel cannot carry this link (%s, %s): %s: %m", tls_version_name(s),
		tls_cipher_name(s), what);
}

/*
 * The parts of the nonce. GnuTLS returns the implicit part as iv: 12 bytes in TLS 1.3 and
 * with CHACHA20, 4 bytes in TLS 1.2 with AES, where the explicit part is the sequence
 * number.
 */
static int fill_nonce(const struct cipher *c, const gnutls_datum_t *iv,
	const unsigned char *sequence, char *out)
{
	if (iv->size == c->salt_size + c->iv_size) {
		memcpy(out + c->salt, iv->data, c->salt_size);
		memcpy(out + c->iv, iv->data + c->salt_size, c->iv_size);
		return 0;
	}
	if (iv->size == c->salt_size && c->iv_size == SEQUENCE_SIZE) {
		memcpy(out + c->salt, iv->data, c->salt_size);
		memcpy(out + c->iv, sequence, SEQUENCE_SIZE);
		return 0;
	}
	return -EOPNOTSUPP;
}

static int install_direction(
	struct stream *s, const struct cipher *c, bool receive, struct error *err)
{
	gnutls_session_t session = s->tls->gnutls;
	unsigned char sequence[SEQUENCE_SIZE];
	gnutls_datum_t iv, key;
	union crypto_info crypto = {0};
	int r;

	if (gnutls_record_get_state(session, receive, NULL, &iv, &key, sequence) < 0 ||
		key.size != c->key_size)
		return cannot(s, -EOPNOTSUPP, "GnuTLS does not give its keys", err);
	crypto.info.version = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3
		? TLS_1_3_VERSION
		: TLS_1_2_VERSION;
	crypto.info.cipher_type = c->kernel;
	r = fill_nonce(c, &iv, sequence, (char *)&crypto);
	memcpy((char *)&crypto + c->key, key.data, c->key_size);
	memcpy((char *)&crypto + c->rec_seq, sequence, SEQUENCE_SIZE);
	if (r == 0 &&
		fd_set_option(s->fd, SOL_TLS, receive ? TLS_RX : TLS_TX, &crypto,
			(socklen_t)c->size) < 0)
		r = -errno;
	explicit_bzero(&crypto, sizeof(crypto));
	if (r == -ENOENT)
		return cannot(s, r,
			"no module for the cipher; --tls-priority chooses another", err);
	return r < 0 ? cannot(s, r, receive ? "TLS_RX" : "TLS_TX", err) : 0;
}

/* A larger record than the server accepts would end the link. */
static int limit_records(const struct stream *s, struct error *err)
{
	const uint16_t payload = (uint16_t)tls_record_payload(s->tls);

	if (payload == TLS_PAYLOAD_MAX ||
		fd_set_option(s->fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &payload,
			sizeof(payload)) == 0)
		return 0;
	return error_set(err, FAULT_KERNEL, -EOPNOTSUPP,
		"the server accepts TLS records of %u bytes at most, but this kernel sends %u "
		"(Linux 6.19 or later can send less)",
		payload, TLS_PAYLOAD_MAX);
}

int ktls_install(struct stream *s, struct error *err)
{
	gnutls_session_t session = s->tls->gnutls;
	const struct cipher *c = find_cipher(session);
	int r;

	if (gnutls_record_check_pending(session) > 0)
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the server broke the protocol: it sent bytes after its last reply");
	if (!c)
		return cannot(s, -EOPNOTSUPP, "the kernel has no such cipher", err);
	if (fd_set_option(s->fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0) {
		/* the peer has closed, and a relay would not help */
		if (errno == ENOTCONN)
			return error_set(err, FAULT_UNREACHED, -ECONNRESET,
				"the server closed the connection just after it had agreed");
		return cannot(s, -errno, "TCP_ULP (no tls module)", err);
	}
	/* TLS_TX last: until then GnuTLS can still send close_notify. */
	r = install_direction(s, c, true, err);
	if (r == 0)
		r = limit_records(s, err);
	if (r == 0)
		r = install_direction(s, c, false, err);
	if (r == 0)
		log_debug("the kernel has the keys: %s, %s", tls_version_name(s),
			tls_cipher_name(s));
	return r;
}

/* Asks for the head only: the kernel then returns version and cipher without the key. */
static bool has_direction(int fd, int direction)
{
	struct tls_crypto_info head = {0};
	socklen_t size = sizeof(head);

	return getsockopt(fd, SOL_TLS, direction, &head, &size) == 0 &&
		head.cipher_type != 0;
}

int ktls_is_installed(int fd)
{
	return has_direction(fd, TLS_TX) && has_direction(fd, TLS_RX);
}

static const struct cipher *find_kernel_cipher(uint16_t kernel)
{
	for (size_t i = 0; i < ELEMENTSOF(ciphers); i++)
		if (ciphers[i].kernel == kernel)
			return &ciphers[i];
	return NULL;
}

/* The kernel returns the number of the next record only together with the key. */
static int next_record(int fd, int direction, uint64_t *ret, uint16_t *ret_cipher)
{
	union crypto_info info = {0};
	socklen_t size = sizeof(info.info);
	const struct cipher *c;
	uint64_t n;

	if (getsockopt(fd, SOL_TLS, direction, &info, &size) < 0)
		return -ENODATA;
	c = find_kernel_cipher(info.info.cipher_type);
	if (!c)
		return -ENODATA;
	size = (socklen_t)c->size;
	if (getsockopt(fd, SOL_TLS, direction, &info, &size) < 0)
		return -ENODATA;
	memcpy(&n, (const char *)&info + c->rec_seq, sizeof(n));
	explicit_bzero(&info, sizeof(info));
	*ret = be64toh(n);
	*ret_cipher = c->kernel;
	return 0;
}

static int count_records(int fd, int direction, uint64_t *most)
{
	uint16_t cipher;
	uint64_t n;
	int r = next_record(fd, direction, &n, &cipher);

	if (r < 0 || cipher == TLS_CIPHER_CHACHA20_POLY1305)
		return -ENODATA;
	*most = MAX(*most, n);
	return 0;
}

int ktls_sent(int fd, uint64_t *ret)
{
	uint16_t cipher;

	return next_record(fd, TLS_TX, ret, &cipher);
}

int ktls_records(int fd, uint64_t *ret)
{
	uint64_t most = 0;
	int r = count_records(fd, TLS_TX, &most);

	if (r == 0)
		r = count_records(fd, TLS_RX, &most);
	if (r == 0)
		*ret = most;
	return r;
}

#define ALERT      21 /* the type of such records, RFC 8446 section 5.1 */
#define ALERT_SIZE 2  /* level and description */

/*
 * The driver reads without room for the type of a record, so the kernel keeps a record
 * that is not data. This only peeks: data would belong to the driver.
 */
int ktls_peek_alert(int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(unsigned char))];
	} control = {0};
	unsigned char alert[ALERT_SIZE];
	struct iovec data = {alert, sizeof(alert)};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	const struct cmsghdr *type;

	if (fd < 0 || !has_direction(fd, TLS_RX) ||
		recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT) != sizeof(alert))
		return -ENODATA;
	type = CMSG_FIRSTHDR(&message);
	if (!type || type->cmsg_level != SOL_TLS ||
		type->cmsg_type != TLS_GET_RECORD_TYPE || *CMSG_DATA(type) != ALERT)
		return -ENODATA;
	return alert[1];
}
