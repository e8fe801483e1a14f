/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attachment/json-add.h"

void json_add_text(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

void json_add_bool(json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

void json_add_number(json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)value));
}

json_object *json_add_array(json_object *o, const char *key)
{
	json_object *array = json_object_new_array();

	json_object_object_add(o, key, array);
	return array;
}
