/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a function returns besides -errno: the kind of failure, for the exit code, and one
 * line for the user. The line is set where the reason is known and printed once, by the
 * program's main function.
 */
#pragma once

#include "common/scope.h"

/* The kinds of failure. The values are the programs' exit codes, a promise to users. */
enum fault {
	FAULT_NONE = 0,
	FAULT_OTHER = 1,
	FAULT_USAGE = 2,     /* bad usage or configuration: nothing was sent */
	FAULT_UNREACHED = 3, /* no server in time: name, connection, silence */
	FAULT_REFUSED = 4,   /* the server refused */
	FAULT_TLS = 5,       /* TLS required and not offered, or failed */
	FAULT_PROTOCOL = 6,  /* the server broke the protocol */
	FAULT_KERNEL = 7,    /* no driver, no permission, device busy */
	FAULT_NO_SUCH = 8,   /* no such attachment */
	FAULT_MAX = FAULT_NO_SUCH,
};

#define ERROR_TEXT_SIZE  512
/* A text that leaves so much for prefixes is never cut by them. */
#define ERROR_PREFIX_MIN 100

struct error {
	enum fault fault;
	char text[ERROR_TEXT_SIZE]; /* no newline, no control character */
};

/*
 * Fills err (which may be NULL) and returns r, a negative errno, so that
 * `return error_set(…)` fits one line. "%m" in the format stands for strerror(-r).
 */
int error_set(struct error *err, enum fault fault, int r, const char *format, ...)
	_printf_(4, 5);

/* Puts "prefix: " before the text in err; where both are too long, the prefix is cut
 * first. Returns r. */
int error_prefix(struct error *err, int r, const char *format, ...) _printf_(3, 4);

/* Out of memory. Returns -ENOMEM. */
int error_memory(struct error *err);
