// SPDX-License-Identifier: Apache-2.0
#include "wall/vm/hooks.h"

#include <limits.h>

#include "base/str.h"
#include "wall/container/hook.h"

/* In the order in which they run. */
static const char *const kinds[] = {"prestart", "createRuntime", NULL};

int vm_hooks_check(const json_t *spec, struct error **err)
{
    const char *kind;
    json_t *list;
    json_object_foreach(json_object_get(spec, "hooks"), kind, list)
    {
        if (!str_in(kind, kinds) && json_array_size(list) > 0) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "the vm wall runs the hooks prestart and createRuntime, not %s", kind);
        }
    }
    return 0;
}

static char **strings(struct arena *a, const json_t *list)
{
    size_t count = json_array_size(list);
    char **ret = arena_alloc(a, (count + 1) * sizeof(*ret));
    for (size_t i = 0; i < count; i++) {
        ret[i] = arena_strdup(a, str_or(json_string_value(json_array_get(list, i)), ""));
    }
    return ret;
}

static struct plan_hook read_hook(struct arena *a, const char *kind, const json_t *hook)
{
    const char *path = str_or(json_string_value(json_object_get(hook, "path")), "");
    const json_t *args = json_object_get(hook, "args"), *env = json_object_get(hook, "env");
    json_int_t seconds = json_integer_value(json_object_get(hook, "timeout"));
    struct plan_hook ret = {
        .kind_name = kind,
        .path = arena_strdup(a, path),
        .argv = strings(a, args),
        .envp = json_array_size(env) ? strings(a, env) : NULL,
        .timeout_ms = seconds > 0 && seconds <= INT_MAX / 1000 ? (int)seconds * 1000 : -1,
    };
    if (!ret.argv[0]) {
        char **alone = arena_alloc(a, 2 * sizeof(*alone));
        alone[0] = arena_strdup(a, path);
        ret.argv = alone;
    }
    return ret;
}

int vm_hooks_run(const struct vm_hooks *h, pid_t relay, struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const json_t *annotations = json_object_get(h->spec, "annotations");
    CLEANUP(free) char *annotations_text = annotations ? json_dumps(annotations, 0) : NULL;
    const struct hook_state state = {
        .oci_version = json_string_value(json_object_get(h->spec, "ociVersion")),
        .id = h->id,
        .status = "creating",
        .bundle = h->bundle,
        .annotations_json = annotations_text,
        .pid = relay,
        .pidfd = -1,
    };
    for (const char *const *kind = kinds; *kind; kind++) {
        const json_t *list = json_object_get(json_object_get(h->spec, "hooks"), *kind);
        for (size_t i = 0; i < json_array_size(list); i++) {
            struct plan_hook hook = read_hook(a, *kind, json_array_get(list, i));
            int r = hook_run(&hook, &state, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}
