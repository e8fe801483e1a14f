/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "name-world.h"

struct name_world world;
struct server servers[SERVERS_MAX];
in_port_t port;

int __wrap_getaddrinfo(
	const char *, const char *, const struct addrinfo *, struct addrinfo **);
int __real_getaddrinfo(
	const char *, const char *, const struct addrinfo *, struct addrinfo **);
void __wrap_freeaddrinfo(struct addrinfo *);
int __wrap_connect(int, const struct sockaddr *, socklen_t);
int __real_connect(int, const struct sockaddr *, socklen_t);

/* Like a real one, in one allocation with its address. */
static struct addrinfo *addrinfo_of(const char *text, const char *service)
{
	struct {
		struct addrinfo info;
		union {
			struct sockaddr_in v4;
			struct sockaddr_in6 v6;
		} address;
	} *a = calloc(1, sizeof(*a));
	bool is_v4 = !strchr(text, ':');
	const in_port_t number = htons((in_port_t)strtoul(service, NULL, 10));

	assert_non_null(a);
	a->info.ai_family = is_v4 ? AF_INET : AF_INET6;
	a->info.ai_addr = (struct sockaddr *)&a->address;
	a->info.ai_addrlen = is_v4 ? sizeof(a->address.v4) : sizeof(a->address.v6);
	a->address.v4.sin_family = (sa_family_t)a->info.ai_family;
	a->address.v4.sin_port = number; /* at the same offset as in v6 */
	assert_int_equal(inet_pton(a->info.ai_family, text,
				 is_v4 ? (void *)&a->address.v4.sin_addr
				       : (void *)&a->address.v6.sin6_addr),
		1);
	return &a->info;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}

int __wrap_getaddrinfo(const char *host, const char *service,
	const struct addrinfo *hints, struct addrinfo **ret)
{
	struct addrinfo **end = ret;
	char in6[sizeof(struct in6_addr)];

	if (hints->ai_flags & AI_NUMERICHOST) {
		if (!inet_pton(AF_INET, host, in6) && !inet_pton(AF_INET6, host, in6))
			return EAI_NONAME;
		*ret = addrinfo_of(host, service);
		return 0;
	}
	world.asked++;
	snprintf(world.host, sizeof(world.host), "%s", host);
	sleep(world.delay);
	if (world.code != 0)
		return world.code;
	for (size_t i = 0; i < SERVERS_MAX && world.addresses[i]; i++) {
		*end = addrinfo_of(world.addresses[i], service);
		end = &(*end)->ai_next;
	}
	return 0;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	int r = __real_connect(fd, address, size);
	int number = errno;

	if (r < 0 && errno != EISCONN && world.tried < ELEMENTSOF(world.order))
		getnameinfo(address, size, world.order[world.tried++], INET6_ADDRSTRLEN,
			NULL, 0, NI_NUMERICHOST);
	errno = number;
	return r;
}

/* ---- servers ---- */

static struct sockaddr_in place(unsigned i)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK + 1 + i)},
		.sin_port = port};
}

static void *serve(void *userdata)
{
	const struct server *s = userdata;
	int fd;

	while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (s->manner == GREETS)
			(void)!write(fd, "N", 1);
		if (s->manner == HANGS_UP)
			close(fd);
		/* else it stays open for as long as the test runs */
	}
	return NULL;
}

/* Fills its backlog: the next client gets no answer. */
static void fill(struct server *s, const struct sockaddr_in *address)
{
	for (size_t i = 0; i < ELEMENTSOF(s->clients); i++) {
		s->clients[i] =
			socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)__real_connect(s->clients[i], (const struct sockaddr *)address,
			sizeof(*address));
		usleep(20000);
	}
}

void start_server(unsigned i, enum manner manner)
{
	struct server *s = &servers[i];
	struct sockaddr_in address = place(i);
	socklen_t size = sizeof(address);
	const int on = 1;

	s->manner = manner;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &size), 0);
	port = address.sin_port;
	if (manner == REFUSES)
		return; /* keeps the port from others */
	assert_int_equal(listen(s->fd, manner == DROPS ? 0 : 5), 0);
	if (manner == DROPS)
		fill(s, &address);
	else
		assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void stop_server(struct server *s)
{
	bool has_thread = s->manner != REFUSES && s->manner != DROPS;

	if (s->fd < 0)
		return;
	shutdown(s->fd, SHUT_RDWR);
	if (has_thread)
		pthread_join(s->thread, NULL);
	close(s->fd);
	closep(&s->clients[0]);
	closep(&s->clients[1]);
}

int set_up(void **state _unused_)
{
	memset(&world, 0, sizeof(world));
	port = 0;
	for (size_t i = 0; i < SERVERS_MAX; i++)
		servers[i] = (struct server){.fd = -1, .clients = {-1, -1}};
	return 0;
}

int tear_down(void **state _unused_)
{
	for (size_t i = 0; i < SERVERS_MAX; i++)
		stop_server(&servers[i]);
	return 0;
}

void name_has(const enum manner *manners, unsigned n)
{
	static const char *const addresses[SERVERS_MAX] = {
		"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"};

	for (unsigned i = 0; i < n; i++) {
		start_server(i, manners[i]);
		world.addresses[i] = addresses[i];
	}
}

/* ---- connections ---- */

struct address_choice last_was(unsigned i)
{
	struct address_choice choice = {0};

	snprintf(choice.last, sizeof(choice.last), "127.0.0.%u:%u", 2 + i, ntohs(port));
	return choice;
}

int attempt(const char *host, const struct address_choice *choice, usec_t span,
	struct peer *peer, usec_t *ret_took, struct error *err)
{
	char name[64], number[8];
	const struct target t = {
		.transport = TRANSPORT_TCP, .host = name, .port = number};
	_cleanup_close_ int fd = -1;
	usec_t start_at = deadline_now();
	int r;

	snprintf(name, sizeof(name), "%s", host);
	snprintf(number, sizeof(number), "%u", ntohs(port));
	r = connect_server(&t, choice, deadline_after(span), &fd, peer, err);
	*ret_took = deadline_now() - start_at;
	assert_int_equal(fd >= 0, r == 0);
	return r;
}

void gets_to(unsigned i, const struct address_choice *choice, usec_t least, usec_t most)
{
	struct sockaddr_in wanted = place(i);
	struct error err = {0};
	struct peer peer;
	usec_t took;
	int r = attempt(NAME, choice, MOST, &peer, &took, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	assert_memory_equal(&peer.address, &wanted, sizeof(wanted));
	if (took / USEC_PER_MSEC < least || took / USEC_PER_MSEC > most)
		fail_msg("%" PRIu64 " µs", took);
}

void fails(const struct address_choice *choice, usec_t span, const char *word)
{
	struct error err = {0};
	struct peer peer;
	usec_t took;

	assert_true(attempt(NAME, choice, span, &peer, &took, &err) < 0);
	assert_int_equal(err.fault, FAULT_UNREACHED);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" has no \"%s\"", err.text, word);
}
