/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd.h"
#include "sandbox-world.h"
#include "wire/tls.h"

static char server_path[] = "/tmp/test-sandbox.XXXXXX/socket";

struct sandbox_world world;

int __wrap_negotiate_info(struct negotiation *, const struct tls_credentials *,
	struct server_facts *, struct error *);
int __wrap_negotiate_go(struct negotiation *, const struct tls_credentials *,
	struct server_facts *, struct error *);
int __wrap_negotiate_list(struct negotiation *, const struct tls_credentials *,
	opt_list_fn, void *, struct server_facts *, struct error *);

int __wrap_connect_server(const struct target *, const struct address_choice *, usec_t,
	int *, struct peer *, struct error *);
int __real_connect_server(const struct target *, const struct address_choice *, usec_t,
	int *, struct peer *, struct error *);
int __wrap_tls_credentials_new(const struct target *, const struct credentials *,
	struct tls_credentials **, struct error *);
int __real_tls_credentials_new(const struct target *, const struct credentials *,
	struct tls_credentials **, struct error *);

/* Reports what it achieved in the error's text; no text: it achieved nothing. */
int __wrap_negotiate_info(_unused_ struct negotiation *n,
	_unused_ const struct tls_credentials *credentials,
	_unused_ struct server_facts *ret, struct error *err)
{
	char told[ERROR_TEXT_SIZE / 2] = "";

	world.misdeed(told);
	return error_set(err, FAULT_REFUSED, -EACCES, "achieved:%s", told);
}

/* Reports the way in which it was to ask, and wants the given one next time. */
static int want_another(struct negotiation *n, struct error *err)
{
	n->retry = world.another[n->entry];
	return error_set(err, n->entry == ENTRY_NAME ? FAULT_REFUSED : FAULT_PROTOCOL,
		-ECONNRESET, "asked in way %d", (int)n->entry);
}

int __wrap_negotiate_go(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err)
{
	if (world.wants_another)
		return want_another(n, err);
	return __wrap_negotiate_info(n, credentials, ret, err);
}

int __wrap_negotiate_list(struct negotiation *n,
	const struct tls_credentials *credentials, _unused_ opt_list_fn fn,
	_unused_ void *userdata, struct server_facts *ret, struct error *err)
{
	return __wrap_negotiate_info(n, credentials, ret, err);
}

/* A trust module may leave something open behind it. */
int __wrap_tls_credentials_new(const struct target *t, const struct credentials *c,
	struct tls_credentials **ret, struct error *err)
{
	(void)!open("/etc/passwd", O_RDONLY);
	return __real_tls_credentials_new(t, c, ret, err);
}

static int connect_elsewhere(int *ret_fd, struct peer *peer)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -EINVAL;
	*ret_fd = pair[0];
	return peer_of(pair[0], peer);
}

/* The process that reads answers of name servers has no key. */
int __wrap_connect_server(const struct target *t, const struct address_choice *choice,
	usec_t deadline, int *ret_fd, struct peer *peer, struct error *err)
{
	if (world.secret && memcmp(world.secret, SECRET, strlen(SECRET)) == 0)
		return error_set(err, FAULT_USAGE, -EPERM, "found: a key");
	if (world.on_the_way) {
		char told[ERROR_TEXT_SIZE / 2] = "";

		world.on_the_way(told);
		return error_set(err, FAULT_UNREACHED, -EACCES, "told:%s", told);
	}
	if (world.connector_is_taken)
		return connect_elsewhere(ret_fd, peer);
	return __real_connect_server(t, choice, deadline, ret_fd, peer, err);
}

ssize_t report_put(const void *report, size_t size)
{
	return fd_sendto(REPORTS, report, size, 0);
}

struct report_done report_of_success(void)
{
	return (struct report_done){.head = {REPORT_MAGIC, REPORT_DONE},
		.facts = {.export = {.size = 1 << 20,
				  .flags = 1,
				  .minimum = 1,
				  .preferred = 4096,
				  .maximum = 1 << 25},
			.mode = SERVER_MODE_NOTLS}};
}

void succeed(_unused_ char *told)
{
	struct report_done report = report_of_success();

	report_put(&report, sizeof(report));
	_exit(0);
}

/* A relay locks its memory, for which a user's limit may be too low. */
static bool relays_can_run(void)
{
	bool can = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;

	if (!can)
		print_message("no relays tried: memory cannot be locked\n");
	munlockall();
	return can;
}

void achieves_nothing(void (*what)(char *))
{
	struct link link = {.fd = -1};
	struct error err = {0};

	world.misdeed = what;
	assert_int_equal(link_info(&world.target, NULL, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
	assert_int_equal(link_open(&world.target, NULL, NULL, 0, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
	if (!relays_can_run())
		return;
	assert_int_equal(
		link_open(&world.target, NULL, NULL, LINK_RELAY, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
}

/* A server that says nothing: the kernel accepts the connections. */
int sandbox_world_begin(_unused_ void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct error err = {0};
	char uri[128];

	*strrchr(server_path, '/') = '\0';
	if (!mkdtemp(server_path))
		return -1;
	server_path[strlen(server_path)] = '/';
	strcpy(address.sun_path, server_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 1000) < 0)
		return -1;
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", server_path);
	target_init(&world.target);
	if (target_parse_uri(&world.target, uri, &err) < 0 ||
		target_check(&world.target, &err) < 0)
		return -1;
	world.target.connect_timeout = SANDBOX_PATIENCE;
	link_prepare(); /* what it opens stays open */
	return 0;
}

int sandbox_world_end(_unused_ void **state)
{
	unlink(server_path);
	*strrchr(server_path, '/') = '\0';
	rmdir(server_path);
	target_done(&world.target);
	return 0;
}
