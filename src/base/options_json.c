// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <string.h>

#include "base/options.h"

static json_t *list_to_json(const struct strv *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        json_array_append_new(array, json_string(list->items[i]));
    }
    return array;
}

static json_t *value_to_json(const struct option *o, const char *at)
{
    const struct option_integer *number = (const void *)at;
    const struct strv *list = (const void *)at;
    const char *text = NULL;
    switch (o->type) {
    case OPTION_FLAG:
        return *(const bool *)at ? json_true() : NULL;
    case OPTION_STRING:
        memcpy(&text, at, sizeof(text));
        return text ? json_string(text) : NULL;
    case OPTION_LIST:
        return list->count ? list_to_json(list) : NULL;
    case OPTION_INTEGER:
    case OPTION_BYTES:
    case OPTION_DURATION:
    case OPTION_DECIMAL:
        break;
    }
    return number->set ? json_integer(number->value) : NULL;
}

json_t *options_to_json(const struct option *options, const void *values)
{
    json_t *object = json_object();
    for (const struct option *o = options; o && o->name; o++) {
        json_t *value = value_to_json(o, (const char *)values + o->offset);
        if (value) {
            json_object_set_new(object, o->name, value);
        }
    }
    return object;
}
