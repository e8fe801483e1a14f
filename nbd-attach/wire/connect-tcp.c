/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connects to the first of a name's addresses that works (RFC 8305, "Happy Eyeballs"). A
 * dead address costs a quarter of a second, and a slow name server nothing if the last
 * address is known.
 *
 * An address whose server accepts and sends nothing does not work either: the server
 * hangs, or is a proxy for one that is away. An NBD server speaks first, so this shows
 * before any byte has been read.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>

#include "common/log.h"
#include "common/timeouts.h"
#include "wire/connect-internal.h"
#include "wire/resolver.h"

#define ADDRESSES_MAX 32

enum progress {
	WAITING,    /* not tried yet */
	CONNECTING, /* … until renew_at, when it is tried again */
	CONNECTED,  /* no greeting yet */
	FAILED,     /* for reason r; may be tried again at renew_at */
};

struct candidate {
	struct peer peer;
	enum progress progress;
	int fd;
	usec_t renew_at;
	int spare; /* a second connection beside the first; -1: none */
	usec_t spare_at;
	int r;
};

struct race {
	const struct target *target;
	const struct address_choice *choice;
	struct candidate list[ADDRESSES_MAX];
	size_t n;
	struct resolver *resolver; /* NULL: not asked, or it has answered */
	struct error unresolved;   /* fault 0: it has given addresses */
	usec_t next_at;            /* when the next address is tried */
	usec_t patience;           /* until when servers may be silent */
};

DEFINE_CLEANUP(struct addrinfo *, freeaddrinfo)

static void race_done(struct race *race)
{
	for (size_t i = 0; i < race->n; i++) {
		closep(&race->list[i].fd);
		closep(&race->list[i].spare);
	}
	if (race->resolver)
		resolver_abandon(race->resolver);
}

static const struct sockaddr *address_of(const struct candidate *c)
{
	return (const struct sockaddr *)&c->peer.address;
}

static void candidate_text(const struct candidate *c, char text[ADDRESS_TEXT_SIZE])
{
	connect_text(address_of(c), c->peer.size, text);
}

static size_t count(const struct race *race, enum progress progress)
{
	size_t n = 0;

	for (size_t i = 0; i < race->n; i++)
		n += race->list[i].progress == progress;
	return n;
}

/* ---- the addresses ---- */

static bool is_left_out(const struct race *race, const struct candidate *c)
{
	char text[ADDRESS_TEXT_SIZE];

	candidate_text(c, text);
	for (unsigned i = 0; i < race->choice->n_but; i++)
		if (strcmp(race->choice->but[i], text) == 0)
			return true;
	return false;
}

static void add(struct race *race, const struct addrinfo *a)
{
	struct candidate new = {.peer.size = a->ai_addrlen, .fd = -1, .spare = -1};

	if (race->n == ADDRESSES_MAX || a->ai_addrlen > sizeof(new.peer.address))
		return;
	memcpy(&new.peer.address, a->ai_addr, a->ai_addrlen);
	if (is_left_out(race, &new))
		return;
	for (size_t i = 0; i < race->n; i++)
		if (peer_is_same(&race->list[i].peer, &new.peer))
			return;
	race->list[race->n++] = new;
}

/* The families alternate, because one of them may not work at all. */
static void add_all(struct race *race, const struct addrinfo *list)
{
	const struct addrinfo *left[ADDRESSES_MAX];
	sa_family_t family = race->n > 0 ? race->list[0].peer.address.ss_family : 0;
	size_t n = 0;

	for (const struct addrinfo *a = list; a && n < ADDRESSES_MAX; a = a->ai_next)
		left[n++] = a;
	while (n > 0) {
		size_t i = 0;

		while (i < n && left[i]->ai_family == family)
			i++;
		i %= n;
		family = (sa_family_t)left[i]->ai_family;
		add(race, left[i]);
		for (n--; i < n; i++)
			left[i] = left[i + 1];
	}
}

static void take_answer(struct race *race)
{
	_cleanup_(freeaddrinfop) struct addrinfo *list = NULL;

	(void)resolver_finish(TAKE_PTR(race->resolver), &list, &race->unresolved);
	add_all(race, list);
	if (count(race, WAITING) == race->n)
		race->next_at = deadline_now();
}

/* Parses what connect_text() wrote. NULL: its interface is gone, or was renamed. */
static struct addrinfo *parse_last(const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_TEXT_SIZE];
	bool bracket = text[0] == '[';

	if (!colon)
		return NULL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * bracket,
		text + bracket);
	return resolver_parse(host, colon + 1);
}

static int find_addresses(struct race *race, struct error *err)
{
	const struct target *t = race->target;
	_cleanup_(freeaddrinfop) struct addrinfo *last = parse_last(race->choice->last);
	_cleanup_(freeaddrinfop) struct addrinfo *numeric = NULL;
	int r = 0;

	add_all(race, last);
	if (race->choice->only)
		return last ? 0
			    : error_set(err, FAULT_UNREACHED, -EADDRNOTAVAIL,
				      "cannot connect to %s: %m", race->choice->last);
	numeric = resolver_parse(t->host, t->port);
	add_all(race, numeric);
	if (!numeric)
		r = resolver_start(t->host, t->port, &race->resolver);
	return r < 0 ? error_set(err, FAULT_OTHER, r, "cannot resolve %s: %m", t->host)
		     : 0;
}

/* ---- one address ---- */

/* The server was there a moment ago, and I/O waits for it. */
static bool is_awaited(const struct race *race)
{
	return race->choice->last[0] != 0;
}

static void close_spare(struct candidate *c)
{
	closep(&c->spare);
	c->spare = -1;
	c->spare_at = USEC_INFINITY;
}

/*
 * The next address follows at once. If no other is known yet, this one is retried; and so
 * it is where the server was, while another address does not answer.
 */
static void fail(struct race *race, struct candidate *c, int r)
{
	char text[ADDRESS_TEXT_SIZE];
	usec_t now = deadline_now();

	candidate_text(c, text);
	log_debug("cannot connect to %s: %s", text, strerror(-r));
	closep(&c->fd);
	c->fd = -1;
	close_spare(c);
	c->r = r;
	c->progress = FAILED;
	c->renew_at = is_awaited(race) ? now + CONNECT_AWAITED_RETRY : USEC_INFINITY;
	race->next_at = now;
	if (race->resolver && count(race, FAILED) == race->n) {
		c->progress = WAITING;
		race->next_at = now + CONNECT_LAST_RETRY;
	}
}

/* -errno; 0: it is under way, in *fd. */
static int dial(const struct candidate *c, int *fd)
{
	closep(fd);
	*fd = socket(c->peer.address.ss_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (*fd < 0 ||
		(connect(*fd, address_of(c), c->peer.size) < 0 && errno != EINPROGRESS))
		return -errno;
	return 0;
}

static void begin(struct race *race, struct candidate *c)
{
	char text[ADDRESS_TEXT_SIZE];
	usec_t now = deadline_now();
	int r;

	candidate_text(c, text);
	log_debug("connecting to %s", text);
	close_spare(c);
	r = dial(c, &c->fd);
	if (r < 0) {
		fail(race, c, r);
		return;
	}
	c->progress = CONNECTING;
	/*
	 * The kernel resends a lost SYN at growing intervals of up to half a minute: too
	 * late for a network that has just come back.
	 */
	c->renew_at = now + CONNECT_ADDRESS_TIMEOUT;
	if (is_awaited(race))
		c->spare_at = now + CONNECT_AWAITED_RETRY;
	race->next_at = MAX(race->next_at, now + CONNECT_NEXT_DELAY);
}

/* With addresses left out there is an answer of theirs to report: soon. */
static void begin_again(struct race *race, struct candidate *c)
{
	if (race->choice->n_but > 0)
		fail(race, c, -ETIMEDOUT);
	else
		begin(race, c);
}

/* After each attempt that failed, another address comes first. */
static struct candidate *next_waiting(struct race *race)
{
	for (size_t i = 0; i < race->n; i++) {
		struct candidate *c = &race->list[(race->choice->turn + i) % race->n];

		if (c->progress == WAITING)
			return c;
	}
	return NULL;
}

/*
 * The first of these comes after a second, so there is another one three times as often.
 * The first connection goes on, for a server that is far away.
 */
static void begin_spare(struct race *race, struct candidate *c)
{
	int r = dial(c, &c->spare);

	if (r < 0)
		fail(race, c, r);
	else
		c->spare_at = deadline_now() + CONNECT_AWAITED_RETRY;
}

/* fd: one of its two. */
static void check_connecting(struct race *race, struct candidate *c, int *fd)
{
	int r = connect_result(*fd, address_of(c), c->peer.size);

	if (r < 0) {
		fail(race, c, r);
		return;
	}
	if (fd == &c->spare) {
		closep(&c->fd);
		c->fd = TAKE_FD(c->spare);
	}
	close_spare(c);
	c->progress = CONNECTED;
	race->next_at = MAX(race->next_at, deadline_now() + CONNECT_GREETING_DELAY);
}

/* 1: the server has sent something, which only the worker may read. */
static int check_connected(struct race *race, struct candidate *c)
{
	int bytes = 0;

	if (ioctl(c->fd, FIONREAD, &bytes) == 0 && bytes > 0)
		return 1;
	fail(race, c, -ECONNRESET);
	return 0;
}

/* ---- all of them ---- */

/* If only one server is left, the worker waits for its greeting, and judges it. */
static struct candidate *find_last_hope(struct race *race)
{
	bool late = race->patience <= deadline_now();

	for (size_t i = 0; i < race->n; i++)
		if (race->list[i].progress == CONNECTED &&
			(late || (!race->resolver && count(race, FAILED) == race->n - 1)))
			return &race->list[i];
	return NULL;
}

static bool may_retry(const struct race *race, const struct candidate *c)
{
	return c->progress == FAILED && count(race, CONNECTING) > 0;
}

static usec_t next_timer(struct race *race)
{
	usec_t next = USEC_INFINITY;

	if (next_waiting(race))
		next = race->next_at;
	for (size_t i = 0; i < race->n; i++) {
		const struct candidate *c = &race->list[i];

		if (c->progress == CONNECTING)
			next = MIN(next, MIN(c->renew_at, c->spare_at));
		if (may_retry(race, c))
			next = MIN(next, c->renew_at);
		if (c->progress == CONNECTED)
			next = MIN(next, race->patience);
	}
	return next;
}

static void check_timers(struct race *race, struct candidate *c, usec_t now)
{
	if (c->progress == CONNECTING && c->renew_at <= now)
		begin_again(race, c);
	else if (c->progress == CONNECTING && c->spare_at <= now)
		begin_spare(race, c);
	else if (may_retry(race, c) && c->renew_at <= now)
		begin(race, c);
}

/* Waits, and handles what has happened. *ret_winner: the server that speaks first. */
static int run_once(struct race *race, usec_t deadline, struct candidate **ret_winner)
{
	struct pollfd fds[2 * ADDRESSES_MAX + 1];
	size_t n = race->n;
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct candidate *c = &race->list[i];

		fds[i] = (struct pollfd){c->fd,
			c->progress == CONNECTING ? POLLOUT : POLLIN | POLLRDHUP, 0};
		fds[n + i] = (struct pollfd){c->spare, POLLOUT, 0};
	}
	fds[2 * n] = (struct pollfd){
		race->resolver ? resolver_fd(race->resolver) : -1, POLLIN, 0};
	r = deadline_poll(fds, 2 * n + 1, MIN(deadline, next_timer(race)));
	if (r < 0 && (r != -ETIMEDOUT || deadline_left(deadline) == 0))
		return r;
	for (size_t i = 0; i < n; i++) {
		struct candidate *c = &race->list[i];

		if (r > 0 && fds[i].revents && c->progress == CONNECTING)
			check_connecting(race, c, &c->fd);
		else if (r > 0 && fds[n + i].revents && c->progress == CONNECTING)
			check_connecting(race, c, &c->spare);
		else if (r > 0 && fds[i].revents && check_connected(race, c) > 0)
			*ret_winner = *ret_winner ? *ret_winner : c;
		else
			check_timers(race, c, deadline_now());
	}
	if (r > 0 && fds[2 * n].revents)
		take_answer(race);
	return 0;
}

static int run(struct race *race, usec_t deadline, struct candidate **ret_winner)
{
	for (;;) {
		struct candidate *next;
		int r;

		while ((next = next_waiting(race)) && race->next_at <= deadline_now())
			begin(race, next);
		*ret_winner = find_last_hope(race);
		if (*ret_winner)
			return 0;
		if (!race->resolver && count(race, FAILED) == race->n)
			return -EHOSTUNREACH;
		r = run_once(race, deadline, ret_winner);
		if (r < 0 || *ret_winner)
			return r;
	}
}

/* A link-local address has a meaning on one network only. */
static bool lacks_zone(const struct peer *peer)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer->address;

	return peer->address.ss_family == AF_INET6 && v6->sin6_scope_id == 0 &&
		IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

static int unreachable(const struct race *race, int r, struct error *err)
{
	const struct candidate *first = &race->list[0];
	const char *host = race->target->host;
	char text[ADDRESS_TEXT_SIZE];

	if (r == -EINTR)
		return error_set(err, FAULT_OTHER, r, "cannot connect to %s: %m", host);
	if (race->n == 0 && race->resolver)
		return error_set(err, FAULT_UNREACHED, r,
			"cannot resolve %s: no answer in time", host);
	if (race->n == 0 && race->unresolved.fault == FAULT_NONE)
		return error_set(err, FAULT_UNREACHED, -EADDRNOTAVAIL,
			"%s has no other address", host);
	if (race->n == 0) {
		*err = race->unresolved;
		return r;
	}
	candidate_text(first, text);
	r = first->r < 0 ? first->r : -ETIMEDOUT;
	if (lacks_zone(&first->peer))
		error_set(err, FAULT_UNREACHED, r,
			"cannot connect to %s: a link-local address needs its network "
			"interface, as in [fe80::1%%25eth0]",
			text);
	else if (race->n > 1)
		error_set(err, FAULT_UNREACHED, r,
			"cannot connect to %s at any of its %zu addresses (%s: %m)", host,
			race->n, text);
	else
		error_set(err, FAULT_UNREACHED, r, "cannot connect to %s: %m", text);
	if (race->unresolved.fault != FAULT_NONE) {
		struct error both = race->unresolved;

		error_prefix(&both, r, "%s", err->text);
		*err = both;
	}
	return r;
}

int connect_tcp(const struct target *t, const struct address_choice *choice,
	usec_t deadline, struct error *err)
{
	_cleanup_(race_done) struct race race = {.target = t, .choice = choice};
	struct candidate *winner = NULL;
	int r = find_addresses(&race, err);

	if (r < 0)
		return r;
	race.patience = deadline_after(deadline_left(deadline) / 2);
	/* The last address has failed before: give the name server time to name others.
	 */
	race.next_at = deadline_now();
	if (race.resolver && choice->turn > 0)
		race.next_at += CONNECT_NEXT_DELAY;
	r = run(&race, deadline, &winner);
	if (r < 0)
		return unreachable(&race, r, err);
	connect_tune(winner->fd, t);
	return TAKE_FD(winner->fd);
}
