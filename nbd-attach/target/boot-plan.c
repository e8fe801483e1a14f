/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "target/boot-plan.h"

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
			"%s cannot be an attachment's name",
			text_quote(name, name_size, quoted, sizeof(quoted)));
	for (size_t i = 0; i < plan->n_disks; i++)
		if (strcmp(plan->disks[i].name, disk->name) == 0)
			return error_set(err, FAULT_USAGE, -EEXIST,
				"two disks are to be called %s", disk->name);
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

/* "OPTION[=VALUE],…": looked at when all is known. */
static int take_options(struct boot_disk *disk, const char *list, struct error *err)
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest = copy, *option;
	int r = copy ? 0 : error_memory(err);

	while (r == 0 && (option = strsep(&rest, ",")))
		if (option[0])
			r = boot_disk_option(disk, option, NULL, err);
	return r;
}

/* NAME[,URI][,OPTION[=VALUE]…]. A comma in a URI is written %2C. */
static int take_attach(
	struct boot_plan *plan, const char *value, const char *common, struct error *err)
{
	size_t size = strcspn(value, ",");
	struct boot_disk *disk;
	int r = boot_plan_add(plan, value, size, &disk, err);

	if (r < 0)
		return r;
	value += size + (value[size] == ',');
	size = strcspn(value, ",");
	if (common)
		r = take_options(disk, common, err);
	if (r == 0 && strcspn(value, ":") < strcspn(value, "=,")) {
		disk->uri = strndup(value, size);
		if (!disk->uri)
			return error_memory(err);
		value += size;
	}
	return r < 0 ? r : take_options(disk, value, err);
}

/* Does it say what can be done? And nobody may make us less careful than we were told. */
static int check_disk(const struct boot_disk *disk, const char *tls, struct error *err)
{
	_cleanup_target_ struct target t;
	int r;

	target_init(&t);
	if (!disk->uri)
		return 0; /* its file is not here */
	r = target_parse_uri(&t, disk->uri, err);
	for (size_t i = 0; r == 0 && i < disk->n_options; i++) {
		_cleanup_free_ char *option = strdup(disk->options[i]);
		char *value = option ? strchr(option, '=') : NULL;

		if (!option)
			return error_memory(err);
		if (value)
			*value++ = 0;
		r = strcmp(option, "name") == 0
			? error_set(err, FAULT_USAGE, -EINVAL, "the name comes first")
			: target_set(&t, option, value, err);
	}
	if (r == 0)
		r = target_check(&t, err);
	if (r == 0 && disk->foreign &&
		((t.tls != TLS_MODE_REQUIRE && !tls) || !t.tls_verify_peer ||
			t.tls_auth == TLS_AUTH_ANON))
		r = error_set(err, FAULT_USAGE, -EPERM,
			"a DHCP server may not ask for less than verified TLS: nbd.tls= on the "
			"kernel command line may");
	return r;
}

/* The next word, as the kernel cuts them: quotes hold spaces together. Ends it with NUL.
 */
static char *next_word(char **text)
{
	char *in = *text + strspn(*text, " \t\n"), *word = in, *out = in;
	bool quoted = false;

	if (!*in)
		return NULL;
	for (; *in && (quoted || !strchr(" \t\n", *in)); in++)
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

/* root=, netroot= and nbdroot=: the last one that is for us. */
static void note_legacy(struct boot_legacy *words, const char *word)
{
	const char *value;

	if ((value = value_of(word, "root=")))
		words->root = value;
	else if ((value = value_of(word, "nbdroot=")))
		words->nbdroot = value;
	else if ((value = value_of(word, "nbd.tls=")))
		words->tls = value;
	else if ((value = value_of(word, "netroot=")) &&
		(strncmp(value, "nbd:", 4) == 0 || strcmp(value, "dhcp") == 0))
		words->netroot = value;
}

static int read_words(
	char *text, const struct boot_hints *hints, struct boot_plan *plan, struct error *err)
{
	struct boot_legacy legacy = {0};
	const char *value, *common = NULL;
	char *word, quoted[128];
	int r = 0;

	while (r == 0 && (word = next_word(&text))) {
		if ((value = value_of(word, "nbd.options=")))
			common = value;
		else if ((value = value_of(word, "nbd.attach=")))
			r = take_attach(plan, value, common, err);
		else
			note_legacy(&legacy, word);
		if (r == 0 && value && plan->n_disks > 0)
			r = check_disk(&plan->disks[plan->n_disks - 1], NULL, err);
		if (r < 0)
			return error_prefix(err, r, "%s",
				text_quote(word, strlen(word), quoted, sizeof(quoted)));
	}
	if (hints->nbdroot && hints->nbdroot[0])
		legacy.nbdroot = hints->nbdroot;
	r = boot_legacy_read(&legacy, hints, plan, err);
	if (r <= 0)
		return r;
	if (common)
		r = take_options(&plan->disks[plan->n_disks - 1], common, err);
	return r < 0 ? r : check_disk(&plan->disks[plan->n_disks - 1], legacy.tls, err);
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
