/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/scope.h"
#include "common/wipe.h"

#define FREED_LAST 16                 /* more than malloc() caches of a size */
#define FREED_STEP ((size_t)16)       /* from one size of chunks to the next … */
#define FREED_MAX  ((size_t)1024 + 8) /* … up to the largest that is cached */

static void wipe_freed_of(size_t size)
{
	void *pieces[FREED_LAST];

	for (size_t i = 0; i < ELEMENTSOF(pieces); i++) {
		pieces[i] = malloc(size);
		if (pieces[i])
			explicit_bzero(pieces[i], size);
	}
	for (size_t i = 0; i < ELEMENTSOF(pieces); i++)
		free(pieces[i]);
}

void wipe_freed(void)
{
	for (size_t size = FREED_STEP + 8; size <= FREED_MAX; size += FREED_STEP)
		wipe_freed_of(size);
}

#ifdef __SANITIZE_ADDRESS__ /* aborts when malloc() fails */

void wipe_free_memory(void)
{
}

#else

/* Above this a bin of malloc() holds several sizes: a chunk also serves smaller ones. */
#define BINS_END ((size_t)2048)
#define BIN_STEP ((size_t)16)
#define LARGEST  ((size_t)1024 * 1024)

struct piece {
	struct piece *next;
};

/* Wipes all free pieces of that size and puts them on the list. */
static struct piece *take(size_t size, struct piece *list)
{
	for (;;) {
		struct piece *piece = malloc(size), *whole;
		size_t usable = piece ? malloc_usable_size(piece) : 0;

		if (!piece)
			return list;
		/* in place: only then does the compiler let us use the rest */
		whole = realloc(piece, usable);
		if (!whole)
			return list;
		explicit_bzero(whole, usable);
		whole->next = list;
		list = whole;
	}
}

void wipe_free_memory(void)
{
	struct piece *list = NULL;
	struct rlimit before, none;

	if (getrlimit(RLIMIT_AS, &before) < 0)
		return;
	/*
	 * malloc() gets no more from the kernel, and returns only what is free already.
	 * Not RLIMIT_DATA: the kernel makes an exception for 0 (may_expand_vm()).
	 */
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	if (setrlimit(RLIMIT_AS, &none) < 0)
		return;
	for (size_t size = LARGEST; size > BINS_END; size /= 2)
		list = take(size, list);
	for (size_t size = BINS_END; size > 0; size -= BIN_STEP)
		list = take(size, list);
	(void)setrlimit(RLIMIT_AS, &before);
	while (list) {
		struct piece *piece = list;

		list = piece->next;
		free(piece);
	}
}

#endif
