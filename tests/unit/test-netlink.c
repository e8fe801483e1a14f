/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What nbd-netlink.c asks of the kernel, and what it makes of the answers. The seam,
 * netlink_transact(), and sysfs_read() are replaced here: a table says which requests are
 * expected, in which order, and what each is answered.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/nbd-netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "common/scope.h"
#include "kernel/nbd-netlink.h"
#include "kernel/netlink-socket.h"
#include "kernel/sysfs.h"

#define NOT_SENT (-1)

/* A request's attributes; numbers that must not be there are NOT_SENT. */
struct expected {
	uint8_t command;
	int64_t index, size, block_size, timeout, dead_conn_timeout, server_flags,
		client_flags;
	const char *backend;
	int fds[4];
	size_t n_fds;
};

struct answer {
	int result;
	int64_t index;    /* a CONNECT reply comes with it, unless NOT_SENT */
	int connected[2]; /* a STATUS reply lists devices 0 and 1 so, unless the first is
	                     -1 */
};

struct exchange {
	struct expected expected;
	struct answer answer;
};

static struct {
	const struct exchange *script;
	size_t n, at;
	struct sysfs_device device; /* what sysfs_read() tells of any index */
	int sysfs_result;
} fake;

#define NOTHING_SET                                                    \
	.size = NOT_SENT, .block_size = NOT_SENT, .timeout = NOT_SENT, \
	.dead_conn_timeout = NOT_SENT, .server_flags = NOT_SENT,       \
	.client_flags = NOT_SENT
#define NO_REPLY .index = NOT_SENT, .connected = {-1, -1}

static const int two_fds[] = {7, 9};

static const struct nbd_settings full = {
	.size = UINT64_C(1) << 40,
	.block_size = 4096,
	.timeout = 0,
	.dead_conn_timeout = 300,
	.server_flags = 0x10d,
	.client_flags = 0,
	.backend = "nbd-attach:disk",
	.fds = two_fds,
	.n_fds = 2,
};

#define FULL_CONNECT(number)                                                             \
	{                                                                                \
		.command = NBD_CMD_CONNECT, .index = (number), .size = INT64_C(1) << 40, \
		.block_size = 4096, .timeout = 0, .dead_conn_timeout = 300,              \
		.server_flags = 0x10d, .client_flags = 0, .backend = "nbd-attach:disk",  \
		.fds = {7, 9}, .n_fds = 2                                                \
	}

DEFINE_CLEANUP(struct nl_msg *, nlmsg_free)

static int64_t number_of(const struct nlattr *attr)
{
	return attr ? (int64_t)nla_get_u64(attr) : NOT_SENT;
}

static void check_sockets(const struct expected *e, struct nlattr *list)
{
	struct nlattr *item, *fields[NBD_SOCK_MAX + 1];
	size_t n = 0;
	int left;

	assert_int_equal(list != NULL, e->n_fds > 0);
	if (!list)
		return;
	nla_for_each_nested(item, list, left)
	{
		assert_int_equal(nla_type(item), NBD_SOCK_ITEM);
		assert_int_equal(nla_parse_nested(fields, NBD_SOCK_MAX, item, NULL), 0);
		assert_non_null(fields[NBD_SOCK_FD]);
		assert_true(n < e->n_fds);
		assert_int_equal(nla_get_u32(fields[NBD_SOCK_FD]), e->fds[n++]);
	}
	assert_int_equal(n, e->n_fds);
}

static void check_request(const struct expected *e, struct nl_msg *msg)
{
	struct nlattr *a[NBD_ATTR_MAX + 1];

	assert_int_equal(nlmsg_parse(nlmsg_hdr(msg), 0, a, NBD_ATTR_MAX, NULL), 0);
	assert_int_equal(
		a[NBD_ATTR_INDEX] ? (int64_t)nla_get_u32(a[NBD_ATTR_INDEX]) : NOT_SENT,
		e->index);
	assert_int_equal(number_of(a[NBD_ATTR_SIZE_BYTES]), e->size);
	assert_int_equal(number_of(a[NBD_ATTR_BLOCK_SIZE_BYTES]), e->block_size);
	assert_int_equal(number_of(a[NBD_ATTR_TIMEOUT]), e->timeout);
	assert_int_equal(number_of(a[NBD_ATTR_DEAD_CONN_TIMEOUT]), e->dead_conn_timeout);
	assert_int_equal(number_of(a[NBD_ATTR_SERVER_FLAGS]), e->server_flags);
	assert_int_equal(number_of(a[NBD_ATTR_CLIENT_FLAGS]), e->client_flags);
	assert_int_equal(a[NBD_ATTR_BACKEND_IDENTIFIER] != NULL, e->backend != NULL);
	if (e->backend)
		assert_string_equal(
			nla_get_string(a[NBD_ATTR_BACKEND_IDENTIFIER]), e->backend);
	check_sockets(e, a[NBD_ATTR_SOCKETS]);
}

static void put_device(struct nl_msg *msg, uint32_t index, int connected)
{
	struct nlattr *item = nla_nest_start(msg, NBD_DEVICE_ITEM);

	assert_int_equal(nla_put_u32(msg, NBD_DEVICE_INDEX, index), 0);
	assert_int_equal(nla_put_u8(msg, NBD_DEVICE_CONNECTED, (uint8_t)connected), 0);
	nla_nest_end(msg, item);
}

/* The reply message is built like the kernel's, and parsed as netlink-socket.c does. */
static void send_reply(const struct answer *answer, netlink_reply_fn reply, void *data)
{
	_cleanup_(nlmsg_freep) struct nl_msg *msg = nlmsg_alloc_simple(0, 0);
	struct nlattr *attrs[NBD_ATTR_MAX + 1], *list;

	if (answer->index == NOT_SENT && answer->connected[0] < 0)
		return;
	if (answer->index != NOT_SENT)
		nla_put_u32(msg, NBD_ATTR_INDEX, (uint32_t)answer->index);
	if (answer->connected[0] >= 0) {
		list = nla_nest_start(msg, NBD_ATTR_DEVICE_LIST);
		put_device(msg, 0, answer->connected[0]);
		put_device(msg, 1, answer->connected[1]);
		nla_nest_end(msg, list);
	}
	assert_int_equal(nlmsg_parse(nlmsg_hdr(msg), 0, attrs, NBD_ATTR_MAX, NULL), 0);
	assert_non_null(reply);
	reply(attrs, data);
}

int netlink_transact(uint8_t command,
	int (*fill)(struct nl_msg *msg, const void *userdata), const void *fill_data,
	netlink_reply_fn reply, void *reply_data)
{
	_cleanup_(nlmsg_freep) struct nl_msg *msg = nlmsg_alloc_simple(0, 0);
	const struct exchange *x;
	int r;

	assert_true(fake.at < fake.n);
	x = &fake.script[fake.at++];
	assert_int_equal(command, x->expected.command);
	r = fill(msg, fill_data);
	if (r < 0)
		return r;
	check_request(&x->expected, msg);
	send_reply(&x->answer, reply, reply_data);
	return x->answer.result;
}

int sysfs_read(unsigned index, struct sysfs_device *ret)
{
	if (fake.sysfs_result == 0) {
		*ret = fake.device;
		ret->index = index;
	}
	return fake.sysfs_result;
}

static void play(const struct exchange *script, size_t n)
{
	memset(&fake, 0, sizeof(fake));
	fake.script = script;
	fake.n = n;
}

static void assert_played(void)
{
	assert_int_equal(fake.at, fake.n);
}

static void test_connect_automatic(_unused_ void **state)
{
	static const struct exchange script[] = {
		{FULL_CONNECT(NOT_SENT), {.index = 3, .connected = {-1, -1}}}};
	unsigned index = 99;

	play(script, ELEMENTSOF(script));
	assert_int_equal(nbd_netlink_connect(-1, &full, USEC_INFINITY, &index, NULL), 0);
	assert_int_equal(index, 3);
	assert_played();
}

static void test_connect_waits_while_open(_unused_ void **state)
{
	static const struct exchange script[] = {
		{FULL_CONNECT(5), {.result = -EBUSY, NO_REPLY}},
		{FULL_CONNECT(5), {.result = -EEXIST, NO_REPLY}},
		{FULL_CONNECT(5), {.index = 5, .connected = {-1, -1}}},
	};
	unsigned index = 99;

	play(script, ELEMENTSOF(script));
	assert_int_equal(nbd_netlink_connect(5, &full, deadline_after(5 * USEC_PER_SEC),
				 &index, NULL),
		0);
	assert_int_equal(index, 5);
	assert_played();
}

static void test_connect_in_use(_unused_ void **state)
{
	static const struct exchange script[] = {
		{FULL_CONNECT(5), {.result = -EBUSY, NO_REPLY}}};
	struct error err = {};
	unsigned index = 99;

	play(script, ELEMENTSOF(script));
	fake.device = (struct sysfs_device){.configured = true, .pid = 4242};
	assert_int_equal(
		nbd_netlink_connect(5, &full, USEC_INFINITY, &index, &err), -EBUSY);
	assert_int_equal(err.fault, FAULT_KERNEL);
	assert_non_null(strstr(err.text, "/dev/nbd5 is attached already"));
	assert_int_equal(index, 99);
	assert_played();
}

static void test_connect_open_for_ever(_unused_ void **state)
{
	static const struct exchange script[] = {
		{FULL_CONNECT(5), {.result = -EBUSY, NO_REPLY}}};
	struct error err = {};
	unsigned index = 99;

	play(script, ELEMENTSOF(script));
	fake.sysfs_result = -ENOENT;
	assert_int_equal(
		nbd_netlink_connect(5, &full, deadline_now(), &index, &err), -EBUSY);
	assert_int_equal(err.fault, FAULT_KERNEL);
	assert_int_equal(index, 99);
	assert_played();
}

static void test_connect_without_index(_unused_ void **state)
{
	static const struct exchange script[] = {{FULL_CONNECT(NOT_SENT), {NO_REPLY}}};
	struct error err = {};
	unsigned index = 99;

	play(script, ELEMENTSOF(script));
	assert_int_equal(
		nbd_netlink_connect(-1, &full, USEC_INFINITY, &index, &err), -EPROTO);
	assert_int_equal(err.fault, FAULT_KERNEL);
	assert_int_equal(index, 99);
}

static void test_connect_too_many_sockets(_unused_ void **state)
{
	static const struct exchange script[] = {{FULL_CONNECT(NOT_SENT), {NO_REPLY}}};
	static const int many_fds[4096];
	struct nbd_settings settings = full;
	unsigned index = 99;

	settings.fds = many_fds;
	settings.n_fds = ELEMENTSOF(many_fds);
	play(script, ELEMENTSOF(script));
	assert_int_equal(nbd_netlink_connect(-1, &settings, USEC_INFINITY, &index, NULL),
		-EMSGSIZE);
}

/* Each failure that a person can do something about says what. */
static void test_connect_failures(_unused_ void **state)
{
	static const struct {
		int result;
		const char *text;
	} cases[] = {
		{-ENOENT, "modprobe nbd"},
		{-EPERM, "needs root (CAP_SYS_ADMIN)"},
		{-EINVAL, "refused"},
		{-ENOTCONN, "connection"},
		{-ENOSPC, "No space left"},
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		const struct exchange script[] = {
			{FULL_CONNECT(NOT_SENT), {.result = cases[i].result, NO_REPLY}}};
		struct error err = {};
		unsigned index = 99;

		play(script, ELEMENTSOF(script));
		assert_int_equal(
			nbd_netlink_connect(-1, &full, USEC_INFINITY, &index, &err),
			cases[i].result);
		assert_int_equal(err.fault, FAULT_KERNEL);
		assert_non_null(strstr(err.text, cases[i].text));
		assert_int_equal(index, 99);
		assert_played();
	}
}

static const struct nbd_settings nothing = {
	.size = NBD_UNSET,
	.block_size = NBD_UNSET,
	.timeout = NBD_UNSET,
	.dead_conn_timeout = NBD_UNSET,
	.server_flags = NBD_UNSET,
	.client_flags = NBD_UNSET,
};

/* What is not set is not sent: a size beside a dead link would freeze the device. */
static void test_reconfigure_link(_unused_ void **state)
{
	static const struct exchange script[] = {{{.command = NBD_CMD_RECONFIGURE,
							  .index = 2,
							  NOTHING_SET,
							  .backend = "nbd-attach:disk",
							  .fds = {7},
							  .n_fds = 1},
		{NO_REPLY}}};
	struct nbd_settings settings = nothing;

	settings.backend = "nbd-attach:disk";
	settings.fds = two_fds;
	settings.n_fds = 1;
	play(script, ELEMENTSOF(script));
	assert_int_equal(nbd_netlink_reconfigure(2, &settings, NULL), 0);
	assert_played();
}

static void test_reconfigure_timeout(_unused_ void **state)
{
	const struct exchange script[] = {
		{{.command = NBD_CMD_RECONFIGURE, .index = 0, NOTHING_SET}, {NO_REPLY}},
		{{.command = NBD_CMD_RECONFIGURE, .index = 0, NOTHING_SET},
			{.result = -EINVAL, NO_REPLY}},
	};
	struct exchange with_timeout[2];
	struct nbd_settings settings = nothing;
	struct error err = {};

	memcpy(with_timeout, script, sizeof(script));
	with_timeout[0].expected.timeout = with_timeout[1].expected.timeout = 1;
	settings.timeout = 1;
	play(with_timeout, 2);
	assert_int_equal(nbd_netlink_reconfigure(0, &settings, &err), 0);
	assert_int_equal(nbd_netlink_reconfigure(0, &settings, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/dev/nbd0"));
	assert_played();
}

static void test_disconnect(_unused_ void **state)
{
	static const struct exchange script[] = {
		{{.command = NBD_CMD_DISCONNECT, .index = 7, NOTHING_SET}, {NO_REPLY}},
		{{.command = NBD_CMD_DISCONNECT, .index = 7, NOTHING_SET},
			{.result = -EINVAL, NO_REPLY}},
		{{.command = NBD_CMD_DISCONNECT, .index = 7, NOTHING_SET},
			{.result = -EPERM, NO_REPLY}},
	};
	struct error err = {};

	play(script, ELEMENTSOF(script));
	assert_int_equal(nbd_netlink_disconnect(7, &err), 0);
	assert_int_equal(nbd_netlink_disconnect(7, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no device /dev/nbd7"));
	assert_int_equal(nbd_netlink_disconnect(7, &err), -EPERM);
	assert_non_null(strstr(err.text, "needs root"));
	assert_played();
}

static void test_status(_unused_ void **state)
{
	static const struct exchange script[] = {
		{{.command = NBD_CMD_STATUS, .index = 1, NOTHING_SET},
			{.index = NOT_SENT, .connected = {0, 1}}},
		{{.command = NBD_CMD_STATUS, .index = 1, NOTHING_SET},
			{.index = NOT_SENT, .connected = {1, 0}}},
		{{.command = NBD_CMD_STATUS, .index = 1, NOTHING_SET}, {NO_REPLY}},
		{{.command = NBD_CMD_STATUS, .index = 1, NOTHING_SET},
			{.result = -ENOENT, NO_REPLY}},
	};
	struct error err = {};
	bool connected = false;

	play(script, ELEMENTSOF(script));
	assert_int_equal(nbd_netlink_status(1, &connected, &err), 0);
	assert_true(connected);
	assert_int_equal(nbd_netlink_status(1, &connected, &err), 0);
	assert_false(connected);
	connected = true;
	assert_int_equal(nbd_netlink_status(1, &connected, &err), 0);
	assert_false(connected);
	connected = true;
	assert_int_equal(nbd_netlink_status(1, &connected, &err), -ENOENT);
	assert_true(connected);
	assert_played();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_automatic),
		cmocka_unit_test(test_connect_waits_while_open),
		cmocka_unit_test(test_connect_in_use),
		cmocka_unit_test(test_connect_open_for_ever),
		cmocka_unit_test(test_connect_without_index),
		cmocka_unit_test(test_connect_too_many_sockets),
		cmocka_unit_test(test_connect_failures),
		cmocka_unit_test(test_reconfigure_link),
		cmocka_unit_test(test_reconfigure_timeout),
		cmocka_unit_test(test_disconnect),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
