/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Servers that break the protocol, fall silent or close: the client leaves without ABORT
 * and names the fault. test-negotiate.c has servers that keep to the protocol.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conversation.h"

#define OLD_STYLE "< 'NBDMAGIC' 0000420281861253 0000000000100000 00000001 00*124 "

#define BROKE         "the server broke the protocol: "
#define BREACH        .fault = FAULT_PROTOCOL, .r = -EPROTO
#define CLOSED        .fault = FAULT_PROTOCOL, .r = -ECONNRESET
#define SILENT        .fault = FAULT_UNREACHED, .r = -ETIMEDOUT, .silent = true
/* as a proxy whose server is away, or a server that is full */
#define NO_GREETING   .fault = FAULT_UNREACHED, .r = -EUSERS
#define GREETING_SIZE 18
#define NO_TLS        .fault = FAULT_TLS, .r = -EPROTO, .tls = TLS_MODE_REQUIRE

/* Laid out by hand, so that a conversation reads in its order. */
/* clang-format off */

static const struct row greeting_rows[] = {
	{.name = "wrong magic",
		.says = "the server does not speak NBD (check the port): it begins "
			"with \"NBDMAGIKIHAVEOPT\"",
		BREACH,
		.script = "< 'NBDMAGIKIHAVEOPT' 0003 "},
	{.name = "wrong second magic",
		.says = "the server broke the protocol: its greeting lacks IHAVEOPT",
		BREACH,
		.script = "< 'NBDMAGICIHAVEOPS' 0003 "},
	{.name = "zeroes",
		.says = "the server does not speak NBD (check the port): it begins "
			"with \"????????????????\"",
		BREACH,
		.script = "< 00*18 "},
	{.name = "HTTP", BREACH,
		.says = "the server does not speak NBD but HTTP (check the port): it "
			"begins with \"HTTP/1.1 400 Bad\"",
		.script = "< 'HTTP/1.1 400 Bad Request' 0d0a "},
	{.name = "SSH", BREACH,
		.says = "the server does not speak NBD but SSH (check the port): it "
			"begins with \"SSH-2.0-OpenSSH_\"",
		.script = "< 'SSH-2.0-OpenSSH_9.2p1' 0d0a "},
	{.name = "a TLS alert", BREACH,
		.says = "the server does not speak NBD but TLS from the first byte "
			"(NBD starts in plaintext, also for nbds://): it begins with "
			"\"?????\?(\"",
		.script = "< 15 03 03 0002 0228 ."},
	{.name = "a TLS alert, silence", BREACH, .says = "TLS from the first byte",
		.script = "< 15 03 03 0002 0228 ~"},
	{.name = "half a magic number, then something else, silence", BREACH,
		.says = "begins with \"NBDMagic\"",
		.script = "< 'NBDM' < 'agic' ~"},
	{.name = "what it says is quoted", BREACH,
		.says = "the server does not speak NBD (check the port): it begins "
			"with \"?[31m???????????\"",
		.script = "< 1b '[31m' ff00*13 "},
	{.name = "old style", BREACH,
		.says = "the server speaks old-style NBD, which has neither exports "
			"nor TLS: let it serve by name (newstyle), or update it",
		.script = OLD_STYLE},
	{.name = "old style, TLS required", BREACH, .tls = TLS_MODE_REQUIRE,
		.script = OLD_STYLE},
	{.name = "the server closes at once", NO_GREETING,
		.says = "the server closed the connection before its greeting: it may "
			"be full or restarting, or a proxy cannot reach it",
		.script = "."},
	{.name = "the server closes at once, TLS required", NO_GREETING,
		.tls = TLS_MODE_REQUIRE, .script = "."},
	{.name = "the server closes within its magic number", NO_GREETING,
		.script = "< 'NBDMA' ."},
	{.name = "the server says nothing", NO_GREETING, .silent = true,
		.says = "the server accepted the connection, but sent no greeting in "
			"time (--connect-timeout): it may be full, or expect something "
			"else than NBD (TLS from the first byte, HTTP): check the port",
		.script = "~"},
	{.name = "the server says nothing, TLS required", NO_GREETING,
		.silent = true, .tls = TLS_MODE_REQUIRE,
		.script = "~"},
	{.name = "a few other bytes, closed", BREACH, .says = "does not speak NBD",
		.script = "< '220 ' 0d0a ."},
	{.name = "a few other bytes, silence", BREACH, .says = "does not speak NBD",
		.script = "< '220 ' 0d0a ~"},
};

#define AFTER_GO GREETING ASK(GO)
#define GO_BREACH(what, words, reply) \
	{ \
		.name = "GO: " what, BREACH, .says = BROKE words, \
		.script = AFTER_GO reply \
	}

/* The server may not have understood GO. */
#define GO_ASTRAY(what, words, reply) \
	{ \
		.name = "GO: " what, BREACH, .says = BROKE words, \
		.script = AFTER_GO reply, .retry = ENTRY_NAME \
	}

static const struct row reply_rows[] = {
	GO_ASTRAY("wrong reply magic", "its reply to GO has a wrong magic number",
		"< 0003e889045565aa 00000007 00000001 00000000 "),
	GO_ASTRAY("the request's magic", "its reply to GO has a wrong magic number",
		"< 'IHAVEOPT' 00000007 00000001 00000000 "),
	GO_ASTRAY("a reply to INFO", "its reply to GO names another option",
		ACK(INFO)),
	GO_ASTRAY("a reply to no option", "its reply to GO names another option",
		ACK("00000000 ")),
	GO_ASTRAY("an error for another option", "its reply to GO names another option",
		ERROR(LIST, ERR_UNSUP)),
	{.name = "GO: another option's reply after the infos",
		.says = "the server broke the protocol: its reply to GO names another "
			"option",
		BREACH,
		.script = AFTER_GO EXPORT(GO) ACK(INFO)},
	GO_BREACH("ACK without the export",
		"its information lacks the export's size and flags",
		ACK(GO)),
	GO_BREACH("ACK with data", "its reply to GO is an ACK with data",
		EXPORT(GO) REPLY(GO, "00000001", "00000004") "00*4 "),
	GO_BREACH("ACK of 2^32-1 bytes", "its reply to GO is too long",
		EXPORT(GO) REPLY(GO, "00000001", "ffffffff")),
	GO_BREACH("REP_SERVER", "its reply to GO is of a type that does not belong there",
		REPLY(GO, "00000002", "00000004") "00*4 "),
	GO_BREACH("reply type 0",
		"its reply to GO is of a type that does not belong there",
		REPLY(GO, "00000000", "00000000")),
	GO_BREACH("reply type 4 (meta context)",
		"its reply to GO is of a type that does not belong there",
		REPLY(GO, "00000004", "00000000")),
	GO_BREACH("reply type 2^31-1",
		"its reply to GO is of a type that does not belong there",
		REPLY(GO, "7fffffff", "00000000")),
	GO_BREACH("info of 65537 bytes", "its reply to GO is too long",
		INFO_REPLY(GO, "00010001") "00*65537 "),
	GO_BREACH("info of 2^31 bytes", "its reply to GO is too long",
		INFO_REPLY(GO, "80000000") "00*4096 "),
	GO_BREACH("info of 2^32-1 bytes", "its reply to GO is too long",
		INFO_REPLY(GO, "ffffffff") "00*4096 "),
	GO_BREACH("error text of 2^32-1 bytes", "its reply to GO is too long",
		REPLY(GO, "80000002", "ffffffff") "00*9 "),
	GO_BREACH("info without a type", "its information has no type",
		INFO_REPLY(GO, "00000000")),
	GO_BREACH("info with half a type", "its information has no type",
		INFO_REPLY(GO, "00000001") "00 "),
	GO_BREACH("export info one byte short",
		"its information on the export has a wrong length",
		INFO_REPLY(GO, "0000000b") "0000 00*9 "),
	GO_BREACH("export info one byte long",
		"its information on the export has a wrong length",
		INFO_REPLY(GO, "0000000d") "0000 00*11 "),
	GO_BREACH("export info with a type only",
		"its information on the export has a wrong length",
		INFO_REPLY(GO, "00000002") "0000 "),
	GO_BREACH("block info one byte short",
		"its information on block sizes has a wrong length",
		INFO_REPLY(GO, "0000000d") "0003 01*11 "),
	GO_BREACH("block info one byte long",
		"its information on block sizes has a wrong length",
		INFO_REPLY(GO, "0000000f") "0003 01*13 "),
	GO_BREACH("description of 4097 bytes",
		"its information has a description of more than 4096 bytes",
		INFO_REPLY(GO, "00001003") "0002 'x'*4097 "),
	GO_BREACH("endless infos", "its information does not end",
		INFO_REPLY(GO, "00000002") "0001 @"),
	GO_BREACH("endless export infos", "its information does not end",
		EXPORT(GO) "@"),
	GO_BREACH("no HAS_FLAGS",
		"the export's transmission flags (0x0004) lack HAS_FLAGS, which is the "
			"fault of the server's program: its authors have to set bit 0",
		INFO_REPLY(GO, "0000000c") "0000 0000000000100000 0004 "
		ACK(GO)),
	GO_BREACH("size 2^63", "the export's size is beyond 2^63 bytes",
		INFO_REPLY(GO, "0000000c") "0000 8000000000000000 0001 "
		ACK(GO)),
	GO_BREACH("size 2^64-1", "the export's size is beyond 2^63 bytes",
		INFO_REPLY(GO, "0000000c") "0000 ffffffffffffffff 0001 "
		ACK(GO)),
};

#define BAD_BLOCKS(what, words, minimum, preferred, maximum) \
	{ \
		.name = "block sizes: " what, BREACH, .says = BROKE words, \
		.script = AFTER_GO EXPORT(GO) BLOCKS(GO, minimum, preferred, maximum) \
			ACK(GO) \
	}

static const struct row block_size_rows[] = {
	BAD_BLOCKS("all zero", "its information on block sizes has a zero",
		"00000000", "00000000", "00000000"),
	BAD_BLOCKS("minimum 0", "its information on block sizes has a zero",
		"00000000", "00001000", "02000000"),
	BAD_BLOCKS("minimum 3",
		"the export's minimum block size is not a power of two up to 64 KiB",
		"00000003", "00001000", "02000000"),
	BAD_BLOCKS("minimum 128 KiB",
		"the export's minimum block size is not a power of two up to 64 KiB",
		"00020000", "00020000", "02000000"),
	BAD_BLOCKS("minimum 2^31",
		"the export's minimum block size is not a power of two up to 64 KiB",
		"80000000", "80000000", "80000000"),
	BAD_BLOCKS("preferred 0", "its information on block sizes has a zero",
		"00000200", "00000000", "02000000"),
	BAD_BLOCKS("preferred 256",
		"the export's preferred block size is not a power of two of at least "
			"512 and its minimum",
		"00000001", "00000100", "02000000"),
	BAD_BLOCKS("preferred 513",
		"the export's preferred block size is not a power of two of at least "
			"512 and its minimum",
		"00000001", "00000201", "02000000"),
	BAD_BLOCKS("preferred below minimum",
		"the export's preferred block size is not a power of two of at least "
			"512 and its minimum",
		"00001000", "00000800", "02000000"),
	BAD_BLOCKS("maximum 0", "its information on block sizes has a zero",
		"00000200", "00001000", "00000000"),
	BAD_BLOCKS("maximum below preferred",
		"the export's maximum payload is below its preferred block size",
		"00000200", "00001000", "00000800"),
};

#define LIST_BREACH(what, words, reply) \
	{ \
		.name = "LIST: " what, .asks = ASKS_LIST, BREACH, .says = BROKE words, \
		.script = GREETING OPTION(LIST) reply \
	}

static const struct row list_rows[] = {
	LIST_BREACH("an entry of 3 bytes", "its list has an entry that is too short",
		SERVER("00000003") "00*3 "),
	LIST_BREACH("a name longer than its entry",
		"its list has a name that is longer than its entry",
		SERVER("00000005") "00000002 'a' "),
	LIST_BREACH("a name of 2^31 bytes",
		"its list has a name that is longer than its entry",
		SERVER("00000005") "80000000 'a' "),
	LIST_BREACH("a name of 2^32-1 bytes",
		"its list has a name that is longer than its entry",
		SERVER("00000005") "ffffffff 'a' "),
	LIST_BREACH("a name of 4097 bytes",
		"its list has a string of more than 4096 bytes",
		SERVER("00001005") "00001001 'x'*4097 "),
	LIST_BREACH("a description of 4097 bytes",
		"its list has a string of more than 4096 bytes",
		SERVER("00001005") "00000000 'x'*4097 "),
	LIST_BREACH("an entry of 2^32-1 bytes", "its reply to LIST is too long",
		SERVER("ffffffff") "00*4096 "),
	LIST_BREACH("an info",
		"its reply to LIST is of a type that does not belong there",
		REPLY(LIST, "00000003", "00000002") "0000 "),
	LIST_BREACH("ACK with data", "its reply to LIST is an ACK with data",
		REPLY(LIST, "00000001", "00000001") "00 "),
	LIST_BREACH("a reply to GO", "its reply to LIST names another option",
		ACK(GO)),
	{.name = "LIST: endless entries", .asks = ASKS_LIST, .fault = FAULT_PROTOCOL,
		.r = -E2BIG,
		.says = "the server lists more than 10000 exports, the most that are "
			"read",
		.script = GREETING OPTION(LIST) SERVER("00000004") "00000000 @"},
	{.name = "LIST: endless replies without an entry",
		.says = "the server's list has more than 8 MiB or 10000 replies, the "
			"most that is read",
		.asks = ASKS_LIST,
		.fault = FAULT_PROTOCOL, .r = -E2BIG,
		.script = GREETING OPTION(LIST) SERVER("00000000") "@"},
};

#define STARTTLS_BREACH(what, words, reply) \
	{ \
		.name = "STARTTLS: " what, BREACH, .says = BROKE words, \
		.tls = TLS_MODE_REQUIRE, \
		.script = GREETING OPTION(STARTTLS) reply \
	}

#define ALERT(number, words)                                                      \
	{.name = "handshake: alert " number, NO_TLS, .says = words,                \
		.script = GREETING OPTION(STARTTLS) ACK(STARTTLS)                   \
			"T< 15 0303 0002 02" number " "}

static const struct row tls_rows[] = {
	STARTTLS_BREACH("ACK with data", "its reply to STARTTLS is an ACK with data",
		REPLY(STARTTLS, "00000001", "00000001") "00 "),
	STARTTLS_BREACH("ACK for GO", "its reply to STARTTLS names another option",
		ACK(GO)),
	STARTTLS_BREACH("an info",
		"its reply to STARTTLS is of a type that does not belong there",
		REPLY(STARTTLS, "00000003", "00000002") "0000 "),
	STARTTLS_BREACH("a list entry",
		"its reply to STARTTLS is of a type that does not belong there",
		REPLY(STARTTLS, "00000002", "00000004") "00*4 "),
	STARTTLS_BREACH("wrong magic", "its reply to STARTTLS has a wrong magic number",
		"< ff*20 "),
	STARTTLS_BREACH("refused with 2^32-1 bytes", "its reply to STARTTLS is too long",
		REPLY(STARTTLS, "80000001", "ffffffff")),
	{.name = "STARTTLS: closed", CLOSED, .tls = TLS_MODE_REQUIRE,
		.says = "the server closed the connection when asked for TLS "
			"(STARTTLS): if it has none, use --tls off",
		.script = GREETING OPTION(STARTTLS) "."},
	{.name = "STARTTLS: silence",
		.says = "the server did not finish STARTTLS in time (--connect-timeout)",
		SILENT, .tls = TLS_MODE_REQUIRE,
		.script = GREETING OPTION(STARTTLS) "~"},
	{.name = "TLS preferred: a breach is no refusal", BREACH, .tls = TLS_MODE_PREFER,
		.script = GREETING OPTION(STARTTLS) ACK(GO)},
	{.name = "TLS preferred: no way back after ACK",
		.says = "the server answered the TLS handshake with something else (An "
			"unexpected TLS packet was received.): it may want other "
			"credentials, have no TLS, or something in between interferes",
		.fault = FAULT_TLS,
		.r = -EPROTO, .tls = TLS_MODE_PREFER,
		.script = GREETING OPTION(STARTTLS) ACK(STARTTLS) "T< ff*64 "},
	{.name = "handshake: garbage", NO_TLS,
		.script = GREETING OPTION(STARTTLS) ACK(STARTTLS) "T< ff*64 "},
	{.name = "handshake: plaintext was injected behind the ACK", NO_TLS,
		.script = GREETING OPTION(STARTTLS) ACK(STARTTLS) EXPORT(GO) ACK(GO) "T"},
	{.name = "handshake: the next reply comes in plaintext", NO_TLS,
		.script = GREETING OPTION(STARTTLS) ACK(STARTTLS) "T" ACK(GO)},
	ALERT("28", "\"Handshake failed\" during the TLS handshake: it may want other credentials "
		"(certificate, key, user name), or another TLS version or cipher"),
	ALERT("2e", "during the TLS handshake: it does not accept the client certificate"),
	ALERT("30", "during the TLS handshake: it does not trust the CA of the client "
		"certificate: see its own CA file"),
	ALERT("33", "during the TLS handshake: the pre-shared key or the key of the client "
		"certificate is not the right one"),
	ALERT("46", "during the TLS handshake: it supports neither TLS 1.2 nor 1.3, or not with "
		"these credentials"),
	ALERT("70", "during the TLS handshake: it has no certificate for this name: see "
		"--tls-hostname"),
	ALERT("73", "during the TLS handshake: it does not know the user name of the pre-shared "
		"key: see --tls-username"),
	ALERT("74", "during the TLS handshake: it wants a client certificate: give --tls-cert "
		"and --tls-key"),
	ALERT("c8", "with the alert \"number 200\" during the TLS handshake"),
	{.name = "handshake: an alert", NO_TLS,
		.says = "the server ended TLS with the alert \"Handshake failed\" during",
		.script = GREETING OPTION(STARTTLS) ACK(STARTTLS)
			"T< 15 0303 0002 0228 "},
	{.name = "handshake: closed",
		.says = "the server cut the connection during the TLS handshake: it "
			"may want other credentials (certificate, key, user name), or "
			"another TLS version or cipher",
		.fault = FAULT_TLS, .r = -ECONNABORTED,
		.tls = TLS_MODE_REQUIRE,
		.script = GREETING OPTION(STARTTLS) ACK(STARTTLS) "T."},
	{.name = "handshake: silence",
		.says = "the server did not finish the TLS handshake in time "
			"(--connect-timeout)",
		SILENT, .tls = TLS_MODE_REQUIRE,
		.script = GREETING OPTION(STARTTLS) ACK(STARTTLS) "T~"},
};

/* INFO and LIST in plaintext ask for the TLS mode at the end: that can be broken too. */
#define MODE_BREACH(what, words, replies) \
	{ \
		.name = "mode: " what, .asks = ASKS_INFO, BREACH, .says = BROKE words, \
		.script = GREETING ASK(INFO) replies \
	}

static const struct row mode_rows[] = {
	MODE_BREACH("STARTTLS gets a reply to INFO",
		"its reply to STARTTLS names another option",
		EXPORT(INFO) ACK(INFO)
		OPTION(STARTTLS) ACK(INFO)),
	MODE_BREACH("STARTTLS gets ACK with data",
		"its reply to STARTTLS is an ACK with data",
		EXPORT(INFO) ACK(INFO) OPTION(STARTTLS)
		REPLY(STARTTLS, "00000001", "00000004") "00*4 "),
	MODE_BREACH("LIST gets nonsense", "its reply to LIST has a wrong magic number",
		ERROR(INFO, ERR_TLS_REQD) OPTION(LIST)
		"< 00*20 "),
	MODE_BREACH("an error of INFO is too long", "its reply to INFO is too long",
		REPLY(INFO, "80000006", "80000000")),
	{.name = "mode: the server shuts down on LIST",
		.says = "the server is shutting down (LIST)",
		.asks = ASKS_INFO,
		.fault = FAULT_REFUSED, .r = -ESHUTDOWN,
		.script = GREETING ASK(INFO) ERROR(INFO, ERR_TLS_REQD) OPTION(LIST)
			ERROR(LIST, ERR_SHUTDOWN) LEAVES},
};

/* Conversations that are cut off before each byte: with what they end there. */
static const struct row cut_rows[] = {
	{.name = "cut: GO", CLOSED,
		.script = GREETING ASK(GO) EXPORT(GO)
			BLOCKS(GO, "00000200", "00001000", "02000000") ACK(GO)},
	{.name = "cut: INFO", .asks = ASKS_INFO, CLOSED,
		.script = GREETING ASK(INFO) EXPORT(INFO) ACK(INFO)},
	{.name = "cut: LIST", .asks = ASKS_LIST, CLOSED,
		.script = GREETING OPTION(LIST) SERVER("00000004") "00000000 " ACK(LIST)},
	{.name = "cut: STARTTLS", .tls = TLS_MODE_REQUIRE, CLOSED,
		.script = GREETING OPTION(STARTTLS)
			REPLY(STARTTLS, "80000001", "00000004") "'none' " OPTION(ABORT)
			"~"},
};

/* clang-format on */

static void test_greeting(void **state _unused_)
{
	usec_t start = deadline_now();

	rows_hold(greeting_rows, ELEMENTSOF(greeting_rows), AS_WRITTEN);
	/* What is not NBD is told from its first bytes, not at the deadline. */
	assert_true(deadline_now() - start < PATIENCE);
}

static void test_replies(void **state _unused_)
{
	rows_hold(reply_rows, ELEMENTSOF(reply_rows), AS_WRITTEN);
	rows_hold(block_size_rows, ELEMENTSOF(block_size_rows), AS_WRITTEN);
	rows_hold(list_rows, ELEMENTSOF(list_rows), AS_WRITTEN);
}

static void test_tls(void **state _unused_)
{
	rows_hold(tls_rows, ELEMENTSOF(tls_rows), AS_WRITTEN);
}

static void test_mode(void **state _unused_)
{
	rows_hold(mode_rows, ELEMENTSOF(mode_rows), AS_WRITTEN);
}

static void test_byte_by_byte(void **state _unused_)
{
	rows_hold(mode_rows, ELEMENTSOF(mode_rows), BYTE_BY_BYTE);
	rows_hold(block_size_rows, ELEMENTSOF(block_size_rows), BYTE_BY_BYTE);
}

static void test_closing_at_each_byte(void **state _unused_)
{
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(cut_rows); i++) {
		struct row row = cut_rows[i];

		row.any_retry = true;
		for (size_t at = 0; at < scripted_server_sends(row.script); at++) {
			if (at < GREETING_SIZE) {
				row.fault = FAULT_UNREACHED;
				row.r = -EUSERS;
			} else {
				row.fault = cut_rows[i].fault;
				row.r = cut_rows[i].r;
			}
			failed += !row_holds(&row, CUT_CLOSING, at);
		}
	}
	assert_int_equal(failed, 0);
}

/* Each costs its deadline: one byte in nine will do. */
static void test_silence_within_each_step(void **state _unused_)
{
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(cut_rows); i++) {
		struct row row = cut_rows[i];

		row.fault = FAULT_UNREACHED;
		row.r = -ETIMEDOUT;
		row.any_retry = true;
		for (size_t at = 0; at < scripted_server_sends(row.script); at += 9)
			failed += !row_holds(&row, CUT_SILENT, at);
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_closing_at_each_byte),
		cmocka_unit_test(test_silence_within_each_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
