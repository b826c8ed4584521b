// SPDX-License-Identifier: Apache-2.0
/* --mount: key=value fields in CSV. */
#include <errno.h>
#include <string.h>

#include "spec/spec.h"
#include "spec/volume_internal.h"

struct parser {
    struct arena *arena;
    const char *text, *cwd;
    const char *source, *destination, *foreign; /* foreign: a field of another type */
    bool type_given, writable;                  /* writable: readonly=false was said */
    struct volume *volume;
};

static int bad_value(const struct parser *p, const char *key, const char *value, struct error **err)
{
    return error_set(err, ERROR_USAGE, 0, "--mount '%s': invalid value for '%s': '%s'", p->text,
                     key, value);
}

static int take_type(struct parser *p, const char *key, const char *value, struct error **err)
{
    if (str_equal(value, "bind")) {
        p->volume->type = VOLUME_BIND;
    } else if (str_equal(value, "volume")) {
        p->volume->type = VOLUME_NAMED;
    } else if (str_equal(value, "tmpfs")) {
        p->volume->type = VOLUME_TMPFS;
    } else if (str_equal(value, "image")) {
        p->volume->type = VOLUME_IMAGE;
    } else {
        int r = error_set(err, ERROR_USAGE, 0, "--mount '%s': unknown type '%s'", p->text, value);
        return error_hint(err, r, "bind, volume, tmpfs or image");
    }
    return 0;
}

static int take_source(struct parser *p, const char *key, const char *value, struct error **err)
{
    p->source = volume_absolute(p->arena, value, p->cwd);
    return 0;
}

static int take_destination(struct parser *p, const char *key, const char *value,
                            struct error **err)
{
    p->destination = arena_strdup(p->arena, value);
    return 0;
}

static int take_bool(struct parser *p, const char *key, const char *value, bool *ret,
                     struct error **err)
{
    if (str_equal(value, "true") || str_equal(value, "1") || !*value) {
        *ret = true;
    } else if (str_equal(value, "false") || str_equal(value, "0")) {
        *ret = false;
    } else {
        return bad_value(p, key, value, err);
    }
    return 0;
}

static int take_readonly(struct parser *p, const char *key, const char *value, struct error **err)
{
    int r = take_bool(p, key, value, &p->volume->read_only, err);
    p->writable = r >= 0 && !p->volume->read_only;
    return r;
}

static int take_nocopy(struct parser *p, const char *key, const char *value, struct error **err)
{
    return take_bool(p, key, value, &p->volume->nocopy, err);
}

static int take_create(struct parser *p, const char *key, const char *value, struct error **err)
{
    bool create = false;
    int r = take_bool(p, key, value, &create, err);
    p->volume->must_exist = !create;
    return r;
}

static int take_propagation(struct parser *p, const char *key, const char *value,
                            struct error **err)
{
    if (!volume_is_propagation(value)) {
        return bad_value(p, key, value, err);
    }
    p->volume->propagation = arena_strdup(p->arena, value);
    return 0;
}

static int take_recursive(struct parser *p, const char *key, const char *value, struct error **err)
{
    if (str_equal(value, "disabled")) {
        p->volume->not_recursive = true;
    } else if (str_equal(value, "writable")) {
        p->volume->flat_read_only = true;
    } else if (!str_equal(value, "enabled") && !str_equal(value, "readonly")) {
        int r = bad_value(p, key, value, err);
        return error_hint(err, r, "enabled, disabled, writable or readonly");
    }
    return 0;
}

static int take_tmpfs_size(struct parser *p, const char *key, const char *value, struct error **err)
{
    int64_t bytes = 0;
    if (str_to_bytes(value, &bytes) < 0 || bytes < 0) {
        return bad_value(p, key, value, err);
    }
    struct volume *v = p->volume;
    spec_add_string(p->arena, &v->tmpfs_options, &v->tmpfs_option_count,
                    arena_format(p->arena, "size=%lld", (long long)bytes));
    return 0;
}

static int take_tmpfs_mode(struct parser *p, const char *key, const char *value, struct error **err)
{
    int64_t mode = 0;
    if (str_to_i64(value, 8, &mode) < 0 || mode < 0 || mode > 07777) {
        return bad_value(p, key, value, err);
    }
    struct volume *v = p->volume;
    spec_add_string(p->arena, &v->tmpfs_options, &v->tmpfs_option_count,
                    arena_format(p->arena, "mode=%llo", (unsigned long long)mode));
    return 0;
}

static int take_consistency(struct parser *p, const char *key, const char *value,
                            struct error **err)
{
    return 0; /* for Docker on other systems than Linux; nothing here */
}

static int take_subpath(struct parser *p, const char *key, const char *value, struct error **err)
{
    p->volume->subpath = arena_strdup(p->arena, value);
    return 0;
}

static int take_driver(struct parser *p, const char *key, const char *value, struct error **err)
{
    if (str_equal(value, "local")) {
        return 0;
    }
    return error_set(err, ERROR_UNSUPPORTED, 0, "--mount '%s': no volume driver '%s'", p->text,
                     value);
}

#define NEEDS_VALUE true
static const struct key {
    const char *name;
    const char *type; /* whose it is; NULL: every type's */
    bool needs_value;
    int (*take)(struct parser *p, const char *key, const char *value, struct error **err);
} keys[] = {
    {"type", NULL, NEEDS_VALUE, take_type},
    {"source", NULL, NEEDS_VALUE, take_source},
    {"src", NULL, NEEDS_VALUE, take_source},
    {"destination", NULL, NEEDS_VALUE, take_destination},
    {"target", NULL, NEEDS_VALUE, take_destination},
    {"dst", NULL, NEEDS_VALUE, take_destination},
    {"readonly", NULL, false, take_readonly},
    {"ro", NULL, false, take_readonly},
    {"consistency", NULL, NEEDS_VALUE, take_consistency},
    {"bind-propagation", "bind", NEEDS_VALUE, take_propagation},
    {"bind-recursive", "bind", NEEDS_VALUE, take_recursive},
    {"bind-create-src", "bind", false, take_create},
    {"volume-nocopy", "volume", false, take_nocopy},
    {"volume-driver", "volume", NEEDS_VALUE, take_driver},
    {"image-subpath", "image", NEEDS_VALUE, take_subpath},
    {"tmpfs-size", "tmpfs", NEEDS_VALUE, take_tmpfs_size},
    {"tmpfs-mode", "tmpfs", NEEDS_VALUE, take_tmpfs_mode},
};

static int unknown_key(const struct parser *p, const char *name, struct error **err)
{
    const char *nearest = NULL;
    size_t best = 4; /* further away is another word */
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        size_t d = str_distance(name, keys[i].name);
        if (d < best) {
            best = d;
            nearest = keys[i].name;
        }
    }
    int r = error_set(err, ERROR_USAGE, 0, "--mount '%s': unknown option '%s'", p->text, name);
    return nearest ? error_hint(err, r, "did you mean '%s'?", nearest) : r;
}

static int take_field(struct parser *p, const char *field, const char *type, struct error **err)
{
    const char *equals = strchr(field, '=');
    const char *name = equals ? arena_strndup(p->arena, field, (size_t)(equals - field)) : field;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct key *k = &keys[i];
        if (strcmp(k->name, name) != 0) {
            continue;
        }
        if ((k->needs_value && !equals) || (equals && !equals[1])) {
            return error_set(err, ERROR_USAGE, 0, "--mount '%s': '%s' needs a value", p->text,
                             name);
        }
        if (k->type && strcmp(k->type, type) != 0) {
            return error_set(err, ERROR_USAGE, 0, "--mount '%s': '%s' is for type=%s", p->text,
                             name, k->type);
        }
        return k->take(p, name, equals ? equals + 1 : "", err);
    }
    return unknown_key(p, name, err);
}

/* One CSV record (RFC 4180): "…" may hold commas, "" inside is a quote. */
static int split_csv(const char *text, struct strv *ret)
{
    CLEANUP(strbuf) struct strbuf field = {0};
    bool quoted = false;
    for (const char *c = text;; c++) {
        if (quoted && *c == '"' && c[1] == '"') {
            strbuf_addc(&field, *c++);
        } else if (*c == '"') {
            quoted = !quoted;
        } else if (!*c || (*c == ',' && !quoted)) {
            strv_add(ret, str_or(field.data, ""));
            strbuf_done(&field);
            field = (struct strbuf){0};
            if (!*c) {
                return quoted ? -EINVAL : 0;
            }
        } else {
            strbuf_addc(&field, *c);
        }
    }
}

static int finish(struct parser *p, struct error **err)
{
    struct volume *v = p->volume;
    if (!p->destination) {
        int r = error_set(err, ERROR_USAGE, 0, "--mount '%s' has no destination", p->text);
        return error_hint(err, r, "dst=PATH");
    }
    int r = volume_set_destination(p->arena, p->destination, v, err);
    if (r < 0) {
        return error_wrap(err, r, "--mount '%s'", p->text);
    }
    if (v->type == VOLUME_TMPFS && p->source) {
        return error_set(err, ERROR_USAGE, 0, "--mount '%s': a tmpfs has no source", p->text);
    }
    if (v->type == VOLUME_BIND && (!p->source || *p->source != '/')) {
        return error_set(err, ERROR_USAGE, 0, "--mount '%s': a bind needs src=ABSOLUTE-PATH",
                         p->text);
    }
    if (v->type == VOLUME_IMAGE && !p->source) {
        return error_set(err, ERROR_USAGE, 0, "--mount '%s': an image mount needs src=IMAGE",
                         p->text);
    }
    if (v->type == VOLUME_IMAGE && p->writable) {
        return error_set(err, ERROR_USAGE, 0, "--mount '%s': an image is mounted read-only alone",
                         p->text);
    }
    v->read_only |= v->type == VOLUME_IMAGE;
    v->source = p->source;
    if (v->type == VOLUME_NAMED && v->source) {
        return error_wrap(err, volume_name_check(v->source, err), "--mount '%s'", p->text);
    }
    return 0;
}

int volume_parse_mount(struct arena *a, const char *text, const char *cwd, struct volume *ret,
                       struct error **err)
{
    CLEANUP(strv) struct strv fields = {0};
    struct parser p = {.arena = a, .text = text, .cwd = cwd, .volume = ret};
    const char *type = "volume";
    *ret = (struct volume){.type = VOLUME_NAMED, .must_exist = true};
    if (!*text || split_csv(text, &fields) < 0) {
        return error_set(err, ERROR_USAGE, 0, "--mount '%s' is not key=value,…", text);
    }
    for (size_t i = 0; i < fields.count; i++) {
        if (str_starts(fields.items[i], "type=")) {
            type = fields.items[i] + strlen("type=");
        }
    }
    for (size_t i = 0; i < fields.count; i++) {
        int r = take_field(&p, fields.items[i], type, err);
        if (r < 0) {
            return r;
        }
    }
    return finish(&p, err);
}
