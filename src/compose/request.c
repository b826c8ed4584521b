// SPDX-License-Identifier: Apache-2.0
#include "compose/request.h"

#include <string.h>

int compose_request_parse(const char *text, struct compose_request *ret, struct error **err)
{
    *ret = (struct compose_request){0};
    int r = json_parse(text, strlen(text), "the request", &ret->json, err);
    if (r == 0) {
        r = json_get_str(ret->json, "verb", "the request", &ret->verb, err);
    }
    if (r >= 0) {
        r = json_get_str(ret->json, "dataDir", "the request", &ret->engine.data_dir, err);
    }
    if (r >= 0) {
        r = json_get_str(ret->json, "runDir", "the request", &ret->engine.run_dir, err);
    }
    if (r >= 0) {
        r = json_get_str(ret->json, "config", "the request", &ret->engine.config_path, err);
    }
    if (r >= 0) {
        r = json_get_str(ret->json, "cloison", "the request", &ret->cloison, err);
    }
    if (r >= 0) {
        r = json_get_strv(ret->json, "arguments", "the request", &ret->arguments, err);
    }
    if (r >= 0 && (!ret->verb || !ret->engine.data_dir || !ret->engine.run_dir || !ret->cloison)) {
        r = error_set(err, ERROR_INVALID_INPUT, 0, "the request lacks a member");
    }
    ret->debug = json_is_true(json_object_get(ret->json, "debug"));
    return r < 0 ? r : 0;
}

void compose_request_done(struct compose_request *r)
{
    json_decref(r->json);
    strv_done(&r->arguments);
}

static const json_t *option_of(const struct compose_request *r, const char *name)
{
    return json_object_get(json_object_get(r->json, "options"), name);
}

bool asked_flag(const struct compose_request *r, const char *name)
{
    return json_is_true(option_of(r, name));
}

const char *asked_text(const struct compose_request *r, const char *name)
{
    return json_string_value(option_of(r, name));
}

int64_t asked_integer(const struct compose_request *r, const char *name, int64_t otherwise)
{
    const json_t *value = option_of(r, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static void add_all(const json_t *array, struct strv *ret)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        strv_add(ret, json_string_value(json_array_get(array, i)));
    }
}

void asked_list(const struct compose_request *r, const char *name, struct strv *ret)
{
    add_all(option_of(r, name), ret);
}

const char *global_text(const struct compose_request *r, const char *name)
{
    return json_string_value(json_object_get(json_object_get(r->json, "globals"), name));
}

int64_t global_integer(const struct compose_request *r, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(json_object_get(r->json, "globals"), name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

int request_project(const struct compose_request *r, const struct strv *services,
                    struct project **ret, struct error **err)
{
    const json_t *globals = json_object_get(r->json, "globals");
    struct load_options o = {.project_name = global_text(r, "project-name"),
                             .project_directory = global_text(r, "project-directory"),
                             .services = services,
                             .no_interpolate = asked_flag(r, "no-interpolate"),
                             .all_resources =
                                 json_is_true(json_object_get(globals, "all-resources"))};
    add_all(json_object_get(globals, "file"), &o.files);
    add_all(json_object_get(globals, "env-file"), &o.env_files);
    add_all(json_object_get(globals, "profile"), &o.profiles);
    int result = project_load(&o, ret, err);
    strv_done(&o.files);
    strv_done(&o.env_files);
    strv_done(&o.profiles);
    return result;
}
