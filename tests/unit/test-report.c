/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a link worker may tell, and what its parent must not believe: a good report with
 * one field changed at a time, any bytes at all, and sockets that are no link.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "link/report.h"

static const struct report_done good_done = {
	.head = {REPORT_MAGIC, REPORT_DONE},
	.facts = {.export = {.size = 1 << 20,
			  .flags = 5,
			  .minimum = 512,
			  .preferred = 4096,
			  .maximum = 1 << 25,
			  .description = "words of \x1b a server"},
		.mode = SERVER_MODE_TLS,
		.tls = true,
		.tls_verified = true,
		.tls_version = "TLS1.3",
		.tls_cipher = "AES-256-GCM"},
};

static const struct report_failed good_failed = {
	.head = {REPORT_MAGIC, REPORT_FAILED},
	.r = -ECONNREFUSED,
	.error = {FAULT_UNREACHED, "cannot connect"},
};

static const struct report_export good_export = {
	.head = {REPORT_MAGIC, REPORT_EXPORT},
	.name_size = 5,
	.name = "d\xc3\xafsk",
	.description = "the first",
};

/* What was said last, without its beginning, which is the same for all reports. */
static char said[ERROR_TEXT_SIZE];

/* An exact copy on the heap, so that ASan sees each step beyond its end. */
static int check(const void *report, size_t size)
{
	static const char begin[] = "the link worker gave a bad report: ";
	_cleanup_free_ void *copy = malloc(size ? size : 1);
	struct error err = {0};
	int r;

	assert_non_null(copy);
	memcpy(copy, report, size);
	r = report_check(copy, size, &err);
	assert_true(r == 0 || (r == -EPROTO && err.fault == FAULT_PROTOCOL));
	strcpy(said, err.text);
	if (strncmp(err.text, begin, strlen(begin)) == 0)
		strcpy(said, err.text + strlen(begin));
	return r;
}

static void test_good(void **state _unused_)
{
	static const struct report_done list = {
		.head = {REPORT_MAGIC, REPORT_DONE},
		.facts = {.mode = SERVER_MODE_NOTLS},
	};
	static const struct report_export nameless = {
		.head = {REPORT_MAGIC, REPORT_EXPORT}};

	assert_int_equal(check(&good_done, sizeof(good_done)), 0);
	assert_int_equal(check(&list, sizeof(list)), 0);
	assert_int_equal(check(&good_failed, sizeof(good_failed)), 0);
	assert_int_equal(check(&good_export, REPORT_EXPORT_SIZE(5)), 0);
	assert_int_equal(check(&nameless, REPORT_EXPORT_SIZE(0)), 0);
}

/* Puts `bytes` over a field of a good report. */
struct mutation {
	const char *says, *name;
	const void *report;
	size_t report_size, offset;
	const void *bytes;
	size_t size;
};

/* one change a line */
/* clang-format off */

#define SIZE(good) \
	_Generic(good, struct report_export: REPORT_EXPORT_SIZE(5), default: sizeof(good))
#define OFFSET(good, field) (size_t)((const char *)&good.field - (const char *)&good)
#define CHANGE(says, good, field, ...)                                               \
	{says, #good ": " #field " = " #__VA_ARGS__, &good, SIZE(good), OFFSET(good, field), \
		(const unsigned char[]){__VA_ARGS__},                                \
		sizeof((const unsigned char[]){__VA_ARGS__})}
#define ONES4     0xff, 0xff, 0xff, 0xff
#define ONES8     ONES4, ONES4
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define U16(n) (n) >> 8 & 0xff, (n) & 0xff
#define U32(n) (n) >> 24 & 0xff, (n) >> 16 & 0xff, U16(n)
#else
#define U16(n) (n) & 0xff, (n) >> 8 & 0xff
#define U32(n) U16(n), (n) >> 16 & 0xff, (n) >> 24 & 0xff
#endif

/* Text without an end is made by filling a whole field. */
static char letters[NBD_STRING_MAX + 1];
#define FILL(says, good, field)                                                      \
	{says, #good ": " #field " has no end", &good, SIZE(good), OFFSET(good, field),  \
		letters, sizeof(good.field)}

/* As of a server itself: see test-breaches.c. */
#define BROKEN "the server broke the protocol: the export's "
#define NO_HAS_FLAGS(flags) BROKEN "transmission flags (" flags ") lack HAS_FLAGS, which is "  \
	"the fault of the server's program: its authors have to set bit 0"
#define BAD_MINIMUM   BROKEN "minimum block size is not a power of two up to 64 KiB"
#define BAD_PREFERRED BROKEN "preferred block size is not a power of two of at least 512 and " \
	"its minimum"
#define BAD_MAXIMUM   BROKEN "maximum payload is below its preferred block size"

static const struct mutation mutations[] = {
	CHANGE("not a report", good_done, head.magic, 0),
	CHANGE("kind or size", good_done, head.kind, U32(0)),
	CHANGE("export name", good_done, head.kind, U32(REPORT_EXPORT)),
	CHANGE("kind or size", good_done, head.kind, U32(REPORT_FAILED)),
	CHANGE("kind or size", good_done, head.kind, U32(REPORT_FAILED + 1)),
	CHANGE("kind or size", good_done, head.kind, ONES4),
	CHANGE("server mode", good_done, facts.mode, U32(SERVER_MODE_MAX + 1)),
	CHANGE("server mode", good_done, facts.mode, ONES4),
	CHANGE("flags", good_done, facts.tls, 2),
	CHANGE("flags", good_done, facts.tls_verified, 0xff),
	FILL("text", good_done, facts.tls_version),
	CHANGE("text", good_done, facts.tls_version, 'T', '\n', 0),
	CHANGE("text", good_done, facts.tls_version, 0xff, 0),
	FILL("text", good_done, facts.tls_cipher),
	CHANGE("text", good_done, facts.tls_cipher, 0x1b, '[', 0),
	CHANGE("text", good_done, facts.tls_cipher, 0x7f, 0),
	CHANGE("text", good_done, facts.tls_cipher, 0xc2, 0x9b, 0), /* C1: CSI */
	FILL("description", good_done, facts.export.description),
	CHANGE("description", good_done, facts.export.description, 0xc3, 0),
	CHANGE(NO_HAS_FLAGS("0x0004"), good_done, facts.export.flags, U16(4)),
	CHANGE(NO_HAS_FLAGS("0x0000"), good_done, facts.export.flags, U16(0)),
	CHANGE(BROKEN "size is beyond 2^63 bytes", good_done, facts.export.size, ONES8),
	CHANGE(BAD_MINIMUM, good_done, facts.export.minimum, U32(3)),
	CHANGE(BAD_MINIMUM, good_done, facts.export.minimum, U32(0)),
	CHANGE(BAD_MINIMUM, good_done, facts.export.minimum, ONES4),
	CHANGE(BAD_PREFERRED, good_done, facts.export.preferred, U32(256)),
	CHANGE(BAD_PREFERRED, good_done, facts.export.preferred, U32(0)),
	CHANGE(BAD_MAXIMUM, good_done, facts.export.maximum, U32(512)),
	CHANGE("block sizes", good_done, facts.export.minimum, U32(0), U32(0), U32(0)),
	CHANGE("kind of failure", good_failed, error.fault, U32(FAULT_NONE)),
	CHANGE("kind of failure", good_failed, error.fault, U32(FAULT_MAX + 1)),
	CHANGE("kind of failure", good_failed, error.fault, ONES4),
	CHANGE("error number", good_failed, r, U32(0)),
	CHANGE("error number", good_failed, r, U32(1)),
	CHANGE("error number", good_failed, r, U32(INT_MIN)),
	CHANGE("error number", good_failed, r, U32(-4096)),
	CHANGE("error text", good_failed, error.text, 0),
	FILL("error text", good_failed, error.text),
	CHANGE("error text", good_failed, error.text, 'a', '\n', 'b', 0),
	CHANGE("error text", good_failed, error.text, 0x1b, ']', 0),
	CHANGE("error text", good_failed, error.text, 0x80, 0),
	CHANGE("export name", good_export, name_size, U32(NBD_STRING_MAX + 1)),
	CHANGE("export name", good_export, name_size, U32(4)),
	CHANGE("export name", good_export, name_size, U32(6)),
	FILL("export name", good_export, name_size),
	FILL("description", good_export, description),
	CHANGE("description", good_export, description, 0xed, 0xa0, 0x80, 0), /* a surrogate */
};

/* clang-format on */

static void test_mutated(void **state _unused_)
{
	size_t failed = 0;

	memset(letters, 'x', sizeof(letters));
	for (size_t i = 0; i < ELEMENTSOF(mutations); i++) {
		const struct mutation *m = &mutations[i];
		union report report;

		memcpy(&report, m->report, m->report_size);
		memcpy((char *)&report + m->offset, m->bytes, m->size);
		if (check(&report, m->report_size) == 0 || strcmp(said, m->says) != 0) {
			print_error("%s: \"%s\"\n", m->name, said);
			failed++;
		}
	}
	assert_int_equal(failed, 0);
}

static void test_wrong_size(void **state _unused_)
{
	union report report = {.done = good_done};

	for (size_t size = 0; size < sizeof(report); size++)
		assert_int_equal(
			check(&report, size), size == sizeof(good_done) ? 0 : -EPROTO);
	for (size_t size = 0; size < sizeof(good_failed); size++)
		assert_int_equal(check(&good_failed, size), -EPROTO);
	for (size_t size = 0; size <= sizeof(good_export); size++)
		assert_int_equal(check(&good_export, size),
			size == REPORT_EXPORT_SIZE(5) ? 0 : -EPROTO);
}

/* Bytes by chance behind a good head: whatever is said of them, nothing is overrun. */
static void test_random(void **state _unused_)
{
	static const struct {
		uint32_t kind;
		size_t size;
	} shapes[] = {{REPORT_DONE, sizeof(struct report_done)},
		{REPORT_FAILED, sizeof(struct report_failed)},
		{REPORT_EXPORT, sizeof(struct report_export)}};

	srandom(1);
	for (unsigned round = 0; round < 3000; round++) {
		size_t shape = round % ELEMENTSOF(shapes);
		union report report;

		for (size_t i = 0; i < sizeof(report); i++)
			((unsigned char *)&report)[i] = (unsigned char)random();
		if (round % 10)
			report.head =
				(struct report_head){REPORT_MAGIC, shapes[shape].kind};
		(void)check(&report, shapes[shape].size);
	}
}

/* One bit of a good report: it is refused, or it is still within the bounds. */
static void test_each_bit(void **state _unused_)
{
	for (size_t bit = 0; bit < 8 * sizeof(good_done); bit++) {
		union report report = {.done = good_done};

		((unsigned char *)&report)[bit / 8] ^= (unsigned char)(1U << bit % 8);
		(void)check(&report, sizeof(good_done));
	}
}

static char loopback[] = "127.0.0.1", port[8];
static const struct target over_tcp = {
	.transport = TRANSPORT_TCP, .host = loopback, .port = port};
static const struct target over_unix = {.transport = TRANSPORT_UNIX};

/* On a port of its own, which is the targets'. */
static int listening(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*address);

	*address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)address, size), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
	snprintf(port, sizeof(port), "%u", ntohs(address->sin_port));
	return fd;
}

static int connected(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)address, sizeof(*address)), 0);
	return fd;
}

/* Closes it by a reset, which arrives at once on the same host. */
static void reset(int fd)
{
	const struct linger linger = {.l_onoff = 1};

	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(fd);
}

static const struct address_choice any;

#define WRONG      "the connector or link worker gave a wrong connection: "
#define OTHER_PEER WRONG "to another peer"
#define OTHER_KIND WRONG "another kind of socket"

static void refused(int fd, const struct target *t, const char *says)
{
	struct peer peer = {.address.ss_family = AF_UNIX};
	struct error err = {0};

	(void)peer_of(fd, &peer);
	assert_int_equal(report_check_socket(fd, &peer, t, &any, &err), -EPROTO);
	assert_int_equal(err.fault, FAULT_PROTOCOL);
	assert_string_equal(err.text, says);
}

static void accepted(int fd, const struct target *t)
{
	struct peer peer;

	assert_int_equal(peer_of(fd, &peer), 0);
	assert_int_equal(report_check_socket(fd, &peer, t, &any, NULL), 0);
	assert_int_equal(report_check_link(fd, &peer, false, NULL), 0);
}

static void test_tcp_socket(void **state _unused_)
{
	char service_port[] = "1", service[] = "192.0.2.7";
	struct target t = over_tcp;
	struct sockaddr_in address;
	_cleanup_close_ int server = listening(&address), fd = connected(&address);
	_cleanup_close_ int alone = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	refused(server, &over_tcp, OTHER_KIND);
	refused(alone, &over_tcp, OTHER_KIND);
	refused(fd, &over_unix, OTHER_PEER);
	accepted(fd, &t);
	/* translated when it was connected to: what it stands for is not known here */
	t.host = service;
	t.port = service_port;
	accepted(fd, &t);
}

/* The others of the device go to one server: this one may not go elsewhere. */
static void test_only_address(void **state _unused_)
{
	struct address_choice choice = {.only = true};
	struct sockaddr_in address;
	_cleanup_close_ int server = listening(&address), fd = connected(&address);
	struct error err = {0};
	struct peer peer;

	assert_true(server >= 0);
	assert_int_equal(peer_of(fd, &peer), 0);
	snprintf(choice.last, sizeof(choice.last), "127.0.0.1:%u",
		ntohs(address.sin_port));
	assert_int_equal(report_check_socket(fd, &peer, &over_tcp, &choice, &err), 0);
	choice.last[strlen("127.0.0.")]++;
	assert_int_equal(
		report_check_socket(fd, &peer, &over_tcp, &choice, &err), -EPROTO);
	assert_string_equal(err.text, OTHER_PEER);
	choice.only = false;
	assert_int_equal(report_check_socket(fd, &peer, &over_tcp, &choice, &err), 0);
}

/* The worker has had it: the same socket, and to the same peer. */
static void test_link(void **state _unused_)
{
	struct sockaddr_in address;
	_cleanup_close_ int server = listening(&address), fd = connected(&address);
	_cleanup_close_ int other_server = listening(&address), other = -1, far = -1;
	struct error err = {0};
	struct peer peer;

	other = connected(&address);
	assert_int_equal(peer_of(fd, &peer), 0);
	assert_int_equal(report_check_link(fd, &peer, false, &err), 0);
	assert_int_equal(report_check_link(fd, &peer, true, &err), -EPROTO);
	assert_string_equal(err.text,
		"the link worker gave a bad report: kernel TLS is not installed");
	assert_int_equal(report_check_link(other, &peer, false, &err), -EPROTO);
	assert_string_equal(err.text, WRONG "the peer has changed");
	far = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(other_server >= 0 && far >= 0);
	reset(far);
	far = -1;
	assert_int_equal(report_check_link(fd, &peer, false, &err), -ECONNRESET);
	assert_int_equal(err.fault, FAULT_PROTOCOL);
	assert_string_equal(err.text,
		"the server closed the connection right after the negotiation: try again");
}

static void test_unix_socket(void **state _unused_)
{
	_cleanup_close_ int alone = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int a = -1, b = -1, c = -1, d = -1;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	a = pair[0];
	b = pair[1];
	accepted(a, &over_unix);
	refused(b, &over_tcp, OTHER_KIND);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c = pair[0];
	d = pair[1];
	refused(c, &over_unix, OTHER_KIND);
	refused(d, &over_tcp, OTHER_KIND);
	assert_true(alone >= 0);
}

static void test_no_link(void **state _unused_)
{
	struct sockaddr_in address;
	_cleanup_close_ int server = listening(&address);
	_cleanup_close_ int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int in = -1, out = -1;
	int ends[2];

	assert_int_equal(connect(udp, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_true(server >= 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	in = ends[0];
	out = ends[1];
	refused(udp, &over_tcp, OTHER_KIND);
	refused(null, &over_tcp, OTHER_KIND);
	refused(in, &over_tcp, OTHER_KIND);
	refused(out, &over_unix, OTHER_KIND);
	refused(-1, &over_tcp, WRONG "there is none");
	refused(-1, &over_unix, WRONG "there is none");
	refused(1 << 20, &over_tcp, OTHER_KIND); /* not open */
}

/* A worker says something in any case. */
static void test_no_reason(void **state _unused_)
{
	char expected[ERROR_TEXT_SIZE];
	struct error none = {0};
	struct report_failed report;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	report_failure(ends[0], -ENOMEM, ENTRY_ANY, &none);
	assert_int_equal(recv(ends[1], &report, sizeof(report), 0), sizeof(report));
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(check(&report, sizeof(report)), 0);
	assert_int_equal(report.r, -ENOMEM);
	assert_int_equal(report.error.fault, FAULT_OTHER);
	snprintf(expected, sizeof(expected), "the link worker failed: %s",
		strerror(ENOMEM));
	assert_string_equal(report.error.text, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_wrong_size),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_no_reason),
		cmocka_unit_test(test_tcp_socket),
		cmocka_unit_test(test_only_address),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_unix_socket),
		cmocka_unit_test(test_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
