// SPDX-License-Identifier: Apache-2.0
/* Each is made under a temporary name and renamed, so that two who make the same do no harm. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "wall/vm/kernels.h"
#include "wall/vm/vm.h"

enum { LOCK_MS = 20000, LOCK_STEP_MS = 20 };

/* A cached file: makes it by `make` unless it is there; opens it. */
static int cached(const char *path,
                  int (*make)(const char *temporary, const void *from, struct error **err),
                  const void *from, struct error **err)
{
    CLEANUP(free) char *temporary = str_format("%s.%d", path, getpid());
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        return take_fd(&fd);
    }
    int r = make(temporary, from, err);
    if (r >= 0) {
        r = fd = open_file(AT_FDCWD, temporary, O_RDONLY, 0, err);
    }
    if (r >= 0 && rename(temporary, path) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "writing '%s'", path);
    }
    if (r < 0) {
        (void)unlink(temporary); /* the error is told */
        return r;
    }
    return take_fd(&fd);
}

/* Removes what the cache has under this prefix but the file `name`: of an older kernel of the same
 * release, of an older agent. Machines that run have theirs open. */
static void forget_older(const char *cache, const char *prefix, const char *name)
{
    CLEANUP(strv) struct strv files = {0};
    IGNORE(list_folder(AT_FDCWD, cache, &files, NULL) < 0);
    for (size_t i = 0; i < files.count; i++) {
        bool is_being_made = strrchr(files.items[i], '.') > strchr(files.items[i], '@');
        if (str_starts(files.items[i], prefix) && !is_being_made &&
            !str_equal(files.items[i], name)) {
            CLEANUP(free) char *path = str_format("%s/%s", cache, files.items[i]);
            (void)unlink(path); /* another may have been quicker */
        }
    }
}

/* A cached file "<prefix><what it is made of>", after which older ones are of no use. */
static int cached_newest(const char *cache, const char *prefix, const char *made_of,
                         int (*make)(const char *temporary, const void *from, struct error **err),
                         const void *from, struct error **err)
{
    CLEANUP(free) char *name = str_format("%s%s", prefix, made_of);
    CLEANUP(free) char *path = str_format("%s/%s", cache, name);
    bool is_new = access(path, F_OK) < 0;
    int fd = cached(path, make, from, err);
    if (fd >= 0 && is_new) {
        forget_older(cache, prefix, name);
    }
    return fd;
}

/* --- the kernel ----------------------------------------------------------------------------------
 */

static int make_kernel(const char *temporary, const void *from, struct error **err)
{
    const struct vm_kernel *k = from;
    CLEANUP(free) char *program = program_path("cloison-kernel");
    return run_program((const char *[]){program, "extract", k->image, temporary, NULL}, NULL, err);
}

struct initramfs_of {
    const struct vm_kernel *kernel;
    bool has_screen; /* drivers of a graphics card and of what is typed, if the kernel has any */
};

static int make_initramfs(const char *temporary, const void *from, struct error **err)
{
    const struct initramfs_of *of = from;
    CLEANUP(free) char *program = program_path("cloison-kernel");
    CLEANUP(free) char *guest = program_path("cloison-guest");
    CLEANUP(free) char *files = program_path("cloison-fs");
    CLEANUP(free) char *extra = str_format("bin/cloison-fs=%s", files);
    const char *screen = of->has_screen ? "virtio_gpu" : NULL;
    return run_program((const char *[]){program, "initramfs", str_or(of->kernel->modules, "-"),
                                        guest, temporary, extra, screen, "virtio_input", NULL},
                       NULL, err);
}

static int open_kernel(const struct plan *p, struct vm_assets *a, struct error **err)
{
    CLEANUP(vm_kernel) struct vm_kernel k = {0};
    CLEANUP(free) char *guest = program_path("cloison-guest");
    CLEANUP(free) char *files = program_path("cloison-fs");
    struct stat st, files_st;
    int r = vm_kernel_find(p->kernels_dir, p->kernel, &k, err);
    if (r < 0) {
        return r;
    }
    if (stat(guest, &st) < 0 || stat(files, &files_st) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, errno, "'%s' or '%s'", guest, files);
    }
    const char *name = strchr(k.name, '/') ? k.release : k.name;
    /* A new kernel of the same name, or a new agent, is a new file. */
    CLEANUP(free) char *kernel = str_format(VM_CACHED_KERNEL "%s@", name);
    CLEANUP(free)
    char *initramfs = str_format(VM_CACHED_INITRAMFS "%s@%s", name, p->display ? "screen-" : "");
    const struct initramfs_of of = {.kernel = &k, .has_screen = p->display != NULL};
    CLEANUP(free)
    char *image = str_format("%lld-%lld", (long long)k.st.st_mtime, (long long)k.st.st_size);
    CLEANUP(free)
    char *programs = str_format("%s-%lld-%lld-%lld", image, (long long)st.st_mtime,
                                (long long)st.st_size, (long long)files_st.st_mtime);
    a->kernel = k.is_unpacked ? open_file(AT_FDCWD, k.image, O_RDONLY, 0, err)
                              : cached_newest(p->cache_dir, kernel, image, make_kernel, &k, err);
    a->initramfs = a->kernel < 0
                       ? -1
                       : cached_newest(p->cache_dir, initramfs, programs, make_initramfs, &of, err);
    return a->initramfs < 0 ? error_wrap(err, -1, "the machine's kernel") : 0;
}

/* --- disks ---------------------------------------------------------------------------------------
 */

static int make_layer(const char *temporary, const void *from, struct error **err)
{
    int r = run_program((const char *[]){"mkfs.erofs", "--quiet", "-T0", temporary, from, NULL},
                        NULL, err);
    return r == -ENOENT ? error_hint(err, r, "install the package erofs-utils") : r;
}

/* Beside the files of a layer of the store, with which it goes; of another folder, in the cache. A
 * layer never changes, and its path has its chainID in it. */
static char *layer_disk(const struct plan *p, const char *layer)
{
    const char *end = strrchr(layer, '/');
    CLEANUP(free) char *record = str_format("%.*s/layer.json", (int)(end ? end - layer : 0), layer);
    if (end && str_equal(end, "/diff") && access(record, F_OK) == 0) {
        return str_format("%.*s/layer.erofs", (int)(end - layer), layer);
    }
    CLEANUP(free) char *name = xstrdup(layer);
    for (char *c = name; *c; c++) {
        *c = *c == '/' ? '_' : *c;
    }
    size_t len = strlen(name);
    return str_format("%s/%s.erofs", p->cache_dir, name + (len > 200 ? len - 200 : 0));
}

static int open_layer(const struct plan *p, const char *layer, struct error **err)
{
    CLEANUP(free) char *path = layer_disk(p, layer);
    int fd = cached(path, make_layer, layer, err);
    return fd < 0 ? error_wrap(err, fd, "the layer '%s' as a disk", layer) : fd;
}

static int make_disk(const char *temporary, const void *from, struct error **err)
{
    const struct plan *p = from;
    CLEANUP(fd) int fd = open_file(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0) {
        return fd;
    }
    if (ftruncate(fd, (off_t)p->disk_bytes) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a disk of %llu bytes",
                               (unsigned long long)p->disk_bytes);
    }
    int r = run_program((const char *[]){"mke2fs", "-q", "-t", "ext4", "-m", "0", "-E",
                                         "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
                                         temporary, NULL},
                        NULL, err);
    return r == -ENOENT ? error_hint(err, r, "install the package e2fsprogs") : r;
}

/* Two machines would ruin it. One that is just ending, as after a look at its files, is waited for.
 * The lock is the descriptor's, and so the monitor's as long as it lives. */
static int lock_disk(int fd, struct error **err)
{
    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK || waited >= LOCK_MS) {
            return error_set_errno(err, ERROR_BUSY, errno, "the machine's disk is in use");
        }
        (void)poll(NULL, 0, LOCK_STEP_MS);
    }
    return 0;
}

static int open_disk(const struct plan *p, struct vm_assets *a, struct error **err)
{
    if (!p->disk) {
        return 0;
    }
    CLEANUP(fd) int there = cached(p->disk, make_disk, p, err);
    a->disk = there < 0 ? -1 : open_file(AT_FDCWD, p->disk, O_RDWR, 0, err);
    return a->disk < 0 ? -1 : lock_disk(a->disk, err);
}

/* --- KVM -----------------------------------------------------------------------------------------
 */

static int open_kvm(struct error **err)
{
    /* Inherited by the probe: the one descriptor here that is not closed on exec. */
    int fd = open("/dev/kvm", O_RDWR); // NOLINT(android-cloexec-open)
    if (fd >= 0) {
        return fd;
    }
    int code = errno;
    int r =
        error_set_errno(err, code == ENOENT ? ERROR_UNSUPPORTED : ERROR_DENIED, code, "'/dev/kvm'");
    return code == EACCES  ? error_hint(err, r, "add the user to the group kvm")
           : code == EPERM ? error_hint(err, r, "the device rules of our control group forbid it")
                           : r;
}

/* Whether KVM can run a stock kernel: the probe's word is kept for as long as the host runs. */
static bool kvm_is_usable(const struct plan *p, int kvm)
{
    CLEANUP(free) char *boot = NULL;
    CLEANUP(free) char *word = NULL;
    if (kvm < 0 || file_read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &boot, NULL) < 0) {
        return false;
    }
    CLEANUP(free) char *kept = str_format("%s/kvm-%s", p->cache_dir, boot);
    if (file_read_line(AT_FDCWD, kept, &word, NULL) >= 0) {
        return str_equal(word, "1");
    }
    CLEANUP(free) char *program = program_path("cloison-vmm");
    CLEANUP(free) char *number = str_format("%d", kvm);
    bool usable = run_program((const char *[]){program, "probe", number, NULL}, NULL, NULL) >= 0;
    IGNORE(file_write_atomic(AT_FDCWD, kept, usable ? "1" : "0", 1, 0600, FILE_NO_SYNC, NULL) < 0);
    return usable;
}

static int choose_monitor(const struct plan *p, enum vm_monitor *ret, struct error **err)
{
    bool must_be_kvm = str_equal(p->monitor, "kvm");
    *ret = VM_QEMU;
    if (p->monitor && !must_be_kvm) {
        return 0;
    }
    CLEANUP(fd) int kvm = open_kvm(must_be_kvm ? err : NULL);
    if (kvm_is_usable(p, kvm)) {
        *ret = VM_KVM;
        return 0;
    }
    return !must_be_kvm ? 0
           : kvm < 0    ? kvm
                        : error_set(err, ERROR_UNSUPPORTED, 0,
                                    "KVM cannot run a kernel here: it only emulates");
}

int vm_assets_open(const struct plan *plan, struct vm_assets *ret, struct error **err)
{
    *ret = (struct vm_assets){.kernel = -1, .initramfs = -1, .disk = -1};
    int r = mkdir_all(plan->cache_dir, 0700, err);
    r = r < 0 ? r : choose_monitor(plan, &ret->monitor, err);
    r = r < 0 ? r : open_kernel(plan, ret, err);
    for (size_t i = 0; r >= 0 && i < plan->layer_count; i++) {
        r = ret->layers[ret->layer_count++] = open_layer(plan, plan->layers[i], err);
    }
    r = r < 0 ? r : open_disk(plan, ret, err);
    if (r < 0) {
        vm_assets_close(ret);
    }
    return r;
}

void vm_assets_close(struct vm_assets *a)
{
    fd_close(a->kernel);
    fd_close(a->initramfs);
    fd_close(a->disk);
    for (size_t i = 0; i < a->layer_count; i++) {
        fd_close(a->layers[i]);
    }
}
