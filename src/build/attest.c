// SPDX-License-Identifier: Apache-2.0
#include "build/attest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "build/flags.h"
#include "build/rootfs.h"
#include "image/helper.h"

#define DOCUMENT_BYTES_MAX ((size_t)64 << 20)

/* Go's words: 1, or 0; -1: it is none. */
static int bool_word(const char *text)
{
    static const char *const yes[] = {"1", "t", "T", "true", "True", "TRUE", NULL};
    static const char *const no[] = {"0", "f", "F", "false", "False", "FALSE", NULL};
    return str_in(text, yes) ? 1 : str_in(text, no) ? 0 : -1;
}

static int bad_field(const char *option, const char *key, const char *value, struct error **err)
{
    static const char *const known[] = {"type",       "disabled",     "mode",        "version",
                                        "builder-id", "reproducible", "inline-only", NULL};
    const char *near = nearest_word(key, known);
    int r =
        str_in(key, known)
            ? error_set(err, ERROR_USAGE, 0, "%s: '%s=%s' is not understood", option, key, value)
            : error_set(err, ERROR_USAGE, 0, "%s: unknown field '%s'", option, key);
    return near && !str_equal(near, key) ? error_hint(err, r, "did you mean '%s'?", near) : r;
}

static int provenance_field(const char *option, const char *key, const char *value,
                            struct attestations *a, struct error **err)
{
    bool known = true;
    if (str_equal(key, "mode") && (str_equal(value, "min") || str_equal(value, "max"))) {
        a->max = str_equal(value, "max");
    } else if (str_equal(key, "version") && (str_equal(value, "v0.2") || str_equal(value, "v1"))) {
        a->version_one = str_equal(value, "v1");
    } else if (str_equal(key, "builder-id")) {
        free(a->builder_id);
        a->builder_id = xstrdup(value);
    } else if (str_equal(key, "reproducible") && bool_word(value) >= 0) {
        a->reproducible = bool_word(value);
    } else if (str_equal(key, "inline-only") && bool_word(value) >= 0) {
        a->inline_only = bool_word(value);
    } else {
        known = false;
    }
    return known ? 0 : bad_field(option, key, value, err);
}

/* The fields of one attestation; `type` as far as it is known. */
static int parse_fields(const char *option, const char *type, const char *text,
                        struct attestations *a, struct error **err)
{
    CLEANUP(strv) struct strv fields = {0};
    int disabled = 0, r = 0;
    fields_split(text, &fields);
    for (size_t i = 0; i < fields.count && !type; i++) {
        const char *field = fields.items[i];
        type = str_starts(field, "type=") ? field + strlen("type=") : NULL;
    }
    bool sbom = str_equal(type, "sbom");
    if (!sbom && !str_equal(type, "provenance")) {
        return error_set(err, ERROR_USAGE, 0, "%s: the type is sbom or provenance, not '%s'",
                         option, str_or(type, ""));
    }
    for (size_t i = 0; i < fields.count && r == 0; i++) {
        const char *field = str_or(fields.items[i], "");
        CLEANUP(free) char *key = xstrndup(field, strcspn(field, "="));
        const char *value = field + strlen(key);
        value += *value == '=';
        if (str_equal(key, "disabled") && bool_word(value) >= 0) {
            disabled = bool_word(value);
        } else if (sbom && str_equal(key, "generator")) {
            r = error_set(err, ERROR_UNSUPPORTED, 0,
                          "%s: no other generator can be had: '%s' is an image that scans", option,
                          value);
        } else if (!str_equal(key, "type")) {
            r = sbom ? bad_field(option, key, value, err)
                     : provenance_field(option, key, value, a, err);
        }
    }
    *(sbom ? &a->sbom : &a->provenance) = !disabled;
    return r;
}

static int parse_option(const char *option, const char *type, const char *value,
                        struct attestations *a, struct error **err)
{
    int word = value ? bool_word(value) : 0;
    if (!value) {
        return 0;
    }
    return word < 0 ? parse_fields(option, type, value, a, err)
                    : parse_fields(option, type, word ? "disabled=false" : "disabled=true", a, err);
}

int attest_parse(const struct build_options *o, struct attestations *ret, struct error **err)
{
    int r = parse_option("--sbom", "sbom", o->sbom, ret, err);
    r = r < 0 ? r : parse_option("--provenance", "provenance", o->provenance, ret, err);
    for (size_t i = 0; i < o->attests.count && r >= 0; i++) {
        r = parse_fields("--attest", NULL, o->attests.items[i], ret, err);
    }
    return r;
}

void attestations_done(struct attestations *a)
{
    free(a->builder_id);
    *a = (struct attestations){0};
}

/* What is installed in the stage; a process without rights reads it. */
static int sbom_json(struct build *b, json_t **ret, struct error **err)
{
    struct stage *s = &b->stages[b->target_stage];
    CLEANUP(free) char *file = str_format("%s/sbom", b->run_dir);
    CLEANUP(free) char *space = str_format("https://spdx.org/spdxdocs/%s", b->id);
    CLEANUP(free) char *created = str_format("%.19sZ", b->created);
    CLEANUP(fd) int root = rootfs_of_stage(b, s, err);
    if (root < 0 || fcntl(root, F_SETFD, 0) < 0) {
        return root < 0 ? root : error_set_errno(err, ERROR_KERNEL, errno, "handing a folder on");
    }
    CLEANUP(json)
    json_t *request = image_request("sbom", b->engine.data_dir, b->engine.config_path);
    const char *tag = b->options->tags.count ? b->options->tags.items[0] : "image";
    json_object_set_new(request, "folderFd", json_integer(root));
    json_object_set_new(request, "output", json_string(file));
    json_object_set_new(request, "name", json_string(tag));
    json_object_set_new(request, "namespace", json_string(space));
    json_object_set_new(request, "created", json_string(created));
    int r = image_helper_run(request, HELPER_TO_NOWHERE, err);
    r = r < 0 ? r : json_load_path(AT_FDCWD, file, DOCUMENT_BYTES_MAX, ret, err);
    (void)unlink(file); /* goes with the folder else */
    return r < 0 ? error_wrap(err, r, "--sbom") : 0;
}

static void add(json_t *list, const char *type, json_t *predicate_take)
{
    json_array_append_new(list, json_pack("{s:s, s:o}", "type", type, "predicate", predicate_take));
}

int attest_stage(struct build *b, const struct attestations *a, json_t **ret, struct error **err)
{
    CLEANUP(json) json_t *list = json_array();
    json_t *sbom = NULL;
    int r = a->sbom ? sbom_json(b, &sbom, err) : 0;
    if (r < 0) {
        return r;
    }
    if (sbom) {
        add(list, "https://spdx.dev/Document", sbom);
    }
    if (a->provenance) {
        add(list,
            a->version_one ? "https://slsa.dev/provenance/v1" : "https://slsa.dev/provenance/v0.2",
            provenance_json(b, a));
    }
    *ret = json_incref(list);
    return 0;
}

json_t *attest_of_files(const struct attestations *a, const json_t *statements)
{
    json_t *list = json_array(), *statement;
    size_t i;
    json_array_foreach(statements, i, statement)
    {
        const char *type = json_string_value(json_object_get(statement, "type"));
        if (!a->inline_only || !str_starts(str_or(type, ""), "https://slsa.dev/")) {
            json_array_append(list, statement);
        }
    }
    return list;
}
