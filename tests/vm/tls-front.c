/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls-front PORT SERVER-PORT PKI-FOLDER [--priority STRING] [--record-size N]
 * [--refuse N] [--key-update yes]: listens on 127.0.0.1 and adds TLS to a plaintext NBD
 * server on the same machine. It accepts records of N bytes at most. A client has to
 *begin with STARTTLS; all that follows is passed on. Rare events of TLS sessions are
 *caused by a signal to the process of one connection, or to the first process for all of
 *them:
 *
 *	SIGUSR1   KeyUpdate
 *	SIGUSR2   KeyUpdate that asks the client for one, too
 *	SIGHUP    NewSessionTicket, if the client takes any
 *	SIGWINCH  the warning alert "user canceled"
 *	SIGALRM   close_notify; the client may go on sending, what the server says is lost
 *
 * With --refuse a request in a record with more than N bytes ends the session with an
 * alert, although that was not announced. With --key-update each session begins with a KeyUpdate, at the
 * first request. Each step is logged to stderr.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/nbd-protocol.h"

static const char *priority = "NORMAL";
static size_t record_size; /* 0: as large as they may be */
static size_t refused = SIZE_MAX;
static bool key_update;
static gnutls_certificate_credentials_t credentials;
static gnutls_datum_t ticket_key;

/* Of the only connection of a child. */
static gnutls_session_t tls;
static int client, server;
static bool client_ended, server_ended, silenced;
static unsigned char up[65536]; /* from the client, not yet sent to the server */
static size_t up_size;

static void check(int result, const char *what)
{
	if (result < 0)
		errx(1, "%s: %s", what, gnutls_strerror(result));
}

/* Copies data from one descriptor to another; -1: none. */
static void pass(int from, int to, void *data, size_t size)
{
	if ((from >= 0 && recv(from, data, size, MSG_WAITALL) < (ssize_t)size) ||
		(to >= 0 && send(to, data, size, MSG_NOSIGNAL) < (ssize_t)size))
		errx(0, "cut before TLS");
}

static void answer_starttls(void)
{
	struct nbd_greeting greeting;
	struct nbd_option_header option;
	struct nbd_reply_header reply = {
		.magic = htobe64(NBD_REPLY_MAGIC),
		.option = htobe32(NBD_OPT_STARTTLS),
		.type = htobe32(NBD_REP_ACK),
	};
	uint32_t flags;

	pass(server, client, &greeting, sizeof(greeting));
	pass(client, server, &flags, sizeof(flags));
	pass(client, -1, &option, sizeof(option));
	if (be64toh(option.magic) != NBD_OPTION_MAGIC ||
		be32toh(option.option) != NBD_OPT_STARTTLS || option.size != 0)
		errx(0, "the client does not begin with STARTTLS");
	pass(-1, client, &reply, sizeof(reply));
}

static void shake_hands(void)
{
	const unsigned flags = GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
		GNUTLS_NO_AUTO_REKEY | GNUTLS_NO_AUTO_SEND_TICKET;
	int result;

	check(gnutls_init(&tls, flags), "TLS session");
	check(gnutls_priority_set_direct(tls, priority, NULL), priority);
	gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_session_ticket_enable_server(tls, &ticket_key);
	if (record_size > 0)
		check((int)gnutls_record_set_max_recv_size(tls, record_size),
			"--record-size");
	gnutls_transport_set_int(tls, client);
	do
		result = gnutls_handshake(tls);
	while (result < 0 && !gnutls_error_is_fatal(result));
	if (result < 0)
		errx(0, "%s", gnutls_strerror(result));
	warnx("handshake done: %s", gnutls_session_get_desc(tls));
}

/* If it was only too early: waits until the client, who always does, has taken some. */
static bool again(ssize_t result)
{
	struct pollfd fd = {.fd = client, .events = POLLOUT};

	if (result != GNUTLS_E_AGAIN && result != GNUTLS_E_INTERRUPTED)
		return false;
	poll(&fd, 1, -1);
	return true;
}

static void from_server(void)
{
	static unsigned char data[65536];
	ssize_t n, size = recv(server, data, sizeof(data), 0);

	if (size < 0 && errno == EAGAIN)
		return;
	if (size <= 0) {
		warnx("the server has ended");
		server_ended = true;
		shutdown(client, SHUT_WR);
	}
	for (ssize_t sent = 0; sent < size && !silenced; sent += n) {
		do
			n = gnutls_record_send(tls, data + sent, (size_t)(size - sent));
		while (again(n));
		if (n < 0)
			errx(0, "%s", gnutls_strerror((int)n));
	}
}

static bool is_request(void)
{
	const uint32_t magic = htobe32(NBD_REQUEST_MAGIC);

	return memcmp(up, &magic, sizeof(magic)) == 0;
}

static void update_key_once(void)
{
	if (!key_update || !is_request())
		return;
	key_update = false;
	check(gnutls_session_key_update(tls, 0), "KeyUpdate");
}

static void from_client(void)
{
	ssize_t n = gnutls_record_recv(tls, up, sizeof(up));

	if (n > (ssize_t)MIN(refused, SSIZE_MAX) && is_request()) {
		gnutls_alert_send(tls, GNUTLS_AL_FATAL, GNUTLS_A_RECORD_OVERFLOW);
		errx(0, "a record of %zd bytes", n);
	}
	if (n > 0) {
		up_size = (size_t)n;
		update_key_once();
	} else if (n == 0 || gnutls_error_is_fatal((int)n)) {
		if (n < 0)
			gnutls_alert_send_appropriate(tls, (int)n);
		warnx("the client has ended: %s",
			n ? gnutls_strerror((int)n) : "politely");
		client_ended = true;
	}
}

static void to_server(void)
{
	ssize_t n = send(server, up, up_size, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		errx(0, "the server takes no more");
	if (n > 0)
		memmove(up, up + n, up_size -= (size_t)n);
}

static int cause(int signal_number)
{
	switch (signal_number) {
	case SIGUSR1: return gnutls_session_key_update(tls, 0);
	case SIGUSR2: return gnutls_session_key_update(tls, GNUTLS_KU_PEER);
	case SIGHUP: return gnutls_session_ticket_send(tls, 1, 0);
	case SIGALRM: return gnutls_bye(tls, GNUTLS_SHUT_WR);
	}
	return gnutls_alert_send(tls, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED);
}

static void on_signal(int signals)
{
	struct signalfd_siginfo info;
	int result;

	if (read(signals, &info, sizeof(info)) < 0 || server_ended || silenced)
		return;
	do
		result = cause((int)info.ssi_signo);
	while (again(result));
	warnx("%s: %s", strsignal((int)info.ssi_signo), gnutls_strerror(result));
	silenced = info.ssi_signo == SIGALRM;
}

/* Reads from the client only when the server has got everything before. */
static _Noreturn void relay(int signals)
{
	while (!client_ended || !server_ended) {
		bool room = up_size == 0 && !client_ended;
		bool held = room && gnutls_record_check_pending(tls) > 0;
		struct pollfd fds[] = {
			{.fd = signals, .events = POLLIN},
			{.fd = room ? client : -1, .events = POLLIN},
			{.fd = server_ended ? -1 : server, .events = POLLIN},
		};

		fds[2].events |= up_size > 0 ? POLLOUT : 0;
		poll(fds, 3, held ? 0 : -1);
		if (fds[0].revents)
			on_signal(signals);
		if (fds[1].revents || held)
			from_client();
		if (fds[2].revents & ~POLLOUT)
			from_server();
		if (server_ended)
			up_size = 0; /* the server is gone */
		else if (up_size > 0)
			to_server();
		else if (client_ended)
			shutdown(server, SHUT_WR);
	}
	errx(0, "both have ended");
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* A socket of 127.0.0.1 that listens on the port, or is connected to it. */
static int open_port(const char *port, bool listening)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int r, yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	r = (listening ? bind : connect)(fd, (const void *)&address, sizeof(address));
	if (r < 0 || (listening && listen(fd, 16) < 0))
		err(1, "port %s", port);
	return fd;
}

static _Noreturn void serve(const char *server_port)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	warnx("connection: process %d", getpid());
	server = open_port(server_port, false);
	answer_starttls();
	shake_hands();
	fcntl(client, F_SETFL, O_NONBLOCK);
	fcntl(server, F_SETFL, O_NONBLOCK);
	relay(open_signals());
}

/* The children are in the first process's group, and get its signals too. */
static void pass_on(int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) > 0 && (pid_t)info.ssi_pid != getpid())
		kill(0, (int)info.ssi_signo);
}

static void load_credentials(const char *folder)
{
	if (chdir(folder) < 0)
		err(1, "%s", folder);
	check(gnutls_certificate_allocate_credentials(&credentials), "credentials");
	check(gnutls_certificate_set_x509_key_file(credentials, "server-cert.pem",
		      "server-key.pem", GNUTLS_X509_FMT_PEM),
		folder);
	check(gnutls_session_ticket_key_generate(&ticket_key), "ticket key");
}

static void read_options(int argc, char **argv)
{
	int i;

	for (i = 4; i + 1 < argc; i += 2)
		if (strcmp(argv[i], "--priority") == 0)
			priority = argv[i + 1];
		else if (strcmp(argv[i], "--record-size") == 0)
			record_size = strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--refuse") == 0)
			refused = strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--key-update") == 0)
			key_update = true;
		else
			break;
	if (i != argc)
		errx(2,
			"usage: tls-front PORT SERVER-PORT PKI-FOLDER [--priority STRING] "
			"[--record-size N]");
}

int main(int argc, char **argv)
{
	struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};

	read_options(argc, argv);
	setpgid(0, 0);
	signal(SIGCHLD, SIG_IGN); /* no zombies */
	load_credentials(argv[3]);
	fds[0].fd = open_signals();
	fds[1].fd = open_port(argv[1], true);
	for (;;) {
		poll(fds, 2, -1);
		if (fds[0].revents)
			pass_on(fds[0].fd);
		if (!fds[1].revents)
			continue;
		client = accept4(fds[1].fd, NULL, NULL, SOCK_CLOEXEC);
		if (client >= 0 && fork() == 0)
			serve(argv[2]);
		close(client);
	}
}
