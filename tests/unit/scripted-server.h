/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server that plays a script. A script is text, read from left to right:
 *
 *   <          what follows is sent
 *   >          what follows must be received, byte for byte
 *   0a1b 'ab'  bytes: in hexadecimal, or as they are
 *   *40        the byte before, 40 times in all
 *   T          receives the first flight of a TLS handshake
 *   @          what was sent since the last <, again and again until the client leaves
 *   =          watches for a moment: the client must neither speak nor leave
 *   .          closes this direction
 *   ~          says nothing more
 *
 * At the end the client must close, without one byte more.
 */
#pragma once

#include <stddef.h>

#define GREETING_ONLY(flags) "< 'NBDMAGICIHAVEOPT' " flags " "
#define GREETING             GREETING_ONLY("0003") "> 00000003 "

#define EXPORT_NAME "00000001 "
#define ABORT       "00000002 "
#define LIST        "00000003 "
#define STARTTLS    "00000005 "
#define INFO        "00000006 "
#define GO          "00000007 "

/* an option without data; INFO and GO for the export "disk" */
#define OPTION(option) "> 'IHAVEOPT' " option "00000000 "
#define ASK(option)    ASK_##option
#define ASK_INFO       "> 'IHAVEOPT' " INFO "0000000e 00000004 'disk' 0002 0003 0002 "
#define ASK_GO         "> 'IHAVEOPT' " GO "0000000c 00000004 'disk' 0001 0003 "
#define ENTER          "> 'IHAVEOPT' 00000001 00000004 'disk' "

#define REPLY(option, type, size) "< 0003e889045565a9 " option type " " size " "
#define ACK(option)               REPLY(option, "00000001", "00000000")
#define ERROR(option, number)     REPLY(option, "8000000" number, "00000000")
#define INFO_REPLY(option, size)  REPLY(option, "00000003", size)
#define SERVER(size)              REPLY(LIST, "00000002", size)

/* 1 MiB, HAS_FLAGS and SEND_FLUSH */
#define EXPORT(option) INFO_REPLY(option, "0000000c") "0000 0000000000100000 0005 "
#define BLOCKS(option, minimum, preferred, maximum) \
	INFO_REPLY(option, "0000000e") "0003 " minimum preferred maximum " "

#define ERR_UNSUP           "1"
#define ERR_POLICY          "2"
#define ERR_INVALID         "3"
#define ERR_PLATFORM        "4"
#define ERR_TLS_REQD        "5"
#define ERR_UNKNOWN         "6"
#define ERR_SHUTDOWN        "7"
#define ERR_BLOCK_SIZE_REQD "8"
#define ERR_TOO_BIG         "9"

#define LEAVES OPTION(ABORT) ACK(ABORT)

/* as LEAVES, from a client that waits for the answer */
#define LEAVES_PATIENTLY OPTION(ABORT) "=" ACK(ABORT)

/* How the whole of a script is played. */
enum manner {
	AS_WRITTEN,
	BYTE_BY_BYTE, /* the client receives them one at a time */
	CUT_CLOSING,  /* closes instead of sending byte number `cut` */
	CUT_SILENT,   /* falls silent instead */
};

struct scripted_server;

/* Starts to play; *ret_fd is the client's end, non-blocking. */
struct scripted_server *scripted_server_start(
	const char *script, enum manner manner, size_t cut, int *ret_fd);

/*
 * Once the client has closed its end: NULL if it did as the script says, otherwise what
 * it did instead, valid until the next start.
 */
const char *scripted_server_end(struct scripted_server *server);

/* How many bytes a script sends. */
size_t scripted_server_sends(const char *script);
