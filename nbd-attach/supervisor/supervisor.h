/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the supervisor share. */
#pragma once

#include <time.h>

#include "attachment/attachment.h"
#include "attachment/bring-up.h"
#include "kernel/nbd-events.h"
#include "kernel/nbd-netlink.h"
#include "kernel/progress.h"
#include "kernel/sysfs.h"
#include "kernel/tcp-diag.h"
#include "link/link.h"
#include "supervisor/idle.h"

/* The life of a link, by the place that the kernel has for it: see connection.c. */
enum phase {
	PHASE_UP,          /* the kernel uses it */
	PHASE_PROBING,     /* up, but no replies: a new connection tests the server */
	PHASE_REPLACING,   /* up, and a new link is being made to replace it */
	PHASE_DRAINING,    /* up, to be shut down when nothing is in flight */
	PHASE_BACKING_OFF, /* lost: waiting for the next attempt */
	PHASE_CONNECTING,  /* lost: a link worker is making a new one */
	PHASE_PENDING,     /* lost: the new link waits for the driver to accept it */
	PHASE_MAX,
};

enum connection_event {
	EVENT_HALF_CLOSED, /* the server has closed its side */
	EVENT_LOST,        /* the link's socket is shut */
	EVENT_MARKED_DEAD, /* the driver knows that a link is dead */
	EVENT_CONNECTED,   /* the attempt made a link that fits: conn->candidate */
	EVENT_FAILED,      /* the attempt failed: conn->error */
	EVENT_TIMER,
	EVENT_STALLED, /* requests in flight, and no reply for too long */
	EVENT_RENEW,   /* a new link is wanted: new credentials, keys used up */
	EVENT_MAX,
};

/* Of a relay for links that fail, and the kernel cannot tell why. */
enum relay_trial {
	RELAY_NOT_TRIED,
	RELAY_ON_TRIAL,
	RELAY_HELPED,
	RELAY_FAILED, /* the kernel carries the next links */
};

struct connection {
	unsigned number;
	enum phase phase;
	struct link_attempt attempt;
	struct link candidate;   /* fd -1: none */
	uint64_t candidate_size; /* of the candidate's export */
	uint64_t size;           /* of the link's export */
	struct error error;      /* of the last attempt */
	usec_t timer;            /* when EVENT_TIMER comes */
	usec_t up_since;
	usec_t lost_at;
	usec_t accepts_at;   /* when the driver will accept another link */
	usec_t silent_until; /* no other reason for failing is logged before */
	usec_t drain_until;  /* how long to wait until nothing is in flight */
	uint64_t completed;  /* requests, when a probe began or the link was lost */
	unsigned tries;      /* failed attempts in a row that somebody answered */
	unsigned turn;       /* … that had connected: another address is tried first */
	unsigned flaps;      /* links in a row that were lost soon */
	struct idle_losses idle_losses;
	bool quiet;          /* lost as regularly as before: not reported */
	bool attempt_reset;  /* the last attempt's connection was closed or reset */
	bool no_greeting;    /* the last attempt got no greeting */
	bool stalled;        /* no replies: its error in the state file says so */
	bool half_closed;    /* already half closed: no longer polled for that */
	bool marked_dead;    /* the driver has announced a dead link */
	bool being_replaced; /* we shut it down, for a new one */
	bool idle;           /* … with nothing in flight */
	bool not_found;      /* its socket was not in the kernel's tables last time */
	bool needs_keys;     /* its TLS keys are near their limit, and it is logged */
	bool no_descriptor;  /* it was adopted: we had no descriptor when it was lost */
	bool timed_out;      /* the driver ended it because a request took too long */
	bool read_through;   /* blocks were read to have it send something */
	struct tcp_traffic traffic; /* at the last check, if it was adopted */

	/* see failing.h */
	unsigned fruitless; /* links in a row that ended before a request was completed */
	usec_t failing_since;      /* when the first of those was lost */
	uint64_t completed_before; /* requests, when the link came up */
	int alert;     /* of TLS, which has ended the last link; -ENODATA: none known */
	int any_alert; /* the last one known of these links */
	bool failing;  /* its links keep failing, and that is reported */
};

struct supervisor {
	struct attachment *a;
	const struct target *target;
	struct credentials credentials;
	struct nbd_events *events; /* NULL: cannot be subscribed to at the moment */
	usec_t watchdog;           /* the service manager's; USEC_INFINITY: none */
	struct connection conns[NBD_LINKS_MAX];
	struct bring_up bring_up;      /* of a device that is not ready yet */
	void (*ready)(unsigned index); /* called when it is; may be NULL */
	struct progress progress;
	bool short_timeout;     /* NBD_ATTR_TIMEOUT is 1, or may be: driver-timeouts.h */
	usec_t request_timeout; /* NBD_ATTR_TIMEOUT with several links */
	bool reconnect_expired; /* the reconnect timeout has passed: I/O fails */
	bool changed;           /* the state file is to be written */
	bool write_failed;      /* it could not be: again at the next check */
	usec_t check_at;        /* when health_check() is due */
	usec_t timeouts_at;     /* when deferred_timeouts() is due */
	usec_t ping_at;         /* when to send WATCHDOG=1 */
	usec_t renew_at;        /* when to retry links that could not be renewed */
	pid_t timeouts_child;   /* sets the timeouts; 0: none */
	bool timeouts_restores; /* … NBD_ATTR_TIMEOUT, too */
	pid_t resize_child;     /* sets the size; 0: none */
	pid_t read_child;    /* reads, for links to have something to encrypt; 0: none */
	bool reload_pending; /* SIGHUP came while a link was lost, or files were not valid
	                      */
	usec_t reload_at;    /* … not before this time */
	usec_t root_checked_at; /* whether the system runs from the disk; 0: never */
	bool check_owner;       /* the kernel refused a link: is the device still ours? */
	struct error credentials_error; /* why there are none; fault 0: there are */
	struct error rotation_error;    /* why their files are not used; reported */
	bool credentials_doubted;       /* the last attempt failed because of them */

	enum relay_trial relay_trial;
	unsigned relays_lost;     /* during the trial */
	bool reconnect_shortened; /* the driver has less than the reconnect timeout */
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

static inline void connection_set_state(struct state_link *link, enum link_state state)
{
	if (link->state != state)
		link->since = time(NULL);
	link->state = state;
}

/* The link's number in messages. */
#define LINK(conn) ((int)(conn)->number)

/* Reports an event to monitor, the log and the state file; link -1: the whole device. */
void supervisor_tell(struct supervisor *s, int link, const char *kind, const char *format,
	...) _printf_(4, 5);

/* The same of the whole device, with a warning in the log: data may be at risk. */
void supervisor_warn(struct supervisor *s, const char *kind, const char *format, ...)
	_printf_(3, 4);

bool supervisor_all_up(const struct supervisor *s);
