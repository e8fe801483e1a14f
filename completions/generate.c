/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * generate bash|zsh|fish: copies a completion script from stdin to stdout, with the verbs
 * and options of the program in place of the lines @verbs@ and @options@.
 *
 * What an option's VALUE (target/options.def) completes: words in small letters and
 * digits are offered as they are, TIME, BYTES and N have examples, FILE and DEVICE are
 * for the script to look up, and what anything else may be only the user knows. What a
 * verb's operand (cli/verbs.def) completes is up to the script, too.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/words.h"

#define LINE_SIZE  512
#define WORDS_SIZE 128

static const char *example(const char *word)
{
	static const struct {
		const char *kind, *words;
	} examples[] = {
		{"TIME", "10s 30s 1min 5min"},
		{"BYTES", "512 1K 2K 4K"},
		{"N", "1 2 4 8 16"},
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (strcmp(word, examples[i].kind) == 0)
			return examples[i].words;
	return isupper((unsigned char)word[0]) ? "" : word;
}

/* The words that an option's value may be, "" if only the user knows them. */
static const char *value_words(const struct option_words *o)
{
	static char words[WORDS_SIZE];
	char value[WORDS_SIZE];

	words[0] = 0;
	snprintf(value, sizeof(value), "%s", o->value);
	for (char *word = strtok(value, "|"); word; word = strtok(NULL, "|")) {
		const char *offered = example(word);
		size_t size = strlen(words);

		snprintf(words + size, sizeof(words) - size, "%s%s",
			size > 0 && offered[0] ? " " : "", offered);
	}
	return words;
}

/* FILE and DEVICE */
static bool is_looked_up(const struct option_words *o)
{
	return strcmp(o->value, "FILE") == 0 || strcmp(o->value, "DEVICE") == 0;
}

static bool is_of(const struct option_words *o, size_t verb)
{
	return o->help && (o->verbs & (1U << verb));
}

/* Text inside of single quotes: an apostrophe is written so, others get a backslash. */
static void put_text(const char *text, const char *apostrophe, const char *escaped)
{
	for (; *text; text++)
		if (*text == '\'')
			fputs(apostrophe, stdout);
		else
			printf("%s%c", strchr(escaped, *text) ? "\\" : "", *text);
}

/* ---- bash: arrays by verb, and by option ---- */

static void bash_verbs(void)
{
	puts("declare -gA _nbd_attach_operand=(");
	for (size_t v = 0; v < VERB_COUNT; v++)
		printf("\t[%s]=%s\n", verb_words[v].name, verb_words[v].operand);
	puts(")");
}

static void bash_options(void)
{
	puts("declare -gA _nbd_attach_options=(");
	for (size_t v = 0; v < VERB_COUNT; v++) {
		printf("\t[%s]='", verb_words[v].name);
		for (size_t i = 0; i < n_option_words; i++)
			if (is_of(&option_words[i], v))
				printf(" --%s", option_words[i].name);
		puts("'");
	}
	puts(")\n\ndeclare -gA _nbd_attach_value=(");
	for (size_t i = 0; i < n_option_words; i++) {
		const struct option_words *o = &option_words[i];

		if (o->value[0])
			printf("\t[--%s]='%s'\n", o->name,
				is_looked_up(o) ? o->value : value_words(o));
	}
	puts(")");
}

/* ---- zsh: for _describe, and for _arguments by verb ---- */

static void zsh_verbs(void)
{
	for (size_t v = 0; v < VERB_COUNT; v++) {
		printf("\t\t'%s:", verb_words[v].name);
		put_text(verb_words[v].help, "'\\''", ":\\");
		puts("'");
	}
}

static void zsh_option(const struct option_words *o)
{
	const char *words = value_words(o);

	printf("\t\t\t'--%s%s[", o->name, o->value[0] ? "=" : "");
	put_text(o->help, "'\\''", ":[]\\");
	putchar(']');
	if (strcmp(o->value, "FILE") == 0)
		printf(":%s:_files", o->value);
	else if (strcmp(o->value, "DEVICE") == 0)
		printf(":%s:_nbd_attach_devices", o->value);
	else if (o->value[0])
		printf(":%s:%s%s%s", o->value, words[0] ? "(" : "", words,
			words[0] ? ")" : "");
	puts("'");
}

static void zsh_options(void)
{
	for (size_t v = 0; v < VERB_COUNT; v++) {
		const struct verb_words *verb = &verb_words[v];

		printf("\t%s)\n\t\toptions=(\n", verb->name);
		for (size_t i = 0; i < n_option_words; i++)
			if (is_of(&option_words[i], v))
				zsh_option(&option_words[i]);
		if (verb->operand_text[0])
			printf("\t\t\t'1:%s:_nbd_attach_%s'\n", verb->operand_text,
				verb->operand);
		puts("\t\t)\n\t\t;;");
	}
}

/* ---- fish: a command for each ---- */

static void fish_verbs(void)
{
	for (size_t v = 0; v < VERB_COUNT; v++) {
		const struct verb_words *verb = &verb_words[v];

		printf("complete -c nbd-attach -n $no_verb -a %s -d '", verb->name);
		put_text(verb->help, "\\'", "\\");
		puts("'");
		if (verb->operand_text[0])
			printf("complete -c nbd-attach -n '__fish_seen_subcommand_from %s' "
			       "-a '(__nbd_attach_%s)'\n",
				verb->name, verb->operand);
	}
}

static void fish_option(const struct option_words *o)
{
	const char *words = value_words(o);

	fputs("complete -c nbd-attach -n '__fish_seen_subcommand_from", stdout);
	for (size_t v = 0; v < VERB_COUNT; v++)
		if (is_of(o, v))
			printf(" %s", verb_words[v].name);
	printf("' -l %s", o->name);
	if (strcmp(o->value, "FILE") == 0)
		fputs(" -rF", stdout);
	else if (strcmp(o->value, "DEVICE") == 0)
		fputs(" -x -a '(__nbd_attach_devices)'", stdout);
	else if (o->value[0])
		printf(" -x -a '%s'", words);
	fputs(" -d '", stdout);
	put_text(o->help, "\\'", "\\");
	puts("'");
}

static void fish_options(void)
{
	for (size_t i = 0; i < n_option_words; i++)
		if (option_words[i].help)
			fish_option(&option_words[i]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*verbs)(void), (*options)(void);
	} shells[] = {
		{"bash", bash_verbs, bash_options},
		{"zsh", zsh_verbs, zsh_options},
		{"fish", fish_verbs, fish_options},
	};
	char line[LINE_SIZE];
	size_t shell = 0;

	while (argc == 2 && shell < 3 && strcmp(argv[1], shells[shell].name) != 0)
		shell++;
	if (argc != 2 || shell == 3)
		return EXIT_FAILURE;
	while (fgets(line, sizeof(line), stdin))
		if (strcmp(line, "@verbs@\n") == 0)
			shells[shell].verbs();
		else if (strcmp(line, "@options@\n") == 0)
			shells[shell].options();
		else
			fputs(line, stdout);
	return fflush(stdout) == 0 && !ferror(stdin) ? EXIT_SUCCESS : EXIT_FAILURE;
}
