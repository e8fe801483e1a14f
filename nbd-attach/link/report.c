/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/text.h"
#include "link/report.h"

static int distrust(const char *what, struct error *err)
{
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"the link worker gave a bad report: %s", what);
}

/* Terminated, UTF-8, and free of what a terminal would interpret. */
static bool is_clean(const char *text, size_t size)
{
	char flat[ERROR_TEXT_SIZE];

	if (size > sizeof(flat) || strnlen(text, size) == size)
		return false;
	strcpy(flat, text);
	text_flatten(flat);
	return strcmp(flat, text) == 0;
}

/* A server's own text may be any UTF-8, because it is quoted where it is shown. */
static bool is_text(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	return length < size && text_is_utf8(text, length);
}

/* A bool that another process wrote may hold any byte, so read it as a byte. */
static bool is_bool(const bool *value)
{
	unsigned char byte;

	memcpy(&byte, value, 1);
	return byte <= 1;
}

static int check_done(const struct report_done *done, struct error *err)
{
	const struct server_facts *facts = &done->facts;
	struct nbd_export export = facts->export;
	uint32_t mode;
	int r;

	memcpy(&mode, &facts->mode, sizeof(mode));
	if (mode > SERVER_MODE_MAX)
		return distrust("server mode", err);
	if (!is_bool(&facts->tls) || !is_bool(&facts->tls_verified))
		return distrust("flags", err);
	if (!is_clean(facts->tls_version, sizeof(facts->tls_version)) ||
		!is_clean(facts->tls_cipher, sizeof(facts->tls_cipher)))
		return distrust("text", err);
	if (!is_text(export.description, sizeof(export.description)))
		return distrust("description", err);
	/* After a list there is no export. */
	if (export.size == 0 && export.flags == 0 && export.minimum == 0 &&
		export.preferred == 0 && export.maximum == 0 && !*export.description)
		return 0;
	r = nbd_export_check(&export, err);
	/* The worker has filled in the defaults, so the check must change nothing. */
	if (r == 0 &&
		(export.minimum != facts->export.minimum ||
			export.preferred != facts->export.preferred ||
			export.maximum != facts->export.maximum))
		return distrust("block sizes", err);
	return r;
}

static int check_failed(const struct report_failed *failed, struct error *err)
{
	uint32_t fault;

	memcpy(&fault, &failed->error.fault, sizeof(fault));
	if (fault == FAULT_NONE || fault > FAULT_MAX)
		return distrust("kind of failure", err);
	if (failed->retry > ENTRY_MAX)
		return distrust("retry", err);
	if (failed->r >= 0 || failed->r < -4095)
		return distrust("error number", err);
	/* An empty text in the state file means that there was no failure. */
	if (!is_clean(failed->error.text, sizeof(failed->error.text)) ||
		!failed->error.text[0])
		return distrust("error text", err);
	return 0;
}

static int check_export(
	const struct report_export *export, size_t size, struct error *err)
{
	if (export->name_size > NBD_STRING_MAX ||
		size != REPORT_EXPORT_SIZE(export->name_size))
		return distrust("export name", err);
	return is_text(export->description, sizeof(export->description))
		? 0
		: distrust("description", err);
}

int report_check(const union report *report, size_t size, struct error *err)
{
	if (size < sizeof(report->head) || report->head.magic != REPORT_MAGIC)
		return distrust("not a report", err);
	switch (report->head.kind) {
	case REPORT_DONE:
		if (size == sizeof(report->done))
			return check_done(&report->done, err);
		break;
	case REPORT_FAILED:
		if (size == sizeof(report->failed))
			return check_failed(&report->failed, err);
		break;
	case REPORT_EXPORT:
		if (size >= REPORT_EXPORT_SIZE(0))
			return check_export(&report->export, size, err);
		break;
	}
	return distrust("kind or size", err);
}

void report_failure(int socket, int r, enum entry retry, const struct error *err)
{
	struct report_failed report = {
		.head = {REPORT_MAGIC, REPORT_FAILED}, .r = r, .retry = retry};

	if (err->fault == FAULT_NONE)
		error_set(&report.error, FAULT_OTHER, r, "the link worker failed: %m");
	else
		report.error = *err;
	(void)fd_sendto(socket, &report, sizeof(report), 0);
}

static int socket_option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

static int wrong_connection(const char *how, struct error *err)
{
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"the connector or link worker gave a wrong connection: %s", how);
}

/* Of unix sockets and vsocks the target has one address. */
static bool is_chosen(const struct peer *peer, const struct target *t,
	const struct address_choice *choice)
{
	char text[ADDRESS_TEXT_SIZE];

	if (!choice->only || t->transport != TRANSPORT_TCP)
		return true;
	peer_text(peer, t, text);
	return strcmp(text, choice->last) == 0;
}

int report_check_socket(int fd, const struct peer *peer, const struct target *t,
	const struct address_choice *choice, struct error *err)
{
	if (fd < 0)
		return wrong_connection("there is none", err);
	if (socket_option(fd, SO_TYPE) != SOCK_STREAM ||
		socket_option(fd, SO_DOMAIN) != peer->address.ss_family ||
		(t->transport == TRANSPORT_TCP &&
			socket_option(fd, SO_PROTOCOL) != IPPROTO_TCP))
		return wrong_connection("another kind of socket", err);
	return peer_fits(peer, t) && is_chosen(peer, t, choice)
		? 0
		: wrong_connection("to another peer", err);
}

int report_check_link(int fd, const struct peer *peer, bool tls, struct error *err)
{
	struct peer now;

	if (peer_of(fd, &now) < 0)
		return error_set(err, FAULT_PROTOCOL, -ECONNRESET,
			"the server closed the connection right after the negotiation: try again");
	if (!peer_is_same(&now, peer))
		return wrong_connection("the peer has changed", err);
	if (tls && !ktls_is_installed(fd))
		return distrust("kernel TLS is not installed", err);
	return 0;
}
