// SPDX-License-Identifier: Apache-2.0
/* What stands at a config.json's top: version, root, mounts, hooks, names. */
#include "spec/validate.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

int invalid(struct error **err, const char *where, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *text = str_vformat(format, ap);
    va_end(ap);
    return error_set(err, ERROR_INVALID_INPUT, EINVAL, "config.json: %s: %s", where, text);
}

/* SemVer 2.0.0: MAJOR.MINOR.PATCH, then -pre or +build; of version 1, which the specification keeps
 * compatible. */
static bool is_version_1(const char *text)
{
    for (int part = 0; part < 3; part++) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || (digits > 1 && *text == '0') ||
            (part == 0 && !(digits == 1 && *text == '1'))) {
            return false;
        }
        text += digits;
        if (part < 2 && *text++ != '.') {
            return false;
        }
    }
    return !*text || ((*text == '-' || *text == '+') && text[1]);
}

static int validate_top(const struct spec *s, struct error **err)
{
    if (!is_version_1(str_or(s->oci_version, ""))) {
        return invalid(err, "ociVersion", "'%s' is not a version 1.x.y",
                       str_or(s->oci_version, ""));
    }
    if (!s->root_path || !*s->root_path) {
        return invalid(err, "root", "'path' is missing");
    }
    if ((s->hostname || s->domainname) && !spec_namespace_get(s, SPEC_NS_UTS)) {
        return invalid(err, s->hostname ? "hostname" : "domainname", "needs a uts namespace");
    }
    for (size_t i = 0; i < s->annotation_count; i++) {
        if (!*s->annotations[i].key) {
            return invalid(err, "annotations", "a key is empty");
        }
    }
    return 0;
}

static bool has_option(const struct spec_mount *m, const char *option)
{
    for (size_t i = 0; i < m->option_count; i++) {
        if (strcmp(m->options[i], option) == 0) {
            return true;
        }
    }
    return false;
}

static int validate_mount(const struct spec *s, size_t i, struct error **err)
{
    const struct spec_mount *m = &s->mounts[i];
    char where[32];
    (void)snprintf(where, sizeof(where), "mounts[%zu]", i); /* fits any index there is memory for */
    if (!*m->destination) {
        return invalid(err, where, "'destination' is empty");
    }
    if (!!m->uid_mapping_count != !!m->gid_mapping_count) {
        return invalid(err, where, "'uidMappings' and 'gidMappings' go together");
    }
    bool idmap = has_option(m, "idmap") || has_option(m, "ridmap");
    if (idmap && !m->uid_mapping_count && !s->linux_.uid_mapping_count) {
        return invalid(err, where, "'%s' has no id mappings to apply", m->destination);
    }
    bool bind = has_option(m, "bind") || has_option(m, "rbind");
    if ((bind || str_equal(m->type, "bind")) && (!m->source || !*m->source)) {
        return invalid(err, where, "the bind mount on '%s' has no source", m->destination);
    }
    return 0;
}

static int validate_mounts(const struct spec *s, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < s->mount_count && r >= 0; i++) {
        r = validate_mount(s, i, err);
    }
    return r;
}

const char *const spec_hook_names[] = {
    [SPEC_HOOK_PRESTART] = "prestart",
    [SPEC_HOOK_CREATE_RUNTIME] = "createRuntime",
    [SPEC_HOOK_CREATE_CONTAINER] = "createContainer",
    [SPEC_HOOK_START_CONTAINER] = "startContainer",
    [SPEC_HOOK_POSTSTART] = "poststart",
    [SPEC_HOOK_POSTSTOP] = "poststop",
    NULL,
};

static int validate_hooks(const struct spec *s, struct error **err)
{
    for (int kind = 0; kind < SPEC_HOOK_KIND_COUNT; kind++) {
        char where[32];
        (void)snprintf(where, sizeof(where), "hooks.%s", spec_hook_names[kind]); /* fits */
        for (size_t i = 0; i < s->hooks[kind].count; i++) {
            const struct spec_hook *h = &s->hooks[kind].items[i];
            if (*h->path != '/') {
                return invalid(err, where, "the path '%s' is not absolute", h->path);
            }
            if (h->timeout_seconds.set && h->timeout_seconds.value <= 0) {
                return invalid(err, where, "the timeout of '%s' is not above 0", h->path);
            }
        }
    }
    return 0;
}

int spec_validate(const struct spec *s, struct error **err)
{
    static int (*const parts[])(const struct spec *, struct error **) = {
        validate_top,    validate_namespaces, validate_process,
        validate_mounts, validate_hooks,      validate_linux,
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++) {
        r = parts[i](s, err);
    }
    return r;
}
