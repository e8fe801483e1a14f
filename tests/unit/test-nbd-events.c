/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the driver tells by itself. Another socket of ours plays it, in a group that every
 * kernel has; that takes CAP_NET_ADMIN.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/nbd-netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "common/scope.h"
#include "kernel/nbd-events.h"

#define GROUP  GENL_ID_CTRL /* its "notify" */
#define FAMILY 4711

static struct {
	struct nl_sock *driver;
	struct nbd_events *events;
} world;

int __wrap_genl_ctrl_resolve_grp(
	struct nl_sock *socket, const char *family, const char *group);

int __wrap_genl_ctrl_resolve_grp(
	struct nl_sock *socket _unused_, const char *family, const char *group)
{
	assert_string_equal(family, NBD_GENL_FAMILY_NAME);
	assert_string_equal(group, NBD_GENL_MCAST_GROUP_NAME);
	return GROUP;
}

static int begin(void **state _unused_)
{
	struct error err = {0};

	world.driver = nl_socket_alloc();
	assert_non_null(world.driver);
	assert_int_equal(genl_connect(world.driver), 0);
	nl_socket_set_peer_groups(world.driver, 1U << (GROUP - 1));
	nl_socket_set_peer_port(world.driver, 0);
	assert_int_equal(nbd_events_open(&world.events, &err), 0);
	return 0;
}

static int end(void **state _unused_)
{
	nbd_events_close(world.events);
	nl_socket_free(world.driver);
	return 0;
}

static void tell(uint8_t command, unsigned index)
{
	struct nl_msg *message = nlmsg_alloc();
	int r;

	assert_non_null(message);
	assert_non_null(genlmsg_put(message, NL_AUTO_PORT, 0, FAMILY, 0, 0, command, 1));
	assert_int_equal(nla_put_u32(message, NBD_ATTR_INDEX, index), 0);
	r = nl_send_auto(world.driver, message);
	nlmsg_free(message);
	if (r == -NLE_PERM)
		skip();
	assert_true(r > 0);
}

static bool died(unsigned index)
{
	return nbd_events_link_died(world.events, index);
}

static void test_told(void **state _unused_)
{
	assert_false(died(5));
	tell(NBD_CMD_LINK_DEAD, 5);
	assert_true(died(5));
	assert_false(died(5)); /* that was told already */
}

static void test_of_others(void **state _unused_)
{
	tell(NBD_CMD_LINK_DEAD, 6);
	tell(NBD_CMD_STATUS, 5);
	assert_false(died(5));
	/* among much else */
	tell(NBD_CMD_LINK_DEAD, 6);
	tell(NBD_CMD_LINK_DEAD, 5);
	tell(NBD_CMD_LINK_DEAD, 7);
	assert_true(died(5));
}

/* More than the queue has room for: the one that matters may have been among it. */
static void test_lost(void **state _unused_)
{
	for (int i = 0; i < 1000; i++)
		tell(NBD_CMD_LINK_DEAD, 6);
	assert_true(died(5));
	assert_false(died(5));
	tell(NBD_CMD_LINK_DEAD, 5);
	assert_true(died(5));
}

/* Nothing can be heard any more: each time something may be missing. */
static void test_closed(void **state _unused_)
{
	close(nbd_events_fd(world.events));
	assert_true(died(5));
	assert_true(died(5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told, begin, end),
		cmocka_unit_test_setup_teardown(test_of_others, begin, end),
		cmocka_unit_test_setup_teardown(test_lost, begin, end),
		cmocka_unit_test_setup_teardown(test_closed, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
