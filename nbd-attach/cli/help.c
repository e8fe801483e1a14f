/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "cli/words.h"

#define LEFT_WIDTH 25 /* columns, of what is described on the right */

static const char introduction[] =
	"nbd-attach COMMAND [OPTIONS...] [URI|NAME|DEVICE]\n"
	"\n"
	"Attach remote disks (NBD) as /dev/nbdN, with TLS in the kernel.\n";

static const char closing[] =
	"\n"
	"A URI is nbds://[USER@]HOST[:PORT]/EXPORT (TLS), nbd://... (plaintext),\n"
	"nbd+unix:///EXPORT?socket=PATH, nbds+unix://..., nbd+vsock://CID/EXPORT or\n"
	"nbds+vsock://..., with parameters such as ?tls-certificates=DIRECTORY.\n"
	"A NAME is configured in /etc/nbd-attach/NAME.conf or in /etc/nbdtab.\n"
	"\n"
	"Exit status: 0 success, 1 failure, 2 usage, 3 server not reached, 4 server\n"
	"refused, 5 TLS, 6 protocol error of the server, 7 kernel, 8 no such attachment.\n"
	"\n"
	"See nbd-attach(8) for details.\n";

static void print_entry(const char *left, const char *help)
{
	if (strlen(left) > LEFT_WIDTH)
		printf("  %s\n  %-*s %s", left, LEFT_WIDTH, "", help);
	else
		printf("  %-*s %s", LEFT_WIDTH, left, help);
}

static void print_verbs(void)
{
	char left[64];

	for (size_t i = 0; i < VERB_COUNT; i++) {
		const struct verb_words *v = &verb_words[i];

		snprintf(left, sizeof(left), "%s %s", v->name, v->operand_text);
		print_entry(left, v->help);
		putchar('\n');
	}
}

static void print_option(const struct option_words *o)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value[0] ? "=" : "",
		o->value);
	print_entry(left, o->help);
}

static void print_options_of(unsigned verbs)
{
	for (size_t i = 0; i < n_option_words; i++)
		if (option_words[i].help && option_words[i].verbs == verbs) {
			print_option(&option_words[i]);
			putchar('\n');
		}
}

/* Each with the verbs that take it. */
static void print_other_options(void)
{
	for (size_t i = 0; i < n_option_words; i++) {
		const struct option_words *o = &option_words[i];
		const char *separator = " (";

		if (!o->help || o->verbs == IN(ATTACH) ||
			o->verbs == (IN(ATTACH) | IN(INFO)))
			continue;
		print_option(o);
		for (size_t v = 0; v < VERB_COUNT && o->verbs != EVERYWHERE; v++)
			if (o->verbs & (1U << v)) {
				printf("%s%s", separator, verb_words[v].name);
				separator = ", ";
			}
		puts(o->verbs == EVERYWHERE ? "" : ")");
	}
	print_entry("--version", "Show the version\n");
}

int help_print(void)
{
	fputs(introduction, stdout);
	puts("\nCommands:");
	print_verbs();
	puts("\nOptions of attach and info:");
	print_options_of(IN(ATTACH) | IN(INFO));
	puts("\nOptions of attach:");
	print_options_of(IN(ATTACH));
	puts("\nOther options:");
	print_other_options();
	return fputs(closing, stdout) < 0 ? -errno : 0;
}
