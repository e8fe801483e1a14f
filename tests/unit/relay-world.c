/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

/* Longer than any of these tests takes: what hangs is ended by it. */
#define PATIENCE  240
#define CHUNK_MAX (96 * 1024)

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

size_t some(uint32_t *state, size_t most, size_t there)
{
	size_t n = 1 + next(state) % most;

	return MIN(n, there);
}

unsigned char byte_at(size_t place, unsigned seed)
{
	return (unsigned char)((place * 2654435761u >> 11) + seed);
}

void make_pair(int *a, int *b)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*a = pair[0];
	*b = pair[1];
}

/* ---- the other ends ---- */

/* Two threads have the server's session, which is not made for that. */
static pthread_mutex_t session_lock = PTHREAD_MUTEX_INITIALIZER;

static bool too_early(const struct flow *f, ssize_t n, short events)
{
	if (n == GNUTLS_E_AGAIN)
		deadline_wait(f->fd, events, USEC_INFINITY);
	return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
}

static ssize_t send_some(const struct flow *f, const void *data, size_t size)
{
	ssize_t n;

	if (!f->tls)
		return send(f->fd, data, size, MSG_NOSIGNAL);
	do {
		pthread_mutex_lock(&session_lock);
		n = gnutls_record_send(f->tls, data, size);
		pthread_mutex_unlock(&session_lock);
	} while (too_early(f, n, POLLOUT));
	return n;
}

static ssize_t take_some(const struct flow *f, void *data, size_t size)
{
	ssize_t n;

	if (!f->tls)
		return recv(f->fd, data, size, 0);
	do {
		pthread_mutex_lock(&session_lock);
		n = gnutls_record_recv(f->tls, data, size);
		pthread_mutex_unlock(&session_lock);
	} while (too_early(f, n, POLLIN));
	return n;
}

/* A thread that failed is not waited for. */
static void give_up(const struct flow *f)
{
	if (f->result < 0 && f->tls)
		print_error("%s\n", gnutls_strerror((int)f->result));
	if (f->result < 0)
		shutdown(f->fd, SHUT_RDWR);
}

static ssize_t update_key(const struct flow *f, bool of_both)
{
	ssize_t n;

	do {
		pthread_mutex_lock(&session_lock);
		n = gnutls_session_key_update(f->tls, of_both ? GNUTLS_KU_PEER : 0);
		pthread_mutex_unlock(&session_lock);
	} while (too_early(f, n, POLLOUT));
	return n;
}

void *run_sender(void *userdata)
{
	struct flow *f = userdata;
	unsigned char *data = malloc(f->chunk);
	uint32_t random = f->seed;
	unsigned done = 0;

	f->result = 1;
	while (f->n < f->total && f->result > 0) {
		size_t size = some(&random, f->chunk, f->total - f->n);

		for (size_t i = 0; i < size; i++)
			data[i] = byte_at(f->n + i, f->seed);
		f->result = send_some(f, data, size);
		f->n += f->result > 0 ? (size_t)f->result : 0;
		if (done < f->key_updates && f->result > 0 &&
			f->n > f->total / (f->key_updates + 1) * (done + 1))
			f->n_wrong += update_key(f, done++ % 2) < 0;
	}
	free(data);
	give_up(f);
	return NULL;
}

void *run_taker(void *userdata)
{
	struct flow *f = userdata;
	unsigned char *data = malloc(f->chunk);
	uint32_t random = f->seed;

	f->result = 1;
	while (f->n < f->total || f->until_end) {
		if (f->slowly)
			usleep(next(&random) % 2000);
		f->result = take_some(f, data, 1 + next(&random) % f->chunk);
		if (f->result <= 0)
			break;
		for (size_t i = 0; i < (size_t)f->result; i++)
			f->n_wrong += data[i] != byte_at(f->n + i, f->seed);
		f->n += (size_t)f->result;
	}
	free(data);
	give_up(f);
	return NULL;
}

void start_flow(struct flow *f, void *(*run)(void *))
{
	if (f->chunk == 0)
		f->chunk = CHUNK_MAX;
	assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

void end_flow(struct flow *f)
{
	pthread_join(f->thread, NULL);
	assert_int_equal(f->n_wrong, 0);
	assert_int_equal(f->n, f->total);
}

/* ---- the relay ---- */

static void shrink(int fd)
{
	const int least = 1;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
}

struct world *world_new(bool tiny)
{
	struct world *w = calloc(1, sizeof(*w));

	alarm(PATIENCE);
	assert_non_null(w);
	make_pair(&w->kernel, &w->near);
	make_pair(&w->far, &w->server);
	if (tiny) {
		shrink(w->kernel);
		shrink(w->near);
		shrink(w->far);
		shrink(w->server);
	}
	assert_int_equal(fcntl(w->far, F_SETFL, O_NONBLOCK), 0);
	stream_init(&w->stream, w->far, USEC_INFINITY);
	w->relay = relay_new();
	assert_non_null(w->relay);
	return w;
}

/* As a process that ends: what it had is closed. */
static void *run_relay(void *userdata)
{
	struct world *w = userdata;

	w->result = relay_run(w->relay, w->near, &w->stream);
	close(w->near);
	close(w->far);
	return NULL;
}

void start_relay(struct world *w)
{
	assert_int_equal(pthread_create(&w->thread, NULL, run_relay, w), 0);
}

int relay_result(struct world *w)
{
	pthread_join(w->thread, NULL);
	return w->result;
}

void world_free(struct world *w)
{
	close(w->kernel);
	close(w->server);
	if (w->session.gnutls)
		gnutls_deinit(w->session.gnutls);
	if (w->server_tls)
		gnutls_deinit(w->server_tls);
	relay_free(w->relay);
	free(w);
	alarm(0);
}

void flow_both_ways(struct world *w, struct flow flows[4])
{
	start_relay(w);
	start_flow(&flows[0], run_sender);
	start_flow(&flows[1], run_taker);
	start_flow(&flows[2], run_sender);
	start_flow(&flows[3], run_taker);
	for (size_t i = 0; i < 4; i++)
		end_flow(&flows[i]);
	shutdown(w->kernel, SHUT_WR);
	assert_int_equal(relay_result(w), 0);
}
