/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs connection.c step by step, while time passes and attempts come to an end. */
#pragma once

#include "connection-world.h"

/* Short words for tables of steps. */
#define UP          PHASE_UP
#define PROBING     PHASE_PROBING
#define REPLACING   PHASE_REPLACING
#define DRAINING    PHASE_DRAINING
#define BACKING_OFF PHASE_BACKING_OFF
#define CONNECTING  PHASE_CONNECTING
#define PENDING     PHASE_PENDING
#define GONE        LINK_RECONNECTING
#define BAD         LINK_REFUSED

/* What an attempt finds, and what becomes of it. */
enum answer {
	GOOD,
	SILENCE,       /* nobody answers */
	OTHER_SILENCE, /* for another reason */
	REFUSAL,       /* the server refuses */
	OTHER_EXPORT,  /* a link, but not to what the device was made of */
	OWN_FILE,      /* a credential of ours cannot be used */
	NO_GREETING,   /* a proxy accepts and closes, or a server that is full */
	CUT,           /* the connection ends without a word */
	CUT_IN_TLS,
};

struct step {
	enum {
		PASS,     /* so many milliseconds, with the timer's events in them */
		EVENT,    /* that one comes */
		ANSWER,   /* the attempt ends with that one */
		FLYING,   /* so many requests are in flight now */
		COMPLETE, /* so many requests are completed */
		TAKING,   /* whether the kernel takes links */
	} what;
	unsigned n;
	enum phase then;
	const char *calls;
	enum link_state known; /* of the link, in the state */
};

/* Each fails the test if connection.c takes a way that its table does not list. */
void step_event(enum connection_event event);
void step_pass(usec_t span);
void step_answer(enum answer answer);

/*
 * The steps in order, with a single link; each must lead to what it says. They are run
 * with the shortest delays that chance can give, with the mean ones, and the longest.
 */
void steps_run(const struct step *steps, size_t n);
#define RUN(steps) steps_run(steps, ELEMENTSOF(steps))
