// SPDX-License-Identifier: Apache-2.0
#include "wall/vm/hooks.h"

#include <limits.h>

#include "base/str.h"
#include "wall/container/hook.h"

/* In the order in which they run. */
static const char *const kinds[] = {"prestart", "createRuntime", NULL};
enum { HOOKS_MS_MAX = 24 * 60 * 60 * 1000 }; /* as good as for ever */
static const char *const late_kinds[] = {"poststart", "poststop", NULL};

int vm_hooks_check(const json_t *spec, struct error **err)
{
    const json_t *hooks = json_object_get(spec, "hooks");
    return json_array_size(json_object_get(hooks, "createContainer")) == 0
               ? 0
               : error_set(err, ERROR_UNSUPPORTED, 0,
                           "the vm wall cannot run createContainer hooks: their programs are the "
                           "host's, the namespaces in which they are to run the machine's");
}

int vm_hooks_inside_ms(const json_t *spec)
{
    const json_t *hook;
    size_t i;
    json_int_t total = 0;
    json_array_foreach(json_object_get(json_object_get(spec, "hooks"), "startContainer"), i, hook)
    {
        json_int_t seconds = json_integer_value(json_object_get(hook, "timeout"));
        if (seconds <= 0 || seconds > HOOKS_MS_MAX / 1000) {
            return HOOKS_MS_MAX;
        }
        total += seconds * 1000;
    }
    return (int)(total < HOOKS_MS_MAX ? total : HOOKS_MS_MAX);
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

/* Those of one kind. With a warning, one that fails is that; else the first is the error. */
static int run_kind(const struct vm_hooks *h, const char *kind, const char *status, pid_t relay,
                    wall_warning *warning, void *context, struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const json_t *annotations = json_object_get(h->spec, "annotations");
    const json_t *list = json_object_get(json_object_get(h->spec, "hooks"), kind);
    CLEANUP(free) char *annotations_text = annotations ? json_dumps(annotations, 0) : NULL;
    const struct hook_state state = {
        .oci_version = json_string_value(json_object_get(h->spec, "ociVersion")),
        .id = h->id,
        .status = status,
        .bundle = h->bundle,
        .annotations_json = annotations_text,
        .pid = relay,
        .pidfd = -1,
    };
    for (size_t i = 0; i < json_array_size(list); i++) {
        CLEANUP(error) struct error *mine = NULL;
        struct plan_hook hook = read_hook(a, kind, json_array_get(list, i));
        int r = hook_run(&hook, &state, &mine);
        if (r < 0 && !warning) {
            return error_move(err, &mine, r);
        }
        if (r < 0) {
            CLEANUP(free) char *text = error_text(mine);
            warning(context, text);
        }
    }
    return 0;
}

int vm_hooks_run(const struct vm_hooks *h, pid_t relay, struct error **err)
{
    int r = 0;
    for (const char *const *kind = kinds; r >= 0 && *kind; kind++) {
        r = run_kind(h, *kind, "creating", relay, NULL, NULL, err);
    }
    return r;
}

json_t *vm_hooks_record(const struct vm_hooks *h)
{
    json_t *hooks = json_object();
    for (const char *const *kind = late_kinds; *kind; kind++) {
        json_t *list = json_object_get(json_object_get(h->spec, "hooks"), *kind);
        if (json_array_size(list) > 0) {
            (void)json_object_set(hooks, *kind, list);
        }
    }
    if (json_object_size(hooks) == 0) {
        json_decref(hooks);
        return NULL;
    }
    return json_pack("{s:s, s:s*, s:{s:o, s:O*, s:O*}}", "id", h->id, "bundle", h->bundle, "spec",
                     "hooks", hooks, "annotations", json_object_get(h->spec, "annotations"),
                     "ociVersion", json_object_get(h->spec, "ociVersion"));
}

static void forget_warning(void *context, const char *text)
{
    (void)context;
    (void)text; /* nobody listens */
}

void vm_hooks_run_late(const json_t *record, const char *kind, const char *status, pid_t relay,
                       wall_warning *warning, void *context)
{
    const struct vm_hooks h = {.spec = json_object_get(record, "spec"),
                               .id = json_string_value(json_object_get(record, "id")),
                               .bundle = json_string_value(json_object_get(record, "bundle"))};
    if (record) {
        (void)run_kind(&h, kind, status, relay, warning ? warning : forget_warning, context,
                       NULL); /* with a warning there is no error */
    }
}
