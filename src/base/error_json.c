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

int error_from_json(const char *text, size_t len, const char *program, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    const char *kind = "internal", *message = NULL, *hint = NULL;
    int64_t code = 0;
    if (json_parse(text, len, program, &json, NULL) < 0 ||
        json_get_str(json, "message", program, &message, NULL) <= 0 ||
        json_get_str(json, "kind", program, &kind, NULL) < 0 ||
        json_get_i64(json, "code", program, 0, 4095, &code, NULL) < 0 ||
        json_get_str(json, "hint", program, &hint, NULL) < 0) {
        return error_set(err, ERROR_INTERNAL, 0, "%s failed without a word", program);
    }
    int r = error_set(err, kind_named(kind), (int)code, "%s", message);
    return hint ? error_hint(err, r, "%s", hint) : r;
}
