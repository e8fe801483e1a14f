/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The relay without TLS, and its buffers. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "relay-world.h"

/* ---- the buffer ---- */

static struct relay_buffer new_buffer(void)
{
	struct relay_buffer b = {.data = malloc(RELAY_BUFFER_SIZE)};

	assert_non_null(b.data);
	return b;
}

/* As if these bytes had come, from the place in the stream on. */
static void put(struct relay_buffer *b, size_t n, size_t place)
{
	assert_true(n <= relay_buffer_room(b));
	for (size_t i = 0; i < n; i++)
		b->data[b->end + i] = (char)byte_at(place + i, 0);
	b->end += n;
}

static void assert_holds(const struct relay_buffer *b, size_t n, size_t place)
{
	assert_int_equal(relay_buffer_used(b), n);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)b->data[b->start + i] != byte_at(place + i, 0))
			fail_msg("byte %zu of %zu is wrong", i, n);
}

static void buffer_empties(_unused_ void **state)
{
	struct relay_buffer b = new_buffer();

	assert_int_equal(relay_buffer_room(&b), RELAY_BUFFER_SIZE);
	put(&b, RELAY_BUFFER_SIZE, 0);
	assert_int_equal(relay_buffer_room(&b), 0);
	relay_buffer_consume(&b, RELAY_BUFFER_SIZE);
	assert_int_equal(relay_buffer_used(&b), 0);
	assert_int_equal(relay_buffer_room(&b), RELAY_BUFFER_SIZE);
	relay_buffer_consume(&b, 0);
	assert_int_equal(relay_buffer_room(&b), RELAY_BUFFER_SIZE);
	free(b.data);
}

/* A small tail moves to the front, once it cannot overlap itself; a large one stays. */
static void buffer_compacts(_unused_ void **state)
{
	static const struct {
		size_t put, take;
		bool moves;
	} rows[] = {
		{1000, 1, false},
		{1000, 499, false},
		{1000, 500, true},
		{1000, 999, true},
		{RELAY_BUFFER_SIZE, RELAY_BUFFER_SIZE - 1, true},
		{RELAY_BUFFER_SIZE, RELAY_BUFFER_SIZE - 20 * 1024, true},
		{RELAY_BUFFER_SIZE, RELAY_BUFFER_SIZE - 20 * 1024 - 1, false},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct relay_buffer b = new_buffer();

		put(&b, rows[i].put, 0);
		relay_buffer_consume(&b, rows[i].take);
		assert_int_equal(b.start, rows[i].moves ? 0 : rows[i].take);
		assert_holds(&b, rows[i].put - rows[i].take, rows[i].take);
		free(b.data);
	}
}

/* Whatever the steps, what comes out is what went in. */
static void buffer_keeps_order(_unused_ void **state)
{
	struct relay_buffer b = new_buffer();
	size_t in = 0, out = 0;
	uint32_t random = 1;

	for (unsigned i = 0; i < 2000; i++) {
		size_t n = some(&random, 50000, relay_buffer_room(&b));

		put(&b, n, in);
		in += n;
		n = some(&random, 60000, relay_buffer_used(&b));
		relay_buffer_consume(&b, n);
		out += n;
		assert_int_equal(relay_buffer_used(&b), in - out);
		if (in > out)
			assert_int_equal((unsigned char)b.data[b.start], byte_at(out, 0));
	}
	assert_holds(&b, in - out, out);
	free(b.data);
}

static void buffer_and_sockets(_unused_ void **state)
{
	struct relay_buffer b = new_buffer(), other = new_buffer();
	size_t sent = 0, taken;
	ssize_t n;
	int left, right;

	make_pair(&left, &right);
	assert_int_equal(relay_buffer_fill(&b, left), 0); /* not now */
	assert_false(b.over);
	assert_int_equal(relay_buffer_drain(&b, left), 0); /* nothing */

	/* until the socket is full: the rest stays */
	put(&b, RELAY_BUFFER_SIZE, 0);
	assert_int_equal(relay_buffer_fill(&b, left), 0); /* no room */
	while ((n = relay_buffer_drain(&b, left)) > 0)
		sent += (size_t)n;
	assert_int_equal(n, 0);
	assert_true(sent > 0);
	assert_holds(&b, RELAY_BUFFER_SIZE - sent, sent);

	for (taken = 0; (n = relay_buffer_fill(&other, right)) > 0;)
		taken += (size_t)n;
	assert_int_equal(taken, sent);
	assert_holds(&other, sent, 0);

	/* the end comes after what was sent before it, and once */
	relay_buffer_consume(&other, taken);
	n = relay_buffer_drain(&b, left);
	shutdown(left, SHUT_WR);
	if (n > 0)
		assert_int_equal(relay_buffer_fill(&other, right), n);
	assert_false(other.over);
	assert_int_equal(relay_buffer_fill(&other, right), 0);
	assert_true(other.over);
	assert_int_equal(relay_buffer_fill(&other, right), 0);

	/* nobody is there */
	relay_buffer_consume(&other, relay_buffer_used(&other));
	close(left);
	put(&other, 10, 0);
	assert_int_equal(relay_buffer_drain(&other, right), -EPIPE);
	assert_int_equal(
		relay_buffer_fill(&(struct relay_buffer){.data = b.data}, -1), -EBADF);
	close(right);
	free(b.data);
	free(other.data);
}

/* ---- plain ---- */

static void plain_both_ways(size_t total, size_t chunk, bool tiny, bool slowly)
{
	struct world *w = world_new(tiny);
	struct flow flows[] = {
		{.fd = w->kernel, .total = total, .chunk = chunk, .seed = 1},
		{.fd = w->server,
			.total = total,
			.chunk = chunk,
			.seed = 1,
			.slowly = slowly},
		{.fd = w->server, .total = total, .chunk = chunk, .seed = 2},
		{.fd = w->kernel,
			.total = total,
			.chunk = chunk,
			.seed = 2,
			.slowly = slowly},
	};

	flow_both_ways(w, flows);
	assert_int_equal(recv(w->server, &(char){0}, 1, 0), 0);
	world_free(w);
}

static void plain_flows(_unused_ void **state)
{
	plain_both_ways(MANY, 0, false, false);
}

static void plain_flows_tiny(_unused_ void **state)
{
	plain_both_ways(MANY / 8, 0, true, false);
	plain_both_ways(100000, 60, true, false);
}

static void plain_flows_slowly(_unused_ void **state)
{
	plain_both_ways(MANY / 8, 0, true, true);
}

/* One side sends data and closes: the other side gets all of it, then end of file. */
static void one_ends(bool kernel, int result)
{
	struct world *w = world_new(true);
	int ending = kernel ? w->kernel : w->server;
	struct flow sender = {.fd = ending, .total = 1000000};
	struct flow taker = {.fd = kernel ? w->server : w->kernel,
		.total = sender.total,
		.until_end = true,
		.slowly = true};

	start_relay(w);
	start_flow(&sender, run_sender);
	start_flow(&taker, run_taker);
	end_flow(&sender);
	shutdown(ending, SHUT_WR);
	end_flow(&taker);
	assert_int_equal(taker.result, 0);
	assert_int_equal(relay_result(w), result);
	world_free(w);
}

static void near_ends(_unused_ void **state)
{
	one_ends(true, 0);
}

static void far_ends(_unused_ void **state)
{
	one_ends(false, -ECONNRESET);
}

static void ends_at_once(_unused_ void **state)
{
	struct world *w = world_new(false);

	shutdown(w->kernel, SHUT_RDWR);
	start_relay(w);
	assert_int_equal(relay_result(w), 0);
	world_free(w);

	w = world_new(false);
	shutdown(w->server, SHUT_RDWR);
	start_relay(w);
	assert_int_equal(relay_result(w), -ECONNRESET);
	world_free(w);
}

/* The kernel has ended, and the server takes nothing any more: not for ever. */
static void far_is_stuck(_unused_ void **state)
{
	struct world *w = world_new(true);
	struct flow sender = {.fd = w->kernel, .total = 100000};
	usec_t start = deadline_now(), span;

	start_relay(w);
	start_flow(&sender, run_sender);
	end_flow(&sender);
	shutdown(w->kernel, SHUT_WR);
	assert_int_equal(relay_result(w), -ETIMEDOUT);
	span = deadline_now() - start;
	assert_true(span >= 4 * USEC_PER_SEC);
	assert_true(span <= 15 * USEC_PER_SEC);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffer_empties),
		cmocka_unit_test(buffer_compacts),
		cmocka_unit_test(buffer_keeps_order),
		cmocka_unit_test(buffer_and_sockets),
		cmocka_unit_test(plain_flows),
		cmocka_unit_test(plain_flows_tiny),
		cmocka_unit_test(plain_flows_slowly),
		cmocka_unit_test(near_ends),
		cmocka_unit_test(far_ends),
		cmocka_unit_test(ends_at_once),
		cmocka_unit_test(far_is_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
