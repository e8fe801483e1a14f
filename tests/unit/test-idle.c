/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links that a proxy ends when they are idle: for how long they were, and what is said.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "connection-world.h"

#define AGE   (7777 * USEC_PER_SEC)
#define PAUSE (300 * USEC_PER_MSEC)

/* A connection over loopback: the server's end. */
static int make_connection(int *ret_client)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	_cleanup_close_ int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(connect(*ret_client, (struct sockaddr *)&address, size), 0);
	return accept4(server, NULL, NULL, SOCK_CLOEXEC);
}

static void is_idle_for(int fd, usec_t least, usec_t most)
{
	usec_t idle = idle_time(fd, AGE);

	if (idle < least || idle > most)
		fail_msg("%" PRIu64 " µs", idle);
}

/* From the last byte that was sent until now, whatever has become of the socket. */
static void test_sent(void **state _unused_)
{
	const int on = 1, each_second = 1;
	int client, server = make_connection(&client);

	assert_int_equal(
		setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &each_second,
				 sizeof(each_second)),
		0);
	assert_int_equal(write(client, "!", 1), 1);
	usleep(PAUSE + USEC_PER_SEC);
	assert_int_equal(read(server, (char[1]){0}, 1), 1);
	assert_int_equal(write(server, "?", 1), 1);
	is_idle_for(client, PAUSE + USEC_PER_SEC - 50000, AGE / 2);
	close(server);
	usleep(50000);
	assert_int_equal(shutdown(client, SHUT_RDWR), 0);
	is_idle_for(client, PAUSE + USEC_PER_SEC, AGE / 2);
	close(client);
	server = make_connection(&client);
	assert_int_equal(write(client, "!", 1), 1);
	is_idle_for(client, 0, PAUSE);
	close(client);
	close(server);
}

/* A relay's, or a link that was adopted without its socket. */
static void test_not_known(void **state _unused_)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(idle_time(pair[0], AGE), AGE);
	assert_int_equal(idle_time(-1, AGE), AGE);
	close(pair[0]);
	close(pair[1]);
}

/* The connection with that number is lost after a minute, and restored. */
static void lose(unsigned i, const char *told)
{
	struct connection *conn = world.conn = &world.s.conns[i];

	world.calls[0] = 0;
	connection_event(&world.s, conn, EVENT_LOST);
	assert_string_equal(world.calls, told);
	world.now = conn->accepts_at;
	connection_attempt_ready(&world.s, conn);
	assert_int_equal(conn->phase, PHASE_UP);
}

/* A proxy ends all of them. What it is, is said of the first only. */
static void test_several(void **state _unused_)
{
	connection_world_begin(3);
	world.io.in_flight = 0;
	world.s.progress.last = world.io;
	for (unsigned i = 0; i < 3; i++)
		world.s.conns[i].up_since = world.now;
	for (unsigned round = 0; round < 4; round++) {
		world.now += 60 * USEC_PER_SEC;
		lose(0,
			round < 2            ? "tell:lost start"
				: round == 2 ? "tell:idle start"
					     : "start");
		lose(1, round < 2 ? "tell:lost start" : "start");
		lose(2, round < 2 ? "tell:lost start" : "start");
	}
	connection_world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_not_known),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
