/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of a name's addresses a connection goes to, and how soon. The name server is
 * replaced; the others are real, on addresses of loopback.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "wire/connect.h"

#define NAME        "disk.example"
#define SERVERS_MAX 4
#define MOST        (10 * USEC_PER_SEC) /* of a busy machine */
#define MANY        9999                /* milliseconds: however long it takes */

enum manner { REFUSES, GREETS, IS_SILENT, HANGS_UP, DROPS };

static struct {
	const char *addresses[SERVERS_MAX]; /* of the name */
	int code;                           /* getaddrinfo()'s, instead of these */
	unsigned delay;                     /* seconds until it answers */
	unsigned asked;
	char host[NBD_HOST_MAX + 1]; /* it was asked for */
	unsigned tried;
	char order[SERVERS_MAX * 8][INET6_ADDRSTRLEN]; /* those that were tried */
} world;

static struct server {
	enum manner manner;
	int fd, clients[2];
	pthread_t thread;
} servers[SERVERS_MAX];
static in_port_t port;

int __wrap_getaddrinfo(
	const char *, const char *, const struct addrinfo *, struct addrinfo **);
int __real_getaddrinfo(
	const char *, const char *, const struct addrinfo *, struct addrinfo **);
void __wrap_freeaddrinfo(struct addrinfo *);
int __wrap_connect(int, const struct sockaddr *, socklen_t);
int __real_connect(int, const struct sockaddr *, socklen_t);

/* As the real ones are, each is allocated at once with its address. */
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
	a->address.v4.sin_port = number; /* in the same place */
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

/* It has as many clients as it has room for: nobody answers another one. */
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

static void start(unsigned i, enum manner manner)
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

static void stop(struct server *s)
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

static int set_up(void **state _unused_)
{
	memset(&world, 0, sizeof(world));
	port = 0;
	for (size_t i = 0; i < SERVERS_MAX; i++)
		servers[i] = (struct server){.fd = -1, .clients = {-1, -1}};
	return 0;
}

static int tear_down(void **state _unused_)
{
	for (size_t i = 0; i < SERVERS_MAX; i++)
		stop(&servers[i]);
	return 0;
}

/* The name has the addresses of servers that do so. */
static void name_has(const enum manner *manners, unsigned n)
{
	static const char *const addresses[SERVERS_MAX] = {
		"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"};

	for (unsigned i = 0; i < n; i++) {
		start(i, manners[i]);
		world.addresses[i] = addresses[i];
	}
}
#define NAME_HAS(...)                                \
	name_has((const enum manner[]){__VA_ARGS__}, \
		sizeof((const enum manner[]){__VA_ARGS__}) / sizeof(enum manner))

/* ---- connections ---- */

static struct address_choice last_was(unsigned i)
{
	struct address_choice choice = {0};

	snprintf(choice.last, sizeof(choice.last), "127.0.0.%u:%u", 2 + i, ntohs(port));
	return choice;
}

/* The result; *ret_took: microseconds. */
static int attempt(const char *host, const struct address_choice *choice, usec_t span,
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

/* It gets to that server within the time, in milliseconds. */
static void gets_to(
	unsigned i, const struct address_choice *choice, usec_t least, usec_t most)
{
	struct sockaddr_in wanted = place(i);
	struct error err = {0};
	struct peer peer;
	usec_t took;
	int r = attempt(NAME, choice, MOST, &peer, &took, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	assert_memory_equal(&peer.address, &wanted, sizeof(wanted));
	assert_in_range(took / USEC_PER_MSEC, least, most);
}

static void fails(const struct address_choice *choice, usec_t span, const char *word)
{
	struct error err = {0};
	struct peer peer;
	usec_t took;

	assert_true(attempt(NAME, choice, span, &peer, &took, &err) < 0);
	assert_int_equal(err.fault, FAULT_UNREACHED);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" has no \"%s\"", err.text, word);
}

static const struct address_choice any;

static void test_first(void **state _unused_)
{
	NAME_HAS(GREETS, GREETS);
	gets_to(0, &any, 0, MANY);
	assert_int_equal(world.tried, 1);
}

/* A quarter of a second for each address that is dead, not seconds. */
static void test_dead(void **state _unused_)
{
	NAME_HAS(DROPS, GREETS);
	gets_to(1, &any, 250, 3000);
}

static void test_dead_three(void **state _unused_)
{
	NAME_HAS(DROPS, DROPS, DROPS, GREETS);
	gets_to(3, &any, 750, 4000);
}

static void test_refused(void **state _unused_)
{
	NAME_HAS(REFUSES, REFUSES, REFUSES, GREETS);
	gets_to(3, &any, 0, 700);
}

/* It accepts, and hangs. */
static void test_silent(void **state _unused_)
{
	NAME_HAS(IS_SILENT, GREETS);
	gets_to(1, &any, 1000, 4000);
}

/* Whoever is the only one left may take its time. */
static void test_silent_alone(void **state _unused_)
{
	NAME_HAS(IS_SILENT);
	gets_to(0, &any, 0, 3000);
}

static void test_silent_last(void **state _unused_)
{
	NAME_HAS(REFUSES, IS_SILENT, HANGS_UP);
	gets_to(1, &any, 0, 4000);
}

static void test_silent_all(void **state _unused_)
{
	NAME_HAS(IS_SILENT, IS_SILENT);
	gets_to(0, &any, 4500, 9000);
}

/* A proxy whose server is away. */
static void test_hangs_up(void **state _unused_)
{
	NAME_HAS(HANGS_UP, GREETS);
	gets_to(1, &any, 0, 950);
}

static void test_last_first(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(GREETS, GREETS, GREETS);
	choice = last_was(2);
	gets_to(2, &choice, 0, MANY);
	assert_int_equal(world.tried, 1);
}

/* The name no longer has it. */
static void test_last_gone(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(DROPS, GREETS);
	choice = last_was(0);
	world.addresses[0] = "127.0.0.3";
	world.addresses[1] = NULL;
	gets_to(1, &choice, 0, 4000);
}

static void test_only(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(GREETS, GREETS);
	choice = last_was(1);
	choice.only = true;
	gets_to(1, &choice, 0, MANY);
	stop(&servers[1]);
	servers[1].fd = -1;
	fails(&choice, MOST, "127.0.0.3");
	assert_int_equal(world.asked, 0);
	strcpy(choice.last, "[fe80::1%nowhere]:10809");
	fails(&choice, MOST, "nowhere");
}

/* It was reached, and failed then: others have their turn. */
static void test_turns(void **state _unused_)
{
	static const unsigned order[] = {1, 0, 2, 1};
	struct address_choice choice;

	NAME_HAS(GREETS, GREETS, GREETS);
	choice = last_was(1);
	for (; choice.turn < ELEMENTSOF(order); choice.turn++)
		gets_to(order[choice.turn], &choice, 0, MANY);
	world.code = EAI_AGAIN;
	gets_to(1, &choice, 0, MANY);
}

static void test_no_name_server(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(GREETS);
	choice = last_was(0);
	world.code = EAI_AGAIN;
	gets_to(0, &choice, 0, MANY);
	fails(&any, MOST,
		"cannot resolve " NAME
		": no name server has answered (is the network up?)");
	world.code = EAI_NONAME;
	gets_to(0, &choice, 0, MANY);
	stop(&servers[0]);
	servers[0].fd = -1;
	fails(&choice, MOST, "127.0.0.2");
	fails(&choice, MOST, "cannot resolve " NAME);
}

static void test_slow_name_server(void **state _unused_)
{
	struct address_choice choice;

	NAME_HAS(GREETS);
	choice = last_was(0);
	world.delay = 3;
	gets_to(0, &choice, 0, 2800);
	fails(&any, USEC_PER_SEC / 2, "no answer");
	sleep(4); /* until the threads that wait for it have ended */
}

static void *start_later(void *userdata _unused_)
{
	sleep(1);
	start(0, GREETS);
	return NULL;
}

/* The server is back before the name server is. */
static void test_last_returns(void **state _unused_)
{
	struct address_choice choice;
	pthread_t thread;

	NAME_HAS(REFUSES);
	choice = last_was(0);
	close(servers[0].fd);
	world.delay = 4;
	assert_int_equal(pthread_create(&thread, NULL, start_later, NULL), 0);
	gets_to(0, &choice, 900, 3800);
	pthread_join(thread, NULL);
	sleep(4);
}

static void test_all_fail(void **state _unused_)
{
	NAME_HAS(REFUSES, REFUSES, REFUSES);
	fails(&any, MOST, "3 addresses");
	fails(&any, MOST, "127.0.0.2");
	fails(&any, MOST, NAME);
}

static void test_deadline(void **state _unused_)
{
	NAME_HAS(DROPS, DROPS);
	fails(&any, USEC_PER_SEC, "timed out");
}

static void test_families(void **state _unused_)
{
	static const char *const order[] = {"127.0.0.2", "::1", "127.0.0.3"};
	_cleanup_close_ int v6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	NAME_HAS(REFUSES, REFUSES);
	world.addresses[2] = "::1";
	if (v6 < 0)
		skip();
	fails(&any, MOST, "3 addresses");
	assert_int_equal(world.tried, ELEMENTSOF(order));
	for (size_t i = 0; i < ELEMENTSOF(order); i++)
		assert_string_equal(world.order[i], order[i]);
}

static void test_zone(void **state _unused_)
{
	struct error err = {0};
	struct peer peer;
	usec_t took;

	port = htons(1);
	assert_true(attempt("fe80::1", &any, MOST, &peer, &took, &err) < 0);
	assert_non_null(strstr(err.text, "%25eth0"));
	world.code = EAI_NONAME;
	assert_true(attempt("fe80::1%nowhere", &any, MOST, &peer, &took, &err) < 0);
	assert_non_null(strstr(err.text, "no such network interface"));
}

/* What is asked for: with its dot, which is cut off for certificates only. */
static void test_host(void **state _unused_)
{
	static const char *const rows[][2] = {
		{"disk.example.", "disk.example."},
		{"b\xc3\xbc\x63her.example.", "xn--bcher-kva.example."},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"fe80::1%lo", "fe80::1%lo"},
	};
	struct error err = {0};
	struct peer peer;
	usec_t took;

	port = htons(1);
	world.code = EAI_NONAME;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		assert_true(attempt(rows[i][0], &any, MOST, &peer, &took, &err) < 0);
		assert_string_equal(world.host, rows[i][1]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first),
		TEST(test_dead),
		TEST(test_dead_three),
		TEST(test_refused),
		TEST(test_silent),
		TEST(test_silent_alone),
		TEST(test_silent_last),
		TEST(test_silent_all),
		TEST(test_hangs_up),
		TEST(test_last_first),
		TEST(test_last_gone),
		TEST(test_only),
		TEST(test_turns),
		TEST(test_no_name_server),
		TEST(test_slow_name_server),
		TEST(test_last_returns),
		TEST(test_all_fail),
		TEST(test_deadline),
		TEST(test_families),
		TEST(test_zone),
		TEST(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
