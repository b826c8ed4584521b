// SPDX-License-Identifier: Apache-2.0
#include "engine/host.h"

#include <string.h>

#include "engine/host_internal.h"

void host_add(struct host_report *r, const char *group, const char *name, int code,
              const char *detail)
{
    struct host_feature *f = arena_push(r->arena, r->features, r->count);
    *f = (struct host_feature){.group = group, .name = name, .found = code == 0};
    f->detail = detail ? arena_strdup(r->arena, detail)
                : code ? arena_strdup(r->arena, strerror(code))
                       : "";
}

int host_probe(const char *data_dir, struct host_report *ret, struct error **err)
{
    *ret = (struct host_report){
        .arena = arena_new(), .cgroup_layout = "none", .file_system = "", .security_labels = ""};
    host_probe_namespaces(ret);
    host_probe_cgroups(ret);
    host_probe_mounts(ret, data_dir);
    host_probe_processes(ret);
    host_probe_security(ret);
    host_probe_network(ret);
    host_probe_vm(ret);
    return 0;
}

void host_report_done(struct host_report *r)
{
    arena_free(r->arena);
    *r = (struct host_report){0};
}

json_t *host_report_to_json(const struct host_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->count; i++) {
        const struct host_feature *f = &r->features[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s}", "Group", f->group, "Name",
                                              f->name, "Found", f->found, "Detail", f->detail));
    }
    return list;
}
