// SPDX-License-Identifier: Apache-2.0
/* Reading and checking the rules and the answers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/settings.h"
#include "base/yaml/yaml.h"
#include "compare/advice.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)

int advice_load(const char *path, json_t **ret, struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(free) char *text = NULL;
    struct node *node = NULL;
    size_t len = 0;
    int r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, &text, &len, err);
    r = r < 0 ? r : yaml_parse(a, text, len, path, NULL, &node, err);
    if (r >= 0) {
        *ret = node_to_json(node);
    }
    return r;
}

/* --- the rules -----------------------------------------------------------------------------------
 */

static int bad(const char *where, const char *what, const char *name, struct error **err)
{
    return error_set(err, ERROR_INVALID_INPUT, 0, "%s: %s in '%s'", where, what, name);
}

static bool are_strings(const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item)) {
            return false;
        }
    }
    return json_array_size(list) > 0;
}

/* Exactly one effect, and all that it needs. */
static int check_rule(const json_t *rule, const char *where, const char *name, struct error **err)
{
    static const char *const known[] = {"answer", "exclude", "prefer", "better",
                                        "points", "because", "shows",  NULL};
    int r = json_is_object(rule) ? settings_check_keys(rule, where, known, err)
                                 : bad(where, "a rule is no map", name, err);
    if (r < 0) {
        return r;
    }
    const json_t *better = json_object_get(rule, "better");
    int effects = json_is_string(json_object_get(rule, "exclude")) +
                  json_is_string(json_object_get(rule, "prefer")) + (better && are_strings(better));
    bool scores = !json_object_get(rule, "exclude");
    if (effects != 1) {
        return bad(where, "a rule needs one of exclude, prefer and better", name, err);
    }
    if (scores && !(document_number(rule, "points") > 0)) {
        return bad(where, "a rule has no points", name, err);
    }
    if (!*document_text(rule, "answer") || !*document_text(rule, "because")) {
        return bad(where, "a rule needs an answer and a because", name, err);
    }
    return 0;
}

static int check_bound(const json_t *criterion, const char *where, const char *name,
                       struct error **err)
{
    static const char *const known[] = {"figures", "memory", "at", NULL};
    const json_t *bound = json_object_get(criterion, "bound");
    int r = json_is_object(bound) ? settings_check_keys(bound, where, known, err)
                                  : bad(where, "a number needs a bound", name, err);
    if (r < 0) {
        return r;
    }
    const char *at = document_text(bound, "at");
    const json_t *figures = json_object_get(bound, "figures");
    if (!str_equal(at, "most") && !str_equal(at, "least")) {
        return bad(where, "a bound is at: most or at: least", name, err);
    }
    if (!(figures && are_strings(figures)) && !str_equal(document_text(bound, "memory"), "fits")) {
        return bad(where, "a bound needs figures, or memory: fits", name, err);
    }
    return *document_text(criterion, "because") ? 0 : bad(where, "no because", name, err);
}

static int check_criterion(const json_t *criterion, const char *where, struct error **err)
{
    static const char *const known[] = {"name",  "question", "rules", "number",
                                        "bound", "because",  NULL};
    const char *name = document_text(criterion, "name");
    const json_t *rules = json_object_get(criterion, "rules"), *rule;
    size_t i;
    if (!*name || !*document_text(criterion, "question")) {
        return bad(where, "a criterion needs a name and a question", name, err);
    }
    int r = settings_check_keys(criterion, where, known, err);
    if (r < 0 || json_object_get(criterion, "number")) {
        return r < 0 ? r : check_bound(criterion, where, name, err);
    }
    if (json_array_size(rules) == 0) {
        return bad(where, "there is neither a number nor a rule", name, err);
    }
    json_array_foreach(rules, i, rule)
    {
        r = check_rule(rule, where, name, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int advice_check_rules(const json_t *rules, const char *where, struct error **err)
{
    static const char *const known[] = {"schema", "walls", "criteria", NULL};
    const json_t *criteria = json_object_get(rules, "criteria"), *c;
    size_t i;
    if (!str_equal(document_text(rules, "schema"), ADVICE_SCHEMA)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s has not the schema " ADVICE_SCHEMA,
                         where);
    }
    int r = settings_check_keys(rules, where, known, err);
    if (r < 0) {
        return r;
    }
    if (!are_strings(json_object_get(rules, "walls")) || json_array_size(criteria) == 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s has no walls or no criteria", where);
    }
    json_array_foreach(criteria, i, c)
    {
        r = check_criterion(c, where, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* --- the answers ---------------------------------------------------------------------------------
 */

int advice_parse_answer(const json_t *criterion, const char *text, json_t **ret)
{
    static const char *const yes[] = {"yes", "y", "true", NULL};
    static const char *const no[] = {"no", "n", "false", "", NULL};
    int64_t number = 0;
    if (json_object_get(criterion, "number")) {
        if (*text && (str_to_i64(text, 10, &number) < 0 || number < 0)) {
            return -EINVAL;
        }
        *ret = json_integer(number);
        return 0;
    }
    if (!str_in(text, yes) && !str_in(text, no)) {
        return -EINVAL;
    }
    *ret = json_string(str_in(text, yes) ? "yes" : "no");
    return 0;
}

static int one_answer(const json_t *criterion, const json_t *written, const char *where,
                      json_t **ret, struct error **err)
{
    static const char *const known[] = {"answer", "weight", NULL};
    const char *name = document_text(criterion, "name");
    const json_t *answer = json_is_object(written) ? json_object_get(written, "answer") : written;
    int64_t weight = 1;
    json_t *value = NULL;
    int r = json_is_object(written) ? settings_check_keys(written, where, known, err) : 0;
    r = r < 0 || !json_is_object(written)
            ? r
            : json_get_i64(written, "weight", where, 0, ADVICE_WEIGHT_MAX, &weight, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free)
    char *text = json_is_string(answer)    ? xstrdup(json_string_value(answer))
                 : json_is_boolean(answer) ? xstrdup(json_is_true(answer) ? "yes" : "no")
                 : json_is_integer(answer) ? str_format("%lld", json_integer_value(answer))
                                           : xstrdup(answer ? "?" : "");
    if (advice_parse_answer(criterion, text, &value) < 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: the answer to '%s' must be %s", where,
                         name,
                         json_object_get(criterion, "number") ? "a whole number" : "yes or no");
    }
    *ret = json_pack("{s:o, s:I}", "answer", value, "weight", (json_int_t)weight);
    return 0;
}

int advice_answers(const json_t *rules, const json_t *written, const char *where, json_t **ret,
                   struct error **err)
{
    const json_t *criteria = json_object_get(rules, "criteria"), *c;
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(json) json_t *answers = json_object();
    size_t i;
    if (!json_is_object(written) && !json_is_null(written)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s must map criteria to answers", where);
    }
    json_array_foreach(criteria, i, c)
    {
        const char *name = document_text(c, "name");
        json_t *answer = NULL;
        strv_add(&names, name);
        int r = one_answer(c, json_object_get(written, name), where, &answer, err);
        if (r < 0) {
            return r;
        }
        json_object_set_new(answers, name, answer);
    }
    int r = json_is_object(written)
                ? settings_check_keys(written, where, (const char *const *)names.items, err)
                : 0;
    if (r >= 0) {
        *ret = take_ptr(answers);
    }
    return r;
}
