/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel has no search by inode number: its table is read through
 * (net/ipv4/inet_diag.c). The number comes with addresses, ports and a cookie, which no
 * later socket has: one that is closed meanwhile is not taken for another. (The numbers
 * themselves recur after 2^32 sockets.)
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "kernel/sock-diag.h"
#include "kernel/tcp-diag.h"

/* As in /proc/net/tcp (include/net/tcp_states.h). */
#define TCP_IS_ESTABLISHED 1
#define TCP_IS_CLOSE_WAIT  8

/* Places in struct tcp_info, of include/uapi/linux/tcp.h: libnl's headers exclude it. */
#define BYTES_ACKED    120
#define BYTES_RECEIVED 128

struct search {
	uint64_t inode;
	bool found;
	bool may_end; /* CAP_NET_ADMIN: only with it the kernel tells of marks */
	uint8_t family;
	struct inet_diag_sockid id;
	struct tcp_traffic traffic;
};

static void take_cipher(struct search *s, struct nlattr *ulp)
{
	struct nlattr *layer[INET_ULP_INFO_MAX + 1], *tls[TLS_INFO_MAX + 1];

	if (ulp && nla_parse_nested(layer, INET_ULP_INFO_MAX, ulp, NULL) >= 0 &&
		layer[INET_ULP_INFO_TLS] &&
		nla_parse_nested(tls, TLS_INFO_MAX, layer[INET_ULP_INFO_TLS], NULL) >=
			0 &&
		tls[TLS_INFO_CIPHER])
		s->traffic.cipher = nla_get_u16(tls[TLS_INFO_CIPHER]);
}

static uint64_t number_at(const struct nlattr *info, int place)
{
	uint64_t number = 0;

	if (info && nla_len(info) >= place + (int)sizeof(number))
		memcpy(&number, (const char *)nla_data(info) + place, sizeof(number));
	return number;
}

static int take_socket(struct nl_msg *msg, void *userdata)
{
	struct nlattr *attrs[INET_DIAG_MAX + 1];
	const struct inet_diag_msg *socket = nlmsg_data(nlmsg_hdr(msg));
	struct search *s = userdata;

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(*socket), attrs, INET_DIAG_MAX, NULL) <
			0 ||
		socket->idiag_inode != s->inode)
		return NL_OK;
	s->found = true;
	s->may_end = attrs[INET_DIAG_MARK];
	s->family = socket->idiag_family;
	s->id = socket->id;
	/* What was written and not acknowledged yet counts as sent. */
	s->traffic.sent =
		number_at(attrs[INET_DIAG_INFO], BYTES_ACKED) + socket->idiag_wqueue;
	s->traffic.received = number_at(attrs[INET_DIAG_INFO], BYTES_RECEIVED);
	s->traffic.half_closed = socket->idiag_state == TCP_IS_CLOSE_WAIT;
	take_cipher(s, attrs[INET_DIAG_ULP_INFO]);
	return NL_OK;
}

static int find_in(uint8_t family, struct search *search)
{
	const struct inet_diag_req_v2 request = {.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_ext = 1 << (INET_DIAG_INFO - 1),
		.idiag_states = 1 << TCP_IS_ESTABLISHED | 1 << TCP_IS_CLOSE_WAIT};

	return sock_diag_ask(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request),
		take_socket, search);
}

static int find(uint64_t inode, struct search *search)
{
	int r;

	*search = (struct search){.inode = inode};
	if (inode == 0)
		return -ENOENT;
	r = find_in(AF_INET, search);
	if (r == 0 && !search->found)
		r = find_in(AF_INET6, search);
	return r == 0 && !search->found ? -ENOENT : r;
}

static int destroy(uint8_t family, const struct inet_diag_sockid *id)
{
	const struct inet_diag_req_v2 request = {.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = ~0U,
		.id = *id};
	struct search none = {0};

	return sock_diag_ask(
		SOCK_DESTROY, NLM_F_ACK, &request, sizeof(request), take_socket, &none);
}

int tcp_diag_read(uint64_t inode, struct tcp_traffic *ret)
{
	struct search search;
	int r = find(inode, &search);

	if (r == 0)
		*ret = search.traffic;
	return r;
}

int tcp_diag_end(uint64_t inode)
{
	struct search search;
	int r = find(inode, &search);

	return r < 0 ? r : destroy(search.family, &search.id);
}

/* Port 0 is nobody's: a kernel that looks for such a socket knows how to end one. */
int tcp_diag_can_end(uint64_t inode)
{
	const struct inet_diag_sockid nobody = {0};
	struct search search;
	int r = find(inode, &search);

	if (r < 0)
		return r;
	r = destroy(search.family, &nobody);
	if (r == -ENOENT) /* it finds sockets first, and then asks who we are */
		return search.may_end ? 0 : -EPERM;
	return r < 0 ? r : -EPROTO;
}
