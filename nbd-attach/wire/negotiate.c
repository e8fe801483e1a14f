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

/* In plaintext because the server refused TLS, which was preferred. */
static int blame_starttls(int r, struct error *err)
{
	const struct error why = *err;

	return error_set(err, why.fault, r,
		"%s (a server as old as nbd-server 3.13 needs --tls off)", why.text);
}

/*
 * The server hung up, fell silent or sent nonsense instead of a reply: it may not have
 * survived the option, so a new connection should do without it. Not so if TLS was asked
 * for: whoever can cut connections could make us use EXPORT_NAME.
 */
static int note_retry(struct negotiation *n, int r, enum entry next, struct error *err)
{
	bool lost = r == -ECONNRESET || r == -ECONNABORTED || r == -ETIMEDOUT ||
		(r == -EPROTO && n->astray);

	if (!lost || n->replied || !n->fixed_newstyle || next <= n->entry)
		return r;
	if (n->target->tls == TLS_MODE_PREFER && !n->stream.tls)
		return blame_starttls(r, err);
	if (n->target->tls == TLS_MODE_OFF || next != ENTRY_NAME)
		n->retry = next;
	return r;
}

/* EXPORT_NAME where the server has no GO, or is not to be asked for it. */
static int enter(
	struct negotiation *n, bool has_go, struct nbd_export *export, struct error *err)
{
	bool by_name = !has_go || !n->fixed_newstyle || n->entry == ENTRY_NAME;
	int r = by_name ? -ENOTSUP : opt_info_go(n, NBD_OPT_GO, export, err);

	if (r == -ENOTSUP) {
		by_name = true;
		err->fault = FAULT_NONE;
		r = opt_export_name(n, export, err);
	}
	/* Upon EXPORT_NAME, only a server that sends an option reply waits for options.
	 */
	if (r < 0 && (!by_name || r == -ENOENT))
		leave(n, r, err);
	return r < 0 ? note_retry(n, r, ENTRY_NAME, err) : 0;
}

int negotiate_go(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err)
{
	struct server_facts facts = {0};
	int r = begin(n, credentials, &facts, err);

	if (r == 0)
		r = enter(n, true, &facts.export, err);
	if (r < 0)
		return r;
	*ret = facts;
	return 0;
}

/*
 * Some servers describe an export only to a client that enters it, and some look for its
 * size only then (nbd-server 3.24) and say 0 before.
 */
static int info_by_entering(
	struct negotiation *n, bool has_go, struct nbd_export *export, struct error *err)
{
	int r = enter(n, has_go, export, err);

	if (r == 0)
		cmd_disc(&n->stream);
	return r;
}

static int ask(struct negotiation *n, struct nbd_export *export, struct error *err)
{
	int r;

	if (!n->fixed_newstyle || n->entry != ENTRY_ANY)
		return -ENOTSUP;
	r = opt_info_go(n, NBD_OPT_INFO, export, err);
	return note_retry(n, r, r == -ETIMEDOUT ? ENTRY_NAME : ENTRY_GO, err);
}

int negotiate_info(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err)
{
	struct server_facts facts = {0};
	bool to_leave = false; /* with TLS that has verified nobody */
	int r = begin(n, credentials, &facts, err);

	if (r < 0)
		return r;
	if (!n->fixed_newstyle)
		facts.mode = SERVER_MODE_NOTLS;
	r = ask(n, &facts.export, err);
	if (r == -ENOTSUP) {
		r = info_by_entering(n, n->entry == ENTRY_GO, &facts.export, err);
	} else {
		if (facts.mode == SERVER_MODE_UNKNOWN) {
			facts.mode = server_mode_find(n, &r, err);
			to_leave = facts.mode != SERVER_MODE_NOTLS;
		}
		if (r == 0 && facts.export.size == 0 && !to_leave)
			r = info_by_entering(n, true, &facts.export, err);
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
			"the server cannot list its exports (no fixed newstyle negotiation): name one in "
			"the URI");
	r = opt_list(n, fn, userdata, err);
	if (facts.mode == SERVER_MODE_UNKNOWN)
		facts.mode = server_mode_find(n, &r, err);
	leave(n, r, err);
	if (r < 0)
		return r;
	*ret = facts;
	return 0;
}
