// SPDX-License-Identifier: Apache-2.0
/* `cloison inspect --isolation`: the wall of running containers as it stands, in words. */
#include <stdio.h>

#include "base/json.h"
#include "cli/inspect_object.h"
#include "engine/control.h"
#include "engine/recover.h"
#include "engine/stats.h"

#define NAME_WIDTH 22

int inspect_isolation(const struct engine *e, const char *name, json_t **ret, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(json) json_t *facts = NULL;
    const struct wall_ops *wall = NULL;
    struct workload *w = NULL;
    int r = container_find_recovered(e, name, &c, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(error) struct error *mine = NULL;
    r = engine_workload(e, c, &wall, &w, &mine);
    if (r >= 0) {
        r = wall->isolation ? wall->isolation(w, &facts, &mine)
                            : wall_cannot(wall, "tell how it isolates", &mine);
        wall->close(w);
    }
    if (r < 0) {
        return control_explain(c, r, &mine, err);
    }
    *ret = json_pack("{s:s,s:s,s:s,s:i,s:O}", "Id", c->id, "Name", c->name, "Wall", c->wall, "Pid",
                     (int)c->pid, "Isolation", facts);
    return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
    return str_or(json_string_value(json_object_get(object, key)), "");
}

static void print_facts(const json_t *facts, const char *kind, const char *heading)
{
    size_t i;
    json_t *fact;
    bool any = false;
    json_array_foreach(facts, i, fact)
    {
        if (!str_equal(text_of(fact, "kind"), kind)) {
            continue;
        }
        if (!any) {
            printf("\n%s\n", heading);
        }
        any = true;
        printf("  %-*s %s\n", NAME_WIDTH, text_of(fact, "name"), text_of(fact, "value"));
        printf("  %-*s %s\n", NAME_WIDTH, "", text_of(fact, "meaning"));
    }
}

void print_isolation(const json_t *object, bool follows)
{
    const json_t *facts = json_object_get(object, "Isolation");
    printf("%s%s: behind the %s wall; on the host its first process is %lld\n", follows ? "\n" : "",
           text_of(object, "Name"), text_of(object, "Wall"),
           (long long)json_integer_value(json_object_get(object, "Pid")));
    print_facts(facts, "separate", "Its own:");
    print_facts(facts, "limited", "Limited:");
    print_facts(facts, "shared", "Shared with the host:");
}
