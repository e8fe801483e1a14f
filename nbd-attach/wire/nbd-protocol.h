/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NBD protocol on the wire. All numbers are big-endian, all structures packed. Names
 * are those of the protocol document. <linux/nbd.h>, which has some of them too, is for
 * kernel/.
 */
#pragma once

#include <stdint.h>

#define NBD_MAGIC          UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC   UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_OLDSTYLE_MAGIC UINT64_C(0x00420281861253)
#define NBD_REPLY_MAGIC    UINT64_C(0x0003e889045565a9) /* of option replies */
#define NBD_REQUEST_MAGIC  UINT32_C(0x25609513)         /* of the transmission phase */

/* handshake flags of the server, and of the client */
#define NBD_FLAG_FIXED_NEWSTYLE   (1 << 0)
#define NBD_FLAG_NO_ZEROES        (1 << 1)
#define NBD_FLAG_C_FIXED_NEWSTYLE (1 << 0)
#define NBD_FLAG_C_NO_ZEROES      (1 << 1)

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_STARTTLS = 5,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
};

#define NBD_REP_ERR_BIT UINT32_C(0x80000000)

enum nbd_reply {
	NBD_REP_ACK = 1,
	NBD_REP_SERVER = 2,
	NBD_REP_INFO = 3,
};

#define NBD_REP_ERR_UNSUP           (NBD_REP_ERR_BIT + 1)
#define NBD_REP_ERR_POLICY          (NBD_REP_ERR_BIT + 2)
#define NBD_REP_ERR_INVALID         (NBD_REP_ERR_BIT + 3)
#define NBD_REP_ERR_PLATFORM        (NBD_REP_ERR_BIT + 4)
#define NBD_REP_ERR_TLS_REQD        (NBD_REP_ERR_BIT + 5)
#define NBD_REP_ERR_UNKNOWN         (NBD_REP_ERR_BIT + 6)
#define NBD_REP_ERR_SHUTDOWN        (NBD_REP_ERR_BIT + 7)
#define NBD_REP_ERR_BLOCK_SIZE_REQD (NBD_REP_ERR_BIT + 8)
#define NBD_REP_ERR_TOO_BIG         (NBD_REP_ERR_BIT + 9)

enum nbd_info {
	NBD_INFO_EXPORT = 0,
	NBD_INFO_NAME = 1,
	NBD_INFO_DESCRIPTION = 2,
	NBD_INFO_BLOCK_SIZE = 3,
};

/* transmission flags */
#define NBD_FLAG_HAS_FLAGS         (1 << 0)
#define NBD_FLAG_READ_ONLY         (1 << 1)
#define NBD_FLAG_SEND_FLUSH        (1 << 2)
#define NBD_FLAG_SEND_FUA          (1 << 3)
#define NBD_FLAG_ROTATIONAL        (1 << 4)
#define NBD_FLAG_SEND_TRIM         (1 << 5)
#define NBD_FLAG_SEND_WRITE_ZEROES (1 << 6)
#define NBD_FLAG_CAN_MULTI_CONN    (1 << 8)

#define NBD_CMD_DISC 2

#define NBD_EXPORT_NAME_PADDING 124

struct nbd_greeting {
	uint64_t magic;
	uint64_t option_magic;
	uint16_t flags;
} __attribute__((packed));

struct nbd_option_header {
	uint64_t magic;
	uint32_t option;
	uint32_t size;
} __attribute__((packed));

struct nbd_reply_header {
	uint64_t magic;
	uint32_t option;
	uint32_t type;
	uint32_t size;
} __attribute__((packed));

struct nbd_info_export {
	uint16_t type;
	uint64_t size;
	uint16_t flags;
} __attribute__((packed));

struct nbd_info_block_size {
	uint16_t type;
	uint32_t minimum;
	uint32_t preferred;
	uint32_t maximum; /* largest payload */
} __attribute__((packed));

struct nbd_export_name_reply {
	uint64_t size;
	uint16_t flags;
} __attribute__((packed));

struct nbd_request {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint32_t size;
} __attribute__((packed));
