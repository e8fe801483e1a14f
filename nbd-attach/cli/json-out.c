/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "cli/human.h"
#include "cli/json-out.h"
#include "common/text.h"

void json_add_optional(json_object *o, const char *key, const char *text)
{
	json_object_object_add(
		o, key, text && text[0] ? json_object_new_string(text) : NULL);
}

void json_add_null(json_object *o, const char *key)
{
	json_object_object_add(o, key, NULL);
}

void json_add_time(json_object *o, const char *key, int64_t usec)
{
	char text[HUMAN_SIZE];

	json_add_text(o, key, human_utc(usec, text));
}

void json_add_seconds(json_object *o, const char *key, int64_t seconds)
{
	int64_t usec;

	if (__builtin_mul_overflow(seconds, (int64_t)USEC_PER_SEC, &usec))
		json_add_null(o, key); /* not a valid time */
	else
		json_add_time(o, key, usec);
}

void json_add_span(json_object *o, const char *key, usec_t span)
{
	if (span == USEC_INFINITY)
		json_add_null(o, key);
	else if (span % USEC_PER_SEC == 0)
		json_add_number(o, key, span / USEC_PER_SEC);
	else
		json_object_object_add(o, key,
			json_object_new_double((double)span / (double)USEC_PER_SEC));
}

static int print(json_object *o, int style)
{
	const char *text =
		json_object_to_json_string_ext(o, style | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		return -ENOMEM;
	text_put_json(stdout, text);
	return putchar('\n') < 0 ? -errno : 0;
}

int json_print(json_object *o)
{
	return print(o, JSON_C_TO_STRING_PRETTY);
}

int json_print_line(json_object *o)
{
	return print(o, JSON_C_TO_STRING_PLAIN);
}
