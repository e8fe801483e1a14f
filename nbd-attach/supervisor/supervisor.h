/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files share that keep an attachment up. */
#pragma once

#include "attachment/attachment.h"
#include "attachment/bring-up.h"
#include "kernel/nbd-events.h"
#include "kernel/nbd-netlink.h"
#include "kernel/progress.h"
#include "kernel/sysfs.h"
#include "link/link.h"

/* How the supervisor sees one of the kernel's places for a link. */
enum phase {
	PHASE_UP,        /* the kernel uses it */
	PHASE_PROBING,   /* the same, but nothing moves: is the server there at all? */
	PHASE_REPLACING, /* the same, and a new link is being made to take its place */
	PHASE_DRAINING,  /* the same; the new link is there: waiting for a good moment */
	PHASE_BACKING_OFF, /* lost; the next attempt is to come */
	PHASE_CONNECTING,  /* lost; a link worker is at it */
	PHASE_PENDING,     /* lost; the new link is there, the kernel does not know yet */
	PHASE_MAX,
};

enum connection_event {
	EVENT_HALF_CLOSED, /* the server has closed its side */
	EVENT_LOST,        /* the link's socket is shut */
	EVENT_MARKED_DEAD, /* the driver knows that a link is dead */
	EVENT_CONNECTED,   /* the attempt gave a link that fits: the candidate */
	EVENT_FAILED,      /* the attempt gave none: conn->error */
	EVENT_TIMER,
	EVENT_STALLED, /* requests in flight, and no reply for too long */
	EVENT_RENEW,   /* a new link is wanted: other credentials, keys worn out */
	EVENT_MAX,
};

struct connection {
	unsigned number;
	enum phase phase;
	struct link_attempt attempt;
	struct link candidate;   /* fd -1: there is none */
	uint64_t candidate_size; /* of the export that it leads to */
	uint64_t size;           /* of the export that the link leads to */
	struct error error;      /* of the last attempt */
	usec_t timer;            /* when EVENT_TIMER comes */
	usec_t up_since;
	usec_t lost_at;
	usec_t accepts_at;   /* from when on the driver will take another link */
	usec_t silent_until; /* before another reason for failing is told */
	usec_t drain_until;  /* how long to wait for a moment with nothing in flight */
	uint64_t completed;  /* requests, when a test began or the link was lost */
	unsigned tries;      /* attempts in a row that somebody answered, in vain */
	unsigned flaps;      /* links in a row that died young */
	bool cut;            /* the last attempt's connection just ended */
	bool stalled;        /* it does not answer; its link's error says so, or more */
	bool half_closed;    /* half closed already: not polled for any more */
	bool marked_dead;    /* the driver has said that a link is dead */
	bool planned;        /* it is ended by us, for the candidate */
	bool idle;           /* … at a moment with nothing in flight */
	bool missed;         /* at the last look it was not to be found */
	bool turned_away;    /* the last attempt got no greeting */
	bool unseen;         /* another process's, lost because it was not to be found */
	bool timed_out;      /* the driver ended it, for a request took too long */
	bool provoked;       /* a request of ours was made for it, if it gets any */
};

struct supervisor {
	struct attachment *a;
	const struct target *target;
	struct credentials credentials;
	struct nbd_events *events; /* NULL: it cannot be listened to just now */
	usec_t watchdog; /* the service manager's; USEC_INFINITY: there is none */
	struct connection conns[NBD_LINKS_MAX];
	struct bring_up bring_up;      /* of a device that is not ready yet */
	void (*ready)(unsigned index); /* to be called then; may be NULL */
	struct progress progress;
	bool short_timeout; /* NBD_ATTR_TIMEOUT is 1, or may be: see driver-timeouts.h */
	usec_t request_timeout; /* of several links: what NBD_ATTR_TIMEOUT is */
	bool overdue;           /* I/O fails: the reconnect timeout is over */
	bool changed;           /* the state is to be written */
	bool unwritten;         /* … again at the next look: it could not be */
	usec_t check_at;        /* when to look at the device's counters */
	usec_t timeouts_at;     /* when to see to queue/io_timeout */
	usec_t ping_at;         /* when to tell the service manager that we live */
	usec_t renew_at;        /* when to try again what could not be renewed */
	pid_t timeouts_child;   /* at work on that; 0: none */
	bool timeouts_restores; /* NBD_ATTR_TIMEOUT, too */
	pid_t resize_child;     /* at work on the size; 0: none */
	pid_t read_child; /* reads, for links to have something to encrypt; 0: none */
	bool reload;      /* credentials are to be read when all links are up */
	bool suspect;     /* the kernel refused a link: is the device ours? */
	struct error no_credentials; /* why there are none; fault 0: there are */
};

/* Whether the kernel uses its link. */
static inline bool connection_is_up(const struct connection *conn)
{
	return conn->phase < PHASE_BACKING_OFF;
}

/* What the state file knows of its link. */
static inline struct state_link *connection_link(
	const struct supervisor *s, const struct connection *conn)
{
	return &s->a->state.links[conn->number];
}

/* The link's number in messages. */
#define LINK(conn) ((int)(conn)->number)

/* Tells an event to monitor, the log and the state file; link -1: of the whole device. */
void supervisor_tell(struct supervisor *s, int link, const char *kind, const char *format,
	...) _printf_(4, 5);

bool supervisor_all_up(const struct supervisor *s);
