// SPDX-License-Identifier: Apache-2.0
/* Any lines as flags of `run` over an image with these bytes as its /etc/passwd and /etc/group:
 * never a crash, and a spec that is made is a good one. */
#include <assert.h>
#include <string.h>

#include "base/signals.h"
#include "spec/request.h"
#include "spec/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The first letter says which flag a line is for. */
static void set_flag(struct run_request *r, char flag, const char *value)
{
    const struct {
        char flag;
        struct strv *list;
    } lists[] = {
        {'v', &r->volumes},
        {'m', &r->mounts},
        {'t', &r->tmpfs},
        {'e', &r->env},
        {'d', &r->devices},
        {'c', &r->cap_add},
        {'C', &r->cap_drop},
        {'s', &r->security_opt},
        {'u', &r->ulimits},
        {'y', &r->sysctls},
        {'g', &r->group_add},
        {'n', &r->networks},
        {'D', &r->device_cgroup_rules},
        {'a', &r->annotations},
        {'b', &r->device_read_bps},
    };
    const struct {
        char flag;
        const char **text;
    } texts[] = {
        {'U', &r->user},        {'w', &r->workdir},       {'h', &r->hostname},
        {'E', &r->entrypoint},  {'o', &r->time_offset},   {'p', &r->pid_mode},
        {'i', &r->ipc_mode},    {'x', &r->cpuset_cpus},   {'r', &r->restart},
        {'S', &r->stop_signal}, {'G', &r->cgroup_parent},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (lists[i].flag == flag) {
            strv_add(lists[i].list, value);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i].flag == flag) {
            *texts[i].text = value;
        }
    }
}

static int find_devices(void *context, const char *path, struct arena *a,
                        struct spec_device **items, size_t *count, struct error **err)
{
    *arena_push(a, *items, *count) = (struct spec_device){
        .type = 'b', .path = arena_strdup(a, path), .major = 8, .file_mode = {true, 0600}};
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xcalloc(1, size + 1);
    CLEANUP(strv) struct strv lines = {0};
    CLEANUP(strv) struct strv volumes = {0};
    CLEANUP(strv) struct strv env = {0};
    CLEANUP(spec) struct spec *s = NULL;
    CLEANUP(error) struct error *err = NULL;
    struct run_request r = {.image = "fuzz", .sig_proxy = true};
    struct image_config image = {0};
    struct spec_environment host = {.id = "0123456789abcdef",
                                    .passwd = text,
                                    .group = text,
                                    .volumes_dir = "/volumes",
                                    .cwd = "/cwd",
                                    .host_cpus = "0-1",
                                    .devices = find_devices,
                                    .cgroup_v2 = true,
                                    .cgroup_namespace = true};
    memcpy(text, bytes, size);
    strv_add(&image.cmd, "sh");
    strv_split(&lines, text, '\n');
    for (size_t i = 0; i < lines.count; i++) {
        if (*lines.items[i]) {
            set_flag(&r, lines.items[i][0], lines.items[i] + 1);
        }
    }
    if (spec_from_image(&r, &image, &host, &s, &volumes, &err) == 0) {
        assert(spec_validate(s, NULL) == 0);
    } else {
        assert(err && !s);
    }
    IGNORE(env_file_parse(text, "fuzz", NULL, &env, NULL)); /* only no crash */
    image_config_done(&image);
    run_request_done(&r);
    return 0;
}
