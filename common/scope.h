/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scope-based cleanup: a block releases what it acquires, on every path. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function)  __attribute__((cleanup(function)))
#define _printf_(text, args) __attribute__((format(printf, text, args)))
#define _unused_             __attribute__((unused))

/* Transfers ownership: the variable is reset. */
#define TAKE_PTR(ptr)                           \
	({                                      \
		__typeof__(ptr) _taken = (ptr); \
		(ptr) = NULL;                   \
		_taken;                         \
	})
#define TAKE_FD(fd)                   \
	({                            \
		int _taken_fd = (fd); \
		(fd) = -1;            \
		_taken_fd;            \
	})

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))

/* Declares NAMEp(), the cleanup function of a pointer that is released by `function`. */
#define DEFINE_CLEANUP(type, function)              \
	static inline void function##p(type *value) \
	{                                           \
		if (*value)                         \
			function(*value);           \
	}

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)
DEFINE_CLEANUP(DIR *, closedir)

#define _cleanup_free_     _cleanup_(freep)
#define _cleanup_close_    _cleanup_(closep)
#define _cleanup_fclose_   _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)
