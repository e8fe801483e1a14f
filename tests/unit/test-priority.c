/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is offered to a server: with pre-shared keys, and with policies and priority
 * strings that leave little. GnuTLS reads the system's policy once, so each row has its
 * own process.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "psk-server.h"
#include "wire/credentials.h"
#include "wire/tls-internal.h"

#define PATIENCE 60

#define SERVER "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK:+ANON-ECDH:+ANON-DH"
#define BOTH   "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL"
#define KEYS   ":-KX-ALL:+ECDHE-PSK:+DHE-PSK"

static const char no_sha256[] = "[overrides]\n"
				"tls-disabled-cipher = chacha20-poly1305\n"
				"tls-disabled-cipher = aes-128-gcm\n"
				"tls-disabled-cipher = aes-128-ccm\n";
static const char not_in_kernel[] = "[overrides]\n"
				    "tls-disabled-cipher = chacha20-poly1305\n"
				    "tls-disabled-cipher = aes-128-gcm\n"
				    "tls-disabled-cipher = aes-128-ccm\n"
				    "tls-disabled-cipher = aes-256-gcm\n";
static const char no_aead[] = "[priorities]\n"
			      "NBD-ATTACH = NORMAL:-CIPHER-ALL:+AES-256-CBC\n";
static const char no_keys[] = "[overrides]\n"
			      "tls-disabled-kx = ecdhe-psk\n"
			      "tls-disabled-kx = dhe-psk\n";
static const char no_group[] = "[priorities]\n"
			       "NBD-ATTACH = NORMAL:-GROUP-ALL\n";
static const char strict_version[] = "[overrides]\n"
				     "tls-disabled-cipher = chacha20-poly1305\n"
				     "tls-disabled-cipher = aes-128-gcm\n"
				     "tls-disabled-cipher = aes-128-ccm\n"
				     "disabled-version = tls1.2\n";

/* As Fedora's: what is not listed is forbidden. */
static const char allowlist[] = "[global]\n"
				"override-mode = allowlist\n"
				"[overrides]\n"
				"secure-hash = sha256\n"
				"secure-hash = sha384\n"
				"secure-sig = rsa-sha256\n"
				"tls-enabled-mac = aead\n"
				"tls-enabled-group = group-ffdhe2048\n"
				"tls-enabled-cipher = aes-256-gcm\n"
				"tls-enabled-kx = dhe-psk\n"
				"enabled-version = tls1.2\n"
				"[priorities]\n"
				"SYSTEM=NONE\n";
static const char nothing[] = "[priorities]\n"
			      "SYSTEM = NONE\n";
static const char ours_first[] = "[priorities]\n"
				 "SYSTEM = NORMAL:-CIPHER-ALL:+AES-128-CCM\n"
				 "NBD-ATTACH = NORMAL:-CIPHER-ALL:+AES-256-GCM\n";
static const char of_all[] = "[priorities]\n"
			     "SYSTEM = NORMAL:-CIPHER-ALL:+AES-256-GCM\n";
static const char other_default[] =
	"[overrides]\n"
	"default-priority-string = NORMAL:-CIPHER-ALL:+AES-256-GCM\n";
static const char invalid_default[] = "[overrides]\n"
				      "default-priority-string = NORMAL:+NONSENSE\n";
static const char not_a_policy[] = "nonsense";

static const struct row {
	const char *name;
	enum tls_auth auth;
	const char *policy;   /* the system's; NULL: none */
	const char *priority; /* the user's; NULL: none */
	const char *server;   /* the server's priority string; NULL: anything */
	const char *agrees;   /* version and cipher; NULL: … */
	const char *says;     /* … refused before anything is sent */
} rows[] = {
	{"key", TLS_AUTH_PSK, NULL, NULL, NULL, "TLS1.3 CHACHA20-POLY1305", NULL},
	{"key, server that prefers AES-256-GCM", TLS_AUTH_PSK, NULL, NULL,
		SERVER ":%SERVER_PRECEDENCE", "TLS1.3 CHACHA20-POLY1305", NULL},
	{"key, AES-256-GCM only", TLS_AUTH_PSK, no_sha256, NULL, NULL,
		"TLS1.2 AES-256-GCM", NULL},
	{"key, AES-256-GCM only, by string", TLS_AUTH_PSK, NULL,
		BOTH ":+AES-256-GCM" KEYS, NULL, "TLS1.2 AES-256-GCM", NULL},
	{"key, AES-256-GCM and TLS 1.3 only", TLS_AUTH_PSK, NULL,
		BOTH ":+AES-256-GCM:-VERS-TLS1.2" KEYS, NULL, NULL,
		"no cipher for a pre-shared key"},
	{"key, AES-256-GCM only, TLS 1.2 without DHE-PSK", TLS_AUTH_PSK, NULL,
		BOTH ":+AES-256-GCM:-KX-ALL:+ECDHE-PSK", NULL, NULL,
		"no cipher for a pre-shared key"},
	{"key, the policy's AES-256-GCM and TLS 1.3 only", TLS_AUTH_PSK, strict_version,
		NULL, NULL, NULL, "crypto policy"},
	{"key, TLS 1.3 only", TLS_AUTH_PSK, NULL, BOTH ":+AES-128-GCM:-VERS-TLS1.2" KEYS,
		NULL, "TLS1.3 AES-128-GCM", NULL},
	{"key, AES-128-CCM only", TLS_AUTH_PSK, NULL, BOTH ":+AES-128-CCM" KEYS,
		SERVER ":+AES-128-CCM", "TLS1.3 AES-128-CCM", NULL},
	{"key, no key exchange in the string", TLS_AUTH_PSK, NULL, "NORMAL", NULL, NULL,
		"+ECDHE-PSK:+DHE-PSK"},
	{"key, no key exchange in the policy", TLS_AUTH_PSK, no_keys, NULL, NULL, NULL,
		"the system's crypto policy (GnuTLS) leaves no key exchange with a pre-shared "
		"key (+ECDHE-PSK:+DHE-PSK): see --tls-priority"},
	{"key, no group", TLS_AUTH_PSK, no_group, NULL, NULL, "TLS1.2 CHACHA20-POLY1305",
		NULL},
	{"key, no group, TLS 1.3 only", TLS_AUTH_PSK, NULL,
		BOTH ":+AES-128-GCM:-VERS-TLS1.2:-GROUP-ALL" KEYS, NULL, NULL,
		"no group"},
	{"key, no cipher that the kernel supports", TLS_AUTH_PSK, not_in_kernel, NULL,
		NULL, "TLS1.2 AES-256-CCM", NULL},
	{"key, allowlist", TLS_AUTH_PSK, allowlist, NULL, NULL, "TLS1.2 AES-256-GCM",
		NULL},
	{"certificate, allowlist without", TLS_AUTH_X509, allowlist, NULL, NULL, NULL,
		"policy (GnuTLS) leaves no"},
	{"nobody, our keyword", TLS_AUTH_ANON, ours_first, NULL, NULL,
		"TLS1.2 AES-256-GCM", NULL},
	{"nobody, the system's keyword", TLS_AUTH_ANON, of_all, NULL, NULL,
		"TLS1.2 AES-256-GCM", NULL},
	{"nobody, the system's default", TLS_AUTH_ANON, other_default, NULL, NULL,
		"TLS1.2 AES-256-GCM", NULL},
	{"key, the system's default", TLS_AUTH_PSK, other_default, NULL, NULL,
		"TLS1.2 AES-256-GCM", NULL},
	{"nobody, an invalid default", TLS_AUTH_ANON, invalid_default, NULL, NULL, NULL,
		"the system's crypto policy (GnuTLS) in /tmp/test-priority-"},
	{"certificate, a policy that allows nothing", TLS_AUTH_X509, nothing, NULL, NULL,
		NULL, "policy (GnuTLS) leaves no cipher suite"},
	{"nobody, not a policy", TLS_AUTH_ANON, not_a_policy, NULL, NULL,
		"TLS1.2 AES-128-GCM", NULL},
	{"key, no authenticated cipher", TLS_AUTH_PSK, no_aead, NULL, NULL, NULL,
		"no cipher suite"},
	{"nobody", TLS_AUTH_ANON, NULL, NULL, NULL, "TLS1.2 AES-128-GCM", NULL},
	{"nobody, with TLS 1.3", TLS_AUTH_ANON, NULL,
		BOTH ":+AES-128-GCM:-KX-ALL:+ANON-ECDH:+ANON-DH", NULL,
		"TLS1.2 AES-128-GCM", NULL},
	{"nobody, no key exchange", TLS_AUTH_ANON, NULL, "NORMAL", NULL, NULL,
		"+ANON-ECDH"},
	{"certificate, no key exchange in TLS 1.2", TLS_AUTH_X509, NULL,
		BOTH ":+AES-128-GCM:-VERS-TLS1.3:-KX-ALL:+ECDHE-PSK", NULL, NULL,
		"no key exchange with certificates"},
	{"certificate, no version", TLS_AUTH_X509, NULL, "NORMAL:-VERS-ALL:+VERS-TLS1.1",
		NULL, NULL,
		"the priority string \"NORMAL:-VERS-ALL:+VERS-TLS1.1\" leaves neither TLS 1.3 "
		"nor TLS 1.2"},
	{"certificate, no cipher", TLS_AUTH_X509, NULL, BOTH, NULL, NULL,
		"no cipher suite"},
	{"not a priority string", TLS_AUTH_X509, NULL, "NORMAL:+NONSENSE", NULL, NULL,
		"GnuTLS rejects the priority string \"NORMAL:+NONSENSE\", from \"+NONSENSE\" on"},
};

/* With keys, or for anonymous clients. */
static gnutls_session_t new_server(const struct row *row, int fd)
{
	gnutls_psk_server_credentials_t psk;
	gnutls_anon_server_credentials_t anon;
	gnutls_session_t session;

	assert_int_equal(gnutls_psk_allocate_server_credentials(&psk), 0);
	gnutls_psk_set_server_credentials_function(psk, psk_find_key);
	gnutls_psk_set_server_known_dh_params(psk, GNUTLS_SEC_PARAM_MEDIUM);
	assert_int_equal(gnutls_anon_allocate_server_credentials(&anon), 0);
	assert_int_equal(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL), 0);
	assert_int_equal(gnutls_priority_set_direct(
				 session, row->server ? row->server : SERVER, NULL),
		0);
	assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_PSK, psk), 0);
	assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_ANON, anon), 0);
	gnutls_transport_set_int(session, fd);
	return session;
}

/* GnuTLS's FIPS mode has no ChaCha20: it is the cipher after it. */
static bool is_agreed(const char *agreed, const char *wanted)
{
	const char *cipher = strstr(wanted, "CHACHA20-POLY1305");

	if (!cipher || !gnutls_fips140_mode_enabled())
		return strcmp(agreed, wanted) == 0;
	return strncmp(agreed, wanted, (size_t)(cipher - wanted)) == 0 &&
		strcmp(agreed + (cipher - wanted), "AES-128-GCM") == 0;
}

static int shake_hands(const struct target *t, const struct tls_credentials *credentials,
	const struct row *row, struct error *err)
{
	char agreed[64] = "";
	struct stream stream;
	gnutls_session_t server;
	pthread_t thread;
	int pair[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	server = new_server(row, pair[1]);
	assert_int_equal(pthread_create(&thread, NULL, psk_handshake, server), 0);
	stream_init(&stream, pair[0], deadline_after(PATIENCE * USEC_PER_SEC));
	r = tls_handshake(&stream, t, credentials, err);
	if (r == 0)
		snprintf(agreed, sizeof(agreed), "%s %s", tls_version_name(&stream),
			tls_cipher_name(&stream));
	tls_close(&stream);
	close(pair[0]);
	pthread_join(thread, NULL);
	if (r == 0 && is_agreed(agreed, row->agrees))
		return 0;
	print_error("agreed on \"%s\"\n", agreed);
	return -EPROTO;
}

static int play(const struct row *row, struct error *err)
{
	const struct target t = {.tls = TLS_MODE_REQUIRE,
		.tls_auth = row->auth,
		.tls_priority = (char *)row->priority,
		.tls_username = psk_user,
		.tls_psk_file = psk_file};
	const struct credentials c = {
		.psk_username = psk_user, .psk_key = {psk_hex, strlen(psk_hex)}};
	struct tls_credentials *credentials = NULL;
	int r = tls_credentials_new(&t, &c, &credentials, err);

	if (row->says)
		return r < 0 && err->fault == FAULT_USAGE && strstr(err->text, row->says)
			? 0
			: -EPROTO;
	return r < 0 ? r : shake_hands(&t, credentials, row, err);
}

/* In the process of a row. */
static int run_row(const struct row *row)
{
	struct error err = {0};
	int r = play(row, &err);

	if (r < 0)
		print_error("%s: %d, fault %d, \"%s\"\n", row->name, r, (int)err.fault,
			err.text);
	return r < 0;
}

static bool holds(size_t i)
{
	char policy[] = "/tmp/test-priority-XXXXXX", number[16];
	int fd = mkstemp(policy), status = 0;
	const char *text = rows[i].policy ? rows[i].policy : "";
	pid_t child;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(number, sizeof(number), "%zu", i);
	child = fork();
	if (child == 0) {
		setenv("GNUTLS_SYSTEM_PRIORITY_FILE", policy, 1);
		execl("/proc/self/exe", "test-priority", number, (char *)NULL);
		_exit(2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	unlink(policy);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_rows(_unused_ void **state)
{
	size_t failed = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		failed += !holds(i);
	assert_int_equal(failed, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	if (argc > 1)
		_exit(run_row(&rows[atoi(argv[1])]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
