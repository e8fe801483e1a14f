/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of a name's addresses a connection goes to, and how soon. */
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/scope.h"
#include "name-world.h"

static void test_first(void **state _unused_)
{
	NAME_HAS(GREETS, GREETS);
	gets_to(0, &any, 0, MANY);
	assert_int_equal(world.tried, 1);
}

/* A quarter of a second for each address that is dead, not seconds. */
static void test_dead(void **state _unused_)
{
	NAME_HAS(DROPS, GREETS);
	gets_to(1, &any, 250, 3000);
}

static void test_dead_three(void **state _unused_)
{
	NAME_HAS(DROPS, DROPS, DROPS, GREETS);
	gets_to(3, &any, 750, 4000);
}

static void test_refused(void **state _unused_)
{
	NAME_HAS(REFUSES, REFUSES, REFUSES, GREETS);
	gets_to(3, &any, 0, 700);
}

/* It accepts, and hangs. */
static void test_silent(void **state _unused_)
{
	NAME_HAS(IS_SILENT, GREETS);
	gets_to(1, &any, 1000, 4000);
}

/* The only server that is left may take its time. */
static void test_silent_alone(void **state _unused_)
{
	NAME_HAS(IS_SILENT);
	gets_to(0, &any, 0, 3000);
}

static void test_silent_last(void **state _unused_)
{
	NAME_HAS(REFUSES, IS_SILENT, HANGS_UP);
	gets_to(1, &any, 0, 4000);
}

static void test_silent_all(void **state _unused_)
{
	NAME_HAS(IS_SILENT, IS_SILENT);
	gets_to(0, &any, 4500, 9000);
}

/* A proxy whose server is away. */
static void test_hangs_up(void **state _unused_)
{
	NAME_HAS(HANGS_UP, GREETS);
	gets_to(1, &any, 0, 950);
}

static void test_last_first(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(GREETS, GREETS, GREETS);
	choice = last_was(2);
	gets_to(2, &choice, 0, MANY);
	assert_int_equal(world.tried, 1);
}

/* The name no longer has it. */
static void test_last_gone(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(DROPS, GREETS);
	choice = last_was(0);
	world.addresses[0] = "127.0.0.3";
	world.addresses[1] = NULL;
	gets_to(1, &choice, 0, 4000);
}

static void test_only(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(GREETS, GREETS);
	choice = last_was(1);
	choice.only = true;
	gets_to(1, &choice, 0, MANY);
	stop_server(&servers[1]);
	servers[1].fd = -1;
	fails(&choice, MOST, "127.0.0.3");
	assert_int_equal(world.asked, 0);
	strcpy(choice.last, "[fe80::1%nowhere]:10809");
	fails(&choice, MOST, "nowhere");
}

/* It was reached, but failed later: others come first. */
static void test_turns(void **state _unused_)
{
	static const unsigned order[] = {1, 0, 2, 1};
	struct address_choice choice;

	NAME_HAS(GREETS, GREETS, GREETS);
	choice = last_was(1);
	for (; choice.turn < ELEMENTSOF(order); choice.turn++)
		gets_to(order[choice.turn], &choice, 0, MANY);
	world.code = EAI_AGAIN;
	gets_to(1, &choice, 0, MANY);
}

/* Those that were reached, and refused. The rest is tried, but not for long. */
static void test_left_out(void **state _unused_)
{
	struct address_choice choice = {0};

	NAME_HAS(GREETS, GREETS, GREETS, DROPS);
	for (; choice.n_but < ADDRESSES_LEFT_OUT; choice.n_but++) {
		gets_to(choice.n_but, &choice, 0, MANY);
		strcpy(choice.but[choice.n_but], last_was(choice.n_but).last);
	}
	fails(&choice, MOST, "127.0.0.5");
	fails(&choice, MOST, "timed out");
	world.addresses[3] = NULL;
	fails(&choice, MOST, NAME " has no other address");
}

/* It is known to have no other one. */
static void test_left_out_address(void **state _unused_)
{
	struct address_choice choice = {.n_but = 1};
	struct error err = {0};
	struct peer peer;
	usec_t took;

	NAME_HAS(GREETS);
	strcpy(choice.but[0], last_was(0).last);
	assert_int_equal(
		attempt("127.0.0.2", &choice, MOST, &peer, &took, &err), -EADDRNOTAVAIL);
	assert_int_equal(err.fault, FAULT_UNREACHED);
}

static void test_all_fail(void **state _unused_)
{
	NAME_HAS(REFUSES, REFUSES, REFUSES);
	fails(&any, MOST,
		"cannot connect to " NAME " at any of its 3 addresses (127.0.0.2:");
}

static void test_deadline(void **state _unused_)
{
	NAME_HAS(DROPS, DROPS);
	fails(&any, USEC_PER_SEC, "timed out");
}

static void test_no_answer(void **state _unused_)
{
	world.delay = 3;
	fails(&any, USEC_PER_SEC, "cannot resolve " NAME ": no answer in time");
	world.delay = 0;
}

static void test_no_zone(void **state _unused_)
{
	world.addresses[0] = "fe80::1";
	fails(&any, USEC_PER_SEC,
		": a link-local address needs its network interface, as in [fe80::1%25eth0]");
}

static void test_families(void **state _unused_)
{
	static const char *const order[] = {"127.0.0.2", "::1", "127.0.0.3"};
	_cleanup_close_ int v6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	NAME_HAS(REFUSES, REFUSES);
	world.addresses[2] = "::1";
	if (v6 < 0)
		skip();
	fails(&any, MOST, "3 addresses");
	assert_int_equal(world.tried, ELEMENTSOF(order));
	for (size_t i = 0; i < ELEMENTSOF(order); i++)
		assert_string_equal(world.order[i], order[i]);
}

static unsigned times_tried(const char *address)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world.tried; i++)
		n += strcmp(world.order[i], address) == 0;
	return n;
}

/* The first packets to where the server was may be lost: not one in a second, but three.
 */
static void test_last_drops(void **state _unused_)
{
	NAME_HAS(DROPS);
	struct address_choice choice = last_was(0);

	fails(&choice, 2500 * USEC_PER_MSEC, "timed out");
	assert_true(times_tried(world.addresses[0]) >= 3);
}

static void test_other_drops(void **state _unused_)
{
	NAME_HAS(REFUSES, DROPS);
	struct address_choice choice = last_was(0);

	fails(&choice, 2500 * USEC_PER_MSEC, "2 addresses");
	assert_true(times_tried(world.addresses[0]) >= 3);
}

/* Where there was no server, that is no use. */
static void test_first_drops(void **state _unused_)
{
	NAME_HAS(REFUSES, DROPS);
	fails(&any, USEC_PER_SEC, "2 addresses");
	assert_int_equal(world.tried, 2);
}

static void *return_later(void *userdata _unused_)
{
	int fd;

	usleep(500000);
	listen(servers[0].fd, 5);
	fd = accept4(servers[0].fd, NULL, NULL, SOCK_CLOEXEC);
	(void)!write(fd, "N", 1);
	servers[0].clients[0] = fd;
	return NULL;
}

/* A server that is back is found while a dead address gives no answer, however long. */
static void test_returns(void **state _unused_)
{
	pthread_t thread;

	NAME_HAS(REFUSES, DROPS);
	struct address_choice choice = last_was(0);

	assert_int_equal(pthread_create(&thread, NULL, return_later, NULL), 0);
	gets_to(0, &choice, 0, MANY);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first),
		TEST(test_dead),
		TEST(test_dead_three),
		TEST(test_refused),
		TEST(test_silent),
		TEST(test_silent_alone),
		TEST(test_silent_last),
		TEST(test_silent_all),
		TEST(test_hangs_up),
		TEST(test_last_first),
		TEST(test_last_gone),
		TEST(test_only),
		TEST(test_last_drops),
		TEST(test_other_drops),
		TEST(test_first_drops),
		TEST(test_returns),
		TEST(test_turns),
		TEST(test_left_out),
		TEST(test_left_out_address),
		TEST(test_all_fail),
		TEST(test_deadline),
		TEST(test_no_answer),
		TEST(test_no_zone),
		TEST(test_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
