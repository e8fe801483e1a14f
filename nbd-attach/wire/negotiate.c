/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "wire/cmd-disc.h"
#include "wire/greeting.h"
#include "wire/negotiate.h"
#include "wire/opt-abort.h"
#include "wire/opt-export-name.h"
#include "wire/opt-info-go.h"
#include "wire/opt-starttls.h"
#include "wire/server-mode.h"

struct negotiation *negotiation_new(
	const struct target *t, int fd, usec_t deadline, struct error *err)
{
	struct negotiation *n = calloc(1, sizeof(*n));

	if (!n) {
		error_memory(err);
		return NULL;
	}
	n->target = t;
	stream_init(&n->stream, fd, deadline);
	return n;
}

void negotiation_free(struct negotiation *n)
{
	if (!n)
		return;
	tls_close(&n->stream);
	free(n);
}

static void note_tls(const struct negotiation *n, struct server_facts *facts)
{
	facts->tls = true;
	/* a server that has the pre-shared key is verified in any case */
	facts->tls_verified =
		n->target->tls_verify_peer || n->target->tls_auth == TLS_AUTH_PSK;
	snprintf(facts->tls_version, sizeof(facts->tls_version), "%s",
		tls_version_name(&n->stream));
	snprintf(facts->tls_cipher, sizeof(facts->tls_cipher), "%s",
		tls_cipher_name(&n->stream));
}

/* ABORT is for an orderly end: sent after a refusal, not after a breach of the protocol.
 */
static int leave(struct negotiation *n, int r, const struct error *err)
{
	if (r == 0 || err->fault == FAULT_REFUSED || err->fault == FAULT_USAGE)
		opt_abort(n);
	return r;
}

/*
 * STARTTLS comes before any other option (see STARTTLS and downgrade attacks in the
 * protocol's TLS section).
 */
static int settle_tls(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *facts, struct error *err)
{
	int r;

	if (n->target->tls == TLS_MODE_OFF)
		return 0;
	r = n->fixed_newstyle ? opt_starttls(n, err) : 0;
	if (r < 0)
		return leave(n, r, err);
	if (r == 0) {
		facts->mode = SERVER_MODE_NOTLS;
		if (n->target->tls == TLS_MODE_REQUIRE) {
			opt_abort(n);
			return -EPROTONOSUPPORT;
		}
		err->fault = FAULT_NONE;
		return 0;
	}
	r = tls_handshake(&n->stream, n->target, credentials, err);
	if (r < 0)
		return r;
	facts->mode = SERVER_MODE_TLS;
	note_tls(n, facts);
	return 0;
}

static int begin(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *facts, struct error *err)
{
	int r = greeting_exchange(n, err);

	return r < 0 ? r : settle_tls(n, credentials, facts, err);
}

int negotiate_go(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err)
{
	struct server_facts facts = {0};
	int r = begin(n, credentials, &facts, err);

	if (r < 0)
		return r;
	r = n->fixed_newstyle ? opt_info_go(n, NBD_OPT_GO, &facts.export, err) : -ENOTSUP;
	if (r == -ENOTSUP) {
		err->fault = FAULT_NONE;
		r = opt_export_name(n, &facts.export, err);
	} else if (r < 0) {
		leave(n, r, err);
	}
	if (r < 0)
		return r;
	*ret = facts;
	return 0;
}

/* A server without INFO describes an export only when a client opens it. */
static int info_by_entering(
	struct negotiation *n, struct nbd_export *export, struct error *err)
{
	int r;

	err->fault = FAULT_NONE;
	r = opt_export_name(n, export, err);
	if (r == 0)
		cmd_disc(&n->stream);
	return r;
}

/* Some servers (nbd-server 3.24) find out the size only then, and report 0 before. */
static int size_by_entering(
	struct negotiation *n, struct nbd_export *export, struct error *err)
{
	int r = opt_info_go(n, NBD_OPT_GO, export, err);

	if (r < 0)
		return leave(n, r, err);
	cmd_disc(&n->stream);
	return 0;
}

int negotiate_info(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err)
{
	struct server_facts facts = {0};
	bool to_leave = false; /* with TLS that has verified nobody */
	int r = begin(n, credentials, &facts, err);

	if (r < 0)
		return r;
	if (!n->fixed_newstyle) {
		facts.mode = SERVER_MODE_NOTLS;
		r = -ENOTSUP;
	} else {
		r = opt_info_go(n, NBD_OPT_INFO, &facts.export, err);
	}
	if (r == -ENOTSUP) {
		r = info_by_entering(n, &facts.export, err);
	} else {
		if (facts.mode == SERVER_MODE_UNKNOWN) {
			facts.mode = server_mode_find(n, &r, err);
			to_leave = facts.mode != SERVER_MODE_NOTLS;
		}
		if (r == 0 && facts.export.size == 0 && !to_leave)
			r = size_by_entering(n, &facts.export, err);
		else
			leave(n, r, err);
	}
	if (r < 0)
		return r;
	*ret = facts;
	return 0;
}

int negotiate_list(struct negotiation *n, const struct tls_credentials *credentials,
	opt_list_fn fn, void *userdata, struct server_facts *ret, struct error *err)
{
	struct server_facts facts = {0};
	int r = begin(n, credentials, &facts, err);

	if (r < 0)
		return r;
	if (!n->fixed_newstyle)
		return error_set(err, FAULT_REFUSED, -ENOTSUP,
			"the server cannot list its exports (no fixed newstyle negotiation)");
	r = opt_list(n, fn, userdata, err);
	if (facts.mode == SERVER_MODE_UNKNOWN)
		facts.mode = server_mode_find(n, &r, err);
	leave(n, r, err);
	if (r < 0)
		return r;
	*ret = facts;
	return 0;
}
