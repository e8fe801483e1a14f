/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of an attachment, for list, status and the next supervisor. */
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

/* States of a link; in the file "up", "reconnecting", "refused". */
enum link_state {
	LINK_UP,
	LINK_RECONNECTING, /* lost; the server is not reached yet */
	LINK_REFUSED,      /* lost; the server answers, but must not be used: see error */
};

/* The state's name, in the file and in output. */
const char *state_link_word(enum link_state state);

struct state_link {
	enum link_state state;
	char address[ADDRESS_TEXT_SIZE]; /* of its server, also of the last one if lost */
	uint64_t socket;    /* inode number of the kernel's socket; 0: none */
	uint64_t candidate; /* of a socket that is being handed over; 0: none */
	int64_t since;      /* of this state: seconds, wall clock */
	uint64_t reconnects;
	bool encrypts;               /* that the kernel encrypts is confirmed */
	char error[ERROR_TEXT_SIZE]; /* why the last attempt failed; "": it succeeded */
};

/* The last STATE_EVENTS_MAX events, for monitor. */
struct state_event {
	uint64_t number; /* from 1, consecutive */
	int64_t time;    /* microseconds, wall clock */
	int link;        /* from 0; -1: the whole device */
	char kind[16];   /* one word for scripts: "lost", "retry", "restored", … */
	char text[STATE_EVENT_SIZE]; /* for people */
};

struct state {
	unsigned index; /* N of /dev/nbdN, but the kernel is authoritative */
	bool ready;     /* to use */
	uint64_t size;
	uint32_t block_size;
	uint32_t maximum; /* bytes of the kernel's largest request */
	uint16_t flags;
	unsigned n_links;
	struct state_link links[NBD_LINKS_MAX];
	bool tls;
	bool tls_verified;
	char tls_version[STATE_TEXT_SIZE];
	char tls_cipher[STATE_TEXT_SIZE];
	char relay[ERROR_TEXT_SIZE];  /* why relays carry the data; "": the kernel does */
	char server[STATE_TEXT_SIZE]; /* as named in the URI */
	char address[ADDRESS_TEXT_SIZE]; /* that all links go to, or went to last */
	int64_t since;                   /* of the attachment: seconds, wall clock */
	uint64_t repeated;               /* requests in flight when a link ended */
	bool by_name;           /* the server does not survive GO: LINK_BY_NAME */
	bool break_before_make; /* the server accepts no additional connection */
	uint64_t n_events;      /* so far; event number n is events[n % MAX] */
	struct state_event events[STATE_EVENTS_MAX];
};

/* The limits that the driver was given, to be read back. */
struct limits state_limits(const struct state *state);

/* Copies what is known of a link's TLS into the state. */
void state_set_tls(struct state *state, const struct server_facts *facts);

/* Adds an event, replacing the oldest. Does not write the state. */
void state_add_event(struct state *state, int link, const char *kind, const char *format,
	...) _printf_(4, 5);

/* The event with that number; NULL if it was replaced. */
const struct state_event *state_event(const struct state *state, uint64_t number);
