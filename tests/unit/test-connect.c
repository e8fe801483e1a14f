/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The socket to a server, and what a client shows there if nothing was said. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "wire/connect.h"
#include "wire/credentials.h"

static int listening(char port[8])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(port, 8, "%u", ntohs(address.sin_port));
	return fd;
}

static int connected(const char *port)
{
	char host[] = "127.0.0.1", number[8];
	const struct target t = {
		.transport = TRANSPORT_TCP, .host = host, .port = number};
	const struct address_choice any = {0};
	struct error err = {0};
	struct peer peer;
	int fd = -1;

	snprintf(number, sizeof(number), "%s", port);
	assert_int_equal(connect_server(&t, &any, deadline_after(5 * USEC_PER_SEC), &fd,
				 &peer, &err),
		0);
	return fd;
}

static int option_of(int fd, int level, int name)
{
	socklen_t size = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

/* Requests are not held back, a dead host is noticed, and nothing inherits the socket. */
static void test_tcp_options(void **state _unused_)
{
	char port[8];
	_cleanup_close_ int server = listening(port), fd = connected(port);

	assert_true(server >= 0);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_true(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) > 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/*
 * A socket cannot be connected again after its peer has reset it. (A worker's filter
 * forbids MSG_FASTOPEN anyway.)
 */
static void test_never_again(void **state _unused_)
{
	const struct linger linger = {.l_onoff = 1};
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	char port[8], other_port[8];
	_cleanup_close_ int server = listening(port), other = listening(other_port);
	_cleanup_close_ int fd = connected(port);
	int far = accept4(server, NULL, NULL, SOCK_CLOEXEC);

	assert_int_equal(
		setsockopt(far, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(far);
	assert_int_equal(getsockname(other, (struct sockaddr *)&address, &size), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(sendto(fd, "", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
				    (struct sockaddr *)&address, size) < 0);
	assert_int_equal(fcntl(other, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(accept4(other, NULL, NULL, SOCK_CLOEXEC), -1);
}

/*
 * A unix socket's server that takes one client and has its socket's name removed: it is
 * not asked for again.
 */
static void test_unix_once(void **state _unused_)
{
	char path[] = "@nbd-attach-test-once";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const socklen_t size = offsetof(struct sockaddr_un, sun_path) + sizeof(path) - 1;
	_cleanup_close_ int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int fd = -1;
	const struct target t = {.transport = TRANSPORT_UNIX,
		.socket = path,
		.socket_size = sizeof(path) - 1};
	const struct address_choice any = {0};
	struct error err = {0};
	struct peer peer;

	path[0] = 0;
	memcpy(address.sun_path, path, sizeof(path) - 1);
	assert_int_equal(bind(server, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server, 0), 0);
	assert_int_equal(
		connect_server(&t, &any, deadline_after(USEC_PER_SEC), &fd, &peer, &err),
		0);
}

static void test_unix_long(void **state _unused_)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	const struct target t = {.transport = TRANSPORT_UNIX,
		.socket = path,
		.socket_size = sizeof(path) - 1};
	const struct address_choice any = {0};
	struct error err = {0};
	struct peer peer;
	int fd = -1;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	assert_int_equal(
		connect_server(&t, &any, deadline_after(USEC_PER_SEC), &fd, &peer, &err),
		-ENAMETOOLONG);
	assert_int_equal(err.fault, FAULT_USAGE);
	assert_non_null(strstr(err.text, "cannot connect to unix:xxx"));
	assert_non_null(strstr(err.text, ": a socket's path has at most 107 bytes"));
}

static bool fits(enum transport transport, const char *address, in_port_t port)
{
	const struct target t = {.transport = transport,
		.host = (char[]){"192.0.2.7"},
		.port = (char[]){"10809"}};
	struct peer peer = {.size = sizeof(struct sockaddr_in6)};
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer.address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&peer.address;

	if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return peer_fits(&peer, &t);
	}
	assert_int_equal(inet_pton(AF_INET, address, &v4->sin_addr), 1);
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	assert_false(peer_fits(&peer, &t)); /* another's size */
	peer.size = sizeof(*v4);
	return peer_fits(&peer, &t);
}

/* A service's address may be translated when it is connected to, and its port. */
static void test_peers(void **state _unused_)
{
	assert_true(fits(TRANSPORT_TCP, "192.0.2.7", 10809));
	assert_true(fits(TRANSPORT_TCP, "10.0.0.8", 30809));
	assert_true(fits(TRANSPORT_TCP, "2001:db8::7", 10809));
	assert_true(fits(TRANSPORT_TCP, "::ffff:10.0.0.8", 30809));
	assert_false(fits(TRANSPORT_UNIX, "192.0.2.7", 10809));
	assert_false(fits(TRANSPORT_VSOCK, "192.0.2.7", 10809));
}

/* What credentials_read() makes of a file with these keys, asked for that user. */
static int read_keys(const char *keys, char *user, struct credentials *c)
{
	char path[] = "/tmp/test-connect-XXXXXX";
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_auth = TLS_AUTH_PSK,
		.tls_psk_file = path,
		.tls_username = user};
	_cleanup_close_ int fd = mkstemp(path);
	struct error err = {0};
	int r;

	assert_int_equal(write(fd, keys, strlen(keys)), strlen(keys));
	r = credentials_read(&t, c, &err);
	assert_int_equal(unlink(path), 0);
	return r;
}

/* A URI without a user means the one whose key is there; of several it guesses none. */
static void test_default_user(void **state _unused_)
{
	static const char one[] = "# keys\nalice:00112233\n",
			  two[] = "alice:00112233\nbob:44556677\n";
	_cleanup_credentials_ struct credentials only = {0}, asked = {0}, none = {0};
	char bob[] = "bob", carol[] = "carol";

	assert_int_equal(read_keys(one, NULL, &only), 0);
	assert_string_equal(only.psk_username, "alice");
	assert_int_equal(read_keys(two, bob, &asked), 0);
	assert_string_equal(asked.psk_username, "bob");
	assert_memory_equal(asked.psk_key.data, "44556677", 9);
	assert_true(read_keys(two, NULL, &none) < 0);
	assert_true(read_keys(two, carol, &none) < 0);
	assert_null(none.psk_username);
}

/* As psktool(1) writes a name with a colon; what looks like one but is not, is a comment.
 */
static void test_encoded_user(void **state _unused_)
{
	static const char file
		[] = "#616C3a696365:00112233\n",
	    other[] =
		    "#alice:00112233\n#61006c:00112233\n#:00112233\n#616:00112233\nbob:44556677\n";
	_cleanup_credentials_ struct credentials only = {0}, asked = {0}, none = {0};
	char name[] = "al:ice", digits[] = "#616C3a696365";

	assert_int_equal(read_keys(file, NULL, &only), 0);
	assert_string_equal(only.psk_username, "al:ice");
	assert_memory_equal(only.psk_key.data, "00112233", 9);
	assert_int_equal(read_keys(file, name, &asked), 0);
	assert_string_equal(asked.psk_username, "al:ice");
	assert_true(read_keys(file, digits, &none) < 0);
	credentials_done(&only);
	assert_int_equal(read_keys(other, NULL, &only), 0);
	assert_string_equal(only.psk_username, "bob");
}

/* What systemd passes is looked for in the folder that it tells, and nowhere else. */
static void test_passed_credentials(void **state _unused_)
{
	char folder[] = "/tmp/test-connect-XXXXXX", file[64];
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_auth = TLS_AUTH_X509,
		.tls_ca = (char[]){"credential:ca"}};
	_cleanup_credentials_ struct credentials found = {0}, none = {0};
	struct error err = {0};
	FILE *f;

	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/ca", folder);
	f = fopen(file, "we");
	assert_non_null(f);
	assert_true(fputs("PEM", f) >= 0);
	assert_int_equal(fclose(f), 0);

	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(credentials_read(&t, &none, &err), -ENOKEY);
	assert_int_equal(err.fault, FAULT_USAGE);
	assert_string_equal(err.text,
		"CA file credential:ca is passed by systemd to nbd-attach@NAME.service only: "
		"start that");
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	assert_int_equal(credentials_read(&t, &found, &err), 0);
	assert_memory_equal(found.ca.data, "PEM", 4);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(credentials_read(&t, &none, &err), -ENOENT);
	assert_non_null(strstr(err.text, "credential:ca"));
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_options),
		cmocka_unit_test(test_never_again),
		cmocka_unit_test(test_unix_once),
		cmocka_unit_test(test_unix_long),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_default_user),
		cmocka_unit_test(test_encoded_user),
		cmocka_unit_test(test_passed_credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
