/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A name with several addresses, and a server at each: the name server is replaced, the
 * servers are real, on addresses of loopback.
 */
#pragma once

#include <netinet/in.h>
#include <pthread.h>

#include "wire/connect.h"

#define NAME        "disk.example"
#define SERVERS_MAX 4
#define MOST        (10 * USEC_PER_SEC) /* of a busy machine */
#define MANY        9999                /* milliseconds: however long it takes */

enum manner { REFUSES, GREETS, IS_SILENT, HANGS_UP, DROPS };

struct name_world {
	const char *addresses[SERVERS_MAX]; /* of the name */
	int code;                           /* getaddrinfo()'s, instead of these */
	unsigned delay;                     /* seconds until it answers */
	unsigned asked;
	char host[NBD_HOST_MAX + 1]; /* it was asked for */
	unsigned tried;
	char order[SERVERS_MAX * 8][INET6_ADDRSTRLEN]; /* those that were tried */
};
extern struct name_world world;

struct server {
	enum manner manner;
	int fd, clients[2];
	pthread_t thread;
};
extern struct server servers[SERVERS_MAX];
extern in_port_t port; /* of all of them, in network byte order */

/* cmocka's setup and teardown: no server, and a name without addresses. */
int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

void start_server(unsigned i, enum manner manner);
void stop_server(struct server *s);

/* The name has the addresses of servers that do so. */
void name_has(const enum manner *manners, unsigned n);
#define NAME_HAS(...)                                \
	name_has((const enum manner[]){__VA_ARGS__}, \
		sizeof((const enum manner[]){__VA_ARGS__}) / sizeof(enum manner))

/* As if the last connection went to that server. */
struct address_choice last_was(unsigned i);

/* The result; *ret_took: microseconds. */
int attempt(const char *host, const struct address_choice *choice, usec_t span,
	struct peer *peer, usec_t *ret_took, struct error *err);

/* An attempt gets to that server within the time, in milliseconds. */
void gets_to(unsigned i, const struct address_choice *choice, usec_t least, usec_t most);

/* An attempt within the span fails, with a text that has the word in it. */
void fails(const struct address_choice *choice, usec_t span, const char *word);

static const struct address_choice any;
