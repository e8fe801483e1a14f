/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The servers that are asked for a first link: at which of a name's addresses, with which
 * entry, and what is said of it. Connections are replaced by the test's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "link/link-internal.h"

#define A     "192.0.2.1:10809"
#define B     "192.0.2.2:10809"
#define C     "192.0.2.3:10809"
#define D     "192.0.2.4:10809"
#define E     "192.0.2.5:10809"
#define CALLS 8

/* What a server does, in the order of its name's addresses. */
struct server {
	const char *address; /* NULL: there is none */
	enum fault fault;    /* FAULT_NONE: it gives a link */
	int r;
	enum entry survives; /* what it must be asked with, from the start */
	unsigned lists;      /* exports, before it fails */
};

/* clang-format off */
#define GOOD(at)                 {.address = (at)}
#define BAD(at, with, as)        {.address = (at), .fault = (with), .r = (as)}
#define NONE                     {.address = NULL}
/* clang-format on */

struct world {
	const struct server *servers;
	struct target target;
	struct error unreached; /* where no address is left */
	char tried[CALLS * ADDRESS_TEXT_SIZE];
	char logged[ERROR_TEXT_SIZE];
};
static struct world world;

static bool is_left_out(const struct address_choice *choice, const char *address)
{
	for (unsigned i = 0; i < choice->n_but; i++)
		if (strcmp(choice->but[i], address) == 0)
			return true;
	return choice->only && strcmp(choice->last, address) != 0;
}

static const struct server *find_server(const struct address_choice *choice)
{
	const struct server *s = world.servers;

	while (s->address && is_left_out(choice, s->address))
		s++;
	return s->address ? s : NULL;
}

int link_try(const struct link_wish *w, link_list_fn fn, void *userdata,
	enum entry *ret_retry, struct link *ret, struct error *err)
{
	const struct report_export export = {.name_size = 1};
	const struct server *s = find_server(&w->choice);

	assert_ptr_equal(w->target, &world.target);
	*ret_retry = ENTRY_ANY;
	ret->address[0] = 0;
	if (!s)
		return error_set(err, FAULT_UNREACHED, -EADDRNOTAVAIL, "nothing left");
	strcpy(ret->address, s->address);
	strcat(strcat(world.tried, world.tried[0] ? " " : ""), s->address);
	for (unsigned i = 0; fn && i < s->lists; i++)
		assert_int_equal(fn(&export, userdata), 0);
	if (s->survives > w->entry) {
		*ret_retry = s->survives;
		return error_set(err, FAULT_PROTOCOL, -ECONNRESET, "closed by it");
	}
	ret->by_name = w->entry == ENTRY_NAME;
	return s->fault == FAULT_NONE
		? 0
		: error_set(err, s->fault, s->r, "%s is no good", s->address);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(world.logged, sizeof(world.logged), format, args);
	va_end(args);
}

void log_debug(_unused_ const char *format, ...)
{
}

static int count(_unused_ const struct report_export *export, void *userdata)
{
	++*(unsigned *)userdata;
	return 0;
}

static void begin(const struct server *servers)
{
	static char host[] = "disk.example", port[] = "10809";

	world = (struct world){.servers = servers,
		.target = {.transport = TRANSPORT_TCP,
			.tls = TLS_MODE_REQUIRE,
			.host = host,
			.port = port}};
}

/* Asks for a link. What was tried must be this, and said of the failure, or logged, this.
 */
static int asks(const struct address_choice *choice, const char *tried, const char *says)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	int r;

	world.tried[0] = world.logged[0] = 0;
	r = link_open(&world.target, NULL, choice, 0, &link, &err);
	assert_string_equal(world.tried, tried);
	assert_string_equal(r < 0 ? err.text : world.logged, says);
	assert_int_equal(r < 0, err.fault != FAULT_NONE);
	return r < 0 ? -(int)err.fault : r;
}

static void test_good(void **state _unused_)
{
	static const struct server servers[] = {GOOD(A), GOOD(B), NONE};

	begin(servers);
	assert_int_equal(asks(NULL, A, ""), 0);
}

/* Whatever is wrong with it, and each of the two kinds of questions. */
static void test_passed_over(void **state _unused_)
{
	static const enum fault faults[] = {
		FAULT_UNREACHED, FAULT_REFUSED, FAULT_TLS, FAULT_PROTOCOL};

	for (size_t i = 0; i < ELEMENTSOF(faults); i++) {
		const struct server servers[] = {
			BAD(A, faults[i], -EPROTO), GOOD(B), NONE};
		struct link link = {.fd = -1};
		struct error err = {0};

		begin(servers);
		assert_int_equal(
			asks(NULL, A " " B,
				A " is no good (at " A "): " B " is used instead"),
			0);
		assert_int_equal(link_info(&world.target, NULL, &link, &err), 0);
		assert_string_equal(link.address, B);
	}
}

/* The first error counts, if nobody is of use. There is an end to it. */
static void test_none(void **state _unused_)
{
	static const struct server two[] = {BAD(A, FAULT_TLS, -EPROTO),
		BAD(B, FAULT_REFUSED, -ENOENT), NONE},
				   one[] = {BAD(A, FAULT_TLS, -EPROTO), NONE},
				   many[] = {BAD(A, FAULT_TLS, -EPROTO),
					   BAD(B, FAULT_REFUSED, -ENOENT),
					   BAD(C, FAULT_REFUSED, -ENOENT),
					   BAD(D, FAULT_REFUSED, -ENOENT), GOOD(E), NONE};
	static const char said[] =
		A " is no good (at " A "; no other address of that name is of use)";

	begin(two);
	assert_int_equal(asks(NULL, A " " B, said), -FAULT_TLS);
	begin(many);
	assert_int_equal(asks(NULL, A " " B " " C " " D, said), -FAULT_TLS);
	begin(one);
	assert_int_equal(asks(NULL, A, A " is no good"), -FAULT_TLS);
}

/* What is no server's fault is not cured by another one. */
static void test_ours(void **state _unused_)
{
	static const struct server rows[][3] = {{BAD(A, FAULT_USAGE, -EINVAL), GOOD(B)},
		{BAD(A, FAULT_OTHER, -EINTR), GOOD(B)},
		{BAD(A, FAULT_KERNEL, -EOPNOTSUPP), GOOD(B)},
		/* all addresses were tried before that */
		{BAD(A, FAULT_UNREACHED, -EUSERS), GOOD(B)},
		/* the worker died: it may have been attacked */
		{BAD(A, FAULT_PROTOCOL, -ECHILD), GOOD(B)}};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		begin(rows[i]);
		assert_int_equal(asks(NULL, A, A " is no good"), -(int)rows[i][0].fault);
	}
}

/* A relay may be the answer, which the caller decides on. */
static void test_ours_later(void **state _unused_)
{
	static const struct server servers[] = {
		BAD(A, FAULT_REFUSED, -ENOENT), BAD(B, FAULT_KERNEL, -EOPNOTSUPP), NONE};

	begin(servers);
	assert_int_equal(asks(NULL, A " " B, B " is no good"), -FAULT_KERNEL);
}

/* A handshake that fails must not lead to plaintext elsewhere. */
static void test_prefer(void **state _unused_)
{
	static const struct server tls[] = {BAD(A, FAULT_TLS, -EPROTO), GOOD(B), NONE},
				   hangs[] = {BAD(A, FAULT_UNREACHED, -ETIMEDOUT),
					   GOOD(B), NONE},
				   other[] = {
					   BAD(A, FAULT_REFUSED, -ENOENT), GOOD(B), NONE};

	begin(tls);
	world.target.tls = TLS_MODE_PREFER;
	assert_int_equal(asks(NULL, A, A " is no good"), -FAULT_TLS);
	begin(hangs);
	world.target.tls = TLS_MODE_PREFER;
	assert_int_equal(asks(NULL, A, A " is no good"), -FAULT_UNREACHED);
	begin(other);
	world.target.tls = TLS_MODE_PREFER;
	assert_int_equal(
		asks(NULL, A " " B, A " is no good (at " A "): " B " is used instead"),
		0);
}

/* Other links of the device go there. */
static void test_only(void **state _unused_)
{
	static const struct server servers[] = {
		BAD(A, FAULT_REFUSED, -ENOENT), GOOD(B), NONE};
	const struct address_choice choice = {.last = A, .only = true};

	begin(servers);
	assert_int_equal(asks(&choice, A, A " is no good"), -FAULT_REFUSED);
}

static void test_no_name(void **state _unused_)
{
	static char address[] = "192.0.2.1";
	static const struct server servers[] = {
		BAD(A, FAULT_REFUSED, -ENOENT), GOOD(B), NONE};

	begin(servers);
	world.target.host = address;
	assert_int_equal(asks(NULL, A, A " is no good"), -FAULT_REFUSED);
	world.target.host = NULL;
	world.target.transport = TRANSPORT_UNIX;
	assert_int_equal(asks(NULL, A, A " is no good"), -FAULT_REFUSED);
}

/* A server that does not survive an option is asked again, and not another one. */
static void test_again(void **state _unused_)
{
	static const struct server servers[] = {{.address = A, .survives = ENTRY_NAME},
		GOOD(B), NONE},
				   refuses[] = {
					   {A, FAULT_REFUSED, -ENOENT, ENTRY_NAME, 0},
					   GOOD(B), NONE};

	begin(servers);
	assert_int_equal(
		asks(NULL, A " " A,
			"closed by it; a new connection with EXPORT_NAME worked: "
			"--no-go does that at once"),
		0);
	begin(refuses);
	assert_int_equal(asks(NULL, A " " A " " B,
				 A " is no good (at " A "): " B " is used instead"),
		0);
}

/* A list that was begun by one server is not continued by another. */
static void test_list(void **state _unused_)
{
	static const struct server none[] = {BAD(A, FAULT_REFUSED, -EPERM),
		{.address = B, .lists = 2}, NONE},
				   half[] = {{A, FAULT_PROTOCOL, -EPROTO, ENTRY_ANY, 1},
					   {.address = B, .lists = 2}, NONE};
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned n = 0;

	begin(none);
	assert_int_equal(link_list(&world.target, NULL, count, &n, &link, &err), 0);
	assert_int_equal(n, 2);
	begin(half);
	assert_int_equal(link_list(&world.target, NULL, count, &n, &link, &err), -EPROTO);
	assert_int_equal(n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_ours_later),
		cmocka_unit_test(test_prefer),
		cmocka_unit_test(test_only),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
