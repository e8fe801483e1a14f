/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A URI as the command line brings it. What is taken can be written down and read again.
 */
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "common/scope.h"
#include "rules.h"
#include "target-rules.h"

static void put_encoded(FILE *out, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (isalnum(c))
			fputc(c, out);
		else
			fprintf(out, "%%%02X", c);
	}
}

static void put_tcp(FILE *out, const struct target *t)
{
	const char *zone = t->host_bare ? t->host + strlen(t->host_bare) + 1 : NULL;

	if (!strchr(t->host, ':')) {
		put_encoded(out, t->host, strlen(t->host));
	} else {
		fprintf(out, "[%s", t->host_bare ? t->host_bare : t->host);
		if (zone) {
			fprintf(out, "%%25");
			put_encoded(out, zone, strlen(zone));
		}
		fprintf(out, "]");
	}
	fprintf(out, ":%s", t->port);
}

static void put_uri(FILE *out, const struct target *t)
{
	static const char *const transports[] = {
		[TRANSPORT_TCP] = "",
		[TRANSPORT_UNIX] = "+unix",
		[TRANSPORT_VSOCK] = "+vsock",
	};

	fprintf(out, "nbd%s%s://", t->tls == TLS_MODE_REQUIRE ? "s" : "",
		transports[t->transport]);
	if (t->transport == TRANSPORT_TCP)
		put_tcp(out, t);
	else if (t->transport == TRANSPORT_VSOCK)
		fprintf(out, "%" PRIu32 ":%" PRIu32, t->vsock_cid, t->vsock_port);
	fprintf(out, "/");
	put_encoded(out, t->export_name, strlen(t->export_name));
	if (t->transport == TRANSPORT_UNIX) {
		fprintf(out, "?socket=");
		put_encoded(out, t->socket, t->socket_size);
	}
}

/* The longest that is taken; all encoded it may be three times as long. */
#define URI_SIZE_MAX 8192

static void must_be_read_again(const struct target *t)
{
	_cleanup_target_ struct target again;
	_cleanup_free_ char *uri = NULL;
	struct error err = {0};
	size_t size;
	FILE *out = open_memstream(&uri, &size);

	target_init(&again);
	assert(out);
	put_uri(out, t);
	fclose(out);
	if (size > URI_SIZE_MAX)
		return;
	assert(target_parse_uri(&again, uri, &err) == 0);
	assert(target_is_same_export(t, &again));
}

/* The one place for a NUL byte is before the name of an abstract socket. */
static void check_nul(const char *uri, const struct target *t)
{
	static const char nul[] = "%00";
	const char *rest = strpbrk(strstr(uri, "://") + 3, "/?");
	const char *found = rest ? strstr(rest, nul) : NULL;

	if (found)
		assert(t->socket && t->socket[0] == 0 && !strstr(found + 1, nul));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *uri = fuzz_text(data, size);
	_cleanup_target_ struct target t;
	struct error err = {0};
	int r;

	target_init(&t);
	r = target_parse_uri(&t, uri, &err);
	if (r < 0) {
		must_be_told(r, &err);
		return 0;
	}
	assert(strcmp(t.uri, uri) == 0);
	must_be_in_bounds(&t);
	assert(t.socket_size <= sizeof(((struct sockaddr_un *)NULL)->sun_path));
	must_be_read_again(&t);
	check_nul(uri, &t);
	must_be_checked(&t);
	return 0;
}
