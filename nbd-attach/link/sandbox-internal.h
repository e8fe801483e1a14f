/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the filters of sandbox.c and connector-filter.c. */
#pragma once

#include <seccomp.h>

#include "common/file.h"
#include "link/sandbox.h"

/* Conditions on the n-th argument of a call, or on some bits of it. */
#define ARG_MASKED(n, mask, value)                 \
	{                                          \
		n, SCMP_CMP_MASKED_EQ, mask, value \
	}
#define ARG_IS(n, value)                 \
	{                                \
		n, SCMP_CMP_EQ, value, 0 \
	}
#define ARG_IS_NOT(n, value)             \
	{                                \
		n, SCMP_CMP_NE, value, 0 \
	}

struct rule {
	int call;
	unsigned n;
	struct scmp_arg_cmp args[3];
};

/*
 * A filter that applies `otherwise` to calls without a rule, and kills the process for
 * calls of another architecture. NULL: out of memory.
 */
scmp_filter_ctx sandbox_filter_new(uint32_t otherwise);

/*
 * Compiles it, unless adding its rules has failed (r), and frees it. *ret: for the
 * kernel; stays empty on failure. 0 or -errno.
 */
int sandbox_filter_compile(scmp_filter_ctx filter, int r, struct blob *ret);

/* Sets a compiled filter; r: whether that was possible. FAULT_OTHER. */
int sandbox_filter_set(const struct blob *program, int r, struct error *err);
