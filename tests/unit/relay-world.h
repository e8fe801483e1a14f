/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay between two socketpairs: each has the relay at one end, and threads at the
 * other that are the kernel (near) and the server (far). Every byte tells its place.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "wire/relay-internal.h"
#include "wire/tls-internal.h"

#define MANY ((size_t)24 * 1024 * 1024)

/* A random number from 1 to `most`, but at most `there`. */
size_t some(uint32_t *state, size_t most, size_t there);

unsigned char byte_at(size_t place, unsigned seed);

void make_pair(int *a, int *b);

/* One direction at one end: so many bytes, in pieces of any size. */
struct flow {
	pthread_t thread;
	int fd;
	gnutls_session_t tls; /* or NULL */
	size_t total;         /* to send, or that must come */
	size_t chunk;         /* at most */
	unsigned seed;
	unsigned key_updates; /* a sender's, on the way; every other asks for one */
	bool until_end;       /* a taker goes on until the stream ends */
	bool slowly;

	size_t n;
	size_t n_wrong;
	ssize_t result; /* of the last call */
};

void *run_sender(void *userdata);
void *run_taker(void *userdata);
void start_flow(struct flow *f, void *(*run)(void *));

/* Waits for it. Fails the running test if anything is wrong or missing. */
void end_flow(struct flow *f);

struct world {
	int kernel, near, far, server; /* near and far are the relay's */
	struct relay *relay;
	struct stream stream;
	struct tls_session session;
	gnutls_session_t server_tls;
	pthread_t thread;
	int result;
};

/* tiny: with the smallest buffers that sockets can have. */
struct world *world_new(bool tiny);
void world_free(struct world *w);

void start_relay(struct world *w);

/* Waits for its end. */
int relay_result(struct world *w);

/* Everything at once; then the kernel ends it. */
void flow_both_ways(struct world *w, struct flow flows[4]);
