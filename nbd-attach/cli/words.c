/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uses nothing but the lists: completions/generate.c runs where the program is built. */
#include "cli/words.h"

const struct verb_words verb_words[VERB_COUNT] = {
#define VERB(NAME, name, operand, text, help) {#name, #operand, text, help},
#include "cli/verbs.def"
};

/* The verbs that an option of a target makes a difference to. */
#define SERVER (IN(ATTACH) | IN(INFO))
#define DEVICE IN(ATTACH)

const struct option_words option_words[] = {
#define OPTION_ANY(field, word, place, value, help, ...) {word, place, value, help},
#include "target/options.def"
#define SWITCH(field, word, verbs, help) {word, verbs, "", help},
#include "cli/verbs.def"
};

const size_t n_option_words = sizeof(option_words) / sizeof(option_words[0]);
