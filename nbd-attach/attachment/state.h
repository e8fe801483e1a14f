/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of an attachment, for list, status and whoever comes next. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "kernel/limits.h"
#include "target/target.h"
#include "wire/connect.h"
#include "wire/negotiate.h"

#define STATE_VERSION    3
#define STATE_TEXT_SIZE  128
#define STATE_EVENT_SIZE 320
#define STATE_EVENTS_MAX 32

/* How a link is. The words in the file, in this order: "up", "reconnecting", "refused".
 */
enum link_state {
	LINK_UP,
	LINK_RECONNECTING, /* lost; its server is not reached yet */
	LINK_REFUSED,      /* lost; a server answers, and must not be used: see error */
};

/* The word for it, in the file and on screen. */
const char *state_link_word(enum link_state state);

struct state_link {
	enum link_state state;
	char address[ADDRESS_TEXT_SIZE]; /* of the server that it goes to, or went to */
	uint64_t socket;    /* inode number of the kernel's socket; 0: none */
	uint64_t candidate; /* of one that is just being handed over; 0: none */
	int64_t since;      /* when the state began: seconds, wall clock */
	uint64_t reconnects;
	bool encrypts;               /* the kernel was seen to encrypt what it sends */
	char error[ERROR_TEXT_SIZE]; /* why the last attempt failed; "": it did not */
};

/* What happened, for monitor: the last STATE_EVENTS_MAX of them. */
struct state_event {
	uint64_t number; /* from 1, one more each time */
	int64_t time;    /* microseconds, wall clock */
	int link;        /* from 0; -1: the whole device */
	char kind[16];   /* one word for scripts: "lost", "retry", "restored", … */
	char text[STATE_EVENT_SIZE]; /* for people */
};

struct state {
	unsigned
		index; /* N of /dev/nbdN, as far as known: the kernel has the last word */
	bool ready;    /* it has come to be usable */
	uint64_t size;
	uint32_t block_size;
	uint32_t maximum; /* bytes of a request that the kernel may send */
	uint16_t flags;
	unsigned n_links;
	struct state_link links[NBD_LINKS_MAX];
	bool tls;
	bool tls_verified;
	char tls_version[STATE_TEXT_SIZE];
	char tls_cipher[STATE_TEXT_SIZE];
	char relay[ERROR_TEXT_SIZE];  /* why user space carries the data; "": the kernel
	                                 does */
	char server[STATE_TEXT_SIZE]; /* as the URI named it */
	int64_t since;                /* of the attachment: seconds, wall clock */
	uint64_t repeated;            /* requests that were under way when a link ended */
	bool break_before_make; /* the server takes no connection beside those it has */
	uint64_t n_events;      /* so far; event number n is events[n % MAX] */
	struct state_event events[STATE_EVENTS_MAX];
};

/* What the driver was told of the device, to be read back. */
struct limits state_limits(const struct state *state);

/* What is known of the TLS of a link, taken into the state. */
void state_set_tls(struct state *state, const struct server_facts *facts);

/* Adds an event; the oldest makes room. The state is not written. */
void state_add_event(struct state *state, int link, const char *kind, const char *format,
	...) _printf_(4, 5);

/* The event of that number, NULL if it has made room for others. */
const struct state_event *state_event(const struct state *state, uint64_t number);
