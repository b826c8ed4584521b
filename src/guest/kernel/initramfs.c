// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "guest/kernel/cpio.h"

enum { PROGRAM_BYTES_MAX = 64 << 20, MODULE_BYTES_MAX = 64 << 20, PATH_BYTES = 256 };

/* Without the needed ones there is no machine as we make them. */
static const struct {
    const char *name;
    bool is_needed;
} wanted[] = {
    {"virtio_mmio", true}, {"virtio_console", true},  {"virtio_blk", true}, {"virtio_net", false},
    {"virtio_rng", false}, {"virtio_balloon", false}, {"erofs", true},      {"overlay", true},
    {"ext4", true},        {"virtiofs", false},
};

struct making {
    struct kmod_ctx *kmod;
    struct cpio cpio;
    struct strbuf order;
    struct strv added;
};

/* A module's bytes, unpacked if the distribution packs them (.ko.xz, .ko.zst, .ko.gz). */
static int read_module(const char *path, struct strbuf *ret, struct error **err)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    char block[64 * 1024];
    ssize_t n = -1;
    ret->max = MODULE_BYTES_MAX;
    (void)archive_read_support_filter_all(a); /* a filter that is not built in is missed below */
    (void)archive_read_support_format_raw(a);
    if (archive_read_open_filename(a, path, sizeof(block)) == ARCHIVE_OK &&
        archive_read_next_header(a, &entry) == ARCHIVE_OK) {
        while ((n = archive_read_data(a, block, sizeof(block))) > 0) {
            strbuf_add(ret, block, (size_t)n);
        }
    }
    int r =
        n < 0 || ret->overflow
            ? error_set(err, ERROR_INVALID_INPUT, 0, "the module '%s' cannot be read: %s", path,
                        ret->overflow ? "too large" : str_or(archive_error_string(a), "damaged"))
            : 0;
    (void)archive_read_free(a);
    return r;
}

static int add_one(struct making *m, struct kmod_module *module, struct error **err)
{
    const char *name = kmod_module_get_name(module), *path = kmod_module_get_path(module);
    if (strv_contains(&m->added, name) || !path) {
        return 0; /* no path: built in */
    }
    CLEANUP(strbuf) struct strbuf bytes = {0};
    CLEANUP(free) char *entry = str_format("modules/%s.ko", name);
    int r = read_module(path, &bytes, err);
    if (r < 0) {
        return r;
    }
    cpio_add(&m->cpio, entry, S_IFREG | 0644, 0, bytes.data, bytes.len);
    strbuf_addf(&m->order, "%s\n", name);
    strv_add(&m->added, name);
    return 0;
}

/* Dependencies come before what needs them: so libkmod lists them. */
static int add_list(struct making *m, struct kmod_list *list, struct error **err)
{
    struct kmod_list *item;
    int r = 0;
    kmod_list_foreach(item, list)
    {
        struct kmod_module *module = kmod_module_get_module(item);
        struct kmod_list *dependencies = kmod_module_get_dependencies(module), *d;
        kmod_list_foreach(d, dependencies)
        {
            struct kmod_module *dependency = kmod_module_get_module(d);
            r = r < 0 ? r : add_one(m, dependency, err);
            kmod_module_unref(dependency);
        }
        kmod_module_unref_list(dependencies);
        r = r < 0 ? r : add_one(m, module, err);
        kmod_module_unref(module);
    }
    return r;
}

static int add_module(struct making *m, const char *name, bool is_needed, struct error **err)
{
    struct kmod_list *found = NULL;
    int r = kmod_module_new_from_lookup(m->kmod, name, &found);
    if (r < 0) {
        return error_set_errno(err, ERROR_INVALID_INPUT, -r, "looking up the module '%s'", name);
    }
    if (!found && is_needed) {
        return error_set(err, ERROR_NOT_FOUND, 0,
                         "the kernel has no module '%s', without which it cannot be a machine's",
                         name);
    }
    r = add_list(m, found, err);
    kmod_module_unref_list(found);
    return r;
}

static int add_program(struct making *m, const char *path, const char *file, struct error **err)
{
    CLEANUP(free) char *bytes = NULL;
    size_t len = 0;
    int r = file_read(AT_FDCWD, file, PROGRAM_BYTES_MAX, &bytes, &len, err);
    if (r >= 0) {
        cpio_add(&m->cpio, path, S_IFREG | 0755, 0, bytes, len);
    }
    return r;
}

static int add_extra(struct making *m, char *const *extra, struct error **err)
{
    int r = 0;
    for (; r >= 0 && extra && *extra; extra++) {
        const char *equals = strchr(*extra, '=');
        CLEANUP(free) char *path = equals ? xstrndup(*extra, (size_t)(equals - *extra)) : NULL;
        r = path      ? add_program(m, path, equals + 1, err)
            : m->kmod ? add_module(m, *extra, false, err)
                      : 0;
    }
    return r;
}

static int add_all(struct making *m, const struct initramfs_settings *s, struct error **err)
{
    static const char *const folders[] = {"dev", "proc", "sys", "modules", "bin"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        cpio_add(&m->cpio, folders[i], S_IFDIR | 0755, 0, NULL, 0);
    }
    cpio_add(&m->cpio, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, 0);
    int r = add_program(m, "init", s->init, err);
    for (size_t i = 0; r >= 0 && m->kmod && i < ARRAY_SIZE(wanted); i++) {
        r = add_module(m, wanted[i].name, wanted[i].is_needed, err);
    }
    r = r < 0 ? r : add_extra(m, s->extra, err);
    if (r >= 0) {
        cpio_add(&m->cpio, "modules/order", S_IFREG | 0644, 0, str_or(m->order.data, ""),
                 m->order.len);
        cpio_end(&m->cpio);
    }
    return r;
}

int initramfs_make(const struct initramfs_settings *s, struct strbuf *ret, struct error **err)
{
    static const char *const no_configuration[] = {NULL};
    struct making m = {.kmod = s->modules_dir ? kmod_new(s->modules_dir, no_configuration) : NULL};
    if (s->modules_dir && !m.kmod) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no modules in '%s'", s->modules_dir);
    }
    int r = add_all(&m, s, err);
    if (r >= 0 && m.cpio.out.overflow) {
        r = error_set(err, ERROR_INVALID_INPUT, E2BIG, "the initramfs is larger than 1 GiB");
    }
    if (r >= 0) {
        *ret = m.cpio.out;
        m.cpio.out = (struct strbuf){0};
    }
    (void)(m.kmod ? kmod_unref(m.kmod) : NULL);
    strbuf_done(&m.cpio.out);
    strbuf_done(&m.order);
    strv_done(&m.added);
    return r;
}
