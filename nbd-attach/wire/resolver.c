/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "wire/resolver.h"

struct resolver {
	char *host, *port;
	struct addrinfo *list;
	int code;      /* of getaddrinfo() */
	int number;    /* errno, if that is EAI_SYSTEM */
	int near, far; /* a pipe, whose far end is closed when the thread has finished */
	pthread_t thread;
	bool has_thread;
	atomic_int owners; /* the caller and the thread: the last one releases */
};

static const struct addrinfo hints = {.ai_family = AF_UNSPEC,
	.ai_socktype = SOCK_STREAM,
	.ai_protocol = IPPROTO_TCP,
	.ai_flags = AI_NUMERICSERV};

static void release(struct resolver *r)
{
	if (atomic_fetch_sub(&r->owners, 1) > 1)
		return;
	if (r->list)
		freeaddrinfo(r->list);
	closep(&r->near);
	closep(&r->far);
	free(r->host);
	free(r->port);
	free(r);
}
DEFINE_CLEANUP(struct resolver *, release)

static void *work(void *userdata)
{
	struct resolver *r = userdata;

	r->code = getaddrinfo(r->host, r->port, &hints, &r->list);
	r->number = errno;
	if (r->code != 0)
		r->list = NULL;
	close(TAKE_FD(r->far));
	release(r);
	return NULL;
}

/* "bücher" as "xn--bcher-kva": the C library does that in a locale with UTF-8 only. */
static char *to_ascii(const char *host)
{
	gnutls_datum_t mapped = {0};
	char *copy;

	if (gnutls_idna_map(host, (unsigned)strlen(host), &mapped, 0) < 0)
		return strdup(host);
	copy = strndup((char *)mapped.data, mapped.size);
	gnutls_free(mapped.data);
	return copy;
}

int resolver_start(const char *host, const char *port, struct resolver **ret)
{
	_cleanup_(releasep) struct resolver *r = calloc(1, sizeof(*r));
	int ends[2];

	if (!r)
		return -ENOMEM;
	atomic_init(&r->owners, 1);
	r->near = r->far = -1;
	r->host = to_ascii(host);
	r->port = strdup(port);
	if (!r->host || !r->port || pipe2(ends, O_CLOEXEC) < 0)
		return -ENOMEM;
	r->near = ends[0];
	r->far = ends[1];
	atomic_fetch_add(&r->owners, 1);
	r->has_thread = pthread_create(&r->thread, NULL, work, r) == 0;
	if (!r->has_thread) /* the limit of threads is reached: wait for it */
		work(r);
	*ret = TAKE_PTR(r);
	return 0;
}

int resolver_fd(const struct resolver *r)
{
	return r->near;
}

/* An IPv6 zone is resolved on this machine, without a name server. */
static const char *reason(const struct resolver *r)
{
	const char *zone = strchr(r->host, '%');

	if (zone && if_nametoindex(zone + 1) == 0)
		return "there is no such network interface";
	if (r->code == EAI_AGAIN)
		return "no name server has answered (is the network up?)";
	return r->code == EAI_SYSTEM ? strerror(r->number) : gai_strerror(r->code);
}

int resolver_finish(struct resolver *r, struct addrinfo **ret, struct error *err)
{
	int result = 0;

	if (r->has_thread)
		(void)pthread_join(r->thread, NULL);
	*ret = TAKE_PTR(r->list);
	if (!*ret)
		result = error_set(err, FAULT_UNREACHED, -EHOSTUNREACH,
			"cannot resolve %s: %s", r->host, reason(r));
	release(r);
	return result;
}

void resolver_abandon(struct resolver *r)
{
	if (r->has_thread)
		(void)pthread_detach(r->thread);
	release(r);
}

struct addrinfo *resolver_parse(const char *host, const char *port)
{
	struct addrinfo numeric = hints, *list = NULL;

	numeric.ai_flags |= AI_NUMERICHOST;
	return getaddrinfo(host, port, &numeric, &list) == 0 ? list : NULL;
}
