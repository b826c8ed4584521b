// SPDX-License-Identifier: Apache-2.0
#include "base/error_json.h"

#include "base/json.h"
#include "base/str.h"

json_t *error_to_json(const struct error *e)
{
    return json_pack("{sssissss*}", "kind", error_kind_name(e->kind), "code", e->code, "message",
                     e->message, "hint", e->hint);
}

static enum error_kind kind_named(const char *name)
{
    for (int k = 0; k < ERROR_KIND_COUNT; k++) {
        if (str_equal(name, error_kind_name((enum error_kind)k))) {
            return (enum error_kind)k;
        }
    }
    return ERROR_INTERNAL;
}

int error_from_object(const json_t *object, const char *where, struct error **err)
{
    const char *kind = "internal", *message = "no reason given", *hint = NULL;
    int64_t code = 0;
    int r = json_get_str(object, "kind", where, &kind, err);
    r = r < 0 ? r : json_get_str(object, "message", where, &message, err);
    r = r < 0 ? r : json_get_str(object, "hint", where, &hint, err);
    r = r < 0 ? r : json_get_i64(object, "code", where, 0, 4095, &code, err);
    if (r < 0) {
        return r;
    }
    r = error_set(err, kind_named(kind), (int)code, "%s", message);
    return hint ? error_hint(err, r, "%s", hint) : r;
}

int error_from_json(const char *text, size_t len, const char *program, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    if (json_parse(text, len, program, &json, NULL) < 0 ||
        !json_is_string(json_object_get(json, "message"))) {
        return error_set(err, ERROR_INTERNAL, 0, "%s failed without a word", program);
    }
    return error_from_object(json, program, err);
}
