// SPDX-License-Identifier: Apache-2.0
/* The mount options of the specification and of mount(8), as flags of the mount API. Pure.
 * A new option that is one attribute is one row here. OCI runtime 1.2,
 * config.md#linux-mount-options.
 */
#include <string.h>
#include <sys/mount.h>

#include "wall/container/plan_parts.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

static const struct attribute_option {
    const char *name;
    uint64_t set, clear;
} attribute_options[] = {
    {"defaults", 0, 0},
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
};

static const struct {
    const char *name;
    unsigned long flags;
} propagations[] = {
    {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
    {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
    {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
    {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

/* Options of the superblock that the file systems know as flags; the negative forms are defaults.
 */
static const char *const superblock_flags[] = {"sync", "dirsync",  "lazytime",
                                               "mand", "iversion", NULL};
static const char *const nothing_to_do[] = {"async",  "nolazytime", "nomand", "noiversion", "loud",
                                            "silent", "bind",       "rbind",  "remount",    NULL};

unsigned long plan_propagation(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(propagations); i++) {
        if (str_equal(word, propagations[i].name)) {
            return propagations[i].flags;
        }
    }
    return 0;
}

bool mount_options_say_bind(const char *const *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(options[i], "bind") || str_equal(options[i], "rbind")) {
            return true;
        }
    }
    return false;
}

static void apply_attribute(struct mount_attributes *a, const struct attribute_option *o)
{
    a->set = (a->set & ~(o->set | o->clear)) | o->set;
    a->clear = (a->clear & ~o->set) | o->clear;
    if ((o->clear & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME) {
        a->clear |= MOUNT_ATTR__ATIME; /* the kernel wants it cleared whenever it is set */
    }
}

/* "noexec" for the mount, "rnoexec" for all mounts below too. */
static bool parse_attribute(const char *word, struct step_mount *m)
{
    for (size_t i = 0; i < ARRAY_SIZE(attribute_options); i++) {
        const struct attribute_option *o = &attribute_options[i];
        if (str_equal(word, o->name)) {
            apply_attribute(&m->attributes, o);
            return true;
        }
        if (word[0] == 'r' && str_equal(word + 1, o->name)) {
            apply_attribute(&m->recursive_attributes, o);
            return true;
        }
    }
    return false;
}

static bool parse_propagation(const char *word, struct step_mount *m)
{
    unsigned long flags = plan_propagation(word);
    for (size_t i = 0; flags && i < ARRAY_SIZE(m->propagation); i++) {
        if (!m->propagation[i]) {
            m->propagation[i] = flags;
            break;
        }
    }
    return flags;
}

/* What concerns us and not the kernel. */
static bool parse_own(const char *word, struct step_mount *m)
{
    if (str_equal(word, "tmpcopyup")) {
        m->copy_up = true;
    } else if (str_equal(word, "idmap") || str_equal(word, "ridmap")) {
        m->idmap.kind = IDMAP_WORKLOAD;
        m->idmap.recursive = word[0] == 'r';
    } else if (str_equal(word, "src-nofollow") || str_equal(word, "dest-nofollow")) {
        m->no_symlinks = true;
    } else if (str_in(word, nothing_to_do)) {
        m->bind_recursive |= str_equal(word, "rbind");
    } else {
        return false;
    }
    return true;
}

static void add_parameter(struct arena *a, struct step_mount *m, const char *word)
{
    const char *equals = strchr(word, '=');
    struct mount_parameter *p = arena_push(a, m->parameters, m->parameter_count);
    p->key = equals ? arena_strndup(a, word, (size_t)(equals - word)) : arena_strdup(a, word);
    p->value = equals ? arena_strdup(a, equals + 1) : NULL;
}

int mount_options_parse(struct arena *a, const char *const *options, size_t count,
                        struct step_mount *m, struct error **err)
{
    bool is_bind = !m->type;
    CLEANUP(strbuf) struct strbuf text = {0};
    for (size_t i = 0; i < count; i++) {
        const char *word = options[i];
        strbuf_addf(&text, "%s%s", i ? "," : "", word);
        if (!*word || parse_own(word, m) || parse_propagation(word, m) ||
            parse_attribute(word, m)) {
            continue;
        }
        /* What is a file system's own ("mode=755") a bind mount has no use for, and mount(2) has
         * always let it pass; so callers give it. A word alone is a mistake. */
        if (is_bind && !strchr(word, '=') && !str_in(word, superblock_flags)) {
            return error_set(err, ERROR_INVALID_INPUT, 0, "a bind mount has no option '%s'", word);
        }
        if (!is_bind) {
            add_parameter(a, m, word);
        }
    }
    m->text = arena_strdup(a, str_or(text.data, ""));
    return 0;
}

void mount_options_names(struct strv *ret)
{
    static const char *const own[] = {"tmpcopyup", "idmap", "ridmap", "src-nofollow",
                                      "dest-nofollow"};
    for (size_t i = 0; i < ARRAY_SIZE(attribute_options); i++) {
        strv_add(ret, attribute_options[i].name);
        strv_addf(ret, "r%s", attribute_options[i].name);
    }
    for (size_t i = 0; i < ARRAY_SIZE(propagations); i++) {
        strv_add(ret, propagations[i].name);
    }
    for (size_t i = 0; superblock_flags[i]; i++) {
        strv_add(ret, superblock_flags[i]);
    }
    for (size_t i = 0; nothing_to_do[i]; i++) {
        strv_add(ret, nothing_to_do[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        strv_add(ret, own[i]);
    }
}
