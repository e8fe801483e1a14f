/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <string.h>

#include "common/parse.h"
#include "common/scope.h"
#include "rules.h"
#include "target-rules.h"

#define HOUR (3600 * USEC_PER_SEC)

static void check_server(const struct target *t)
{
	uint64_t port;

	switch (t->transport) {
	case TRANSPORT_TCP:
		assert(t->host && t->host[0]);
		assert(is_utf8(t->host, strlen(t->host)));
		assert(parse_u64(t->port, 1, UINT16_MAX, &port) == 0);
		break;
	case TRANSPORT_UNIX: assert(t->socket && t->socket_size > 0); break;
	case TRANSPORT_VSOCK: assert(t->vsock_cid != UINT32_MAX); break;
	}
}

static void check_device(const struct target *t)
{
	assert(!t->name || target_name_is_valid(t->name));
	assert(t->device >= -1 && t->device < 1 << 15);
	assert(t->connections <= NBD_LINKS_MAX);
	assert(t->block_size == 0 || (t->block_size >= 512 && t->block_size <= 65536));
	assert((t->block_size & (t->block_size - 1)) == 0);
	assert(t->connect_timeout > 0 && t->connect_timeout <= HOUR);
	assert(t->io_timeout >= USEC_PER_SEC && t->io_timeout <= HOUR);
}

void must_be_in_bounds(const struct target *t)
{
	assert(t->export_name);
	assert(strlen(t->export_name) <= NBD_STRING_MAX);
	assert(is_utf8(t->export_name, strlen(t->export_name)));
	check_server(t);
	check_device(t);
}

static void check_shown(const struct target *t)
{
	_cleanup_free_ char *server = target_server(t);
	char name[NBD_NAME_MAX + 1];

	assert(server && server[0]);
	must_be_clean(server);
	target_derive_name(t, name);
	assert(target_name_is_valid(name));
}

void must_come_again(const struct target *t)
{
	_cleanup_target_ struct target again;
	struct error err = {0};

	check_shown(t);
	target_init(&again);
	assert(target_replay(&again, t->uri, t->directory,
		       (const char *const *)t->settings, t->n_settings, &err) == 0);
	assert(target_is_same_export(t, &again));
	assert(again.n_settings == t->n_settings);
	for (size_t i = 0; i < t->n_settings; i++)
		assert(strcmp(t->settings[i], again.settings[i]) == 0);
}

void must_be_checked(struct target *t)
{
	struct error err = {0};
	int r = target_check(t, &err);

	if (r < 0)
		must_be_told(r, &err);
	else
		must_come_again(t);
}
