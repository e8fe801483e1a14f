/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a user at a terminal is told who waits for a server, and that nothing is written
 * into a pipe.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/timeouts.h"
#include "link/link.h"

#define GREETING "NBDMAGICIHAVEOPT\0\3"

/* A server that accepts, sends this much, and waits. */
struct server {
	int fd;
	const char *says;
	size_t size;
	in_port_t port;
};

static void *serve(void *userdata)
{
	struct server *s = userdata;
	int client = accept(s->fd, NULL, NULL);
	char byte;

	if (client < 0)
		return NULL;
	assert_true(send(client, s->says, s->size, MSG_NOSIGNAL) == (ssize_t)s->size);
	while (recv(client, &byte, 1, 0) > 0)
		;
	close(client);
	return NULL;
}

static void listen_on(struct server *s)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(s->fd, 1), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &size), 0);
	s->port = ntohs(address.sin_port);
}

static void ask(const struct server *s, usec_t timeout, struct error *err)
{
	struct link link = {.fd = -1};
	struct target t;
	char uri[64];

	target_init(&t);
	snprintf(uri, sizeof(uri), "nbd://127.0.0.1:%u/", s->port);
	assert_int_equal(target_parse_uri(&t, uri, err), 0);
	assert_int_equal(target_check(&t, err), 0);
	t.no_go = true; /* or the silence would be tried twice */
	t.connect_timeout = timeout;
	assert_true(link_info(&t, NULL, &link, err) < 0);
	target_done(&t);
}

/* What is written to stderr meanwhile, which is `theirs`; from `ours` it can be read. */
static void note_words(struct server *s, int theirs, int ours, usec_t timeout,
	char *words, size_t size, struct error *err)
{
	int before = dup(STDERR_FILENO);
	pthread_t thread;
	ssize_t n;

	listen_on(s);
	assert_int_equal(pthread_create(&thread, NULL, serve, s), 0);
	assert_true(dup2(theirs, STDERR_FILENO) >= 0);
	ask(s, timeout, err);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	shutdown(s->fd, SHUT_RDWR); /* if nobody came */
	pthread_join(thread, NULL);
	close(s->fd);
	assert_int_equal(fcntl(ours, F_SETFL, O_NONBLOCK), 0);
	n = read(ours, words, size - 1);
	words[n > 0 ? n : 0] = 0;
	close(ours);
	close(theirs);
}

/* It must not be told before; and a deadline comes first. */
#define LONG_ENOUGH (WORKER_PROGRESS_DELAY + USEC_PER_SEC)

static void test_silent_server(_unused_ void **state)
{
	struct server s = {.says = ""};
	char words[1000], expected[1000];
	struct error err = {0};
	int ours, theirs;

	assert_int_equal(openpty(&ours, &theirs, NULL, NULL, NULL), 0);
	note_words(&s, theirs, ours, LONG_ENOUGH, words, sizeof(words), &err);
	snprintf(expected, sizeof(expected),
		"test: waiting for 127.0.0.1:%u, which has accepted the connection, but sent "
		"nothing: it may be full, or expect something else than NBD (TLS from the "
		"first byte, HTTP): check the port …\r\n",
		s.port);
	assert_string_equal(words, expected);
	assert_string_equal(err.text,
		"the server accepted the connection, but sent no greeting in time "
		"(--connect-timeout): it may be full, or expect something else than NBD (TLS "
		"from the first byte, HTTP): check the port");
}

static void test_slow_server(_unused_ void **state)
{
	struct server s = {.says = GREETING, .size = sizeof(GREETING) - 1};
	struct error err = {0};
	char words[1000];
	int ours, theirs;

	assert_int_equal(openpty(&ours, &theirs, NULL, NULL, NULL), 0);
	note_words(&s, theirs, ours, LONG_ENOUGH, words, sizeof(words), &err);
	assert_string_equal(words, "test: waiting for 127.0.0.1 …\r\n");
}

static void test_in_a_pipe(_unused_ void **state)
{
	struct server s = {.says = ""};
	struct error err = {0};
	char words[1000];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	note_words(&s, ends[1], ends[0], LONG_ENOUGH, words, sizeof(words), &err);
	assert_string_equal(words, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silent_server),
		cmocka_unit_test(test_slow_server),
		cmocka_unit_test(test_in_a_pipe),
	};

	log_setup("test", false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
