// SPDX-License-Identifier: Apache-2.0
#include "compose/held.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define HELD_BYTES_MAX (1u << 20)

char *held_path(const struct engine *e, const struct project *p, const char *section,
                const char *service, const char *source)
{
    return str_format("%s/compose/%s/%s/%s-%s", e->run_dir, p->name, section, service, source);
}

char *held_target(const char *section, const struct node *use)
{
    const char *target = str_or(node_text(use, "target"), node_text(use, "source"));
    bool secret = str_equal(section, "secrets");
    return target[0] == '/' ? xstrdup(target)
                            : str_format("%s/%s", secret ? "/run/secrets" : "", target);
}

static int content_of(const struct project *p, const struct node *defined, const char *name,
                      char **ret, size_t *ret_len, struct error **err)
{
    const char *file = node_text(defined, "file");
    const char *variable = node_text(defined, "environment");
    const char *text = node_text(defined, "content");
    if (file) {
        return file_read(AT_FDCWD, file, HELD_BYTES_MAX, ret, ret_len, err);
    }
    if (variable) {
        text = environment_lookup((void *)&p->environment, variable);
    }
    if (!text) {
        return node_error(defined, err, "'%s' comes from the variable '%s', which is not set", name,
                          str_or(variable, ""));
    }
    *ret = xstrdup(text);
    *ret_len = strlen(text);
    return 0;
}

static int apply_owner(const char *path, const struct node *use, struct error **err)
{
    int64_t uid = 0, gid = 0, mode = 0444;
    const char *uid_text = node_text(use, "uid"), *gid_text = node_text(use, "gid");
    const char *mode_text = node_text(use, "mode");
    /* YAML reads 0440 as the number 440: both spellings are octal. */
    bool octal = mode_text && str_starts(mode_text, "0o");
    bool bad = (uid_text && str_to_i64(uid_text, 10, &uid) < 0) ||
               (gid_text && str_to_i64(gid_text, 10, &gid) < 0) ||
               (mode_text && str_to_i64(mode_text + (octal ? 2 : 0), 8, &mode) < 0);
    if (bad || mode < 0 || mode > 07777) {
        return node_error(use, err, "uid, gid and mode are numbers, the mode octal");
    }
    if (chown(path, (uid_t)uid, (gid_t)gid) < 0 || chmod(path, (mode_t)mode) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "setting the owner of '%s'", path);
    }
    return 0;
}

static int write_one(const struct engine *e, const struct project *p, const char *section,
                     const char *service, const struct node *use, struct error **err)
{
    const char *source = node_text(use, "source");
    const struct node *defined = node_at(p->model, section, source, NULL);
    CLEANUP(free) char *path = held_path(e, p, section, service, source);
    CLEANUP(free) char *folder = folder_of(path);
    CLEANUP(free) char *content = NULL;
    size_t len = 0;
    int r = content_of(p, defined, source, &content, &len, err);
    if (r == 0) {
        r = mkdir_all(folder, 0700, err);
    }
    if (r < 0) {
        return error_wrap(err, r, "%s.%s", section, source);
    }
    /* Written in place: what containers have bound is this inode. */
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0400);
    int written = fd < 0 ? -errno : write_all(fd, content, len);
    explicit_bzero(content, len);
    if (written < 0) {
        return error_set_errno(err, ERROR_KERNEL, -written, "writing '%s'", path);
    }
    return apply_owner(path, use, err);
}

int held_write(const struct engine *e, const struct project *p, const char *service,
               struct error **err)
{
    static const char *const sections[] = {"configs", "secrets"};
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        const struct node *uses = node_at(p->model, "services", service, sections[i], NULL);
        for (size_t k = 0; uses && k < uses->count; k++) {
            int r = write_one(e, p, sections[i], service, uses->items[k], err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int held_remove(const struct engine *e, const char *project, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/compose/%s", e->run_dir, project);
    return remove_tree(AT_FDCWD, path, err);
}
