/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "wire/tls-internal.h"

static bool is_address(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, address) == 1 ||
		inet_pton(AF_INET6, name, address) == 1;
}

/* Of "[fe80::1%eth0]" the address: certificates have neither brackets nor zones. */
static void make_bare(char *name)
{
	char bare[NBD_HOST_MAX + 1];
	const char *start = name + (name[0] == '[');
	size_t size = strcspn(start, "%]");

	memcpy(bare, start, size);
	bare[size] = 0;
	if (strchr(bare, ':') && is_address(bare))
		strcpy(name, bare);
}

void tls_set_name(struct tls_session *tls, const struct target *t)
{
	const char *name = target_tls_name(t);
	size_t size = 0;

	for (; name && name[size] && size < NBD_HOST_MAX; size++)
		tls->name[size] = (char)tolower((unsigned char)name[size]);
	/* "nas." is absolute for the resolver only (RFC 6066, 3) */
	if (size > 0 && tls->name[size - 1] == '.')
		size--;
	tls->name[size] = 0;
	make_bare(tls->name);
}

int tls_send_name(const struct tls_session *tls)
{
	if (!tls->name[0] || is_address(tls->name))
		return GNUTLS_E_SUCCESS;
	return gnutls_server_name_set(
		tls->gnutls, GNUTLS_NAME_DNS, tls->name, strlen(tls->name));
}
