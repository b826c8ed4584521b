// SPDX-License-Identifier: Apache-2.0
/* JSON values into a D-Bus message, by their signature. */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "wall/systemd/bus.h"

/* The length of the first complete type of a signature. */
static size_t type_length(const char *signature)
{
    if (*signature == 'a') {
        return 1 + type_length(signature + 1);
    }
    if (*signature != '(') {
        return *signature ? 1 : 0;
    }
    int depth = 0;
    for (const char *c = signature; *c; c++) {
        depth += (*c == '(') - (*c == ')');
        if (depth == 0) {
            return (size_t)(c - signature) + 1;
        }
    }
    return strlen(signature);
}

static int append_basic(sd_bus_message *m, char type, const json_t *value)
{
    int64_t number = json_integer_value(value);
    union {
        int truth;
        uint8_t y;
        uint16_t q;
        uint32_t u;
        uint64_t t;
        double d;
    } v = {0};
    switch (type) {
    case 's':
    case 'o':
    case 'g':
        return json_is_string(value)
                   ? sd_bus_message_append_basic(m, type, json_string_value(value))
                   : -EINVAL;
    case 'b':
        v.truth = json_is_true(value);
        break;
    case 'y':
        v.y = (uint8_t)number;
        break;
    case 'n':
    case 'q':
        v.q = (uint16_t)number;
        break;
    case 'i':
    case 'u':
        v.u = (uint32_t)number;
        break;
    case 'd':
        v.d = json_number_value(value);
        break;
    default:
        v.t = (uint64_t)number; /* x, t; another type is refused below */
    }
    return sd_bus_message_append_basic(m, type, &v);
}

static int append_value(sd_bus_message *m, const char *signature, const json_t *value);

static int append_members(sd_bus_message *m, char kind, const char *inner, const json_t *value)
{
    int r = sd_bus_message_open_container(m, kind, inner);
    const char *at = inner;
    for (size_t i = 0; i < json_array_size(value) && r >= 0; i++) {
        CLEANUP(free) char *one = xstrndup(at, type_length(at));
        r = append_value(m, one, json_array_get(value, i));
        at += kind == SD_BUS_TYPE_STRUCT ? strlen(one) : 0;
    }
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_value(sd_bus_message *m, const char *signature, const json_t *value)
{
    size_t len = strlen(signature);
    if (len == 0 || type_length(signature) != len) {
        return -EINVAL;
    }
    if (*signature == 'a') {
        return append_members(m, SD_BUS_TYPE_ARRAY, signature + 1, value);
    }
    if (*signature == '(') {
        CLEANUP(free) char *inner = xstrndup(signature + 1, len - 2);
        return append_members(m, SD_BUS_TYPE_STRUCT, inner, value);
    }
    return append_basic(m, *signature, value);
}

static int append_property(sd_bus_message *m, const json_t *property)
{
    const char *name = json_string_value(json_array_get(property, 0));
    const char *signature = json_string_value(json_array_get(property, 1));
    if (!name || !signature) {
        return -EINVAL;
    }
    int r = sd_bus_message_open_container(m, SD_BUS_TYPE_STRUCT, "sv");
    r = r < 0 ? r : sd_bus_message_append_basic(m, 's', name);
    r = r < 0 ? r : sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, signature);
    r = r < 0 ? r : append_value(m, signature, json_array_get(property, 2));
    r = r < 0 ? r : sd_bus_message_close_container(m);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

int properties_append(sd_bus_message *m, const json_t *properties, struct error **err)
{
    for (size_t i = 0; i < json_array_size(properties); i++) {
        const json_t *property = json_array_get(properties, i);
        int r = append_property(m, property);
        if (r < 0) {
            const char *name = json_string_value(json_array_get(property, 0));
            return error_set_errno(err, ERROR_INVALID_INPUT, -r, "systemd property '%s'",
                                   str_or(name, ""));
        }
    }
    return 0;
}
