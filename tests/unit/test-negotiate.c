/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Servers that keep to the protocol: what the client sends, byte for byte, and what it
 * reads from their answers. test-breaches.c has servers that break the protocol.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conversation.h"

#define DEFAULT_BLOCKS .minimum = 512, .preferred = 4096, .maximum = 32 << 20
#define DISK           .size = 1 << 20, .flags = 5, DEFAULT_BLOCKS

#define DISCONNECTS   "> 25609513 0000 0002 00*20 "
#define EMPTY(option) INFO_REPLY(option, "0000000c") "0000 00*8 0005 "
#define NOTLS(script) script OPTION(STARTTLS) ERROR(STARTTLS, ERR_POLICY) LEAVES

static char name_4096[NBD_STRING_MAX + 1], name_4097[NBD_STRING_MAX + 2];

/* Laid out by hand, so that a conversation reads in its order. */
/* clang-format off */

static const struct row go_rows[] = {
	{.name = "GO", .export = {DISK},
		.script = GREETING ASK(GO) EXPORT(GO) ACK(GO)},
	{.name = "GO: unknown handshake flags are not answered", .export = {DISK},
		.script = GREETING_ONLY("ffff") "> 00000003 " ASK(GO) EXPORT(GO) ACK(GO)},
	{.name = "GO: no zeroes only where it is offered", .export = {DISK},
		.script = GREETING_ONLY("0001") "> 00000001 " ASK(GO) EXPORT(GO) ACK(GO)},
	{.name = "GO with block sizes",
		.export = {.size = 1 << 20, .flags = 5, .minimum = 1, .preferred = 512,
			.maximum = NBD_MAXIMUM_UNLIMITED},
		.script = GREETING ASK(GO) BLOCKS(GO, "00000001", "00000200", "ffffffff")
			EXPORT(GO) ACK(GO)},
	{.name = "GO with the largest minimum block",
		.export = {.size = 1 << 20, .flags = 5, .minimum = 65536,
			.preferred = 65536, .maximum = 65536},
		.script = GREETING ASK(GO) EXPORT(GO)
			BLOCKS(GO, "00010000", "00010000", "00010000") ACK(GO)},
	{.name = "GO with name, description and unknown infos",
		.export = {DISK, .description = "a d\xc3\xafsk"},
		.script = GREETING ASK(GO) INFO_REPLY(GO, "00000006") "0001 'disk' "
			INFO_REPLY(GO, "00000009") "0002 'a d' c3af 'sk' "
			INFO_REPLY(GO, "00000002") "8000 "
			INFO_REPLY(GO, "00000006") "ffff 00000000 " EXPORT(GO) ACK(GO)},
	{.name = "GO with the longest unknown info", .export = {DISK},
		.script = GREETING ASK(GO) INFO_REPLY(GO, "00010000") "7777 00*65534 "
			EXPORT(GO) ACK(GO)},
	{.name = "GO with an empty description", .export = {DISK},
		.script = GREETING ASK(GO) INFO_REPLY(GO, "00000002") "0002 " EXPORT(GO)
			ACK(GO)},
	{.name = "GO: a description in Latin-1", .export = {DISK, .description = "caf?"},
		.script = GREETING ASK(GO) INFO_REPLY(GO, "00000006") "0002 'caf' e9 "
			EXPORT(GO) ACK(GO)},
	{.name = "GO: a description that ends in NUL",
		.export = {DISK, .description = "caf"},
		.script = GREETING ASK(GO) INFO_REPLY(GO, "00000006") "0002 'caf' 00 "
			EXPORT(GO) ACK(GO)},
	{.name = "GO: an empty export", .export = {.flags = 1, DEFAULT_BLOCKS},
		.script = GREETING ASK(GO)
			INFO_REPLY(GO, "0000000c") "0000 0000000000000000 0001 " ACK(GO)},
	{.name = "GO: the largest size, every flag",
		.export = {.size = INT64_MAX, .flags = 0xffff, DEFAULT_BLOCKS},
		.script = GREETING ASK(GO)
			INFO_REPLY(GO, "0000000c") "0000 7fffffffffffffff ffff " ACK(GO)},
	{.name = "GO: an empty name", .export = {DISK}, .export_name = "",
		.script = GREETING "> 'IHAVEOPT' " GO "00000008 00000000 0001 0003 "
			EXPORT(GO) ACK(GO)},
	{.name = "GO: the longest name", .export = {DISK}, .export_name = name_4096,
		.script = GREETING "> 'IHAVEOPT' " GO
			"00001008 00001000 'x'*4096 0001 0003 " EXPORT(GO) ACK(GO)},
	{.name = "GO: not a word before the last reply has come", .export = {DISK},
		.script = GREETING ASK(GO) "=" INFO_REPLY(GO, "00000002") "8000 =" EXPORT(GO)
			"=" ACK(GO)},
	{.name = "EXPORT_NAME after UNSUP, not before", .export = {DISK},
		.script = GREETING ASK(GO) "=" ERROR(GO, ERR_UNSUP) ENTER
			"= < 0000000000100000 0005 "},
	{.name = "EXPORT_NAME after UNSUP, no zeroes", .export = {DISK},
		.script = GREETING ASK(GO) ERROR(GO, ERR_UNSUP) ENTER
			"< 0000000000100000 0005 "},
	{.name = "EXPORT_NAME after UNSUP, zeroes", .export = {DISK},
		.script = GREETING_ONLY("0001") "> 00000001 " ASK(GO) ERROR(GO, ERR_UNSUP)
			ENTER "< 0000000000100000 0005 00*124 "},
	{.name = "EXPORT_NAME without fixed newstyle", .export = {DISK},
		.script = GREETING_ONLY("0000") "> 00000000 " ENTER
			"< 0000000000100000 0005 00*124 "},
	{.name = "EXPORT_NAME without fixed newstyle, no zeroes", .export = {DISK},
		.script = GREETING_ONLY("0002") "> 00000002 " ENTER
			"< 0000000000100000 0005 "},
	{.name = "TLS preferred, refused: GO in plaintext", .tls = TLS_MODE_PREFER,
		.export = {DISK}, .mode = SERVER_MODE_NOTLS,
		.script = GREETING OPTION(STARTTLS) ERROR(STARTTLS, ERR_UNSUP) ASK(GO)
			EXPORT(GO) ACK(GO)},
	{.name = "TLS preferred: not a word before STARTTLS is answered",
		.tls = TLS_MODE_PREFER, .export = {DISK}, .mode = SERVER_MODE_NOTLS,
		.script = GREETING OPTION(STARTTLS) "=" ERROR(STARTTLS, ERR_POLICY) ASK(GO)
			EXPORT(GO) ACK(GO)},
	{.name = "TLS preferred, no fixed newstyle", .tls = TLS_MODE_PREFER,
		.export = {DISK}, .mode = SERVER_MODE_NOTLS,
		.script = GREETING_ONLY("0002") "> 00000002 " ENTER
			"< 0000000000100000 0005 "},
};

static const struct row info_rows[] = {
	{.name = "INFO", .asks = ASKS_INFO, .export = {DISK}, .mode = SERVER_MODE_NOTLS,
		.script = NOTLS(GREETING ASK(INFO) EXPORT(INFO) ACK(INFO))},
	{.name = "INFO: STARTTLS is not known", .asks = ASKS_INFO, .export = {DISK},
		.mode = SERVER_MODE_NOTLS,
		.script = GREETING ASK(INFO) EXPORT(INFO) ACK(INFO) OPTION(STARTTLS)
			ERROR(STARTTLS, ERR_UNSUP) LEAVES},
	{.name = "INFO: STARTTLS is taken, so TLS comes up only to leave",
		.asks = ASKS_INFO, .export = {DISK}, .mode = SERVER_MODE_SELECTIVETLS,
		.script = GREETING ASK(INFO) EXPORT(INFO) ACK(INFO) OPTION(STARTTLS)
			ACK(STARTTLS) "T."},
	{.name = "INFO: the server answers ABORT by closing", .asks = ASKS_INFO,
		.export = {DISK}, .mode = SERVER_MODE_NOTLS,
		.script = GREETING ASK(INFO) EXPORT(INFO) ACK(INFO) OPTION(STARTTLS)
			ERROR(STARTTLS, ERR_POLICY) OPTION(ABORT) "."},
	{.name = "INFO: one option at a time, and ABORT's answer is waited for",
		.asks = ASKS_INFO, .export = {DISK}, .mode = SERVER_MODE_NOTLS,
		.script = GREETING ASK(INFO) "=" EXPORT(INFO) "=" ACK(INFO) OPTION(STARTTLS)
			"=" ERROR(STARTTLS, ERR_POLICY) LEAVES_PATIENTLY},
	{.name = "INFO: no size yet: enter and disconnect", .asks = ASKS_INFO,
		.export = {DISK}, .mode = SERVER_MODE_NOTLS,
		.script = GREETING ASK(INFO) EMPTY(INFO) ACK(INFO) OPTION(STARTTLS)
			ERROR(STARTTLS, ERR_POLICY) ASK(GO) EXPORT(GO) ACK(GO) DISCONNECTS},
	{.name = "INFO: no size, and TLS comes up only to leave", .asks = ASKS_INFO,
		.export = {.flags = 5, DEFAULT_BLOCKS}, .mode = SERVER_MODE_SELECTIVETLS,
		.script = GREETING ASK(INFO) EMPTY(INFO) ACK(INFO) OPTION(STARTTLS)
			ACK(STARTTLS) "T."},
	{.name = "INFO unknown: enter and disconnect", .asks = ASKS_INFO,
		.export = {DISK},
		.script = GREETING ASK(INFO) ERROR(INFO, ERR_UNSUP) ENTER
			"< 0000000000100000 0005 " DISCONNECTS},
	{.name = "INFO without fixed newstyle", .asks = ASKS_INFO, .export = {DISK},
		.mode = SERVER_MODE_NOTLS,
		.script = GREETING_ONLY("0000") "> 00000000 " ENTER
			"< 0000000000100000 0005 00*124 " DISCONNECTS},
};

static const struct row list_rows[] = {
	{.name = "LIST", .asks = ASKS_LIST, .mode = SERVER_MODE_NOTLS,
		.lists = "a|;disk|the first;|;",
		.script = NOTLS(GREETING OPTION(LIST) SERVER("00000005") "00000001 'a' "
			SERVER("00000011") "00000004 'diskthe first' "
			SERVER("00000004") "00000000 " ACK(LIST))},
	{.name = "LIST: one option at a time", .asks = ASKS_LIST,
		.mode = SERVER_MODE_NOTLS, .lists = "a|;",
		.script = GREETING OPTION(LIST) "=" SERVER("00000005") "00000001 'a' ="
			ACK(LIST) OPTION(STARTTLS) "=" ERROR(STARTTLS, ERR_UNSUP)
			LEAVES_PATIENTLY},
	{.name = "LIST: names and descriptions of any bytes", .asks = ASKS_LIST,
		.mode = SERVER_MODE_NOTLS, .lists = "caf\xe9|;b|caf\xe9;c|d;",
		.script = NOTLS(GREETING OPTION(LIST) SERVER("00000008") "00000004 'caf' e9 "
			SERVER("00000009") "00000001 'bcaf' e9 "
			SERVER("00000006") "00000001 'cd' " ACK(LIST))},
	{.name = "go-nbd: LIST with all names in one reply", .asks = ASKS_LIST,
		.mode = SERVER_MODE_NOTLS, .lists = "a|;disk|;last|;",
		.script = GREETING_ONLY("0001") "> 00000001 " OPTION(LIST) SERVER("00000015")
			"00000001 'a' 00000004 'disk' 00000004 'last' " ACK(LIST)
			OPTION(STARTTLS) ERROR(STARTTLS, ERR_UNSUP) LEAVES},
	{.name = "go-nbd: LIST without exports", .asks = ASKS_LIST,
		.mode = SERVER_MODE_NOTLS,
		.script = GREETING_ONLY("0001") "> 00000001 " OPTION(LIST) SERVER("00000000")
			ACK(LIST) OPTION(STARTTLS) ERROR(STARTTLS, ERR_UNSUP) LEAVES},
	{.name = "LIST of nothing", .asks = ASKS_LIST, .mode = SERVER_MODE_NOTLS,
		.script = NOTLS(GREETING OPTION(LIST) ACK(LIST))},
};

/* The client ends the negotiation: by ABORT, unless that may not be sent. */
#define REFUSED(error) .fault = FAULT_REFUSED, .r = -(error)
#define NO_TLS         .fault = FAULT_TLS, .r = -EPROTONOSUPPORT, .tls = TLS_MODE_REQUIRE
#define NO_STARTTLS(number)                                                        \
	{                                                                          \
		.name = "TLS required: STARTTLS gets error " number, NO_TLS,       \
		.says = "the server offers no TLS (enable it there): ",            \
		.script = GREETING OPTION(STARTTLS) ERROR(STARTTLS, number) LEAVES \
	}
#define GO_REFUSED(number) GREETING ASK(GO) ERROR(GO, number) LEAVES

static const struct row refusal_rows[] = {
	{.name = "GO: POLICY", REFUSED(EACCES),
		.says = "the server's policy forbids GO of \"disk\"",
		.script = GO_REFUSED(ERR_POLICY)},
	{.name = "GO: INVALID", REFUSED(EINVAL),
		.says = "the server rejected our GO of \"disk\" as invalid",
		.script = GO_REFUSED(ERR_INVALID)},
	{.name = "GO: PLATFORM", REFUSED(EINVAL),
		.says = "the server's platform does not support GO of \"disk\"",
		.script = GO_REFUSED(ERR_PLATFORM)},
	{.name = "GO: TLS_REQD", REFUSED(EPROTONOSUPPORT),
		.says = "the server requires TLS for GO of \"disk\": use nbds://, or "
			"--tls require",
		.script = GO_REFUSED(ERR_TLS_REQD)},
	{.name = "GO: UNKNOWN", REFUSED(ENOENT),
		.says = "the server has no export \"disk\" (see info --list)",
		.script = GO_REFUSED(ERR_UNKNOWN)},
	{.name = "GO: SHUTDOWN", REFUSED(ESHUTDOWN),
		.says = "the server is shutting down (GO of \"disk\")",
		.script = GO_REFUSED(ERR_SHUTDOWN)},
	{.name = "GO: BLOCK_SIZE_REQD", REFUSED(EINVAL),
		.says = "the server requires block sizes for GO of \"disk\"",
		.script = GO_REFUSED(ERR_BLOCK_SIZE_REQD)},
	{.name = "GO: TOO_BIG", REFUSED(EINVAL),
		.says = "the server rejected our GO of \"disk\" as too big",
		.script = GO_REFUSED(ERR_TOO_BIG)},
	{.name = "GO: an error of the future",
		.says = "the server refused GO of \"disk\"",
		REFUSED(EINVAL),
		.script = GREETING ASK(GO) REPLY(GO, "ffffffff", "00000000") LEAVES},
	{.name = "GO: refused after the infos", REFUSED(EACCES),
		.script = GREETING ASK(GO) EXPORT(GO) ERROR(GO, ERR_POLICY) LEAVES},
	{.name = "the server's words are quoted", REFUSED(ENOENT),
		.says = "the server has no export \"disk\" (see info --list); it says "
			"\"no ?[31mdisk?? here\"",
		.script = GREETING ASK(GO)
			REPLY(GO, "80000006", "00000013")
			"'no ' 1b '[31mdisk' 0d0a ' here' " LEAVES},
	{.name = "EXPORT_NAME is refused by closing", REFUSED(ECONNRESET),
		.says = "the server closed the connection: no such export (see info "
			"--list), or access denied",
		.entry = ENTRY_NAME, .script = GREETING ENTER "."},
	{.name = "INFO: UNKNOWN", .asks = ASKS_INFO, REFUSED(ENOENT),
		.script = NOTLS(GREETING ASK(INFO) ERROR(INFO, ERR_UNKNOWN))},
	{.name = "INFO: TLS_REQD, FORCEDTLS", .asks = ASKS_INFO,
		REFUSED(EPROTONOSUPPORT),
		.says = "the server requires TLS for everything (FORCEDTLS): use "
			"nbds://, or --tls require",
		.script = GREETING ASK(INFO) ERROR(INFO, ERR_TLS_REQD) OPTION(LIST)
			ERROR(LIST, ERR_TLS_REQD) LEAVES},
	{.name = "INFO: TLS_REQD, SELECTIVETLS", .asks = ASKS_INFO,
		REFUSED(EPROTONOSUPPORT),
		.says = "the server requires TLS for this export, or has no such "
			"export (SELECTIVETLS): use nbds://, or --tls require",
		.script = GREETING ASK(INFO) ERROR(INFO, ERR_TLS_REQD) OPTION(LIST)
			SERVER("00000005") "00000001 'a' " ACK(LIST) LEAVES},
	{.name = "INFO: SHUTDOWN: ABORT and nothing else",
		.says = "the server is shutting down (INFO of \"disk\")",
		.asks = ASKS_INFO,
		REFUSED(ESHUTDOWN),
		.script = GREETING ASK(INFO) ERROR(INFO, ERR_SHUTDOWN) LEAVES},
	{.name = "GO: UNKNOWN: ABORT, and its answer is waited for", REFUSED(ENOENT),
		.script = GREETING ASK(GO) "=" ERROR(GO, ERR_UNKNOWN) LEAVES_PATIENTLY},
	{.name = "GO: UNKNOWN: ABORT is answered by closing", REFUSED(ENOENT),
		.script = GREETING ASK(GO) ERROR(GO, ERR_UNKNOWN) OPTION(ABORT) "= ."},
	{.name = "TLS preferred: STARTTLS gets SHUTDOWN: ABORT and nothing else",
		.says = "the server is shutting down (STARTTLS)",
		.tls = TLS_MODE_PREFER, REFUSED(ESHUTDOWN),
		.script = GREETING OPTION(STARTTLS) ERROR(STARTTLS, ERR_SHUTDOWN) LEAVES},
	{.name = "LIST: SHUTDOWN: ABORT and nothing else", .asks = ASKS_LIST,
		REFUSED(ESHUTDOWN),
		.script = GREETING OPTION(LIST) ERROR(LIST, ERR_SHUTDOWN) LEAVES},
	{.name = "INFO: then STARTTLS gets SHUTDOWN: ABORT and nothing else",
		.asks = ASKS_INFO, REFUSED(ESHUTDOWN),
		.script = GREETING ASK(INFO) EXPORT(INFO) ACK(INFO) OPTION(STARTTLS)
			ERROR(STARTTLS, ERR_SHUTDOWN) LEAVES},
	{.name = "LIST: POLICY",
		.says = "the server's policy forbids LIST: name an export in the URI",
		.asks = ASKS_LIST, REFUSED(EACCES),
		.script = NOTLS(GREETING OPTION(LIST) ERROR(LIST, ERR_POLICY))},
	{.name = "LIST: no fixed newstyle, no option at all",
		.says = "the server cannot list its exports (no fixed newstyle "
			"negotiation): name one in the URI",
		.asks = ASKS_LIST,
		REFUSED(ENOTSUP),
		.script = GREETING_ONLY("0000") "> 00000000 "},
	{.name = "a name that is too long",
		.says = "the export's name is longer than 4096 bytes",
		.fault = FAULT_USAGE, .r = -E2BIG,
		.export_name = name_4097,
		.script = GREETING LEAVES},
	{.name = "TLS required: no fixed newstyle, not one byte",
		.says = "the server offers no TLS (no fixed newstyle negotiation), and "
			"TLS is required: update it",
		NO_TLS,
		.script = GREETING_ONLY("0000")},
	{.name = "TLS required: no zeroes alone is not fixed newstyle", NO_TLS,
		.script = GREETING_ONLY("0002")},
	NO_STARTTLS(ERR_UNSUP),
	NO_STARTTLS(ERR_POLICY),
	NO_STARTTLS(ERR_INVALID),
	NO_STARTTLS(ERR_PLATFORM),
	NO_STARTTLS(ERR_TLS_REQD),
	NO_STARTTLS(ERR_UNKNOWN),
	NO_STARTTLS(ERR_SHUTDOWN),
	NO_STARTTLS(ERR_BLOCK_SIZE_REQD),
	NO_STARTTLS(ERR_TOO_BIG),
	NO_STARTTLS("e"),
	{.name = "TLS required: STARTTLS alone, ABORT's answer is waited for",
		.says = "the server offers no TLS (enable it there): the server's "
			"policy forbids STARTTLS",
		NO_TLS,
		.script = GREETING OPTION(STARTTLS) "=" ERROR(STARTTLS, ERR_POLICY)
			LEAVES_PATIENTLY},
	{.name = "TLS required: INFO",
		.says = "the server offers no TLS (enable it there): the server does "
			"not support STARTTLS",
		NO_TLS, .asks = ASKS_INFO,
		.script = GREETING OPTION(STARTTLS) ERROR(STARTTLS, ERR_UNSUP) LEAVES},
	{.name = "TLS required: LIST", NO_TLS, .asks = ASKS_LIST,
		.script = GREETING OPTION(STARTTLS) ERROR(STARTTLS, ERR_UNSUP) LEAVES},
	{.name = "TLS required: the server does not answer ABORT", NO_TLS,
		.script = GREETING OPTION(STARTTLS) ERROR(STARTTLS, ERR_POLICY)
			OPTION(ABORT) "~"},
	{.name = "TLS required: ABORT is answered with nonsense", NO_TLS,
		.script = GREETING OPTION(STARTTLS) ERROR(STARTTLS, ERR_POLICY)
			OPTION(ABORT) "< ff*4096 "},
};

/*
 * Servers that do not survive an option, byte for byte, and what the next connection is to
 * begin with. nbd-server 3.8 to 3.13 do not skip the data of an option they do not know:
 * they refuse it, take its data for the next option, and hang up. go-nbd does not know
 * EXPORT_NAME.
 */
#define HUNG_UP .fault = FAULT_PROTOCOL, .r = -ECONNRESET
#define STRANGE .fault = FAULT_PROTOCOL, .r = -EPROTO
#define MUTE    .fault = FAULT_UNREACHED, .r = -ETIMEDOUT, .silent = true

static const struct row old_rows[] = {
	{.name = "nbd-server 3.13: GO", REFUSED(ECONNRESET), .retry = ENTRY_NAME,
		.script = GREETING ASK(GO) ERROR(GO, ERR_UNSUP) ENTER "."},
	{.name = "nbd-server 3.13: EXPORT_NAME first", .entry = ENTRY_NAME,
		.export = {DISK}, .script = GREETING ENTER "< 0000000000100000 0005 "},
	{.name = "nbd-server 3.13: INFO", .asks = ASKS_INFO, REFUSED(ECONNRESET),
		.retry = ENTRY_NAME,
		.script = GREETING ASK(INFO) ERROR(INFO, ERR_UNSUP) ENTER "."},
	{.name = "nbd-server 3.13: INFO, by EXPORT_NAME first", .asks = ASKS_INFO,
		.entry = ENTRY_NAME, .export = {DISK},
		.script = GREETING ENTER "< 0000000000100000 0005 " DISCONNECTS},
	{.name = "nbd-server 3.13: LIST", .asks = ASKS_LIST, .lists = "a|;",
		.mode = SERVER_MODE_NOTLS,
		.script = GREETING OPTION(LIST) SERVER("00000005") "00000001 'a' " ACK(LIST)
			OPTION(STARTTLS) ERROR(STARTTLS, ERR_UNSUP) OPTION(ABORT) "."},
	{.name = "nbd-server 3.13: TLS preferred: no downgrade, but a word", HUNG_UP,
		.tls = TLS_MODE_PREFER,
		.says = "the server closed the connection during GO: its log may say "
			"why (a server as old as nbd-server 3.13 needs --tls off)",
		.script = GREETING OPTION(STARTTLS) ERROR(STARTTLS, ERR_UNSUP) ASK(GO) "."},
	{.name = "nbd-server 3.17: INFO",
		.says = "the server closed the connection during INFO: its log may say "
			"why",
		.asks = ASKS_INFO, HUNG_UP, .retry = ENTRY_GO,
		.script = GREETING ASK(INFO) INFO_REPLY(INFO, "0000000c") "0000 ."},
	{.name = "nbd-server 3.17: INFO, by GO", .asks = ASKS_INFO, .entry = ENTRY_GO,
		.export = {DISK}, .script = GREETING ASK(GO) EXPORT(GO) ACK(GO) DISCONNECTS},
	{.name = "GO: hung up",
		.says = "the server closed the connection during GO: its log may say "
			"why",
		HUNG_UP, .retry = ENTRY_NAME,
		.script = GREETING ASK(GO) "."},
	{.name = "GO: hung up within a reply", HUNG_UP, .retry = ENTRY_NAME,
		.script = GREETING ASK(GO) INFO_REPLY(GO, "0000000c") "0000 ."},
	{.name = "GO: hung up after a reply", HUNG_UP,
		.script = GREETING ASK(GO) EXPORT(GO) "."},
	{.name = "GO: silence",
		.says = "the server did not finish GO in time (--connect-timeout)",
		MUTE, .retry = ENTRY_NAME,
		.script = GREETING ASK(GO) "~"},
	{.name = "INFO: silence is waited for twice only",
		.says = "the server did not finish INFO in time (--connect-timeout)",
		.asks = ASKS_INFO, MUTE,
		.retry = ENTRY_NAME, .script = GREETING ASK(INFO) "~"},
	{.name = "GO, the second way of INFO: hung up", .asks = ASKS_INFO, HUNG_UP,
		.entry = ENTRY_GO, .retry = ENTRY_NAME, .script = GREETING ASK(GO) "."},
	{.name = "GO is refused: nothing else is tried", REFUSED(ENOENT),
		.script = GO_REFUSED(ERR_UNKNOWN)},
	{.name = "the greeting is cut: nothing else is tried", .fault = FAULT_UNREACHED,
		.r = -EUSERS, .script = "< 'NBDMAGIC' ."},
	{.name = "EXPORT_NAME first, hung up: nothing else is tried", REFUSED(ECONNRESET),
		.entry = ENTRY_NAME, .script = GREETING ENTER "."},
	{.name = "go-nbd: EXPORT_NAME first", REFUSED(ENOENT),
		.says = "the server has no export \"disk\" (see info --list), or knows "
			"no EXPORT_NAME (then do not use --no-go)",
		.entry = ENTRY_NAME,
		.script = GREETING_ONLY("0001") "> 00000001 " ENTER
			ERROR(EXPORT_NAME, ERR_UNSUP) LEAVES},
	{.name = "Benji, swift-nbd-server: another export", REFUSED(ENOENT),
		.says = "the server has no export \"disk\" (see info --list)",
		.script = GREETING ASK(GO) ERROR(GO, ERR_UNSUP) ENTER
			ERROR(EXPORT_NAME, ERR_UNSUP) LEAVES},
	{.name = "EXPORT_NAME gets a reply to another option", STRANGE,
		.retry = ENTRY_NAME,
		.says = "the server broke the protocol: it answers EXPORT_NAME with an "
			"option reply",
		.script = GREETING ASK(GO) ERROR(GO, ERR_UNSUP) ENTER
			ERROR(GO, ERR_UNSUP)},
	{.name = "EXPORT_NAME gets an ACK", STRANGE, .entry = ENTRY_NAME,
		.says = "the server broke the protocol: it answers EXPORT_NAME with an "
			"option reply",
		.script = GREETING ENTER ACK(EXPORT_NAME)},
	{.name = "EXPORT_NAME gets half an option reply", STRANGE, .entry = ENTRY_NAME,
		.says = "the server broke the protocol: it answers EXPORT_NAME with an "
			"option reply",
		.script = GREETING ENTER "< 0003e889045565a9 00000001 ."},
	{.name = "rust-nbd (tchajed): INFO is refused for the description",
		.asks = ASKS_INFO, .export = {DISK},
		.script = GREETING ASK(INFO) BLOCKS(INFO, "00000001", "00001000", "00020000")
			ERROR(INFO, ERR_UNSUP) ENTER "< 0000000000100000 0005 " DISCONNECTS},
	{.name = "rust-nbd (vi), tokio-nbd: STARTTLS ends INFO", .asks = ASKS_INFO,
		.export = {DISK},
		.script = GREETING ASK(INFO) EXPORT(INFO) ACK(INFO) OPTION(STARTTLS) "."
			OPTION(ABORT)},
	{.name = "rust-nbd (vi), tokio-nbd: STARTTLS ends LIST", .asks = ASKS_LIST,
		.lists = "rustnbd|;",
		.script = GREETING OPTION(LIST) SERVER("0000000b") "00000007 'rustnbd' "
			ACK(LIST) OPTION(STARTTLS) "." OPTION(ABORT)},
	{.name = "rust-nbd (vi), tokio-nbd: STARTTLS after an error of INFO",
		.asks = ASKS_INFO, REFUSED(ENOENT),
		.script = GREETING ASK(INFO) ERROR(INFO, ERR_UNKNOWN) OPTION(STARTTLS) "."
			OPTION(ABORT)},
	{.name = "silence at STARTTLS ends INFO", .asks = ASKS_INFO, .silent = true,
		.export = {DISK},
		.script = GREETING ASK(INFO) EXPORT(INFO) ACK(INFO) OPTION(STARTTLS)
			"= " OPTION(ABORT) "~"},
	{.name = "silence at STARTTLS after an error of INFO", .asks = ASKS_INFO,
		.silent = true, REFUSED(ENOENT),
		.script = GREETING ASK(INFO) ERROR(INFO, ERR_UNKNOWN) OPTION(STARTTLS)
			"= " OPTION(ABORT) "~"},
	{.name = "silence at STARTTLS ends LIST", .asks = ASKS_LIST, .silent = true,
		.lists = "a|;",
		.script = GREETING OPTION(LIST) SERVER("00000005") "00000001 'a' " ACK(LIST)
			OPTION(STARTTLS) "= " OPTION(ABORT) "~"},
	{.name = "silence at STARTTLS, TLS preferred: nothing is said in plaintext",
		.asks = ASKS_INFO, .tls = TLS_MODE_PREFER, MUTE,
		.says = "the server did not finish STARTTLS in time (--connect-timeout)",
		.script = GREETING OPTION(STARTTLS) "~"},
};

/* clang-format on */

static void test_old(void **state _unused_)
{
	rows_hold(old_rows, ELEMENTSOF(old_rows), AS_WRITTEN);
}

static void test_go(void **state _unused_)
{
	rows_hold(go_rows, ELEMENTSOF(go_rows), AS_WRITTEN);
}

static void test_info(void **state _unused_)
{
	rows_hold(info_rows, ELEMENTSOF(info_rows), AS_WRITTEN);
}

static void test_list(void **state _unused_)
{
	rows_hold(list_rows, ELEMENTSOF(list_rows), AS_WRITTEN);
}

static void test_refusals(void **state _unused_)
{
	rows_hold(refusal_rows, ELEMENTSOF(refusal_rows), AS_WRITTEN);
}

static void test_byte_by_byte(void **state _unused_)
{
	rows_hold(go_rows, ELEMENTSOF(go_rows), BYTE_BY_BYTE);
	rows_hold(info_rows, ELEMENTSOF(info_rows), BYTE_BY_BYTE);
	rows_hold(list_rows, ELEMENTSOF(list_rows), BYTE_BY_BYTE);
	rows_hold(refusal_rows, ELEMENTSOF(refusal_rows), BYTE_BY_BYTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_byte_by_byte),
	};

	memset(name_4096, 'x', sizeof(name_4096) - 1);
	memset(name_4097, 'x', sizeof(name_4097) - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
