/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link worker that a server has taken over. The linker puts our negotiation in place of
 * the real one, so that what runs in the real worker, in its real sandbox, is a villain:
 * it must reach nothing but the descriptors that it was given, and whatever it reports,
 * its parent must neither believe nor lose anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd.h"
#include "common/log.h"
#include "link/isolation.h"
#include "link/link.h"
#include "villain.h"
#include "wire/tls.h"

#define REPORTS 3 /* a worker's descriptor for them */

#define MANY_FDS 200

/* What it does, and the socket that it connects to; set before it is forked. */
static void (*misdeed)(char *told);
static char server_path[] = "/tmp/test-sandbox.XXXXXX/socket";
static struct target target;

/* A key of the parent's, and where it has it. */
#define SECRET "00112233445566778899aabbccddeeff"
static const char *secret;

static bool connector_is_taken;

/* What a connector does instead of connecting. */
static void (*on_the_way)(char *told);

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

/* Tells what it achieved by the error's text; without a word it failed. */
int __wrap_negotiate_info(_unused_ struct negotiation *n,
	_unused_ const struct tls_credentials *credentials,
	_unused_ struct server_facts *ret, struct error *err)
{
	char told[ERROR_TEXT_SIZE / 2] = "";

	misdeed(told);
	return error_set(err, FAULT_REFUSED, -EACCES, "achieved:%s", told);
}

/* Says how it was to ask, and wants another way next time: the one that is given. */
static bool wants_another;
static enum entry another[ENTRY_MAX + 1];

static int want_another(struct negotiation *n, struct error *err)
{
	n->retry = another[n->entry];
	return error_set(err, n->entry == ENTRY_NAME ? FAULT_REFUSED : FAULT_PROTOCOL,
		-ECONNRESET, "asked in way %d", (int)n->entry);
}

int __wrap_negotiate_go(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err)
{
	if (wants_another)
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

/* Where a name server's answer is read there is no key any more. */
int __wrap_connect_server(const struct target *t, const struct address_choice *choice,
	usec_t deadline, int *ret_fd, struct peer *peer, struct error *err)
{
	if (secret && memcmp(secret, SECRET, strlen(SECRET)) == 0)
		return error_set(err, FAULT_USAGE, -EPERM, "found: a key");
	if (on_the_way) {
		char told[ERROR_TEXT_SIZE / 2] = "";

		on_the_way(told);
		return error_set(err, FAULT_UNREACHED, -EACCES, "told:%s", told);
	}
	if (connector_is_taken)
		return connect_elsewhere(ret_fd, peer);
	return __real_connect_server(t, choice, deadline, ret_fd, peer, err);
}

/* ---- what it may not do ---- */

static void look_around(char *told)
{
	struct pollfd fds[MANY_FDS];
	unsigned n = 0;

	for (int i = 0; i < MANY_FDS; i++)
		fds[i] = (struct pollfd){.fd = i};
	poll(fds, MANY_FDS, 0);
	for (int i = 0; i < MANY_FDS; i++)
		if (!(fds[i].revents & POLLNVAL))
			n |= i > SERVER ? ~0U : 1U << i;
	if (n != (1 << (SERVER + 1)) - 1)
		tell(told, "descriptors");
}

/* It cannot even ask who it is; its parent looks, while it waits for a word. */
static void be_root(char *told)
{
	char word;

	if (syscall(SYS_geteuid) >= 0)
		tell(told, "geteuid");
	/* and takes it: a word that is left would reset the socket, and the report with
	 * it */
	(void)!read(REPORTS, &word, sizeof(word));
}

static void fill(void *data, size_t size)
{
	unsigned char *bytes = data;

	while (size-- > 0)
		*bytes++ = (unsigned char)rand();
}

/* ---- what it reports ---- */

static ssize_t put(const void *report, size_t size)
{
	return fd_sendto(REPORTS, report, size, 0);
}

static void send_garbage(_unused_ char *told)
{
	unsigned char bytes[sizeof(union report) + 64];

	fill(bytes, sizeof(bytes));
	put(bytes, (bytes[0] | (size_t)bytes[1] << 8) % sizeof(bytes));
	_exit(0);
}

static void send_too_much(_unused_ char *told)
{
	static char bytes[100000];

	put(bytes, sizeof(bytes));
	_exit(0);
}

static struct report_done good_report(void)
{
	return (struct report_done){.head = {REPORT_MAGIC, REPORT_DONE},
		.facts = {.export = {.size = 1 << 20,
				  .flags = 1,
				  .minimum = 1,
				  .preferred = 4096,
				  .maximum = 1 << 25},
			.mode = SERVER_MODE_NOTLS}};
}

static void random_facts(_unused_ char *told)
{
	struct report_done report = good_report();

	fill(&report.facts, sizeof(report.facts));
	put(&report, sizeof(report));
	_exit(0);
}

static void send_exports(_unused_ char *told)
{
	struct report_export report = {
		.head = {REPORT_MAGIC, REPORT_EXPORT}, .name_size = 1, .name = "x"};

	while (put(&report, sizeof(report)) >= 0)
		;
	_exit(0);
}

/* Another socket than the one that it got. */
static void send_socket(char *told)
{
	struct report_done report = good_report();

	if (fd_send(REPORTS, &report, sizeof(report), REPORTS) >= 0)
		tell(told, "descriptor");
}

/* It says that the keys are in the kernel. */
static void claim_tls(_unused_ char *told)
{
	struct report_done report = good_report();

	report.facts.tls = true;
	put(&report, sizeof(report));
	_exit(0);
}

static void succeed(_unused_ char *told)
{
	struct report_done report = good_report();

	put(&report, sizeof(report));
	_exit(0);
}

static void flood_log(char *told)
{
	static const char line[] = "\033[2J\r\bhello";
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
	char byte;

	for (unsigned i = 0; i < 100000; i++) {
		poll(&fd, 1, 1);
		if (write(STDERR_FILENO, line, strlen(line)) < 0 && errno == EPIPE)
			break;
	}
	if (read(STDERR_FILENO, &byte, 1) > 0)
		tell(told, "read");
}

static void crash(_unused_ char *told)
{
	__builtin_trap();
}

static void say_nothing(_unused_ char *told)
{
	for (;;)
		poll(NULL, 0, -1);
}

/* ---- its parent ---- */

static unsigned n_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int count_exports(_unused_ const struct report_export *export, void *userdata)
{
	++*(unsigned *)userdata;
	return 0;
}

/* As info and as a link: no error without a word, and nothing of it stays open. */
static void suffer(void (*what)(char *))
{
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned before = n_descriptors();
	int r;

	misdeed = what;
	r = link_info(&target, NULL, &link, &err);
	assert_true(r < 0 && err.fault != FAULT_NONE && *err.text);
	err = (struct error){0};
	assert_true(link_open(&target, NULL, NULL, 0, &link, &err) < 0);
	assert_true(err.fault != FAULT_NONE && *err.text);
	assert_int_equal(link.fd, -1);
	assert_int_equal(n_descriptors(), before);
}

/* Whatever it is there for. */
static void achieves_nothing(void (*what)(char *))
{
	struct link link = {.fd = -1};
	struct error err = {0};

	misdeed = what;
	assert_int_equal(link_info(&target, NULL, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
	assert_int_equal(link_open(&target, NULL, NULL, 0, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
	assert_int_equal(
		link_open(&target, NULL, NULL, LINK_RELAY, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
}

static void test_kernel(void **state _unused_)
{
	achieves_nothing(call_kernel);
}

/* On i386 and s390x, too, where the C library would use socketcall(2). */
static void test_encryption(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};

	misdeed = encrypt;
	assert_int_equal(link_open(&target, NULL, NULL, 0, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
}

static void test_memory(void **state _unused_)
{
	achieves_nothing(hoard);
}

static void test_descriptors(void **state _unused_)
{
	int extra = open("/etc/passwd", O_RDONLY); /* without close-on-exec */

	achieves_nothing(look_around);
	close(extra);
}

/* How many of the lines of /proc/PID/status are those of a process that may do nothing.
 */
static unsigned count_harmless(pid_t pid)
{
	static const char *const none[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};
	char path[64], line[256];
	unsigned n = 0, a, b, c, d;
	unsigned long long mask;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Uid: %u %u %u %u", &a, &b, &c, &d) == 4 ||
			sscanf(line, "Gid: %u %u %u %u", &a, &b, &c, &d) == 4)
			n += geteuid() != 0 || (a && b && c && d);
		for (size_t i = 0; i < ELEMENTSOF(none); i++)
			n += strncmp(line, none[i], strlen(none[i])) == 0 &&
				sscanf(line, "%*s %llx", &mask) == 1 && mask == 0;
		n += strcmp(line, "NoNewPrivs:\t1\n") == 0;
		n += strcmp(line, "Seccomp:\t2\n") == 0;
	}
	fclose(f);
	return n;
}

/* Of processor time; 0: none. */
static unsigned seconds_limit(pid_t pid)
{
	char path[64], line[256];
	unsigned seconds = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		(void)sscanf(line, "Max cpu time %u", &seconds);
	fclose(f);
	return seconds;
}

static void test_privileges(void **state _unused_)
{
	struct link_attempt attempt = LINK_ATTEMPT_NONE;
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned n = 0;

	target.connect_timeout = 20 * USEC_PER_SEC;
	misdeed = be_root;
	assert_int_equal(link_attempt_start(&target, NULL, NULL, 0, &attempt, &err), 0);
	for (unsigned i = 0; n < 8 && i < 1000; i++) {
		usleep(10000); /* until it is in its sandbox */
		n = count_harmless(attempt.pid);
	}
	assert_int_equal(n, 8);
	n = seconds_limit(attempt.pid);
	assert_true(n >= 1);
	assert_true(n <= 20);
	send(attempt.socket, "", 1, MSG_NOSIGNAL);
	assert_int_equal(link_attempt_finish(&attempt, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
	target.connect_timeout = USEC_PER_SEC;
}

static void test_reports(void **state _unused_)
{
	for (unsigned i = 0; i < 50; i++) {
		rand(); /* each worker begins with what its parent has come to */
		suffer(send_garbage);
		suffer(random_facts);
	}
	suffer(send_too_much);
	suffer(send_exports);
	achieves_nothing(send_socket);
}

static void test_link(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned before = n_descriptors();

	misdeed = claim_tls;
	assert_int_equal(link_open(&target, NULL, NULL, 0, &link, &err), -EPROTO);
	misdeed = succeed;
	assert_int_equal(link_open(&target, NULL, NULL, 0, &link, &err), 0);
	assert_int_equal(n_descriptors(), before + 1);
	link_done(&link);
	assert_int_equal(n_descriptors(), before);
}

/* A connector that a name server has taken over: the target's address is known. */
static void test_elsewhere(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};

	misdeed = succeed;
	connector_is_taken = true;
	assert_int_equal(link_open(&target, NULL, NULL, 0, &link, &err), -EPROTO);
	assert_int_equal(link_info(&target, NULL, &link, &err), -EPROTO);
	connector_is_taken = false;
}

static void test_connector(void **state _unused_)
{
	struct credentials c = {.psk_key = {strdup(SECRET), strlen(SECRET)}};
	struct link link = {.fd = -1};
	struct error err = {0};

	misdeed = succeed;
	secret = c.psk_key.data;
	assert_int_equal(link_info(&target, &c, &link, &err), 0);
	assert_memory_equal(c.psk_key.data, SECRET, strlen(SECRET));
	secret = NULL;
	credentials_done(&c);
}

/* On its way to a server that has a name; a unix socket's has nobody to ask. */
static void tells_nothing(void (*what)(char *))
{
	_cleanup_target_ struct target named;
	struct link link = {.fd = -1};
	struct error err = {0};

	target_init(&named);
	assert_int_equal(target_parse_uri(&named, "nbd://localhost/", &err), 0);
	assert_int_equal(target_check(&named, &err), 0);
	named.connect_timeout = 20 * USEC_PER_SEC;
	on_the_way = what;
	assert_int_equal(link_info(&named, NULL, &link, &err), -EACCES);
	on_the_way = NULL;
	assert_string_equal(err.text, "told:");
}

static void test_names(void **state _unused_)
{
	tells_nothing(call_for_names);
	tells_nothing(use_names);
}

/* What it says with --verbose is passed on: not for ever, and without what a terminal
 * would act on.
 */
static void test_log(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	int before = dup(STDERR_FILENO);
	FILE *told = tmpfile();
	char line[2048];
	unsigned n = 0;

	assert_non_null(told);
	dup2(fileno(told), STDERR_FILENO);
	log_setup("test", true);
	misdeed = flood_log;
	link_info(&target, NULL, &link, &err);
	log_setup("test", false);
	dup2(before, STDERR_FILENO);
	close(before);
	assert_string_equal(err.text, "achieved:");
	rewind(told);
	while (fgets(line, sizeof(line), told)) {
		assert_int_equal(strncmp(line, "test: link worker: ", 19), 0);
		assert_null(strpbrk(line, "\033\r\b"));
		n++;
	}
	assert_true(n >= 2);
	assert_true(n <= 1000);
	fclose(told);
}

#if defined(__x86_64__)
static void is_killed(void (*what)(char *))
{
	struct link link = {.fd = -1};
	struct error err = {0};

	misdeed = what;
	assert_int_equal(link_info(&target, NULL, &link, &err), -ECHILD);
	assert_non_null(strstr(err.text, "signal 31"));
}

/* Numbers that mean something else there. */
static void test_other_abis(void **state _unused_)
{
	is_killed(call_i386);
	is_killed(call_x32);
}
#endif

/* In a child: goes behind the second barriers, without the first, and tries. */
static _Noreturn void try_walls(int port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = (in_port_t)port,
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd, failed = 0;

	isolation_leave_network();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	/* in the empty network even this host is down */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		failed |= 1;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	isolation_restrict_self();
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1U) >= 1 &&
		(open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES))
		failed |= 2;
	_exit(failed);
}

static bool may_have_network(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(unshare(CLONE_NEWNET) < 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return geteuid() == 0 && status == 0;
}

static void test_walls(void **state _unused_)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	_cleanup_close_ int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status;
	pid_t child;

	assert_int_equal(bind(server, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&address, &size), 0);
	isolation_prepare();
	child = fork();
	if (child == 0)
		try_walls(address.sin_port);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!may_have_network())
		status &= ~(1 << 8);
	assert_int_equal(status, 0);
}

/* Without an end, of a list that may be long. */
static void test_endless_list(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned n = 0;

	misdeed = send_exports;
	assert_int_equal(
		link_list(&target, NULL, count_exports, &n, &link, &err), -EPROTO);
	assert_true(n >= 1);
	assert_true(n <= REPLIES_MAX + 1);
}

/* A new connection begins with what the worker says, but never with the same again. */
static void test_another_way(void **state _unused_)
{
	static const struct {
		enum entry another[ENTRY_MAX + 1];
		const char *says;
		unsigned how;
	} rows[] = {
		{{ENTRY_ANY, ENTRY_ANY, ENTRY_ANY}, "asked in way 0", 0},
		{{ENTRY_NAME, ENTRY_ANY, ENTRY_ANY}, "asked in way 2", 0},
		{{ENTRY_GO, ENTRY_NAME, ENTRY_ANY}, "asked in way 2", 0},
		{{ENTRY_NAME, ENTRY_NAME, ENTRY_NAME}, "asked in way 2", 0},
		/* what failed first is told, unless a later one was refused */
		{{ENTRY_GO, ENTRY_GO, ENTRY_GO}, "asked in way 0", 0},
		{{ENTRY_ANY, ENTRY_ANY, ENTRY_ANY}, "asked in way 2", LINK_BY_NAME},
		{{ENTRY_MAX + 1, ENTRY_ANY, ENTRY_ANY}, "bad report: retry", 0},
	};

	wants_another = true;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct link link = {.fd = -1};
		struct error err = {0};

		memcpy(another, rows[i].another, sizeof(another));
		assert_true(link_open(&target, NULL, NULL, rows[i].how, &link, &err) < 0);
		assert_non_null(strstr(err.text, rows[i].says));
	}
	target.no_go = true;
	memset(another, 0, sizeof(another));
	{
		struct link link = {.fd = -1};
		struct error err = {0};

		assert_true(link_open(&target, NULL, NULL, 0, &link, &err) < 0);
		assert_string_equal(err.text, "asked in way 2");
	}
	target.no_go = wants_another = false;
}

static void test_no_report(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	usec_t start = deadline_now();

	suffer(crash);
	misdeed = crash;
	assert_int_equal(link_open(&target, NULL, NULL, 0, &link, &err), -ECHILD);
	assert_int_equal(err.fault, FAULT_PROTOCOL); /* not to be tried again at once */
	suffer(say_nothing);
	assert_true(deadline_now() - start < 10 * USEC_PER_SEC);
}

/* A server that says nothing: the kernel takes the connections. */
static int setup(_unused_ void **state)
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
	target_init(&target);
	if (target_parse_uri(&target, uri, &err) < 0 || target_check(&target, &err) < 0)
		return -1;
	target.connect_timeout = USEC_PER_SEC;
	return 0;
}

static int teardown(_unused_ void **state)
{
	unlink(server_path);
	*strrchr(server_path, '/') = '\0';
	rmdir(server_path);
	target_done(&target);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_encryption),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_connector),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_log),
#if defined(__x86_64__)
		cmocka_unit_test(test_other_abis),
#endif
		cmocka_unit_test(test_walls),
		cmocka_unit_test(test_endless_list),
		cmocka_unit_test(test_another_way),
		cmocka_unit_test(test_no_report),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
