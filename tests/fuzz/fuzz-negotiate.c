/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything that a server may say, from the greeting on. The first byte is what we want
 * of it (struct wish), the rest are its bytes. They are all there before we begin and end
 * after the last one, so that nothing has to be waited for; what we send is judged
 * afterwards. TLS begins where the server agrees to it, and gets no further.
 */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "common/scope.h"
#include "common/text.h"
#include "export-rules.h"
#include "rules.h"
#include "wire/credentials.h"
#include "wire/negotiate.h"

#define INPUT_MAX     65536
#define SENT_MAX      65536
#define TALK_SIZE     (REPLY_SIZE_MAX + 4096)
#define TLS_HANDSHAKE 0x16 /* the first byte of our first TLS record */

enum asks { ASKS_GO, ASKS_INFO, ASKS_LIST, ASKS_MAX };

/*
 * First byte: bits 0 and 1 are what is asked, 2 and 3 the TLS mode, 4 and 5 the name;
 * with bit 6 the server talks on, for longer than the longest reply that we take.
 */
struct wish {
	enum asks asks;
	bool talks_on;
	struct target target;
};

/* What we sent. */
struct sent {
	uint8_t bytes[SENT_MAX];
	size_t size, at;
};

static struct wish make_wish(uint8_t byte)
{
	static char longest[NBD_STRING_MAX + 1];
	static const char *const names[] = {"disk", "", "d\xc3\xaf\ns\"k", longest};
	/* one key exchange only: they take most of the time */
	static char priority[] = "NORMAL:-GROUP-ALL:+GROUP-X25519";
	static char host[] = "server.example";

	memset(longest, 'x', NBD_STRING_MAX);
	return (struct wish){.asks = (enum asks)((byte & 3) % ASKS_MAX),
		.talks_on = byte & 1 << 6,
		.target = {
			.tls = (enum tls_mode)((byte >> 2 & 3) % (TLS_MODE_REQUIRE + 1)),
			.export_name = (char *)names[byte >> 4 & 3],
			.host = host,
			.tls_verify_peer = true,
			.tls_priority = priority}};
}

/* The same each time: nothing in them changes. */
static const struct tls_credentials *shared_credentials(const struct target *t)
{
	static struct tls_credentials *credentials;
	struct error err = {0};

	if (!credentials)
		assert(tls_credentials_new(t, &(const struct credentials){0},
			       &credentials, &err) == 0);
	return credentials;
}

static int take_listed(const char *name, size_t name_size, const char *description,
	size_t description_size, _unused_ void *userdata)
{
	char quoted[64];

	assert(name_size <= NBD_STRING_MAX && description_size <= NBD_STRING_MAX);
	assert(name_size <= NBD_STRING_MAX && description_size <= NBD_STRING_MAX);
	text_quote(name, name_size, quoted, sizeof(quoted)); /* ASan sees what it reads */
	text_quote(description, description_size, quoted, sizeof(quoted));
	return 0;
}

static int negotiate(
	const struct wish *w, int fd, struct server_facts *facts, struct error *err)
{
	const struct tls_credentials *c = shared_credentials(&w->target);
	_cleanup_(negotiation_freep) struct negotiation *n =
		negotiation_new(&w->target, fd, USEC_INFINITY, err);

	assert(n);
	switch (w->asks) {
	case ASKS_GO: return negotiate_go(n, c, facts, err);
	case ASKS_INFO: return negotiate_info(n, c, facts, err);
	default: return negotiate_list(n, c, take_listed, NULL, facts, err);
	}
}

static void say(int fd, const void *data, size_t size)
{
	if (size > 0)
		assert(send(fd, data, size, 0) == (ssize_t)size);
}

/* A server that has said all it will say; it goes on listening. */
static void start_server(
	const struct wish *w, const uint8_t *data, size_t size, int pair[2])
{
	static const char talk[TALK_SIZE];
	const int room = 2 * (INPUT_MAX + TALK_SIZE);

	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	assert(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
	assert(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0);
	assert(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0);
	say(pair[1], data, size);
	if (w->talks_on)
		say(pair[1], talk, sizeof(talk));
	assert(shutdown(pair[1], SHUT_WR) == 0);
}

static void receive_sent(int fd, struct sent *sent)
{
	ssize_t n;

	sent->size = sent->at = 0;
	while ((n = recv(fd, sent->bytes + sent->size, SENT_MAX - sent->size, 0)) > 0)
		sent->size += (size_t)n;
	assert(sent->size < SENT_MAX);
}

static void take_sent(struct sent *sent, void *to, size_t size)
{
	assert(sent->size - sent->at >= size);
	memcpy(to, sent->bytes + sent->at, size);
	sent->at += size;
}

/* The next option, its data passed over. */
static uint32_t take_option(struct sent *sent)
{
	struct nbd_option_header header;
	uint32_t size;

	take_sent(sent, &header, sizeof(header));
	assert(be64toh(header.magic) == NBD_OPTION_MAGIC);
	size = be32toh(header.size);
	assert(sent->size - sent->at >= size);
	sent->at += size;
	return be32toh(header.option);
}

static bool may_ask(const struct wish *w, uint32_t option, uint32_t last)
{
	if (last == NBD_OPT_ABORT)
		return false;
	if (last == NBD_OPT_EXPORT_NAME) /* refused by an option reply */
		return option == NBD_OPT_ABORT;
	if (w->target.tls == TLS_MODE_REQUIRE) /* TLS, or goodbye */
		return option == (last == 0 ? NBD_OPT_STARTTLS : NBD_OPT_ABORT);
	switch (option) {
	case NBD_OPT_GO: return w->asks != ASKS_LIST;
	case NBD_OPT_INFO: return w->asks == ASKS_INFO;
	case NBD_OPT_EXPORT_NAME: return w->asks != ASKS_LIST;
	case NBD_OPT_LIST: return w->asks != ASKS_GO;
	case NBD_OPT_STARTTLS: return w->target.tls == TLS_MODE_OFF || last == 0;
	case NBD_OPT_ABORT: return last != 0;
	}
	return false;
}

/* Everything in plaintext is what the protocol and the wish allow, in that order. */
static void check_sent(const struct wish *w, struct sent *sent)
{
	uint32_t last = 0, flags;
	struct nbd_request bye;

	if (sent->size == 0)
		return;
	take_sent(sent, &flags, sizeof(flags));
	assert(!(be32toh(flags) & ~(NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES)));
	while (sent->at < sent->size) {
		uint32_t option;

		if (last == NBD_OPT_STARTTLS && sent->bytes[sent->at] == TLS_HANDSHAKE)
			return;
		if (last == NBD_OPT_EXPORT_NAME && sent->size - sent->at >= sizeof(bye)) {
			take_sent(sent, &bye, sizeof(bye));
			assert(be32toh(bye.magic) == NBD_REQUEST_MAGIC);
			assert(be16toh(bye.type) == NBD_CMD_DISC);
			assert(w->asks == ASKS_INFO && sent->at == sent->size);
			return;
		}
		option = take_option(sent);
		assert(may_ask(w, option, last));
		last = option;
	}
}

static void check_facts(const struct wish *w, const struct server_facts *facts)
{
	assert(!facts->tls); /* no input can be a whole handshake */
	assert(w->target.tls != TLS_MODE_REQUIRE);
	assert(facts->mode <= SERVER_MODE_MAX);
	if (w->asks != ASKS_LIST)
		must_be_export(&facts->export);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sent sent;
	struct server_facts facts;
	struct error err = {0};
	struct wish wish;
	int pair[2], r;

	if (size == 0 || size > INPUT_MAX)
		return 0;
	wish = make_wish(data[0]);
	start_server(&wish, data + 1, size - 1, pair);
	r = negotiate(&wish, pair[0], &facts, &err);
	receive_sent(pair[1], &sent);
	close(pair[0]);
	close(pair[1]);
	if (r == 0)
		check_facts(&wish, &facts);
	else
		must_be_told(r, &err);
	assert(r != -ETIMEDOUT); /* nothing was worth waiting for */
	check_sent(&wish, &sent);
	return 0;
}
