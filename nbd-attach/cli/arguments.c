/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cli/arguments.h"
#include "common/log.h"
#include "common/text.h"
#include "target/config.h"
#include "target/nbdtab.h"

#define OPTIONS_MAX 40
/* Getopt's values start here. All differ, so that it sees ambiguous abbreviations. */
#define OPTION_BASE 1000
#define SETTING     SIZE_MAX /* in place of a field */

/* The verbs that an option of a target makes a difference to. */
#define SERVER (IN(ATTACH) | IN(INFO) | IN(SUPERVISE))
#define DEVICE (IN(ATTACH) | IN(SUPERVISE))

static const struct {
	const char *name;
	unsigned verbs;
	int argument; /* as in getopt's table */
	size_t field; /* of a switch: the bool in struct arguments */
} known[] = {
#define SWITCH(field, word, verbs, help) \
	{word, verbs, no_argument, offsetof(struct arguments, field)},
#include "cli/verbs.def"
#define OPTION_ANY(field, word, place, value, ...) \
	{word, place, (value)[0] ? required_argument : optional_argument, SETTING},
#include "target/options.def"
};

/* getopt's table: the options that the verb takes. */
static void make_options(enum verb verb, struct option options[OPTIONS_MAX])
{
	size_t n = 0;

	_Static_assert(ELEMENTSOF(known) < OPTIONS_MAX, "the table is too small");
	for (size_t i = 0; i < ELEMENTSOF(known); i++)
		if (known[i].verbs & (1U << verb))
			options[n++] = (struct option){known[i].name, known[i].argument,
				NULL, OPTION_BASE + (int)i};
	options[n] = (struct option){0};
}

/* Whether a word such as --force=yes is an option of any verb. */
static bool is_known(const char *word)
{
	size_t size = strcspn(word, "=");

	for (size_t i = 0; i < ELEMENTSOF(known); i++)
		if (size == strlen(known[i].name) + 2 && strncmp(word, "--", 2) == 0 &&
			strncmp(word + 2, known[i].name, size - 2) == 0)
			return true;
	return false;
}

static int bad_option(int found, char **argv, struct error *err)
{
	const char letter[] = {'-', (char)optopt, 0};
	/* A letter may stand in a word that getopt is not done with yet. */
	const char *word = optopt > 0 && optopt < OPTION_BASE ? letter : argv[optind - 1];
	const char *slash = strrchr(argv[0], '/');
	char quoted[128];

	text_quote(word, strlen(word), quoted, sizeof(quoted));
	if (found == ':')
		return error_set(
			err, FAULT_USAGE, -EINVAL, "option %s needs a value", quoted);
	if (optopt >= OPTION_BASE)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"option %s does not take a value", quoted);
	if (is_known(word))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%s does not take option %s: see --help",
			slash ? slash + 1 : argv[0], quoted);
	return error_set(err, FAULT_USAGE, -EINVAL,
		"unknown or ambiguous option %s: see --help", quoted);
}

static int add_setting(
	struct arguments *a, const char *option, const char *value, struct error *err)
{
	if (a->n_settings == SETTINGS_MAX)
		return error_set(err, FAULT_USAGE, -E2BIG, "too many options");
	a->settings[a->n_settings].option = option;
	a->settings[a->n_settings].value = value;
	a->n_settings++;
	return 0;
}

static int unexpected(const char *word, struct error *err)
{
	char quoted[128];

	return error_set(err, FAULT_USAGE, -EINVAL,
		"unexpected argument %s: one URI, name or device is enough",
		text_quote(word, strlen(word), quoted, sizeof(quoted)));
}

int arguments_parse(
	int argc, char **argv, enum verb verb, struct arguments *ret, struct error *err)
{
	struct option options[OPTIONS_MAX];
	struct arguments a = {0};
	int found, index = 0, r;
	size_t field;

	make_options(verb, options);
	optind = 0; /* also forgets the rest of an earlier call's word */
	opterr = 0;
	while ((found = getopt_long(argc, argv, ":", options, &index)) >= 0) {
		if (found == '?' || found == ':')
			return bad_option(found, argv, err);
		field = known[found - OPTION_BASE].field;
		if (field != SETTING) {
			*(bool *)((char *)&a + field) = true;
			continue;
		}
		r = add_setting(&a, options[index].name, optarg, err);
		if (r < 0)
			return r;
	}
	if (argc - optind > 1)
		return unexpected(argv[optind + 1], err);
	a.operand = optind < argc ? argv[optind] : NULL;
	*ret = a;
	return 0;
}

static void warn(const char *text)
{
	log_warning("%s", text);
}

int arguments_look_up(const char *name, struct target *ret, struct error *err)
{
	_cleanup_config_ struct config c = {0};
	char quoted[128];
	int r = config_read("", name, &c, err);

	if (r == 0) {
		*ret = c.target;
		target_init(&c.target);
		return 0;
	}
	if (r == -ENOENT && err->fault == FAULT_NO_SUCH)
		r = nbdtab_read("", name, warn, ret, err);
	if (r != -ENOENT || err->fault != FAULT_NO_SUCH)
		return r;
	return error_set(err, FAULT_NO_SUCH, r,
		"%s is configured neither in " CONFIG_PLACE " nor in " NBDTAB,
		text_quote(name, strlen(name), quoted, sizeof(quoted)));
}

static int look_up(const char *name, struct target *ret, struct error *err)
{
	char quoted[128];
	unsigned device;
	int r;

	text_quote(name, strlen(name), quoted, sizeof(quoted));
	if (!target_name_is_valid(name) && target_parse_device(name, &device) < 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%s is neither a URI such as nbds://server/export nor a valid name",
			quoted);
	r = arguments_look_up(name, ret, err);
	if (r != -ENOENT || err->fault != FAULT_NO_SUCH)
		return r;
	return error_set(err, FAULT_NO_SUCH, r,
		"%s is neither a URI such as nbds://server/export nor a name configured "
		"in " CONFIG_PLACE " or " NBDTAB,
		quoted);
}

int arguments_target(const struct arguments *a, struct target *ret, struct error *err)
{
	_cleanup_target_ struct target t;
	int r;

	target_init(&t);
	if (!a->operand)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"no server given: expected a URI such as nbds://server/export");
	r = strchr(a->operand, ':') ? target_parse_uri(&t, a->operand, err)
				    : look_up(a->operand, &t, err);
	for (size_t i = 0; r == 0 && i < a->n_settings; i++)
		r = target_set(&t, a->settings[i].option, a->settings[i].value, err);
	if (r == 0)
		r = target_check(&t, err);
	if (r < 0)
		return r;
	*ret = t;
	target_init(&t);
	return 0;
}

int arguments_name_server(const struct target *t, int r, struct error *err)
{
	_cleanup_free_ char *server = target_server(t);

	if (err->fault == FAULT_USAGE || (server && strstr(err->text, server)))
		return r;
	return error_prefix(err, r, "%s", server ? server : t->uri);
}
