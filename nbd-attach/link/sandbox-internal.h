/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the filters of sandbox.c and connector-filter.c share. */
#pragma once

#include <seccomp.h>

#include "link/sandbox.h"

/* Of a rule's arguments: the n-th, or some bits of it. */
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
 * A filter that does `otherwise` with the calls that no rule is about, and ends the
 * process for those of another architecture. NULL: no memory.
 */
scmp_filter_ctx sandbox_filter_new(uint32_t otherwise);

/* Sets it, for good, and frees it; unless its rules have failed: r. FAULT_OTHER. */
int sandbox_filter_load(scmp_filter_ctx filter, int r, struct error *err);
