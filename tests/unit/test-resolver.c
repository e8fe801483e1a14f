/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Name servers that are slow or away, and what they are asked for. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "idn.h"
#include "name-world.h"

static void test_no_name_server(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(GREETS);
	choice = last_was(0);
	world.code = EAI_AGAIN;
	gets_to(0, &choice, 0, MANY);
	fails(&any, MOST,
		"cannot resolve " NAME
		": no name server has answered (is the network up?)");
	world.code = EAI_NONAME;
	gets_to(0, &choice, 0, MANY);
	stop_server(&servers[0]);
	servers[0].fd = -1;
	fails(&choice, MOST, "127.0.0.2");
	fails(&choice, MOST, "cannot resolve " NAME);
}

static void test_slow_name_server(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(GREETS);
	choice = last_was(0);
	world.delay = 3;
	gets_to(0, &choice, 0, 2800);
	fails(&any, USEC_PER_SEC / 2, "no answer");
	sleep(4); /* until the threads that wait for it have ended */
}

static void *start_later(void *userdata _unused_)
{
	sleep(1);
	start_server(0, GREETS);
	return NULL;
}

/* The server is back before the name server is. */
static void test_last_returns(void **state _unused_)
{
	struct address_choice choice;
	pthread_t thread;

	NAME_HAS(REFUSES);
	choice = last_was(0);
	close(servers[0].fd);
	world.delay = 4;
	assert_int_equal(pthread_create(&thread, NULL, start_later, NULL), 0);
	gets_to(0, &choice, 900, 3800);
	pthread_join(thread, NULL);
	sleep(4);
}

static void test_zone(void **state _unused_)
{
	struct error err = {0};
	struct peer peer;
	usec_t took;

	port = htons(1);
	assert_true(attempt("fe80::1", &any, MOST, &peer, &took, &err) < 0);
	assert_non_null(strstr(err.text, "%25eth0"));
	world.code = EAI_NONAME;
	assert_true(attempt("fe80::1%nowhere", &any, MOST, &peer, &took, &err) < 0);
	assert_non_null(strstr(err.text, "no such network interface"));
}

/* The name is asked for with its dot, which only certificates do not have. */
static void test_host(void **state _unused_)
{
	static const char *const rows[][2] = {
		{"disk.example.", "disk.example."},
		{"b\xc3\xbc\x63her.example.", "xn--bcher-kva.example."},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"fe80::1%lo", "fe80::1%lo"},
	};
	struct error err = {0};
	struct peer peer;
	usec_t took;

	port = htons(1);
	world.code = EAI_NONAME;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if ((unsigned char)rows[i][0][1] >= 0x80 && !gnutls_has_idn())
			continue;
		assert_true(attempt(rows[i][0], &any, MOST, &peer, &took, &err) < 0);
		assert_string_equal(world.host, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_name_server),
		TEST(test_slow_name_server),
		TEST(test_last_returns),
		TEST(test_zone),
		TEST(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
