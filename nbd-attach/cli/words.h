/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs and options as users see them: verbs.def and target/options.def. */
#pragma once

#include <stddef.h>

enum verb {
#define VERB(NAME, ...) VERB_##NAME,
#include "cli/verbs.def"
	VERB_SUPERVISE, /* nbd-attachd, which has none */
};
#define VERB_COUNT VERB_SUPERVISE

/* For a set of verbs. */
#define IN(NAME)   (1U << VERB_##NAME)
#define EVERYWHERE (~0U)

struct verb_words {
	const char *name;
	const char *operand;      /* what completions offer: completions/generate.c */
	const char *operand_text; /* "NAME|DEVICE"; "": it takes none */
	const char *help;
};

struct option_words {
	const char *name;
	unsigned verbs;    /* that take it */
	const char *value; /* "FILE"; "": it takes none */
	const char *help;  /* NULL: not documented for users */
};

extern const struct verb_words verb_words[VERB_COUNT];
extern const struct option_words option_words[];
extern const size_t n_option_words;
