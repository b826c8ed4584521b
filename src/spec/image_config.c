// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/json.h"
#include "spec/request.h"

#define WHERE "image config"

/* {"/data": {}}: a set, in JSON's clothes (image-spec config.md). */
static int read_set(const json_t *object, const char *key, struct strv *ret, struct error **err)
{
    json_t *set = NULL, *unused;
    const char *name;
    int r = json_get_object(object, key, WHERE ": config", &set, err);
    if (r > 0) {
        json_object_foreach(set, name, unused)
        {
            strv_add(ret, name);
        }
    }
    return r;
}

static int read_lists(const json_t *c, struct image_config *ret, struct error **err)
{
    const struct {
        const char *key;
        struct strv *list;
        bool *set;
    } lists[] = {
        {"Env", &ret->env, NULL},          {"Entrypoint", &ret->entrypoint, &ret->entrypoint_set},
        {"Cmd", &ret->cmd, &ret->cmd_set}, {"Shell", &ret->shell, NULL},
        {"OnBuild", &ret->on_build, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        int r = json_get_strv(c, lists[i].key, WHERE ": config", lists[i].list, err);
        if (r < 0) {
            return r;
        }
        if (lists[i].set) {
            *lists[i].set = r > 0;
        }
    }
    int r = read_set(c, "Volumes", &ret->volumes, err);
    return r < 0 ? r : read_set(c, "ExposedPorts", &ret->exposed_ports, err);
}

static int read_strings(const json_t *object, const char *where, const char *const keys[],
                        const char **const targets[], struct error **err)
{
    for (size_t i = 0; keys[i]; i++) {
        int r = json_get_str(object, keys[i], where, targets[i], err);
        if (r < 0) {
            return r;
        }
        if (*targets[i] && !**targets[i]) {
            *targets[i] = NULL; /* Docker writes "" for absent */
        }
    }
    return 0;
}

static int read_config(const json_t *c, struct image_config *ret, struct error **err)
{
    json_t *labels = NULL, *health = NULL;
    int r = read_strings(
        c, WHERE ": config", (const char *const[]){"User", "WorkingDir", "StopSignal", NULL},
        (const char **const[]){&ret->user, &ret->working_dir, &ret->stop_signal}, err);
    if (r >= 0) {
        r = json_get_object(c, "Labels", WHERE ": config", &labels, err);
    }
    if (r >= 0) {
        r = json_get_object(c, "Healthcheck", WHERE ": config", &health, err);
    }
    ret->labels = labels;
    ret->healthcheck = health;
    return r < 0 ? r : read_lists(c, ret, err);
}

static int read_all(const json_t *json, struct image_config *ret, struct error **err)
{
    json_t *config = NULL, *rootfs = NULL;
    int r = read_strings(
        json, WHERE,
        (const char *const[]){"architecture", "os", "variant", "created", "author", NULL},
        (const char **const[]){&ret->architecture, &ret->os, &ret->variant, &ret->created,
                               &ret->author},
        err);
    if (r >= 0) {
        r = json_get_object(json, "rootfs", WHERE, &rootfs, err);
    }
    if (r > 0) {
        r = json_get_strv(rootfs, "diff_ids", WHERE ": rootfs", &ret->diff_ids, err);
    }
    if (r >= 0) {
        r = json_get_object(json, "config", WHERE, &config, err);
    }
    return r > 0 ? read_config(config, ret, err) : r;
}

int image_config_parse(const json_t *json, struct image_config *ret, struct error **err)
{
    *ret = (struct image_config){0};
    if (!json_is_object(json)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, WHERE " must be an object");
    }
    int r = read_all(json, ret, err);
    if (r < 0) {
        image_config_done(ret);
        return r;
    }
    return 0;
}

void image_config_done(struct image_config *c)
{
    struct strv *lists[] = {&c->env,     &c->entrypoint,    &c->cmd,      &c->shell,
                            &c->volumes, &c->exposed_ports, &c->on_build, &c->diff_ids};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        strv_done(lists[i]);
    }
    *c = (struct image_config){0};
}
