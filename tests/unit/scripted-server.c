/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/scope.h"
#include "scripted-server.h"

/* Longer than any client of these tests lives. */
#define PATIENCE_MSEC 20000
#define RUN_MAX       (256 * 1024)
#define TAKEN_MAX     (64 * 1024)

/* types of TLS records */
#define TLS_MIN       20
#define TLS_HANDSHAKE 22
#define TLS_MAX       23

/* What is to happen without waiting has happened by then. */
#define MOMENT_MSEC 30

struct scripted_server {
	pthread_t thread;
	int fd;
	const char *script;
	enum manner manner;
	size_t cut, sent;
	bool tls;  /* the script has a handshake */
	bool over; /* cut off, or the client has gone: nothing more is to be played */
	unsigned char run[RUN_MAX]; /* the bytes between two signs */
	size_t run_size;
	unsigned char taken[TAKEN_MAX]; /* what the client has sent */
	size_t taken_size, taken_at;
};

static char complaint[256];

static void complain(struct scripted_server *s, const char *what, size_t at, int byte)
{
	if (!complaint[0])
		snprintf(complaint, sizeof(complaint),
			"the client %s (byte %zu of a message: 0x%02x)", what, at, byte);
	s->over = true;
	shutdown(s->fd, SHUT_WR);
}

static unsigned digit(char c)
{
	return (unsigned)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
}

/* Reads bytes up to the next sign into s->run; returns where that sign is. */
static const char *read_run(const char *p, unsigned char *run, size_t *ret_size)
{
	size_t n = 0;

	for (;; p++) {
		if (*p == '\'') {
			for (p++; *p != '\''; p++)
				run[n++] = (unsigned char)*p;
		} else if (*p == '*') {
			char *end;
			size_t times = strtoul(p + 1, &end, 10);

			memset(run + n, run[n - 1], times - 1);
			n += times - 1;
			p = end - 1;
		} else if (isxdigit((unsigned char)*p)) {
			run[n++] = (unsigned char)(digit(p[0]) << 4 | digit(p[1]));
			p++;
		} else if (*p != ' ') {
			break;
		}
	}
	*ret_size = n;
	return p;
}

/* A client may leave before it has read everything. */
static void send_run(struct scripted_server *s)
{
	size_t step = s->manner == BYTE_BY_BYTE ? 1 : s->run_size, allowed = s->run_size;

	if (s->manner >= CUT_CLOSING && s->sent + s->run_size > s->cut) {
		allowed = s->cut - s->sent;
		step = allowed;
		s->over = true;
	}
	for (size_t at = 0; at < allowed;) {
		ssize_t n = send(s->fd, s->run + at, step, MSG_NOSIGNAL);

		if (n <= 0) {
			s->over = true;
			return;
		}
		at += (size_t)n;
		if (s->manner != BYTE_BY_BYTE)
			step = allowed - at;
	}
	s->sent += allowed;
	if (s->over && s->manner == CUT_CLOSING)
		shutdown(s->fd, SHUT_WR);
}

/* One byte, or -1 at the end of the stream. */
static int take_byte(struct scripted_server *s)
{
	struct pollfd entry = {.fd = s->fd, .events = POLLIN};
	ssize_t n;

	if (s->taken_at < s->taken_size)
		return s->taken[s->taken_at++];
	if (poll(&entry, 1, PATIENCE_MSEC) <= 0)
		return -1;
	n = recv(s->fd, s->taken, sizeof(s->taken), 0);
	if (n <= 0)
		return -1;
	s->taken_size = (size_t)n;
	s->taken_at = 1;
	return s->taken[0];
}

static void expect_run(struct scripted_server *s)
{
	for (size_t at = 0; at < s->run_size && !s->over; at++) {
		int byte = take_byte(s);

		if (byte < 0 && s->manner == CUT_SILENT)
			s->over = true; /* it was slower than its deadline */
		else if (byte < 0)
			complain(s, "left too early", at, s->run[at]);
		else if (byte != s->run[at])
			complain(s, "sent something else", at, byte);
	}
}

/* It is the server's turn. */
static void expect_patience(struct scripted_server *s)
{
	struct pollfd entry = {.fd = s->fd, .events = POLLIN};
	int byte;

	if (s->taken_at == s->taken_size && poll(&entry, 1, MOMENT_MSEC) <= 0)
		return;
	byte = take_byte(s);
	if (byte >= 0)
		complain(s, "did not wait for the server's word", 0, byte);
	else
		complain(s, "left before the server's word", 0, 0);
}

/*
 * A TLS record: its type, version 3.x, its length, its content. The type, or -1 at the
 * end of the stream, or 0 for something else.
 */
static int take_record(struct scripted_server *s)
{
	int head[5];

	for (size_t i = 0; i < ELEMENTSOF(head); i++)
		head[i] = take_byte(s);
	if (head[0] < 0)
		return -1;
	if (head[0] < TLS_MIN || head[0] > TLS_MAX || head[1] != 3)
		return 0;
	for (int left = head[3] << 8 | head[4]; left > 0; left--)
		take_byte(s);
	return head[0];
}

static void take_flight(struct scripted_server *s)
{
	int type = take_record(s);

	if (type != TLS_HANDSHAKE)
		complain(s, "does not begin a handshake", 0, type);
}

/* What follows a failed TLS handshake is an alert, and never plaintext. */
static void expect_end_of_tls(struct scripted_server *s)
{
	int type;

	do
		type = take_record(s);
	while (type > 0);
	if (type == 0)
		complain(s, "went on in plaintext", 0, type);
	while (type >= 0)
		type = take_byte(s);
}

static void expect_end(struct scripted_server *s)
{
	int byte;

	if (s->tls) {
		expect_end_of_tls(s);
		return;
	}
	byte = take_byte(s);
	if (byte >= 0)
		complain(s, "went on", 0, byte);
	while (byte >= 0)
		byte = take_byte(s);
}

static void play_sign(struct scripted_server *s, char sign)
{
	switch (sign) {
	case '<': send_run(s); break;
	case '>': expect_run(s); break;
	case 'T': take_flight(s); break;
	case '=': expect_patience(s); break;
	case '.': shutdown(s->fd, SHUT_WR); break;
	case '@':
		while (!s->over)
			send_run(s);
		break;
	case '~': break;
	default: complain(s, "is not to blame: unknown sign in the script", 0, sign);
	}
}

static void *play(void *userdata)
{
	struct scripted_server *s = userdata;
	const char *p = s->script;

	while (*p && !s->over) {
		char sign = *p++;

		if (sign == ' ')
			continue;
		if (sign == '<' || sign == '>')
			p = read_run(p, s->run, &s->run_size);
		play_sign(s, sign);
	}
	expect_end(s);
	return NULL;
}

static bool has_handshake(const char *script)
{
	bool quoted = false;

	for (; *script; script++) {
		quoted ^= *script == '\'';
		if (*script == 'T' && !quoted)
			return true;
	}
	return false;
}

struct scripted_server *scripted_server_start(
	const char *script, enum manner manner, size_t cut, int *ret_fd)
{
	/* A client gets one packet at a time, however many it could take. */
	int type = manner == BYTE_BY_BYTE ? SOCK_SEQPACKET : SOCK_STREAM, pair[2];
	struct scripted_server *s = calloc(1, sizeof(*s));

	complaint[0] = 0;
	if (!s || socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	s->fd = pair[0];
	s->script = script;
	s->tls = has_handshake(script);
	s->manner = manner;
	s->cut = cut;
	if (fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0 ||
		pthread_create(&s->thread, NULL, play, s) != 0)
		abort();
	*ret_fd = pair[1];
	return s;
}

const char *scripted_server_end(struct scripted_server *s)
{
	pthread_join(s->thread, NULL);
	close(s->fd);
	free(s);
	return complaint[0] ? complaint : NULL;
}

size_t scripted_server_sends(const char *script)
{
	static unsigned char run[RUN_MAX];
	size_t sum = 0, size;

	for (const char *p = script; *p;) {
		char sign = *p++;

		if (sign != '<' && sign != '>')
			continue;
		p = read_run(p, run, &size);
		if (sign == '<')
			sum += size;
	}
	return sum;
}
