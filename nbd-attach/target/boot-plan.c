/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "target/boot-plan.h"

#define SPACES " \t\n\v\f\r"

static void disk_done(struct boot_disk *disk)
{
	for (size_t i = 0; i < disk->n_options; i++)
		free(disk->options[i]);
	free(disk->options);
	free(disk->uri);
}

void boot_plan_done(struct boot_plan *plan)
{
	for (size_t i = 0; i < plan->n_disks; i++)
		disk_done(&plan->disks[i]);
	free(plan->root);
	free(plan->fstype);
	free(plan->flags);
	*plan = (struct boot_plan){0};
}

int boot_plan_add(struct boot_plan *plan, const char *name, size_t name_size,
	struct boot_disk **ret, struct error *err)
{
	struct boot_disk *disk = &plan->disks[plan->n_disks];
	char quoted[128];

	if (plan->n_disks == BOOT_DISKS_MAX)
		return error_set(err, FAULT_USAGE, -E2BIG, "too many disks");
	snprintf(disk->name, sizeof(disk->name), "%.*s", (int)name_size, name);
	if (name_size > NBD_NAME_MAX || !target_name_is_valid(disk->name))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%s is not a valid attachment name",
			text_quote(name, name_size, quoted, sizeof(quoted)));
	for (size_t i = 0; i < plan->n_disks; i++)
		if (strcmp(plan->disks[i].name, disk->name) == 0)
			return error_set(err, FAULT_USAGE, -EEXIST,
				"two disks have the name %s", disk->name);
	plan->n_disks++;
	*ret = disk;
	return 0;
}

int boot_disk_option(
	struct boot_disk *disk, const char *option, const char *value, struct error *err)
{
	char **grown =
		reallocarray(disk->options, disk->n_options + 1, sizeof(*disk->options));
	int r;

	if (!grown)
		return error_memory(err);
	disk->options = grown;
	r = value ? asprintf(&grown[disk->n_options], "%s=%s", option, value)
		  : asprintf(&grown[disk->n_options], "%s", option);
	if (r < 0)
		return error_memory(err);
	disk->n_options++;
	return 0;
}

/* "OPTION[=VALUE],…": checked when all words are read. */
static int add_options(struct boot_disk *disk, const char *list, struct error *err)
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest = copy, *option;
	int r = copy ? 0 : error_memory(err);

	while (r == 0 && (option = strsep(&rest, ",")))
		if (option[0])
			r = boot_disk_option(disk, option, NULL, err);
	return r;
}

static int set_option(struct target *t, const char *text, struct error *err)
{
	_cleanup_free_ char *option = strdup(text);
	char *value = option ? strchr(option, '=') : NULL;

	if (!option)
		return error_memory(err);
	if (value)
		*value++ = 0;
	if (strcmp(option, "name") == 0)
		return error_set(err, FAULT_USAGE, -EINVAL, "the name must come first");
	return target_set(t, option, value, err);
}

/* A DHCP server must not decide whether the NBD server is verified. */
static bool is_authenticated(const struct target *t, enum tls_mode least)
{
	return t->tls >= least && t->tls_verify_peer && t->tls_auth != TLS_AUTH_ANON;
}

/* Checks what is known here; a configuration file is not read. */
static int check_disk(const struct boot_disk *disk, enum tls_mode tls, struct error *err)
{
	_cleanup_target_ struct target t;
	int r;

	target_init(&t);
	r = disk->uri ? target_parse_uri(&t, disk->uri, err) : 0;
	for (size_t i = 0; r == 0 && i < disk->n_options; i++)
		r = set_option(&t, disk->options[i], err);
	if (r == 0 && disk->uri)
		r = target_check(&t, err);
	if (r == 0 && disk->from_dhcp && !is_authenticated(&t, tls))
		r = error_set(err, FAULT_USAGE, -EPERM,
			"a server named by DHCP must prove its identity by TLS: only "
			"nbd.tls= on the kernel command line can turn that off");
	return r;
}

/* NAME[,URI][,OPTION[=VALUE]…]. A comma in a URI is written %2C. */
static int parse_attach(
	struct boot_plan *plan, const char *value, const char *common, struct error *err)
{
	size_t size = strcspn(value, ",");
	struct boot_disk *disk = NULL;
	int r = boot_plan_add(plan, value, size, &disk, err);

	if (r < 0)
		return r;
	value += size + (value[size] == ',');
	size = strcspn(value, ",");
	if (common)
		r = add_options(disk, common, err);
	if (r == 0 && strcspn(value, ":") < strcspn(value, "=,")) {
		disk->uri = strndup(value, size);
		if (!disk->uri)
			return error_memory(err);
		value += size;
	}
	if (r == 0)
		r = add_options(disk, value, err);
	return r < 0 ? r : check_disk(disk, TLS_MODE_OFF, err);
}

static int check_options(const char *list, struct error *err)
{
	_cleanup_(disk_done) struct boot_disk disk = {0};
	int r = add_options(&disk, list, err);

	return r < 0 ? r : check_disk(&disk, TLS_MODE_OFF, err);
}

/* The next word, split as the kernel does: quotes protect spaces. Terminates it with NUL.
 */
static char *next_word(char **text)
{
	char *in = *text + strspn(*text, SPACES), *word = in, *out = in;
	bool quoted = false;

	if (!*in)
		return NULL;
	for (; *in && (quoted || !strchr(SPACES, *in)); in++)
		if (*in == '"')
			quoted = !quoted;
		else
			*out++ = *in;
	*text = in + (*in != 0);
	*out = 0;
	return word;
}

static const char *value_of(const char *word, const char *key)
{
	size_t size = strlen(key);

	return strncmp(word, key, size) == 0 ? word + size : NULL;
}

static int parse_tls(const char *value, enum tls_mode *ret, struct error *err)
{
	_cleanup_target_ struct target t;
	int r;

	target_init(&t);
	r = target_set(&t, "tls", value, err);
	if (r == 0)
		*ret = t.tls;
	return r;
}

/* root=, netroot= and nbdroot=: the last one that names an NBD disk. */
static int note_legacy(struct boot_legacy *words, const char *word, struct error *err)
{
	const char *value;

	if ((value = value_of(word, "root=")))
		words->root = value;
	else if ((value = value_of(word, "nbdroot=")))
		words->nbdroot = value[0] ? value : NULL;
	else if ((value = value_of(word, "nbd.tls=")))
		return parse_tls(value, &words->tls, err);
	else if ((value = value_of(word, "netroot=")) &&
		(strncmp(value, "nbd:", 4) == 0 || strcmp(value, "dhcp") == 0))
		words->netroot = value;
	return 0;
}

static int read_word(const char *word, const char **common, struct boot_legacy *legacy,
	struct boot_plan *plan, struct error *err)
{
	const char *value;

	if ((value = value_of(word, "nbd.attach=")))
		return parse_attach(plan, value, *common, err);
	if (!(value = value_of(word, "nbd.options=")))
		return note_legacy(legacy, word, err);
	*common = value;
	return check_options(value, err);
}

static int read_legacy(struct boot_legacy *legacy, const char *common,
	const struct boot_hints *hints, struct boot_plan *plan, struct error *err)
{
	int r = boot_legacy_read(legacy, hints, plan, err);
	char quoted[128];

	if (r > 0) {
		struct boot_disk *disk = &plan->disks[plan->n_disks - 1];

		r = common ? add_options(disk, common, err) : 0;
		if (r == 0)
			r = check_disk(disk, legacy->tls, err);
	}
	if (r < 0)
		text_quote(legacy->text, strlen(legacy->text), quoted, sizeof(quoted));
	return r < 0 ? error_prefix(err, r, "%s%s", legacy->key, quoted) : 0;
}

static int read_words(char *text, const struct boot_hints *hints, struct boot_plan *plan,
	struct error *err)
{
	struct boot_legacy legacy = {.tls = TLS_MODE_REQUIRE};
	const char *common = NULL;
	char *word, quoted[128];

	while ((word = next_word(&text)) && strcmp(word, "--") != 0) {
		int r = read_word(word, &common, &legacy, plan, err);

		if (r < 0)
			return error_prefix(err, r, "kernel command line: %s",
				text_quote(word, strlen(word), quoted, sizeof(quoted)));
	}
	if (hints->nbdroot && hints->nbdroot[0])
		legacy.nbdroot = hints->nbdroot;
	return read_legacy(&legacy, common, hints, plan, err);
}

int boot_plan_read(const char *cmdline, const struct boot_hints *hints,
	struct boot_plan *ret, struct error *err)
{
	_cleanup_boot_plan_ struct boot_plan plan = {0};
	_cleanup_free_ char *text = strdup(cmdline);
	int r = text ? read_words(text, hints, &plan, err) : error_memory(err);

	if (r < 0)
		return r;
	*ret = plan;
	plan = (struct boot_plan){0};
	return 0;
}

static void print_variable(FILE *out, const char *name, const char *value)
{
	fprintf(out, "NBD_ATTACH_%s='%s'\n", name, value ? value : "");
}

void boot_plan_print(const struct boot_plan *plan, FILE *out)
{
	fputs("NBD_ATTACH_NAMES='", out);
	for (size_t i = 0; i < plan->n_disks; i++)
		fprintf(out, "%s%s", i > 0 ? " " : "", plan->disks[i].name);
	fputs("'\n", out);
	print_variable(out, "DHCP", plan->ask_dhcp ? "yes" : NULL);
	print_variable(out, "ROOT", plan->root);
	print_variable(out, "FSTYPE", plan->fstype);
	print_variable(out, "FLAGS", plan->flags);
}
