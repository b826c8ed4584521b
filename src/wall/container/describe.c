// SPDX-License-Identifier: Apache-2.0
/* The plan for people and for machines. */
#include <errno.h>
#include <stdarg.h>

#include "wall/container/step.h"
#include "wall/wall.h"

void describe_text(struct description *d, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *s = str_vformat(format, ap);
    va_end(ap);
    strbuf_adds(&d->text, s);
}

void describe_extra(struct description *d, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *s = str_vformat(format, ap);
    va_end(ap);
    strbuf_addf(&d->extra, "%s%s", d->extra.len ? ", " : "", s);
}

static void describe_json(struct description *d, const char *key, json_t *value)
{
    if (d->fields) {
        (void)json_object_set_new(d->fields, key, value); /* a NULL value leaves the key out */
    } else {
        json_decref(value);
    }
}

void describe_str(struct description *d, const char *key, const char *value)
{
    if (d->fields && value) {
        describe_json(d, key, json_string(value));
    }
}

void describe_int(struct description *d, const char *key, int64_t value)
{
    if (d->fields) {
        describe_json(d, key, json_integer(value));
    }
}

void describe_bool(struct description *d, const char *key, bool value)
{
    if (d->fields && value) {
        describe_json(d, key, json_true());
    }
}

void describe_strv(struct description *d, const char *key, const char *const *items, size_t count)
{
    if (!d->fields) {
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, json_string(items[i])); /* out of memory aborts */
    }
    describe_json(d, key, list);
}

/* The phases are the order in which steps happen; the plan's array groups them by subject. */
static void describe_step(const struct plan *p, size_t index, struct strbuf *out, json_t *list)
{
    const struct step *s = &p->steps[index];
    const struct step_kind_info *k = &step_kinds[s->kind];
    struct description d = {.fields = list ? json_object() : NULL};
    describe_str(&d, "step", k->name);
    describe_str(&d, "phase",
                 s->kind == STEP_NAMESPACE_JOIN && s->namespace_.relay
                     ? step_phase_name(PHASE_RELAY)
                     : step_phase_name(k->phase));
    k->describe(p, s, &d);
    if (list) {
        describe_str(&d, "text", str_or(d.text.data, ""));
        (void)json_array_append_new(list, d.fields); /* out of memory aborts */
    } else {
        strbuf_addf(out, "%-17s %s", k->name, str_or(d.text.data, ""));
        if (d.extra.len) {
            strbuf_addf(out, " (%s)", d.extra.data);
        }
        strbuf_addc(out, '\n');
    }
    strbuf_done(&d.text);
    strbuf_done(&d.extra);
}

int plan_describe(const struct plan *plan, enum wall_format format, struct strbuf *out,
                  struct error **err)
{
    json_t *list = format == WALL_JSON ? json_array() : NULL;
    for (size_t i = 0; i < plan->step_count; i++) {
        describe_step(plan, i, out, list);
    }
    if (list) {
        CLEANUP(free) char *text = json_dumps(list, JSON_INDENT(2));
        json_decref(list);
        if (!text) {
            return error_set(err, ERROR_INTERNAL, ENOMEM, "the plan cannot be written as JSON");
        }
        strbuf_adds(out, text);
        strbuf_addc(out, '\n');
    }
    return 0;
}
