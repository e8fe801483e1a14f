/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The links of a new attachment: how many, whether the kernel or relays carry them, and
 * what is said where there are none. Modules and connections are replaced by the test's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/module.h"
#include "link/links.h"

#define MULTI NBD_FLAG_CAN_MULTI_CONN

/* What there is, and what is asked for. */
static const struct row {
	const char *name;
	enum transport transport;
	enum tls_mode tls;
	enum data_path data_path;
	unsigned connections;
	bool no_module;  /* for TLS */
	bool no_cipher;  /* that the kernel supports: a relay is needed */
	uint16_t flags;  /* of the export … */
	uint64_t growth; /* … of which each connection shows more */
	unsigned n, tried;
	const char *relay; /* the reason for relays; "": the kernel carries the links */
	enum fault fault;
	const char *says;
} rows[] = {
	{"one", .connections = 1, .n = 1, .tried = 1, .relay = ""},
	{"three", .connections = 3, .flags = MULTI, .n = 3, .tried = 3, .relay = ""},
	{"as many as fit", .n = 1, .tried = 1, .relay = ""},
	{"three where one is allowed", .connections = 3, .n = 1, .tried = 1, .relay = "",
		.fault = FAULT_REFUSED,
		.says = "the server does not allow several connections to this export (no "
			"CAN_MULTI_CONN): do not use --connections"},
	{"two sizes", .connections = 2, .flags = MULTI, .growth = 512, .n = 2, .tried = 2,
		.relay = "", .fault = FAULT_PROTOCOL,
		.says = "the server describes the export differently on each connection"},
	{"TLS", .tls = TLS_MODE_REQUIRE, .connections = 1, .n = 1, .tried = 1,
		.relay = ""},
	{"a relay", .data_path = DATA_PATH_RELAY, .connections = 2, .flags = MULTI,
		.n = 2, .tried = 2, .relay = "--data-path relay was asked for"},
	{"vsock", TRANSPORT_VSOCK, .connections = 1, .n = 1, .tried = 1,
		.relay = "the kernel's nbd driver does not support vsock"},
	{"vsock by the kernel", TRANSPORT_VSOCK, .data_path = DATA_PATH_KERNEL,
		.connections = 1, .relay = "", .fault = FAULT_KERNEL,
		.says = "the kernel's nbd driver does not support vsock: do not use "
			"--data-path kernel"},
	{"a unix socket", TRANSPORT_UNIX, .connections = 1, .n = 1, .tried = 1,
		.relay = ""},
	{"TLS in a unix socket", TRANSPORT_UNIX, .tls = TLS_MODE_REQUIRE,
		.connections = 1, .n = 1, .tried = 1,
		.relay = "kernel TLS works over TCP only, not over a unix socket"},
	{"TLS in a unix socket, by the kernel", TRANSPORT_UNIX, .tls = TLS_MODE_REQUIRE,
		.data_path = DATA_PATH_KERNEL, .connections = 1, .relay = "",
		.fault = FAULT_KERNEL,
		.says = "kernel TLS works over TCP only, not over a unix socket: do not use "
			"--data-path kernel"},
	{"no module", .tls = TLS_MODE_REQUIRE, .no_module = true, .connections = 1,
		.n = 1, .tried = 1, .relay = "there is no module tls"},
	{"no module, which is not needed", .no_module = true, .connections = 1, .n = 1,
		.tried = 1, .relay = ""},
	{"no module, and by the kernel", .tls = TLS_MODE_REQUIRE, .no_module = true,
		.data_path = DATA_PATH_KERNEL, .connections = 1, .relay = "",
		.fault = FAULT_KERNEL, .says = "there is no module tls"},
	{"no cipher", .tls = TLS_MODE_REQUIRE, .no_cipher = true, .connections = 2,
		.flags = MULTI, .n = 2, .tried = 3, .relay = "the kernel cannot do that"},
	{"no cipher, and by the kernel", .tls = TLS_MODE_REQUIRE, .no_cipher = true,
		.data_path = DATA_PATH_KERNEL, .connections = 1, .tried = 1, .relay = "",
		.fault = FAULT_KERNEL,
		.says = "the kernel cannot do that: do not use --data-path kernel"},
};

static const struct row *row;
static unsigned n_tried;

int module_load(const char *name, struct error *err)
{
	return row->no_module && strcmp(name, "tls") == 0
		? error_set(err, FAULT_KERNEL, -ENOENT, "there is no module tls")
		: 0;
}

/* All of them go to the address of the first. */
int link_open(const struct target *t, _unused_ const struct credentials *c,
	const struct address_choice *choice, unsigned how, struct link *ret,
	struct error *err)
{
	n_tried++;
	if (choice->only)
		assert_string_equal(choice->last, "192.0.2.7:10809");
	if (row->no_cipher && !(how & LINK_RELAY))
		return error_set(
			err, FAULT_KERNEL, -EOPNOTSUPP, "the kernel cannot do that");
	*ret = (struct link){.fd = -1, .address = "192.0.2.7:10809"};
	ret->facts.tls = t->tls != TLS_MODE_OFF;
	ret->facts.export = (struct nbd_export){
		.size = 4096 + n_tried * row->growth, .flags = row->flags};
	return 0;
}

void link_done(_unused_ struct link *link)
{
}

void link_disconnect(_unused_ struct link *link)
{
}

static bool holds(void)
{
	const struct target t = {.transport = row->transport,
		.tls = row->tls,
		.data_path = row->data_path,
		.connections = row->connections};
	struct links links = {0};
	struct error err = {0};
	int r = links_open(&t, NULL, &links, &err);

	if ((r < 0) == (row->fault != FAULT_NONE) &&
		(r == 0 ||
			(err.fault == row->fault && strcmp(err.text, row->says) == 0)) &&
		links.n == row->n && n_tried == row->tried &&
		strcmp(links.relay, row->relay) == 0)
		return true;
	print_error("%s: %d, fault %d, \"%s\", %zu links of %u, relay: \"%s\"\n",
		row->name, r, (int)err.fault, err.text, links.n, n_tried, links.relay);
	return false;
}

static void test_rows(void **state _unused_)
{
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		row = &rows[i];
		n_tried = 0;
		failed += !holds();
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
