/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/human.h"
#include "cli/json-out.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "common/text.h"
#include "link/link.h"

/* The mode's name in the protocol, and how it is known. */
static const struct {
	const char *name, *how;
} modes[] = {
	[SERVER_MODE_UNKNOWN] = {"unknown", "it could not be asked, or did not answer"},
	[SERVER_MODE_NOTLS] = {"NOTLS",
		"it does not accept STARTTLS, or has no fixed newstyle negotiation"},
	[SERVER_MODE_FORCEDTLS] = {"FORCEDTLS", "it refuses every option without TLS"},
	[SERVER_MODE_SELECTIVETLS] = {"SELECTIVETLS",
		"it answers in plaintext and accepts STARTTLS"},
	[SERVER_MODE_TLS] = {"FORCEDTLS or SELECTIVETLS",
		"it accepts STARTTLS; info with nbd:// tells which"},
};

static const struct {
	uint16_t flag;
	const char *name;
} features[] = {
	{NBD_FLAG_SEND_FLUSH, "flush"},
	{NBD_FLAG_SEND_FUA, "fua"},
	{NBD_FLAG_ROTATIONAL, "rotational"},
	{NBD_FLAG_SEND_TRIM, "trim"},
	{NBD_FLAG_SEND_WRITE_ZEROES, "write-zeroes"},
	{NBD_FLAG_CAN_MULTI_CONN, "multi-conn"},
};

/* What is known of the server rather than of one export. */
static void add_server(json_object *o, const struct target *t, const struct link *link)
{
	const struct server_facts *facts = &link->facts;

	json_add_text(o, "uri", t->uri);
	json_add_text(o, "address", link->address);
	json_add_text(o, "tls-mode", modes[facts->mode].name);
	json_add_text(o, "tls-mode-reason", modes[facts->mode].how);
	json_add_bool(o, "tls", facts->tls);
	if (facts->tls) {
		json_add_text(o, "tls-version", facts->tls_version);
		json_add_text(o, "tls-cipher", facts->tls_cipher);
		json_add_bool(o, "tls-verified", facts->tls_verified);
		json_add_bool(o, "tls-ignore-not-before", t->tls_ignore_not_before);
	}
}

static void add_export(json_object *o, const struct target *t, const struct nbd_export *e)
{
	json_object *list;

	json_add_text(o, "export", t->export_name);
	json_add_text(o, "description", e->description);
	json_add_number(o, "size", e->size);
	json_add_bool(o, "read-only", e->flags & NBD_FLAG_READ_ONLY);
	list = json_add_array(o, "features");
	for (size_t i = 0; i < ELEMENTSOF(features); i++)
		if (e->flags & features[i].flag)
			json_object_array_add(
				list, json_object_new_string(features[i].name));
	json_add_number(o, "block-size-minimum", e->minimum);
	json_add_number(o, "block-size-preferred", e->preferred);
	json_add_number(o, "payload-maximum", e->maximum);
}

static void print_server(const struct target *t, const struct link *link)
{
	const struct server_facts *facts = &link->facts;

	printf("server:      %s\n", link->address);
	if (facts->tls)
		printf("TLS:         %s, %s, %s\n", facts->tls_version, facts->tls_cipher,
			view_trust(facts->tls_verified, t));
	else
		printf("TLS:         no\n");
	printf("TLS mode:    %s (%s)\n", modes[facts->mode].name, modes[facts->mode].how);
}

static void print_export(const struct target *t, const struct nbd_export *e)
{
	char quoted[NBD_DESCRIPTION_SIZE + 16], human[HUMAN_SIZE];

	printf("export:      %s\n",
		text_quote(
			t->export_name, strlen(t->export_name), quoted, sizeof(quoted)));
	if (e->description[0])
		printf("description: %s\n",
			text_quote(e->description, strlen(e->description), quoted,
				sizeof(quoted)));
	printf("size:        %" PRIu64 " bytes (%s)\n", e->size,
		human_bytes(e->size, human));
	printf("read-only:   %s\n", e->flags & NBD_FLAG_READ_ONLY ? "yes" : "no");
	printf("features:   ");
	for (size_t i = 0; i < ELEMENTSOF(features); i++)
		if (e->flags & features[i].flag)
			printf(" %s", features[i].name);
	printf("\nblock size:  minimum %u, preferred %u, payload up to %u bytes\n",
		e->minimum, e->preferred, e->maximum);
}

/* The list grows while the worker reports; it is shown only when complete. */
static int take_export(const struct report_export *export, void *userdata)
{
	json_object *list = userdata, *o = json_object_new_object();

	if (!o)
		return -ENOMEM;
	json_object_object_add(o, "name",
		json_object_new_string_len(export->name, (int)export->name_size));
	json_add_text(o, "description", export->description);
	return json_object_array_add(list, o) < 0 ? -ENOMEM : 0;
}

static void print_list(json_object *list)
{
	char name[NBD_STRING_MAX + 16], description[NBD_DESCRIPTION_SIZE + 16];

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *o = json_object_array_get_idx(list, i);
		json_object *n = json_object_object_get(o, "name");
		const char *d =
			json_object_get_string(json_object_object_get(o, "description"));

		printf("%s%s%s\n",
			text_quote(json_object_get_string(n),
				(size_t)json_object_get_string_len(n), name,
				sizeof(name)),
			d[0] ? "\t" : "",
			d[0] ? text_quote(d, strlen(d), description, sizeof(description))
			     : "");
	}
}

/* One name a line, whatever bytes it has, and nothing else. */
static void print_plain(json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *n = json_object_object_get(
			json_object_array_get_idx(list, i), "name");

		text_put_path(stdout, json_object_get_string(n),
			(size_t)json_object_get_string_len(n));
		putchar('\n');
	}
}

static int list_exports(const struct arguments *a, const struct target *t,
	const struct credentials *c, struct error *err)
{
	_cleanup_json_ json_object *o = json_object_new_object();
	json_object *list = json_add_array(o, "exports");
	struct link link = {.fd = -1};
	int r;

	r = link_list(t, c, take_export, list, &link, err);
	if (r < 0)
		return r;
	if (a->json) {
		add_server(o, t, &link);
		json_print(o);
	} else if (a->plain) {
		print_plain(list);
	} else {
		print_server(t, &link);
		print_list(list);
	}
	return 0;
}

static int ask_export(const struct arguments *a, const struct target *t,
	const struct credentials *c, struct error *err)
{
	_cleanup_json_ json_object *o = json_object_new_object();
	struct link link = {.fd = -1};
	int r = link_info(t, c, &link, err);

	if (r < 0)
		return r;
	if (a->json) {
		add_server(o, t, &link);
		add_export(o, t, &link.facts.export);
		json_print(o);
	} else {
		print_server(t, &link);
		print_export(t, &link.facts.export);
	}
	return 0;
}

int verb_info(const struct arguments *a, struct error *err)
{
	_cleanup_credentials_ struct credentials c = {0};
	_cleanup_target_ struct target t;
	int r;

	target_init(&t);
	if (a->plain && (!a->list || a->json))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"--plain needs --list, and excludes --json");
	r = arguments_target(a, &t, err);
	if (r == 0)
		r = credentials_read(&t, &c, err);
	if (r < 0)
		return r;
	r = a->list ? list_exports(a, &t, &c, err) : ask_export(a, &t, &c, err);
	return r < 0 ? arguments_name_server(&t, r, err) : 0;
}
