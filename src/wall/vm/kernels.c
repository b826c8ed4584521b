// SPDX-License-Identifier: Apache-2.0
#include "wall/vm/kernels.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/spawn.h"

#define INSTALLED "/boot"
#define IMAGE "vmlinuz-"
#define MODULES "/lib/modules"
#define STAGED ".new-"

enum { RECORD_BYTES_MAX = 64 * 1024, NAME_MAX_BYTES = 128 };

void vm_kernel_done(struct vm_kernel *k)
{
    free(k->name);
    free(k->image);
    free(k->release);
    free(k->modules);
    free(k->source);
    free(k->created);
    *k = (struct vm_kernel){0};
}

int vm_kernel_release(const char *image, char **ret, struct error **err)
{
    CLEANUP(free) char *program = program_path("cloison-kernel");
    int r = run_program((const char *[]){program, "release", image, NULL}, ret, err);
    return r < 0 ? error_wrap(err, r, "the kernel '%s'", image) : 0;
}

/* --- those under /boot, and files ----------------------------------------------------------------
 */

/* A file of the user's: its modules are those of the release that it says it is. */
static int use_file(struct vm_kernel *k, const char *path, struct error **err)
{
    k->image = xstrdup(path);
    if (stat(path, &k->st) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, errno, "the kernel '%s'", path);
    }
    int r = vm_kernel_release(path, &k->release, err);
    if (r < 0) {
        return r;
    }
    k->modules = str_format(MODULES "/%s", k->release);
    if (access(k->modules, R_OK) < 0) {
        r = error_set(err, ERROR_NOT_FOUND, 0, "the kernel '%s' has no modules in '%s'", path,
                      k->modules);
        return error_hint(err, r,
                          "install the package that it comes from; one that needs none is added "
                          "with 'cloison kernel add --built-in'");
    }
    return 0;
}

static int use_installed(struct vm_kernel *k, const char *name, struct error **err)
{
    CLEANUP(free) char *image = str_format(INSTALLED "/" IMAGE "%s", name);
    if (access(image, R_OK) < 0) {
        int r = error_set(err, ERROR_NOT_FOUND, 0, "there is no kernel '%s': neither kept nor '%s'",
                          name, image);
        return error_hint(err, r, "see 'cloison kernel ls'; a file is named by a path with a '/'");
    }
    return use_file(k, image, err);
}

static bool read_installed(struct vm_kernel *k, const char *release)
{
    *k = (struct vm_kernel){.name = xstrdup(release),
                            .image = str_format(INSTALLED "/" IMAGE "%s", release),
                            .release = xstrdup(release),
                            .modules = str_format(MODULES "/%s", release)};
    if (stat(k->image, &k->st) == 0 && access(k->modules, R_OK) == 0) {
        return true;
    }
    vm_kernel_done(k);
    return false;
}

/* The releases that have an image under /boot; none when it cannot be read. */
static void list_installed(struct strv *ret)
{
    CLEANUP(strv) struct strv names = {0};
    IGNORE(list_folder(AT_FDCWD, INSTALLED, &names, NULL) < 0);
    for (size_t i = 0; i < names.count; i++) {
        if (str_starts(names.items[i], IMAGE)) {
            strv_add(ret, names.items[i] + strlen(IMAGE));
        }
    }
}

/* The newest image under /boot whose modules are there. */
static int find_newest(struct vm_kernel *ret, struct error **err)
{
    CLEANUP(strv) struct strv releases = {0};
    list_installed(&releases);
    for (size_t i = 0; i < releases.count; i++) {
        struct vm_kernel k;
        if (!read_installed(&k, releases.items[i])) {
            continue;
        }
        if (!ret->image || k.st.st_mtime > ret->st.st_mtime) {
            vm_kernel_done(ret);
            *ret = k;
        } else {
            vm_kernel_done(&k);
        }
    }
    if (ret->image) {
        return 0;
    }
    int r =
        error_set(err, ERROR_NOT_FOUND, 0, "there is no kernel with its modules under " INSTALLED);
    return error_hint(err, r,
                      "install one: apt install linux-image-cloud-amd64; or name one that is kept "
                      "(cloison kernel ls)");
}

/* --- those that are kept -------------------------------------------------------------------------
 */

static int read_kept(const char *folder, const char *name, struct vm_kernel *k, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/%s/kernel.json", folder, name);
    CLEANUP(json) json_t *record = NULL;
    const char *release = NULL, *modules = NULL, *source = NULL, *created = NULL;
    int r = json_load_path(AT_FDCWD, path, RECORD_BYTES_MAX, &record, err);
    r = r < 0 ? r : json_get_str(record, "release", path, &release, err);
    r = r < 0 ? r : json_get_str(record, "modules", path, &modules, err);
    r = r < 0 ? r : json_get_str(record, "source", path, &source, err);
    r = r < 0 ? r : json_get_str(record, "created", path, &created, err);
    if (r < 0) {
        return r;
    }
    *k = (struct vm_kernel){.name = xstrdup(name),
                            .image = str_format("%s/%s/image", folder, name),
                            .release = xstrdup(str_or(release, name)),
                            .modules = modules ? xstrdup(modules) : NULL,
                            .source = xstrdup(str_or(source, "")),
                            .created = xstrdup(str_or(created, "")),
                            .is_unpacked = true};
    if (stat(k->image, &k->st) < 0) {
        r = error_set_errno(err, ERROR_CORRUPT, errno, "the kernel '%s'", k->image);
    } else if (modules && access(modules, R_OK) < 0) {
        r = error_set(err, ERROR_NOT_FOUND, 0, "the kernel '%s' has no modules in '%s' any more",
                      name, modules);
    }
    if (r < 0) {
        vm_kernel_done(k);
    }
    return r < 0 ? r : 0;
}

static bool is_kept(const char *folder, const char *name)
{
    CLEANUP(free) char *path = str_format("%s/%s", str_or(folder, ""), name);
    return folder && vm_kernel_check_name(name, NULL) >= 0 && access(path, F_OK) == 0;
}

int vm_kernel_find(const char *folder, const char *name, struct vm_kernel *ret, struct error **err)
{
    *ret = (struct vm_kernel){0};
    int r = !name                   ? find_newest(ret, err)
            : strchr(name, '/')     ? use_file(ret, name, err)
            : is_kept(folder, name) ? read_kept(folder, name, ret, err)
                                    : use_installed(ret, name, err);
    if (r < 0) {
        vm_kernel_done(ret);
        return r;
    }
    ret->name = ret->name ? ret->name : xstrdup(str_or(name, ret->release));
    return 0;
}

static void append(struct vm_kernel **list, size_t *count, const struct vm_kernel *k)
{
    *list = xrealloc(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = *k;
}

int vm_kernel_list(const char *folder, struct vm_kernel **ret, size_t *ret_count,
                   struct error **err)
{
    CLEANUP(strv) struct strv kept = {0};
    CLEANUP(strv) struct strv installed = {0};
    struct vm_kernel k;
    *ret = NULL;
    *ret_count = 0;
    int r = list_folder(AT_FDCWD, folder, &kept, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < kept.count; i++) {
        if (read_kept(folder, kept.items[i], &k, NULL) >=
            0) { /* else: of no use, or just removed */
            append(ret, ret_count, &k);
        }
    }
    list_installed(&installed);
    for (size_t i = 0; i < installed.count; i++) {
        if (!strv_contains(&kept, installed.items[i]) && read_installed(&k, installed.items[i])) {
            append(ret, ret_count, &k);
        }
    }
    return 0;
}

void vm_kernel_list_free(struct vm_kernel *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vm_kernel_done(&list[i]);
    }
    free(list);
}

int vm_kernel_check_name(const char *name, struct error **err)
{
    size_t len = strlen(name);
    bool fine = len > 0 && len <= NAME_MAX_BYTES && isalnum((unsigned char)name[0]);
    for (size_t i = 0; i < len; i++) {
        fine = fine && (isalnum((unsigned char)name[i]) || strchr("._+-", name[i]));
    }
    return fine ? 0
                : error_set(err, ERROR_USAGE, 0,
                            "a kernel's name is letters, digits and '._+-', not '%s'", name);
}

/* Of those who were killed as they filled it. */
static void sweep(const char *folder)
{
    CLEANUP(strv) struct strv names = {0};
    IGNORE(list_folder_whole(AT_FDCWD, folder, &names, NULL) < 0);
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, names.items[i]);
        CLEANUP(fd)
        int fd = str_starts(names.items[i], STAGED) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                                    : -1;
        if (fd >= 0 && lock_fd(fd, LOCK_EXCLUSIVE, false, NULL) >= 0) {
            IGNORE(remove_tree(AT_FDCWD, path, NULL) < 0); /* the next one tries again */
        }
    }
}

int vm_kernel_stage(const char *folder, char **ret_staged, int *ret_lock, struct error **err)
{
    int r = mkdir_all(folder, 0700, err);
    if (r < 0) {
        return r;
    }
    sweep(folder);
    CLEANUP(free) char *path = str_format("%s/" STAGED "XXXXXX", folder);
    if (!mkdtemp(path)) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a folder in '%s'", folder);
    }
    *ret_lock = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
    r = *ret_lock < 0 ? *ret_lock : lock_fd(*ret_lock, LOCK_SHARED, false, err);
    if (r >= 0) {
        *ret_staged = take_ptr(path);
    }
    return r;
}

int vm_kernel_keep(const char *folder, const char *staged, const char *name, const json_t *record,
                   struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/%s", folder, name);
    CLEANUP(free) char *json = str_format("%s/kernel.json", staged);
    int r = vm_kernel_check_name(name, err);
    r = r < 0 ? r : json_save_path(AT_FDCWD, json, record, 0600, true, err);
    if (r < 0) {
        return r;
    }
    if (renameat2(AT_FDCWD, staged, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    return errno == EEXIST ? error_set(err, ERROR_EXISTS, 0, "there is a kernel '%s' already", name)
                           : error_set_errno(err, ERROR_KERNEL, errno, "'%s'", path);
}

int vm_kernel_remove(const char *folder, const char *name, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/%s", folder, name);
    CLEANUP(free) char *gone = str_format("%s/" STAGED "gone-%s", folder, name);
    if (!is_kept(folder, name)) {
        struct vm_kernel k;
        bool is_installed = vm_kernel_check_name(name, NULL) >= 0 && read_installed(&k, name);
        int r = error_set(err, ERROR_NOT_FOUND, 0, "there is no kept kernel '%s'", name);
        if (is_installed) {
            vm_kernel_done(&k);
            return error_hint(err, r, "it is the distribution's: apt removes it");
        }
        return r;
    }
    IGNORE(remove_tree(AT_FDCWD, gone, NULL) < 0);
    if (rename(path, gone) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "'%s'", path);
    }
    return remove_tree(AT_FDCWD, gone, err);
}

/* --- what is cached of them ----------------------------------------------------------------------
 */

/* The kernel whose file this is; NULL: not one of ours. The caller frees. */
static char *kernel_of(const char *file)
{
    const char *name = str_starts(file, VM_CACHED_KERNEL)      ? file + strlen(VM_CACHED_KERNEL)
                       : str_starts(file, VM_CACHED_INITRAMFS) ? file + strlen(VM_CACHED_INITRAMFS)
                                                               : NULL;
    return name && strchr(name, '@') ? xstrndup(name, strcspn(name, "@")) : NULL;
}

int vm_kernel_prune_cache(const char *folder, const char *cache_dir, int64_t *freed,
                          struct error **err)
{
    CLEANUP(strv) struct strv files = {0};
    struct vm_kernel *kernels = NULL;
    size_t count = 0;
    int r = list_folder(AT_FDCWD, cache_dir, &files, err);
    r = r < 0 ? r : vm_kernel_list(folder, &kernels, &count, err);
    for (size_t i = 0; i < files.count && r >= 0; i++) {
        CLEANUP(free) char *name = kernel_of(files.items[i]);
        CLEANUP(free) char *path = str_format("%s/%s", cache_dir, files.items[i]);
        struct stat st;
        bool is_there = false;
        for (size_t k = 0; k < count; k++) {
            is_there |= str_equal(kernels[k].name, name);
        }
        bool is_disk = str_starts(files.items[i], VM_CACHED_DISK); /* soon made anew */
        if ((is_disk || (name && !is_there)) && stat(path, &st) == 0 && unlink(path) == 0) {
            *freed += (int64_t)st.st_blocks * 512;
        }
    }
    vm_kernel_list_free(kernels, count);
    return r < 0 ? r : 0;
}
